package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/nodefile"
	"oreg/tasks/service"
	"oreg/validate"
)

// canary does the first nodes one after the other: write, read back by a new
// connection, try what is really there, restart. Whatever goes wrong stops the
// run before the secrets and the other nodes.
func (r *Rotation) canary(ctx context.Context, report *Report, canaries []*rotating) bool {
	for _, h := range canaries {
		if ctx.Err() != nil {
			return false
		}
		r.Watch.Stage("canary "+h.node.Name, 1)
		r.write(ctx, h)
		if h.report.Error == nil {
			r.readBack(ctx, h)
		}
		if h.report.Error == nil {
			r.tryLive(ctx, report, h)
		}
		if h.report.Error == nil && r.Restart && h.needsRestart() {
			r.restart(ctx, h)
		}
		r.recordHost(h.report)
		r.Watch.Step()
		if h.report.Error != nil {
			r.stop("the canary %s failed, before the secrets and the other nodes", h.node.Name)
			return false
		}
	}
	return ctx.Err() == nil
}

// write brings a node's files to hold the new logins.
func (r *Rotation) write(ctx context.Context, h *rotating) {
	h.tried = true
	h.report = r.Files.Place(ctx, h.node, r.files)
	for _, f := range h.report.Files {
		h.wrote = h.wrote || changes(f.Status)
	}
}

// readBack reads the files by a new connection. What is there now and was not
// written is somebody else's doing.
func (r *Rotation) readBack(ctx context.Context, h *rotating) {
	seen := r.Files.compare(ctx, h.node, r.ID, r.unlike)
	if seen.Error != nil {
		h.report.Status, h.report.Error = seen.Status, seen.Error
		return
	}
	for _, f := range seen.Files {
		if f.Status == StatusUnchanged {
			continue
		}
		h.report.fail(&nodefile.Error{Cause: nodefile.CauseChangedUnder,
			Message: fmt.Sprintf("%s is not what was written a moment ago: %s", f.Path, joined(f.Notes, f.Status)),
			Hint:    "something else writes this file: another run, an agent, a configuration management"})
		return
	}
}

// unlike says how a file differs from what this run writes. What it only warns
// about, an owner that is kept or a helper that shadows an entry, is none of
// it.
func (r *Rotation) unlike(f nodefile.Present) []string {
	var wrong []string
	for _, d := range dockerconfig.Compare(f.Content, r.wanted, r.drop, dockerconfig.NodeFile) {
		if d.Kind != dockerconfig.Shadowed {
			wrong = append(wrong, d.String())
		}
	}
	file, err := r.files.merge(f, r.Files.Repair)
	if len(wrong) == 0 && err == nil && !bytes.Equal(file.content, f.Content) {
		wrong = append(wrong, "another spelling of a key is back")
	}
	return wrong
}

func joined(notes []string, status string) string {
	if len(notes) == 0 {
		return status
	}
	return notes[0]
}

// tryLive checks the logins that really stand on a node. What test_login
// excludes is left out.
func (r *Rotation) tryLive(ctx context.Context, report *Report, h *rotating) {
	present, err := r.Files.read(ctx, h.node, r.ID)
	if err != nil {
		h.report.fail(err)
		return
	}
	there := &logins{}
	for _, f := range present {
		found, err := dockerconfig.Entries(f.Content, dockerconfig.NodeFile)
		if err != nil {
			h.report.fail(err)
			return
		}
		for _, c := range r.Cluster.Credentials {
			for _, login := range found {
				if c.TestLogin && dockerconfig.SameRegistry(registryKey(c), login.Key) {
					there.add(h.node.Name+":"+f.Path, login)
				}
			}
		}
	}
	credentials, _, _ := there.credentials(r.Cluster.Credentials, "what is on the canary")
	if len(credentials) == 0 {
		return
	}
	for i, result := range r.Live(h.node).Check(ctx, credentials, func(validate.Result) {}) {
		if i >= len(credentials) || !r.refuses(result.Status) {
			continue
		}
		report.Credentials = append(report.Credentials, credentialReport(result))
		if h.report.Error == nil {
			h.report.Status = StatusFailed
			h.report.Error = &Failure{
				Cause:   string(result.Cause),
				Message: fmt.Sprintf("the live check of %s with what is really on the node failed: %s", result.Host, result.Detail),
				Hint:    result.Hint,
			}
		}
	}
}

// roll does the other nodes: batch by batch with restarts, else as wide as
// forks.
func (r *Rotation) roll(ctx context.Context, rest []*rotating) {
	if !r.Restart {
		r.writeAll(ctx, rest, r.Forks)
		return
	}
	size := r.result.Plan.Batch
	for i := 0; i < len(rest) && r.result.Stopped == "" && ctx.Err() == nil; i += size {
		batch := rest[i:min(i+size, len(rest))]
		r.writeAll(ctx, batch, min(r.Forks, len(batch)))
		if ctx.Err() != nil {
			return
		}
		r.restartAll(ctx, batch)
	}
}

