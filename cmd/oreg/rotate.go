package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/journal"
	"oreg/tasks/kubenode"
	"oreg/tasks/service"
)

// sayAbove is the number of nodes from which on a rotation wants to be told
// how to restart them: one at a time would take hours.
const sayAbove = 50

// continueFor is how long after its last sign of life an unfinished rotation is
// continued under its own run id. Later it is another rotation.
const continueFor = 7 * 24 * time.Hour

// rotateFlags are the flags of rotate alone.
type rotateFlags struct {
	scope
	restart           string
	serial            string
	canary            int
	maxFail           float64
	rollbackOnFailure bool
	allowUnproven     bool
	readyTimeout      seconds
}

func rotateCommand() command {
	f := rotateFlags{scope: scope{writes: true}, readyTimeout: seconds(kubenode.DefaultReadyTimeout)}
	return command{
		name: "rotate", summary: "replace credentials everywhere in a safe order, and say when the old ones may be revoked",
		about: `
Old and new credentials must both be valid meanwhile. Validates the new ones; shows
what changes where; then a canary node (write, read back, a live check with what is
really on it), the secrets, the other nodes in batches; the node service is restarted
where its file changed, and must be active for 10 s and its Node Ready anew; reads
everything back. A node that does not come back stops the run. The same command again
continues an unfinished rotation under its run id, so that one rollback undoes both.
Exit 2 or 4 while any place still holds an old credential. With --platform 4 the
global pull secret stands in the place of the nodes' files, and the machine-config
pools, which are waited for, tell what the nodes have.`,
		examples: []string{
			"oreg rotate -i hosts --check --diff",
			"oreg rotate -i hosts --serial 10%",
			"oreg rotate -i hosts --restart never",
		},
		flags: func(_ *app, fs *flagSet) {
			f.addWriting(fs)
			f.platform4.add(fs)
			f.platform4.addWait(fs, "follow the change to the nodes for this long (default 30m; not with --restart never)")
			fs.StringVar(&f.restart, "restart", "changed", "restart the node service: changed (where the file changed) or never (the kubelet reads it within 5 minutes)")
			fs.StringVar(&f.serial, "serial", "", "nodes restarted at a time, `N or N%` (default openshift_restart_nodes_serial, else 1)")
			fs.Var(&f.readyTimeout, "ready-timeout", "time for a restarted node to become Ready anew")
			fs.IntVar(&f.canary, "canary", 1, "nodes that go first, before the secrets and all others")
			fs.Float64Var(&f.maxFail, "max-fail-percentage", 0, "go on while no more than this percentage of the nodes has failed; one that does not come back stops the run anyway")
			fs.BoolVar(&f.rollbackOnFailure, "rollback-on-failure", false, "put everything back if the run stops")
			fs.BoolVar(&f.allowUnproven, "allow-unproven", false, "let a credential that could not be proven replace another one")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			rotation, closeRun, err := a.rotation(ctx, args, &f)
			if err != nil {
				return nil, err
			}
			defer closeRun()
			return rotation.Rotate(ctx)
		},
	}
}

func (f *rotateFlags) validate() error {
	switch {
	case f.restart != "changed" && f.restart != "never":
		return &usageError{message: fmt.Sprintf("--restart %q: expected one of changed or never", f.restart)}
	case f.canary < 0:
		return &usageError{message: fmt.Sprintf("--canary %d: expected 0 or more", f.canary)}
	case !(f.maxFail >= 0 && f.maxFail <= 100):
		return &usageError{message: fmt.Sprintf("--max-fail-percentage %v: expected 0 to 100", f.maxFail)}
	case f.keepBackups == 0:
		return &usageError{message: "--keep-backups 0: a rotation keeps at least one earlier version, to be rolled back"}
	}
	if _, err := tasks.ParseSerial(f.serial); err != nil {
		return &usageError{message: "--serial " + err.Error()}
	}
	return f.scope.validate()
}

