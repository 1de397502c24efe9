package tasks

import (
	"context"
	"errors"
	"fmt"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/nodefile"
	"oreg/tasks/secrets"
	"oreg/validate"
)

// Undo puts back what one run replaced, on nodes and in the cluster. All that
// it goes by stands beside the replaced files and secrets, so it needs no
// journal of the run and works from any machine; with one, it also knows of a
// file whose backup is gone.
type Undo struct {
	*Run
	// Of is the run to undo. Begun says that it ended at its first change, which
	// it made or did not make, and Written what it meant to write: as far as
	// this machine's journal tells.
	Of      string
	Begun   bool
	Written map[journal.Place][]string
	// Force puts the old logins back without trying them.
	Force   bool
	Files   *NodeFiles
	Secrets *ClusterSecrets
	// Confirm is asked before the first change; false ends the run.
	Confirm func(ctx context.Context, question string) (bool, error)
}

// ErrDeclined is the answer no to the question of a run, which then ends
// before its first change.
var ErrDeclined = errors.New("stopped by the answer no; nothing was changed")

// NothingToUndoError says that no place has a backup of the run, and that the
// journal of this machine does not explain it: a run that was killed before its
// first write is undone by doing nothing.
type NothingToUndoError struct{ Run string }

func (e *NothingToUndoError) Error() string {
	return fmt.Sprintf("no node and no secret has a backup of run %s; nothing was changed", e.Run)
}

// Rollback tries the old logins, unless Force, and then puts everything back.
// A login that is refused makes the error a *CredentialsError, with nothing
// changed. What somebody changed since stays and counts as failed.
func (u *Undo) Rollback(ctx context.Context) (*Report, error) {
	report := NewReport(u.Command, u.ID, u.Check)
	if !u.SkipSecrets {
		if err := u.Secrets.Guard(ctx); err != nil {
			return nil, err
		}
	}
	if !u.SkipSecrets && !u.Check {
		locked, release, err := u.Secrets.Lock(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
		ctx = locked
	}
	old, places, unseen := &logins{}, 0, 0
	if !u.SkipNodes {
		places, unseen = u.readNodes(ctx, old)
	}
	var backups []secrets.Backup
	var unread *SecretReport
	if !u.SkipSecrets && ctx.Err() == nil {
		u.Watch.Stage("reading the backups in the cluster", 1)
		var err error
		if backups, err = u.Secrets.Backups(ctx, u.Of, old); err != nil {
			unread = u.Secrets.failed(err)
		}
		places += len(backups)
		u.Watch.Step()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if places == 0 && unseen == 0 && unread == nil {
		if !u.Begun {
			return nil, &NothingToUndoError{u.Of}
		}
	} else {
		if err := u.tryOld(ctx, report, old); err != nil {
			return report, err
		}
		if err := u.ask(ctx, places, unseen); err != nil {
			return nil, err
		}
	}
	if !u.SkipNodes {
		u.nodes(ctx, report, "putting files back on the nodes", u.Files.restoring(u.Of, u.Written))
	}
	u.secrets(ctx, report, func(ctx context.Context) []SecretReport {
		if unread != nil {
			return []SecretReport{*unread}
		}
		unkept := u.Secrets.unkept(ctx, u.Of, backups) // before the marks change
		return append(u.Secrets.Rollback(ctx, backups), unkept...)
	})
	report.Finish()
	return report, ended(ctx)
}

// readNodes collects the logins that would come back, and counts the files. A
// node that cannot be read, which unseen counts, says so when its turn comes.
func (u *Undo) readNodes(ctx context.Context, old *logins) (files, unseen int) {
	u.Watch.Stage("reading the backups on the nodes", len(u.Cluster.Nodes))
	type replaced struct {
		path string
		all  []dockerconfig.Found
	}
	sshexec.Each(ctx, u.Cluster.Nodes, sshexec.EachOptions{Forks: u.Forks},
		func(ctx context.Context, n inventory.Node) []replaced {
			present, err := u.Files.read(ctx, n, u.Of)
			if err != nil {
				return nil
			}
			found := []replaced{}
			for _, f := range present {
				if f.Backup != nil {
					found = append(found, replaced{f.Path, replacedLogins(f.Backup.Content, f.Content, dockerconfig.NodeFile)})
				}
			}
			return found
		},
		func(inventory.Node, error) []replaced { return nil },
		func(i int, found []replaced) {
			if found == nil {
				unseen++
			}
			files += len(found)
			for _, f := range found {
				for _, login := range f.all {
					old.add(u.Cluster.Nodes[i].Name+":"+f.path, login)
				}
			}
			u.Watch.Step()
		})
	return files, unseen
}

// tryOld checks the logins that would come back: an old password that does not
// work any more would cut every node off.
func (u *Undo) tryOld(ctx context.Context, report *Report, old *logins) error {
	credentials, _, warnings := old.credentials(u.Cluster.Credentials, "the old login")
	if u.Force {
		if len(credentials) > 0 {
			u.Watch.Warn("the old logins are put back untried (--force)")
		}
		return nil
	}
	for _, w := range warnings {
		u.Watch.Warn(w)
	}
	if len(credentials) == 0 {
		return nil
	}
	for _, c := range credentials {
		if !c.TestLogin {
			u.Watch.Warn(fmt.Sprintf("%s: the old login is put back untried, because test_login is false for it", c.Host))
		}
	}
	_, err := u.checkCredentials(ctx, report, "checking the old credentials", credentials)
	for i, c := range report.Credentials {
		if c.Cause == string(validate.CauseBadCredentials) {
			// The check's own hint is about the inventory, where this login is not.
			report.Credentials[i].Hint = "the registry accepts the old login no more, so that no node could pull with it: stay with the new one, have the old one made valid again, or put it back as it is with --force"
		}
	}
	return err
}

func (u *Undo) ask(ctx context.Context, places, unseen int) error {
	if u.Check || u.Confirm == nil {
		return nil
	}
	unread := ""
	if unseen > 0 {
		unread = fmt.Sprintf(", and whatever there is on %d nodes that could not be read", unseen)
	}
	yes, err := u.Confirm(ctx, fmt.Sprintf("Put back what run %s replaced, in %d files and secrets%s?", u.Of, places, unread))
	if err == nil && !yes {
		err = ErrDeclined
	}
	return err
}

// read reads a node's files and what a run left beside them.
func (n *NodeFiles) read(ctx context.Context, node inventory.Node, run string) ([]nodefile.Present, error) {
	files, errs, err := n.readEach(ctx, node, run)
	return files, errors.Join(append(errs, err)...)
}

// restoring undoes on a node what a run wrote there.
func (n *NodeFiles) restoring(run string, written map[journal.Place][]string) func(context.Context, inventory.Node) HostReport {
	return func(ctx context.Context, node inventory.Node) HostReport {
		request := n.request(node)
		request.RunID, request.Written = run, map[string][]string{}
		for _, path := range request.Paths {
			request.Written[path] = written[journal.Place{Host: node.Name, Path: path}]
		}
		return n.exchange(ctx, node, request, func(ctx context.Context, shell *sshexec.Process, request nodefile.Request) (nodefile.Outcome, error) {
			return nodefile.Restore(ctx, shell, request)
		}, reportFile)
	}
}
