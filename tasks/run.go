package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/clusterlock"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kubenode"
	"oreg/validate"
)

// Checker proves credentials; *validate.Checker is one. report is called
// once for each credential, as it is decided.
type Checker interface {
	Check(ctx context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result
}

// NodeKeeper looks after the files of one node. Each call answers for its
// host whatever happens; it returns no error.
type NodeKeeper interface {
	Place(ctx context.Context, node inventory.Node, plan *FilePlan) HostReport
	// Verify compares; managed are the registries that oreg once wrote.
	Verify(ctx context.Context, node inventory.Node, wanted []dockerconfig.Entry, managed []string) HostReport
	// Hostname is the name that a node gives itself.
	Hostname(ctx context.Context, node inventory.Node) (string, error)
}

// SecretKeeper looks after the secrets of the cluster.
type SecretKeeper interface {
	// Guard makes the read-only checks that must come before any change. Its
	// error ends the run; an API that does not answer is no error here,
	// because the nodes can be done without it.
	Guard(ctx context.Context) error
	// Lock keeps other runs off the cluster until release; locked ends when
	// the lock is lost. A cluster that cannot be locked is no error, unless
	// another run has the lock.
	Lock(ctx context.Context) (locked context.Context, release func(), err error)
	Place(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport
	Verify(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport
	// Managed are the registries that oreg once wrote, as the secret tells.
	Managed(ctx context.Context) ([]string, error)
	// Logins are those that the secrets hold which Place writes, but for the
	// installer's.
	Logins(ctx context.Context) ([]SecretLogins, error)
	// KubeNodes lists the Node objects.
	KubeNodes(ctx context.Context) ([]kubenode.Node, error)
}

// SecretLogins are the logins that one secret holds.
type SecretLogins struct {
	Namespace, Name string
	Logins          []dockerconfig.Found
}

// place is how messages and maps call it.
func (s SecretLogins) place() string { return "secret " + s.Namespace + "/" + s.Name }

// Watcher is told how a run goes on. Its functions may be called from many
// goroutines.
type Watcher struct {
	// Stage begins: name, and the number of steps to come.
	Stage func(name string, total int)
	// Step is finished.
	Step func()
	// Warn is for what the user must know though nothing failed.
	Warn func(message string)
}

// Run is one run of a command over a cluster: a list of steps, every
// read-only check before the first change.
type Run struct {
	Command string
	// ID names the run in annotations, backups and the journal.
	ID string
	// Check makes every read and no write.
	Check bool
	// Strict makes an inconclusive credential stop the run.
	Strict bool
	// SkipNodes and SkipSecrets leave one half out (--only, --limit).
	SkipNodes, SkipSecrets bool
	// SecretsLeftOut is why SkipSecrets follows from something else; empty
	// where the user asked for it. Secret is the row that says so, without its
	// status.
	SecretsLeftOut string
	Secret         SecretReport
	// Platform is "4" where the global pull secret stands in the place of the
	// nodes' files, else empty; the journal keeps it for a rollback.
	Platform string
	// Limited says that nodes of the inventory were left out.
	Limited bool
	// Prune takes out what oreg once wrote and the inventory no longer names.
	Prune bool
	// Live makes Verify try the logins that are really in place.
	Live bool
	// Ask is told what is to be put in place, after all checks and before the
	// first change of an installation; its error ends the run. nil asks nothing.
	Ask func(ctx context.Context, wanted []dockerconfig.Entry) error
	// Follow waits, once the secrets are in place, until they are where they
	// shall take effect, and reports that; nil waits for nothing.
	Follow func(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport
	// Reimport has image streams imported again once the secrets are in place,
	// and reports them; nil leaves them as they are.
	Reimport func(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport

	Cluster *inventory.Cluster
	Checker Checker
	Nodes   NodeKeeper
	Secrets SecretKeeper
	// Forks is how many nodes are worked on at once.
	Forks int
	Watch Watcher
	// Journal is nil for a run that changes nothing.
	Journal *journal.Journal
}

// CredentialsError says that credentials were rejected or could not be
// checked, so that nothing was changed.
type CredentialsError struct{ Refused, Checked int }

func (e *CredentialsError) Error() string {
	return fmt.Sprintf("%d of %d credentials were rejected or could not be checked; nothing was changed", e.Refused, e.Checked)
}

// Validate checks every credential and changes nothing. A credential that is
// refused makes the error a *CredentialsError; the report comes with it.
func (r *Run) Validate(ctx context.Context) (*Report, error) {
	report := NewReport(r.Command, r.ID, r.Check)
	_, err := r.validate(ctx, report)
	report.Hosts = append(report.Hosts, unasked(report.Credentials)...)
	report.Finish()
	return report, err
}

// unasked are the nodes that could not be asked what they see of the
// registries; that says nothing about any registry.
func unasked(rows []CredentialReport) []HostReport {
	var hosts []HostReport
	for _, row := range rows {
		known := slices.ContainsFunc(hosts, func(h HostReport) bool { return h.Name == row.From })
		if row.Probe && !known && row.Unasked != nil {
			hosts = append(hosts, NewHostReport(row.From, row.Unasked))
		}
	}
	return hosts
}

// Install checks every credential, then puts config.json on every node, then
// the secrets in the cluster. What fails on one node or secret stands in the
// report and stops nothing else.
func (r *Run) Install(ctx context.Context) (*Report, error) {
	report := NewReport(r.Command, r.ID, r.Check)
	if !r.SkipSecrets {
		if err := r.Secrets.Guard(ctx); err != nil {
			return nil, err
		}
	}
	results, err := r.validate(ctx, report)
	if err != nil {
		return report, err
	}
	wanted := Entries(r.Cluster.Credentials, results)
	if !r.SkipSecrets && !r.Check {
		locked, release, err := r.Secrets.Lock(ctx)
		if err != nil {
			return report, err
		}
		defer release()
		ctx = locked
	}
	if r.Ask != nil && !r.Check {
		if err := r.Ask(ctx, wanted); err != nil {
			return report, err
		}
	}
	stale := r.stale(ctx, wanted)
	if !r.SkipNodes {
		plan := NewFilePlan(wanted, stale)
		r.nodes(ctx, report, "config.json on the nodes", func(ctx context.Context, n inventory.Node) HostReport {
			return r.Nodes.Place(ctx, n, plan)
		})
	}
	r.secrets(ctx, report, func(ctx context.Context) []SecretReport { return r.Secrets.Place(ctx, wanted) })
	report.Finish()
	r.followUp(ctx, report, wanted)
	return report, ended(ctx)
}

// Verify compares what is in place with what the inventory says and changes
// nothing.
func (r *Run) Verify(ctx context.Context) (*Report, error) {
	report := NewReport(r.Command, r.ID, r.Check)
	if !r.SkipSecrets {
		if err := r.Secrets.Guard(ctx); err != nil {
			return nil, err
		}
	}
	wanted := Entries(r.Cluster.Credentials, r.tokenHosts(ctx))
	if !r.SkipNodes {
		managed := r.managed(ctx)
		r.nodes(ctx, report, "comparing the nodes", func(ctx context.Context, n inventory.Node) HostReport {
			return r.Nodes.Verify(ctx, n, wanted, managed)
		})
	}
	r.secrets(ctx, report, func(ctx context.Context) []SecretReport { return r.Secrets.Verify(ctx, wanted) })
	if r.Live && ctx.Err() == nil {
		r.tryInPlace(ctx, report)
	}
	r.reportStrangers(ctx, report)
	report.Finish()
	return report, ended(ctx)
}

// ended is why a run came to its end before its work did: it was interrupted,
// or another run took over its lock, and then changes may have been made.
func ended(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), clusterlock.ErrLost) {
		return clusterlock.ErrLost
	}
	return ctx.Err()
}

// validate is the stage that all runs share.
func (r *Run) validate(ctx context.Context, report *Report) ([]validate.Result, error) {
	return r.checkCredentials(ctx, report, "checking credentials", r.Cluster.Credentials)
}

// checkCredentials checks credentials and adds their verdicts to the report.
func (r *Run) checkCredentials(ctx context.Context, report *Report, title string, credentials []inventory.Credential) ([]validate.Result, error) {
	r.Watch.Stage(title, len(credentials))
	results := r.Checker.Check(ctx, credentials, func(validate.Result) { r.Watch.Step() })
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	refused := 0
	for i, result := range results {
		row := credentialReport(result)
		row.Probe, row.Unasked = i >= len(credentials), result.Unasked
		report.Credentials = append(report.Credentials, row)
		for _, w := range result.Warnings {
			r.Watch.Warn(w)
		}
		switch {
		case row.Probe && result.Cause == validate.CauseNotTried:
			// A node that is down costs only itself.
		case r.refuses(result.Status):
			refused++
		case result.Cause != "":
			r.Watch.Warn(fmt.Sprintf("%s: %s: %s", result.Host, result.Cause, result.Detail))
		}
	}
	if refused > 0 {
		return nil, &CredentialsError{Refused: refused, Checked: len(credentials)}
	}
	return results, nil
}

// refuses says whether a verdict stops the run.
func (r *Run) refuses(status validate.Status) bool {
	switch status {
	case validate.StatusInvalid, validate.StatusError:
		return true
	case validate.StatusInconclusive:
		return r.Strict
	case validate.StatusValid, validate.StatusSkipped:
	}
	return false
}

// nodes runs do over every node; the report keeps the inventory's order.
func (r *Run) nodes(ctx context.Context, report *Report, title string, do func(context.Context, inventory.Node) HostReport) {
	nodes := r.Cluster.Nodes
	r.Watch.Stage(title, len(nodes))
	report.Hosts = make([]HostReport, len(nodes))
	sshexec.Each(ctx, nodes, sshexec.EachOptions{Forks: r.Forks},
		func(ctx context.Context, n inventory.Node) HostReport {
			h := do(ctx, n)
			r.recordHost(h)
			return h
		},
		func(n inventory.Node, cause error) HostReport {
			h := NewHostReport(n.Name, sshexec.NotTried(cause))
			r.recordHost(h)
			return h
		},
		func(i int, h HostReport) {
			report.Hosts[i] = h
			r.Watch.Step()
		})
}

// secrets runs do, unless they are left out or the run has been interrupted.
// What did not have its turn has a row too.
func (r *Run) secrets(ctx context.Context, report *Report, do func(context.Context) []SecretReport) {
	switch {
	case r.SkipSecrets:
		r.leftOut(report)
		return
	case errors.Is(ctx.Err(), context.Canceled):
		r.skippedSecret(report, "not tried: the run was interrupted before its turn")
		return
	}
	r.Watch.Stage("secrets in the cluster", 1)
	rows := do(ctx)
	r.recordSecrets(rows)
	report.Secrets = append(report.Secrets, rows...)
	r.Watch.Step()
}

// leftOut says why the secrets are left out, unless that was asked for.
func (r *Run) leftOut(report *Report) {
	if r.SecretsLeftOut != "" {
		r.skippedSecret(report, r.SecretsLeftOut)
	}
}

func (r *Run) skippedSecret(report *Report, why string) {
	row := r.Secret
	row.Status, row.Notes = StatusSkipped, []string{why}
	report.Secrets = append(report.Secrets, row)
}

// Entries turns credentials into the entries of a config.json: one for each
// registry, and one for the token host of a delegated registry, which the
// check has learnt. Several test images of one login are one entry.
func Entries(credentials []inventory.Credential, results []validate.Result) []dockerconfig.Entry {
	seen := map[string]bool{}
	var entries []dockerconfig.Entry
	add := func(registry string, c inventory.Credential) {
		key := dockerconfig.Key(registry)
		if registry == "" || seen[key] {
			return
		}
		seen[key] = true
		entries = append(entries, dockerconfig.Entry{Key: key, User: c.User, Password: c.Password})
	}
	for _, c := range credentials {
		add(strings.TrimSuffix(c.Host+"/"+c.Scope, "/"), c)
	}
	for _, r := range results { // after all registries: an entry of its own wins
		if c := credentials[r.Index]; c.Delegated {
			add(r.Realm, c)
		}
	}
	return entries
}
