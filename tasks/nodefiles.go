package tasks

import (
	"context"
	"errors"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kubenode"
	"oreg/tasks/nodefile"
	"oreg/tasks/service"
)

// NodeFiles looks after config.json on nodes over SSH: one connection a node,
// opened for the work and closed after it. It is a [NodeKeeper].
type NodeFiles struct {
	SSH *sshexec.Client
	// Services restarts the node service; a rotation needs it.
	Services service.Manager
	// RunID names the backups.
	RunID string
	// Check makes every read and no write.
	Check bool
	// Repair replaces a file that a reader would reject, after a backup.
	Repair bool
	// KeepBackups is how many earlier versions stay on the node.
	KeepBackups int
	// Journal is told before and after each change; nil for none. A change
	// that it does not take is not made.
	Journal *journal.Journal
	Now     func() time.Time
}

// Place brings every file of a node to what is planned.
func (n *NodeFiles) Place(ctx context.Context, node inventory.Node, plan *FilePlan) HostReport {
	files := n.merging(plan)
	return n.exchange(ctx, node, n.request(node), func(ctx context.Context, shell *sshexec.Process, request nodefile.Request) (nodefile.Outcome, error) {
		return nodefile.Apply(ctx, shell, request, files.want)
	}, files.report)
}

// exchange does work that may change a node's files, told to the journal, and
// reports it; about is the report of a file.
func (n *NodeFiles) exchange(ctx context.Context, node inventory.Node, request nodefile.Request,
	work func(context.Context, *sshexec.Process, nodefile.Request) (nodefile.Outcome, error),
	about func(nodefile.FileResult) FileReport,
) HostReport {
	start := n.Now()
	request.Before = func(changes []nodefile.Change) error { return beforeFiles(n.Journal, node.Name, n.RunID, changes) }
	outcome, err := sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) (nodefile.Outcome, error) {
		return withShell(ctx, n.SSH, node, func(ctx context.Context, shell *sshexec.Process) (nodefile.Outcome, error) {
			return work(ctx, shell, request)
		})
	})
	host := NewHostReport(node.Name, nil)
	if !n.Check {
		err = errors.Join(err, afterFiles(n.Journal, node.Name, outcome.Files))
	}
	for _, f := range outcome.Files {
		host.add(about(f), f.Err)
	}
	if outcome.Changed() && host.Status == StatusOK {
		host.Status = StatusChanged
	}
	return n.close(host, err, start)
}

func reportFile(f nodefile.FileResult) FileReport {
	return FileReport{Path: f.Path, Status: string(f.Status), SHA256: f.SHA256, Notes: f.Notes}
}

// Verify compares every file of a node with the wanted entries and changes
// nothing.
func (n *NodeFiles) Verify(ctx context.Context, node inventory.Node, wanted []dockerconfig.Entry, managed []string) HostReport {
	return n.compare(ctx, node, n.RunID, func(f nodefile.Present) []string { return findings(f, wanted, managed) })
}

// compare reads a node's files, and says with judge how each differs from what
// it should be.
func (n *NodeFiles) compare(ctx context.Context, node inventory.Node, run string, judge func(nodefile.Present) []string) HostReport {
	start := n.Now()
	files, errs, err := n.readEach(ctx, node, run)
	host := NewHostReport(node.Name, nil)
	for i, f := range files {
		report := FileReport{Path: f.Path, Status: StatusUnchanged, SHA256: f.SHA256}
		if errs[i] == nil && f.Exists {
			// A file that its readers reject has none.
			report.logins, _ = dockerconfig.Entries(f.Content, dockerconfig.NodeFile)
		}
		switch found := judge(f); {
		case errs[i] != nil:
			report.Status = StatusFailed
		case !f.Exists:
			report.Status = StatusMissing
		case len(found) > 0:
			report.Status, report.Notes = StatusDrift, found
		}
		host.add(report, errs[i])
		if amiss(report.Status) {
			host.Status = StatusFailed
		}
	}
	return n.close(host, err, start)
}

// findings says how a present file differs from what it should be.
func findings(f nodefile.Present, wanted []dockerconfig.Entry, managed []string) []string {
	var found []string
	for _, d := range dockerconfig.Compare(f.Content, wanted, managed, dockerconfig.NodeFile) {
		found = append(found, d.String())
	}
	if f.Exists {
		found = append(found, f.Findings()...)
	}
	return found
}

