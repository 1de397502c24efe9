package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/validate"
)

// The causes of a restart.
const (
	CauseRestartFailed sshexec.Cause = "restart-failed"
	CauseNotReady      sshexec.Cause = "not-ready"
	CauseAmbiguousNode sshexec.Cause = "ambiguous-node"
)

// KubeletCache is how long a kubelet goes on with what it last read of its
// config.json.
const KubeletCache = 5 * time.Minute

// ClusterKeeper is what a rotation asks of the cluster; *ClusterSecrets is one.
type ClusterKeeper interface {
	SecretKeeper
	// Plan says what Place would do, and which logins it would replace.
	Plan(ctx context.Context, wanted []dockerconfig.Entry) ([]SecretReport, []dockerconfig.Found)
	// Undo puts back what this run wrote.
	Undo(ctx context.Context) []SecretReport
	// AwaitReady waits for a heartbeat of a Node that is newer than after.
	AwaitReady(ctx context.Context, node string, after time.Time) error
}

// Rotation replaces credentials everywhere, in an order in which nothing fails
// to pull meanwhile: a canary node first, proven by a live check with what is
// really on it, then the secrets, then the other nodes in batches. It stops at
// the first node that does not come back, and says in the end which places, if
// any, still hold an old login.
type Rotation struct {
	*Run
	Files *NodeFiles
	API   ClusterKeeper
	// Restart restarts the node service where the file changed, Serial nodes at
	// a time. Without it every kubelet reads the file within [KubeletCache].
	Restart bool
	Serial  Serial
	// Canary is how many nodes go first, one after the other.
	Canary int
	// MaxFail is the percentage of failed hosts up to which the run goes on. An
	// unreachable one is no failed one, unless it is a canary.
	MaxFail float64
	// RollbackOnFailure undoes the run if it stops.
	RollbackOnFailure bool
	// AllowUnproven lets an inconclusive login replace another one.
	AllowUnproven bool
	// Earlier is the unfinished attempt that this run continues.
	Earlier *journal.Record
	// Written says when a file of a host was last written by any run, if its
	// service was not restarted since; see [WrittenNotRestarted].
	Written map[string]time.Time
	// Live returns who checks what is really on a node.
	Live func(inventory.Node) Checker
	// Confirm is told the plan before the first change; false ends the run.
	Confirm func(ctx context.Context, plan RotationPlan) (bool, error)
	Now     func() time.Time

	wanted  []dockerconfig.Entry
	drop    []string // registries to be pruned
	files   *FilePlan
	hosts   []*rotating
	planned []SecretReport
	others  []string // Node objects that the inventory lacks
	// failures are the hosts that failed so far; unreachable ones are none.
	failures []string
	// undone: a rollback on failure was made, or tried.
	undone bool
	result *RotationReport
	// secretsTried: the secrets' turn came.
	secretsTried bool
}

// rotating is one host on its way.
type rotating struct {
	node inventory.Node
	// plan is what the survey found, report how the host came out.
	plan, report HostReport
	// changes: its files are to be written. pending: an earlier attempt wrote
	// them and did not see the service come back. runs: the service runs.
	changes, pending, runs bool
	hostname, kube         string
	// tried: its turn came. wrote: a file was changed. restarted: the service
	// came back after that.
	tried, wrote, restarted bool
}

// needsRestart says whether the service holds, or will hold, an old file.
func (h *rotating) needsRestart() bool { return (h.changes || h.pending) && h.runs }

// UnprovenError says that a login which proved nothing would have replaced
// another one.
type UnprovenError struct{ Hosts []string }

func (e *UnprovenError) Error() string {
	return fmt.Sprintf("the new login for %s could not be proven, and another one is in place; nothing was changed", strings.Join(e.Hosts, ", "))
}

// Rotate does it. Errors end it before the first change; whatever happens
// after that stands in the report.
func (r *Rotation) Rotate(ctx context.Context) (*Report, error) {
	report := NewReport(r.Command, r.ID, r.Check)
	if !r.SkipSecrets || r.Restart {
		if err := r.API.Guard(ctx); err != nil {
			return nil, err
		}
	}
	results, err := r.validate(ctx, report)
	if err != nil {
		return report, err
	}
	if !r.Check && (!r.SkipSecrets || r.Restart) {
		locked, release, err := r.API.Lock(ctx)
		if err != nil {
			return report, err
		}
		defer release()
		ctx = locked
	}
	r.wanted = Entries(r.Cluster.Credentials, results)
	r.drop = r.stale(ctx, r.wanted)
	r.files = NewFilePlan(r.wanted, r.drop)
	r.result = &RotationReport{StillOld: []OldPlace{}, Continues: r.Earlier != nil}
	report.Rotation = r.result
	if err := r.plan(ctx, report, results); err != nil {
		return r.early(ctx, report, err)
	}
	if r.result.Stopped == "" && !r.Check {
		if err := r.ask(ctx); err != nil {
			return r.early(ctx, report, err)
		}
		r.carryOut(ctx, report)
	}
	r.finish(ctx, report)
	if r.result.Stopped == "" {
		r.followUp(ctx, report, r.wanted)
	}
	return report, ended(ctx)
}