// rotation sets a rotation up.
func (a *app) rotation(ctx context.Context, args []string, f *rotateFlags) (*tasks.Rotation, func(), error) {
	if err := noArguments("rotate", args); err != nil {
		return nil, nil, err
	}
	if err := f.validate(); err != nil {
		return nil, nil, err
	}
	if err := a.checkPlatform(f.scope); err != nil {
		return nil, nil, err
	}
	cluster, err := a.loadCluster(ctx, !f.platform4.chosen())
	if err != nil {
		return nil, nil, err
	}
	serial, err := tasks.ParseSerial(firstOf(f.serial, cluster.RestartSerial))
	if err != nil {
		return nil, nil, fmt.Errorf("openshift_restart_nodes_serial %w", err)
	}
	restart := f.restart == "changed" && !f.platform4.chosen()
	if f.restart == "changed" {
		f.platform4.waitByDefault()
	}
	if restart && len(cluster.Nodes) > sayAbove && !a.given("restart") && !a.given("serial") && cluster.RestartSerial == "" {
		return nil, nil, &usageError{
			message: fmt.Sprintf("%d nodes, restarted one at a time, take about %s", len(cluster.Nodes), tasks.RestartEstimate(len(cluster.Nodes))),
			hint:    "say --serial N or N% for larger batches, --serial 1 if it is meant, or --restart never (the kubelets read the file within 5 minutes)",
		}
	}
	records, err := journal.List(a.runsFolder())
	if err != nil {
		return nil, nil, &journalError{a.runsFolder(), err}
	}
	earlier, err := a.unfinishedRotation(records, f.platform4)
	if err != nil {
		return nil, nil, err
	}
	if earlier != nil {
		f.runID = earlier.Run
		a.say("note", fmt.Sprintf("continuing rotation %s (%s), under its run id", earlier.Run, earlier.Summary().Ending))
	}
	run, closeRun, err := a.runOn(ctx, "rotate", cluster, f.scope, "")
	if err != nil {
		return nil, nil, err
	}
	if restart && run.keeper.API == nil {
		closeRun()
		return nil, nil, &configError{message: "the inventory has no group masters: without the cluster's API nobody can tell whether a node came back",
			hint: "name a kubeconfig with --kubeconfig, or say --restart never"}
	}
	run.files.Services = service.Manager{Now: a.now}
	run.keeper.Ready = kubenode.Wait{Timeout: time.Duration(f.readyTimeout), Now: a.now}
	return &tasks.Rotation{
		Run: run.Run, Files: run.files, API: run.keeper, Restart: restart, Serial: serial, Canary: f.canary,
		MaxFail: f.maxFail, RollbackOnFailure: f.rollbackOnFailure, AllowUnproven: f.allowUnproven,
		Earlier: earlier, Written: tasks.WrittenNotRestarted(records), Now: a.now,
		Live: func(n inventory.Node) tasks.Checker {
			if everyNode, ok := run.Checker.(tasks.NodesChecker); ok {
				return tasks.MasterChecker{SSH: everyNode.SSH, Prober: everyNode.Prober, Master: n}
			}
			return run.Checker
		},
		Confirm: a.confirmPlan,
	}, closeRun, nil
}

// unfinishedRotation is the last run with this inventory that changed
// something, if it is a rotation that did not reach every place.
func (a *app) unfinishedRotation(records []journal.Record, platform platform4) (*journal.Record, error) {
	for _, r := range slices.Backward(records) {
		s := r.Summary()
		if !r.SameInventory(a.inventoryPaths) || platform.chosen() != (r.Start().Platform == platformFour) || s.Changed+s.Unknown == 0 && s.Ending != journal.EndingRunning {
			continue
		}
		if s.Command != "rotate" || r.Settled() {
			return nil, nil
		}
		if s.Ending == journal.EndingRunning {
			return nil, &journalError{a.runsFolder(), fmt.Errorf("rotation %s: %w", r.Run, journal.ErrInUse)}
		}
		if a.now().Sub(r.Lines[len(r.Lines)-1].Time) > continueFor {
			return nil, nil
		}
		return &r, nil
	}
	return nil, nil
}

