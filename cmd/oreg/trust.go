package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks"
)

func trustCommand() command {
	return command{
		name: "trust", summary: "list nodes whose host key is unknown and, after a yes, write known_hosts",
		about: `
Compare the fingerprints with what the nodes' consoles show
('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub') before saying yes. A changed
or revoked key is shown and never replaced. In a pipe it only lists, unless
--yes is given. Exit 4 while a host's key is not trusted.`,
		examples: []string{"oreg trust -i hosts", "oreg trust -i hosts --limit new_nodes --yes"},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			if err := noArguments("trust", args); err != nil {
				return nil, err
			}
			cluster, err := a.loadNodes(ctx)
			if err != nil {
				return nil, err
			}
			ssh := a.sshClient()
			defer func() { _ = ssh.Close() }() // nothing is lost with it
			return a.trust(ctx, ssh, cluster.Nodes)
		},
	}
}

// unknownKey is a key to be reviewed, and the nodes that wait for it: a
// bastion's key stands before many.
type unknownKey struct {
	info  sshexec.HostKeyInfo
	nodes []string
}

// trust scans, shows, asks, writes, and scans again what waited: behind a
// bastion whose own key was unknown there may be more.
func (a *app) trust(ctx context.Context, ssh *sshexec.Client, nodes []inventory.Node) (*tasks.Report, error) {
	hosts := map[string]tasks.HostReport{}
	added := map[string]bool{}
	for pending := nodes; len(pending) > 0; {
		keys, err := a.scan(ctx, ssh, pending, hosts)
		if err != nil || len(keys) == 0 {
			break
		}
		a.showKeys(keys)
		trusted, err := a.mayTrust(ctx, len(keys))
		if err != nil {
			return nil, err
		}
		if !trusted {
			break
		}
		waiting := map[string]bool{}
		for _, k := range keys {
			if err := ssh.AddKnownHost(k.info); err != nil {
				return nil, fmt.Errorf("add the key of %s to %s: %w", k.info.Name, k.info.File, err)
			}
			for _, n := range k.nodes {
				waiting[n], added[n] = true, true
			}
		}
		pending = slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool { return !waiting[n.Name] })
	}
	report := tasks.NewReport("trust", "", a.check)
	for _, n := range nodes {
		h, scanned := hosts[n.Name]
		if !scanned {
			h = tasks.HostReport{Name: n.Name, Status: tasks.StatusSkipped, Files: []tasks.FileReport{}}
		}
		if added[n.Name] && h.Status == tasks.StatusOK {
			h.Status = tasks.StatusChanged
		}
		report.Hosts = append(report.Hosts, h)
	}
	report.Finish()
	return report, ctx.Err()
}

// scan asks every node for its key, without logging in, and fills in what is
// known of each.
func (a *app) scan(ctx context.Context, ssh *sshexec.Client, nodes []inventory.Node, hosts map[string]tasks.HostReport) ([]unknownKey, error) {
	type answer struct {
		info sshexec.HostKeyInfo
		err  error
		took time.Duration
	}
	var keys []unknownKey
	a.progress.stage("asking for host keys", len(nodes))
	sshexec.Each(ctx, nodes, sshexec.EachOptions{Forks: a.forks},
		func(ctx context.Context, n inventory.Node) answer {
			start := a.now()
			info, err := ssh.ScanHostKey(ctx, tasks.Target(n))
			return answer{info, err, a.now().Sub(start)}
		},
		func(_ inventory.Node, cause error) answer { return answer{err: sshexec.NotTried(cause)} },
		func(i int, got answer) {
			name := nodes[i].Name
			a.progress.step()
			if got.err == nil && got.info.Problem != nil {
				got.err = got.info.Problem
			}
			h := tasks.NewHostReport(name, got.err)
			h.DurationMS = got.took.Milliseconds()
			hosts[name] = h
			if got.info.Problem == nil || got.info.Problem.Cause != sshexec.CauseHostKeyUnknown {
				return
			}
			at := slices.IndexFunc(keys, func(k unknownKey) bool {
				return k.info.Name == got.info.Name && k.info.Fingerprint == got.info.Fingerprint
			})
			if at < 0 {
				keys = append(keys, unknownKey{info: got.info})
				at = len(keys) - 1
			}
			keys[at].nodes = append(keys[at].nodes, name)
		},
	)
	slices.SortStableFunc(keys, func(x, y unknownKey) int { return strings.Compare(x.info.Name, y.info.Name) })
	return keys, ctx.Err()
}

// showKeys lists the keys for review; beside a JSON document it goes to
// standard error.
func (a *app) showKeys(keys []unknownKey) {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tKEY\tFINGERPRINT\tNEEDED FOR\tFILE")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.info.Name, k.info.Type, k.info.Fingerprint, ranges(k.nodes), k.info.File)
	}
	_ = table.Flush()  // a strings.Builder takes everything
	a.progress.close() // its live line would stand in the middle of the table
	if a.output == "text" {
		fmt.Fprint(a.stdout, b.String())
		return
	}
	fmt.Fprint(a.progress, b.String())
}

// mayTrust asks on a terminal. In a pipe it is no, unlike every other
// question: a key that nobody looked at is not to be trusted.
func (a *app) mayTrust(ctx context.Context, keys int) (bool, error) {
	switch {
	case a.check:
		return false, nil
	case a.yes:
		return true, nil
	case !a.asks():
		a.say("hint", "after a review, add them with --yes")
		return false, nil
	}
	return a.confirm(ctx, fmt.Sprintf("Trust %s and add to known_hosts?", count(keys, "key")))
}