// early ends the run before its first change.
func (r *Rotation) early(ctx context.Context, report *Report, err error) (*Report, error) {
	switch {
	case errors.Is(err, ErrDeclined):
		r.result.Stopped = "nothing was changed, because the answer was no"
	case ctx.Err() != nil:
		err = ended(ctx)
		r.result.Stopped = "nothing was changed, because the run was interrupted"
	default:
		r.result.Stopped = err.Error()
	}
	return report, err
}

// ask tells the plan and waits for a yes.
func (r *Rotation) ask(ctx context.Context) error {
	if r.Confirm == nil || r.result.Plan.Nothing() {
		return nil
	}
	yes, err := r.Confirm(ctx, r.result.Plan)
	if err == nil && !yes {
		err = ErrDeclined
	}
	return err
}

// carryOut makes the changes, up to the first reason to stop.
func (r *Rotation) carryOut(ctx context.Context, report *Report) {
	canaries, rest := r.order()
	if r.canary(ctx, report, canaries) && r.placeSecrets(ctx, report) {
		r.roll(ctx, rest)
	}
	if r.result.Stopped != "" && r.RollbackOnFailure && ctx.Err() == nil {
		r.undo(ctx, report)
	}
}

// order chooses the canaries: nodes that change rather than others, and no
// masters if there is a choice. The rest are those with something to do.
func (r *Rotation) order() (canaries, rest []*rotating) {
	rank := func(h *rotating) int {
		switch {
		case !h.changes && !h.pending:
			return 2
		case h.node.Master:
			return 1
		}
		return 0
	}
	usable := slices.DeleteFunc(slices.Clone(r.hosts), func(h *rotating) bool { return h.plan.Error != nil })
	slices.SortStableFunc(usable, func(a, b *rotating) int { return rank(a) - rank(b) })
	canaries = usable[:min(r.Canary, len(usable))]
	for _, h := range r.hosts {
		if h.plan.Error == nil && (h.changes || h.pending) && !slices.Contains(canaries, h) {
			rest = append(rest, h)
		}
	}
	return canaries, rest
}

// stop notes why the run goes no further; the first reason counts.
func (r *Rotation) stop(format string, args ...any) {
	if r.result.Stopped == "" {
		r.result.Stopped = fmt.Sprintf(format, args...)
	}
}

// placeSecrets is the step between the canary and the other nodes. A failure
// stops the run: pods that are scheduled meanwhile use the secret.
func (r *Rotation) placeSecrets(ctx context.Context, report *Report) bool {
	if r.SkipSecrets {
		return ctx.Err() == nil
	}
	r.secretsTried = ctx.Err() == nil
	r.secrets(ctx, report, func(ctx context.Context) []SecretReport { return r.API.Place(ctx, r.wanted) })
	for _, s := range report.Secrets {
		if s.Status == StatusFailed {
			r.stop("secret %s/%s could not be written", s.Namespace, s.Name)
		}
	}
	return r.result.Stopped == "" && ctx.Err() == nil
}

// undo puts back what this run wrote, after a failure.
func (r *Rotation) undo(ctx context.Context, report *Report) {
	var wrote []inventory.Node
	at := map[string]*rotating{}
	for _, h := range r.hosts {
		if h.wrote || h.pending || r.Earlier != nil {
			wrote = append(wrote, h.node)
			at[h.node.Name] = h
		}
	}
	r.undone = true
	r.Watch.Stage("rolling back the nodes", len(wrote))
	failed := 0
	restore := r.Files.restoring(r.ID, nil)
	sshexec.Each(ctx, wrote, sshexec.EachOptions{Forks: r.Forks}, restore,
		func(n inventory.Node, cause error) HostReport { return NewHostReport(n.Name, sshexec.NotTried(cause)) },
		func(_ int, undone HostReport) {
			h := at[undone.Name]
			if undone.Error != nil {
				failed++
				h.report.fail(fmt.Errorf("not rolled back: %s", undone.Error.Message))
			}
			h.report.Files = undone.Files
			h.wrote = false
			r.Watch.Step()
		})
	if r.secretsTried || !r.SkipSecrets && r.Earlier != nil {
		report.Secrets = r.API.Undo(ctx)
		for _, s := range report.Secrets {
			if s.Status == StatusFailed {
				failed++
			}
		}
	}
	r.result.RolledBack = failed == 0
	if failed == 0 {
		r.warnJournal(r.Journal.Append(journal.Line{Event: journal.EventRolledBack}))
	}
}

// unproven are the registries whose inconclusive login would replace another.
func (r *Rotation) unproven(results []validate.Result, old *logins) error {
	var hosts []string
	for _, result := range results {
		if result.Index >= len(r.Cluster.Credentials) {
			continue
		}
		key := registryKey(r.Cluster.Credentials[result.Index])
		replaces := slices.ContainsFunc(old.all, func(p *placedLogin) bool { return dockerconfig.SameRegistry(p.Key, key) })
		switch {
		case !replaces || slices.Contains(hosts, key):
		case result.Status == validate.StatusSkipped:
			r.Watch.Warn(key + ": the new login replaces another one untried, because test_login is false")
		case result.Status == validate.StatusInconclusive && r.AllowUnproven:
			r.Watch.Warn(key + ": the new login, which proved nothing, replaces another one (--allow-unproven)")
		case result.Status == validate.StatusInconclusive:
			hosts = append(hosts, key)
		}
	}
	if len(hosts) > 0 {
		return &UnprovenError{Hosts: hosts}
	}
	return nil
}
