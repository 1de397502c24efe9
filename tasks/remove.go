package tasks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/nodefile"
	"oreg/tasks/secrets"
)

// Removal takes registries out of every place, the backups included: what is
// to be gone must not come back by a rollback.
type Removal struct {
	*Run
	// Registries are named as [dockerconfig.Key] takes them.
	Registries []string
	Files      *NodeFiles
	Secrets    *ClusterSecrets
	// Confirm is asked before the first change; false ends the run.
	Confirm func(ctx context.Context, question string) (bool, error)
}

// Remove does it. The report's notes say where a registry was not found; one
// that was found nowhere is a warning.
func (r *Removal) Remove(ctx context.Context) (*Report, error) {
	report := NewReport(r.Command, r.ID, r.Check)
	if !r.SkipSecrets {
		if err := r.Secrets.Guard(ctx); err != nil {
			return nil, err
		}
	}
	for _, registry := range r.Registries {
		for _, c := range r.Cluster.Credentials {
			if dockerconfig.SameRegistry(registryKey(c), registry) {
				r.Watch.Warn(fmt.Sprintf("%s still names a login for %s: the next install puts it back", c.Source, registry))
			}
		}
	}
	if !r.Check && r.Confirm != nil {
		yes, err := r.Confirm(ctx, fmt.Sprintf("Remove the logins for %s from %d nodes and the cluster's secrets, with all backups that hold them? This cannot be rolled back.",
			strings.Join(r.Registries, ", "), len(r.Cluster.Nodes)))
		if err != nil {
			return nil, err
		}
		if !yes {
			return nil, ErrDeclined
		}
	}
	if !r.SkipSecrets && !r.Check {
		locked, release, err := r.Secrets.Lock(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
		ctx = locked
	}
	if !r.SkipNodes {
		r.nodes(ctx, report, "removing from the nodes", func(ctx context.Context, n inventory.Node) HostReport {
			return r.Files.remove(ctx, n, r.Registries)
		})
	}
	r.secrets(ctx, report, func(ctx context.Context) []SecretReport { return r.Secrets.Remove(ctx, r.Registries) })
	report.Finish()
	if !report.Changed && !report.AnyHostAmiss() && !report.AnySecretAmiss() && report.Recap.Unreachable == 0 {
		r.Watch.Warn(fmt.Sprintf("%s was found nowhere: is it spelt as in the files?", strings.Join(r.Registries, ", ")))
	}
	return report, ended(ctx)
}

// holds says whether a file has a login for one of the registries; one that
// cannot be read may have.
func holds(content []byte, registries []string) bool {
	return content != nil && len(lacks(content, registries)) < len(registries)
}

// stale finds the files whose backups must go because they, or the file
// itself, hold one of the registries. Others stay: they are what another run
// can be undone with.
func (n *NodeFiles) stale(ctx context.Context, node inventory.Node, registries []string) (map[string]bool, error) {
	purge := map[string]bool{}
	read := func(run string) ([]nodefile.Present, error) {
		request := n.request(node)
		request.RunID = run
		return sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) ([]nodefile.Present, error) {
			return withShell(ctx, n.SSH, node, func(ctx context.Context, shell *sshexec.Process) ([]nodefile.Present, error) {
				found, _, err := nodefile.Read(ctx, shell, request)
				return found, err
			})
		})
	}
	found, err := read(n.RunID)
	if err != nil {
		return nil, err
	}
	var runs []string
	for _, f := range found {
		if purge[f.Path] = holds(f.Content, registries); purge[f.Path] {
			continue
		}
		for _, run := range f.Backups {
			if !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
	}
	for _, run := range runs {
		found, err := read(run)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Backup != nil && holds(f.Backup.Content, registries) {
				purge[f.Path] = true
			}
		}
	}
	return purge, nil
}

// remove takes registries out of a node's files, and the backups that hold
// them.
func (n *NodeFiles) remove(ctx context.Context, node inventory.Node, registries []string) HostReport {
	request := n.request(node)
	purge, err := n.stale(ctx, node, registries)
	if err != nil {
		return NewHostReport(node.Name, err)
	}
	request.KeepBackups = 0
	request.Purge = func(present nodefile.Present) bool { return purge[present.Path] }
	diffs, notes := map[string][]string{}, map[string][]string{}
	plan := func(present nodefile.Present) ([]byte, error) {
		var own []string
		if len(present.Backups) > 0 && purge[present.Path] {
			own = append(own, "the backups of earlier runs go too")
		}
		if !present.Exists {
			notes[present.Path] = append(own, "there is no file")
			return nil, nil
		}
		removed, err := dockerconfig.Remove(present.Content, registries, dockerconfig.Options{Form: dockerconfig.NodeFile, Repair: n.Repair})
		if err != nil {
			return nil, err
		}
		diffs[present.Path] = dockerconfig.Diff(present.Content, removed.Content, dockerconfig.NodeFile)
		if lacking := lacks(present.Content, registries); len(lacking) > 0 {
			own = append(own, "held no login for "+strings.Join(lacking, ", "))
		}
		for _, note := range removed.Notes {
			own = append(own, note.String())
		}
		notes[present.Path] = own
		if !removed.Changed {
			return nil, nil
		}
		return removed.Content, nil
	}
	return n.exchange(ctx, node, request, func(ctx context.Context, shell *sshexec.Process, request nodefile.Request) (nodefile.Outcome, error) {
		return nodefile.Apply(ctx, shell, request, plan)
	}, func(f nodefile.FileResult) FileReport {
		report := reportFile(f)
		report.Diff, report.Notes = diffs[f.Path], append(notes[f.Path], f.Notes...)
		if f.Status == nodefile.Missing {
			report.Status = StatusUnchanged
		}
		return report
	})
}

// lacks are the registries that a file has no key for.
func lacks(content []byte, registries []string) []string {
	found, err := dockerconfig.Entries(content, dockerconfig.NodeFile)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(registries), func(registry string) bool {
		return slices.ContainsFunc(found, func(f dockerconfig.Found) bool { return dockerconfig.SameRegistry(f.Key, registry) })
	})
}

// Remove takes registries out of the secret, the old installer's and the
// backups.
func (c *ClusterSecrets) Remove(ctx context.Context, registries []string) []SecretReport {
	return c.do(ctx, nil, func(ctx context.Context, client secrets.Client, job secrets.Job) ([]secrets.Result, []string) {
		return secrets.Remove(ctx, client, job, registries)
	})
}