// readEach reads a node's files and what a run left beside them; errs are why
// single files cannot be worked on.
func (n *NodeFiles) readEach(ctx context.Context, node inventory.Node, run string) (files []nodefile.Present, errs []error, err error) {
	type reading struct {
		files []nodefile.Present
		errs  []error
	}
	request := n.request(node)
	request.RunID = run
	read, err := sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) (reading, error) {
		return withShell(ctx, n.SSH, node, func(ctx context.Context, shell *sshexec.Process) (r reading, err error) {
			r.files, r.errs, err = nodefile.Read(ctx, shell, request)
			return r, err
		})
	})
	return read.files, read.errs, err
}

// Hostname is the name that a node gives itself.
func (n *NodeFiles) Hostname(ctx context.Context, node inventory.Node) (string, error) {
	return sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) (string, error) {
		host := &reconnecting{client: n.SSH, node: node}
		defer host.close()
		out, err := host.Run(ctx, "hostname 2>/dev/null || uname -n", nil)
		return strings.TrimSpace(string(out)), err
	})
}

func (n *NodeFiles) request(node inventory.Node) nodefile.Request {
	return nodefile.Request{
		Paths: node.ConfigPaths, RunID: n.RunID, Check: n.Check, Repair: n.Repair, KeepBackups: n.KeepBackups,
	}
}

// close fills in what all reports have at their end.
func (n *NodeFiles) close(host HostReport, err error, start time.Time) HostReport {
	if err != nil {
		host.fail(err)
	}
	host.DurationMS = n.Now().Sub(start).Milliseconds()
	return host
}

// NewHostReport is a host without files: ok, or as err says.
func NewHostReport(name string, err error) HostReport {
	h := HostReport{Name: name, Status: StatusOK, Files: []FileReport{}}
	if err != nil {
		h.fail(err)
	}
	return h
}

// add takes a file into the report; the first failed one decides the host's.
func (h *HostReport) add(f FileReport, err error) {
	h.Files = append(h.Files, f)
	if err != nil && h.Error == nil {
		h.fail(err)
	}
}

// fail decides by the error's type whether a host failed, was unreachable, or
// never had its turn.
func (h *HostReport) fail(err error) {
	h.Status = StatusFailed
	var connection *sshexec.Error
	var file *nodefile.Error
	var unit *service.Error
	var late *kubenode.NotReadyError
	var ambiguous *kubenode.AmbiguousError
	switch {
	case errors.As(err, &unit):
		h.Error = &Failure{Cause: string(CauseRestartFailed), Message: unit.Message, Hint: unit.Hint}
	case errors.As(err, &late):
		h.Error = &Failure{Cause: string(CauseNotReady), Message: late.Message, Hint: late.Hint}
	case errors.As(err, &ambiguous):
		h.Error = &Failure{Cause: string(CauseAmbiguousNode), Message: ambiguous.Message, Hint: ambiguous.Hint}
	case errors.As(err, &file):
		h.Error = &Failure{Cause: string(file.Cause), Message: file.Message, Hint: file.Hint}
	case errors.As(err, &connection):
		h.Error = &Failure{Cause: string(connection.Cause), Message: connection.Message, Hint: connection.Hint}
		switch {
		case connection.Cause == sshexec.CauseNotTried:
			h.Status = StatusSkipped
		case connection.Unreachable:
			h.Status = StatusUnreachable
		}
	default:
		h.Error = &Failure{Cause: string(sshexec.CauseCommandFailed), Message: err.Error()}
	}
}

// withShell runs do with a shell on the node, and closes the connection.
func withShell[R any](ctx context.Context, client *sshexec.Client, node inventory.Node, do func(context.Context, *sshexec.Process) (R, error)) (result R, err error) {
	conn, err := client.Connect(ctx, Target(node))
	if err != nil {
		return result, err
	}
	defer func() { _ = conn.Close() }() // what was done on it is decided by then
	// A shell must outlive ctx for the grace that writes in flight get.
	shellCtx, cancel := sshexec.Grace(ctx, nodefile.DefaultGrace)
	defer cancel()
	shell, err := conn.Shell(shellCtx)
	if err != nil {
		return result, err
	}
	return do(ctx, shell)
}

// Target is a node's connection as sshexec takes it.
func Target(n inventory.Node) sshexec.Target {
	c := n.Connection
	t := sshexec.Target{
		Name: n.Name, Local: c.Local, Host: c.Address, Port: c.Port, User: c.User,
		IdentityFile: c.PrivateKeyFile, Password: c.Password, Args: c.SSHArgs,
	}
	if c.Become != nil {
		t.Become = &sshexec.Become{User: c.Become.User, Password: c.Become.Password}
	}
	return t
}