// confirmPlan shows the plan and, on a terminal, asks.
func (a *app) confirmPlan(ctx context.Context, plan tasks.RotationPlan) (bool, error) {
	var b strings.Builder
	textPlan(&b, plan)
	fmt.Fprint(a.progress, b.String())
	return a.confirm(ctx, "Rotate?")
}

// textPlan tells what changes where, and how long it takes.
func textPlan(b *strings.Builder, p tasks.RotationPlan) {
	b.WriteString("The plan:\n")
	line := func(what string, hosts []string) {
		if len(hosts) > 0 {
			fmt.Fprintf(b, "  %s: %s\n", what, ranges(hosts))
		}
	}
	line("first, as canary", p.Canary)
	line("secrets to write", p.Secrets)
	line(count(len(p.Change), "node")+" to write", p.Change)
	line(count(len(p.Restart), "node")+" to restart", p.Restart)
	if p.Seconds > 0 {
		fmt.Fprintf(b, "  restarts: %d at a time, about %s\n", p.Batch, (time.Duration(p.Seconds) * time.Second).String())
	}
	line(count(len(p.Unreachable), "node")+" unreachable, left as they are", p.Unreachable)
	if p.Nothing() {
		b.WriteString("  nothing to change\n")
	}
}

// textRotation says how far a rotation came, and whether the old credentials
// may be revoked.
func (a *app) textRotation(b *strings.Builder, report *tasks.Report) {
	r := report.Rotation
	if r == nil {
		return
	}
	b.WriteString("\n")
	if report.Check {
		textPlan(b, r.Plan)
	}
	if r.Stopped != "" {
		fmt.Fprintf(b, "STOPPED: %s\n", r.Stopped)
	}
	if r.RolledBack {
		b.WriteString("Everything that this run wrote was put back.\n")
	}
	switch {
	case report.Check:
	case r.Safe && r.SafeFrom != nil:
		fmt.Fprintf(b, "Safe to revoke the old credentials from %s on: no place holds them any more, and by then every kubelet has read its file.\n",
			r.SafeFrom.Local().Format(time.DateTime))
	case r.Safe:
		b.WriteString("Safe to revoke the old credentials: no place holds them any more.\n")
	case !r.Accounted:
		b.WriteString("The old credentials stay where they are, and in use.\n")
	default:
		b.WriteString("NOT safe to revoke the old credentials. They are, or may be, still in:\n")
		textOldPlaces(b, r.StillOld)
	}
}

// textOldPlaces groups hosts that are left for the same reason.
func textOldPlaces(b *strings.Builder, places []tasks.OldPlace) {
	type reason struct{ state, why string }
	var order []reason
	hosts := map[reason][]string{}
	for _, p := range places {
		switch {
		case p.Secret != "":
			fmt.Fprintf(b, "  secret %s (%s): %s\n", p.Secret, p.State, p.Why)
		case p.Pool != "":
			fmt.Fprintf(b, "  machine-config pool %s (%s): %s\n", p.Pool, p.State, p.Why)
		case p.Node != "":
			fmt.Fprintf(b, "  Node %s (%s): %s\n", p.Node, p.State, p.Why)
		case p.Host == "":
			fmt.Fprintf(b, "  %s\n", p.Why)
		default:
			at := reason{p.State, p.Why}
			if hosts[at] == nil {
				order = append(order, at)
			}
			hosts[at] = append(hosts[at], p.Host)
		}
	}
	for _, at := range order {
		fmt.Fprintf(b, "  %s (%s): %s\n", ranges(hosts[at]), at.state, at.why)
	}
}