// writeAll writes on many nodes, and begins no other once too many have
// failed.
func (r *Rotation) writeAll(ctx context.Context, hosts []*rotating, forks int) {
	if len(hosts) == 0 {
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.Watch.Stage("config.json on "+names(hosts), len(hosts))
	sshexec.Each(ctx, hosts, sshexec.EachOptions{Forks: forks},
		func(ctx context.Context, h *rotating) bool {
			r.write(ctx, h)
			if h.report.Error != nil || !r.Restart {
				r.recordHost(h.report)
			}
			return true
		},
		func(*rotating, error) bool { return false },
		func(i int, tried bool) {
			r.Watch.Step()
			if !tried || hosts[i].report.Status != StatusFailed {
				return
			}
			if r.failures = append(r.failures, hosts[i].node.Name); r.tooMany(len(r.failures)) {
				r.stop("%s", shortList(r.failures))
				cancel(errTooMany)
			}
		})
}

var errTooMany = errors.New("too many nodes failed")

// restartAll restarts a batch where files changed, and waits for all of it. A
// node that does not come back stops the run.
func (r *Rotation) restartAll(ctx context.Context, batch []*rotating) {
	var changed []*rotating
	for _, h := range batch {
		if h.report.Error == nil && h.tried && (h.wrote || h.pending) && h.runs {
			changed = append(changed, h)
		}
	}
	if len(changed) == 0 {
		return
	}
	r.Watch.Stage("restarting "+names(changed), len(changed))
	sshexec.Each(ctx, changed, sshexec.EachOptions{Forks: len(changed)},
		func(ctx context.Context, h *rotating) bool {
			r.restart(ctx, h)
			r.recordHost(h.report)
			return true
		},
		func(*rotating, error) bool { return false },
		func(i int, _ bool) {
			if h := changed[i]; h.report.Error != nil {
				r.stop("%s did not come back after its restart", h.node.Name)
			}
			r.Watch.Step()
		})
}

// names is how a stage calls its nodes.
func names(hosts []*rotating) string {
	if len(hosts) == 1 {
		return hosts[0].node.Name
	}
	return fmt.Sprintf("%d nodes", len(hosts))
}

// restart restarts a host's service and waits until its Node is ready anew.
func (r *Rotation) restart(ctx context.Context, h *rotating) {
	if !h.wrote && !h.pending {
		return // it turned out to hold the new logins already
	}
	err := r.Journal.Append(journal.Line{Event: journal.EventRestart, Host: h.node.Name, Name: service.FullName(h.node.ServiceUnit)})
	if err != nil {
		h.report.fail(&service.Error{Message: "not restarted: " + err.Error(), Err: err})
		return
	}
	state, err := r.Files.restart(ctx, h.node)
	if err == nil {
		err = r.API.AwaitReady(ctx, h.kube, state.Started)
	}
	line := journal.Line{Event: journal.EventRestarted, Host: h.node.Name, Status: StatusOK}
	switch {
	case ctx.Err() != nil:
		// Not known: the next run restarts it again.
		h.report.fail(&service.Error{Message: "interrupted before " + service.FullName(h.node.ServiceUnit) + " was seen to be back", Err: ctx.Err(),
			Hint: "the new file is there; the next rotate restarts the service again"})
		return
	case err != nil:
		h.report.fail(err)
		line.Status, line.Cause = StatusFailed, h.report.Error.Cause
	default:
		h.restarted, h.report.Restarted = true, true
	}
	r.warnJournal(r.Journal.Append(line))
}

// restart restarts a node's service over a connection that is opened anew
// when it breaks: a restart may do that.
func (n *NodeFiles) restart(ctx context.Context, node inventory.Node) (service.State, error) {
	host := &reconnecting{client: n.SSH, node: node}
	defer host.close()
	state, err := n.Services.Restart(ctx, host, node.ServiceUnit)
	var known *service.Error
	if err != nil && ctx.Err() == nil && !errors.As(err, &known) {
		err = &service.Error{Message: fmt.Sprintf("%s was not restarted: %v", service.FullName(node.ServiceUnit), err), Err: err,
			Hint: "the new file is there; the kubelet reads it within " + KubeletCache.String()}
	}
	return state, err
}

// reconnecting is a connection to a node that outlives its breaks.
type reconnecting struct {
	client *sshexec.Client
	node   inventory.Node
	conn   *sshexec.Conn
}

// Run runs a command, over a new connection where the last one broke.
func (c *reconnecting) Run(ctx context.Context, command string, stdin []byte) ([]byte, error) {
	if c.conn == nil {
		conn, err := c.client.Connect(ctx, Target(c.node))
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	out, err := c.conn.Run(ctx, command, stdin)
	var failure *sshexec.Error
	if errors.As(err, &failure) && failure.Cause != sshexec.CauseCommandFailed {
		c.close()
	}
	return out, err
}

func (c *reconnecting) close() {
	if c.conn != nil {
		_ = c.conn.Close() // what was done over it is decided by then
		c.conn = nil
	}
}

// safeFrom is when the last kubelet that was not restarted has read its file:
// one that this run wrote, or another one just before it. It is nil where that
// has been.
func (r *Rotation) safeFrom(report *Report) *time.Time {
	var last time.Time
	later := func(written time.Time) {
		if written.After(last) {
			last = written
		}
	}
	// The machine-config operator restarts nothing.
	if slices.ContainsFunc(report.Secrets, func(s SecretReport) bool { return s.Kind == KindPool && changes(s.Status) }) {
		later(r.Now())
	}
	for _, h := range r.hosts {
		switch {
		case h.restarted:
		case h.wrote || h.pending:
			later(r.Now())
		default:
			later(r.Written[h.node.Name])
		}
	}
	at := last.Add(KubeletCache).UTC().Truncate(time.Second)
	if !at.After(r.Now()) {
		return nil
	}
	return &at
}

// WrittenNotRestarted says of each host when the runs of records last wrote a
// file of it, unless its service came back after that.
func WrittenNotRestarted(records []journal.Record) map[string]time.Time {
	written := map[string]time.Time{}
	for _, r := range records {
		for _, l := range r.Lines {
			switch {
			case l.Event == journal.EventAfter && l.Path != "" && l.Time.After(written[l.Host]):
				written[l.Host] = l.Time
			case l.Event == journal.EventRestarted && l.Status == StatusOK:
				delete(written, l.Host)
			}
		}
	}
	return written
}
