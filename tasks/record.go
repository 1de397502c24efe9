package tasks

import (
	"errors"
	"fmt"

	"oreg/sshexec"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/nodefile"
	"oreg/tasks/secrets"
)

// Begin writes the journal's first line. Its error ends the run, as nothing
// may change that the journal does not know.
func (r *Run) Begin(start journal.Line) error {
	start.Event, start.Command = journal.EventStart, r.Command
	if !r.SkipNodes {
		for _, n := range r.Cluster.Nodes {
			start.Hosts = append(start.Hosts, n.Name)
		}
	}
	start.Secrets, start.Platform = !r.SkipSecrets, r.Platform
	return r.Journal.Append(start)
}

// recordHost tells the journal how a host came out, for --retry-failed.
func (r *Run) recordHost(h HostReport) { r.warnJournal(r.Journal.Note(hostLine(h))) }

// recordSecrets tells it how the secrets came out.
func (r *Run) recordSecrets(rows []SecretReport) {
	var lines []journal.Line
	for _, s := range rows {
		line := journal.Line{Event: journal.EventSecret, Namespace: s.Namespace, Name: s.Name, Status: s.Status}
		if s.Error != nil {
			line.Cause = s.Error.Cause
		}
		lines = append(lines, line)
	}
	r.warnJournal(r.Journal.Append(lines...))
}

func hostLine(h HostReport) journal.Line {
	line := journal.Line{Event: journal.EventHost, Host: h.Name, Status: h.Status}
	if h.Error != nil {
		line.Cause = h.Error.Cause
	}
	return line
}

// warnJournal is for what has happened already: it cannot be stopped any more.
func (r *Run) warnJournal(err error) {
	if err != nil {
		r.Watch.Warn(fmt.Sprintf("the journal of run %s is not complete: %v", r.ID, err))
	}
}

// beforeFiles tells the journal what is about to be written on a node. What
// it does not take is not written.
func beforeFiles(j *journal.Journal, host, run string, changes []nodefile.Change) error {
	lines := make([]journal.Line, 0, len(changes))
	for _, c := range changes {
		line := journal.Line{Event: journal.EventBefore, Host: host, Path: c.Path, Old: c.Old, New: c.New}
		if c.Old != "" {
			line.Backup = c.Resolved + ".oreg-" + run
		}
		lines = append(lines, line)
	}
	if err := j.Append(lines...); err != nil {
		return &nodefile.Error{
			Cause: sshexec.CauseNotTried, Err: err,
			Message: "left alone, because what is not in the journal could not be undone: " + err.Error(),
		}
	}
	return nil
}

// afterFiles tells the journal what became of a node's files. Those that were
// never to change have no line.
func afterFiles(j *journal.Journal, host string, files []nodefile.FileResult) error {
	var lines []journal.Line
	for _, f := range files {
		line := journal.Line{Event: journal.EventAfter, Host: host, Path: f.Path, New: f.SHA256, Status: string(f.Status)}
		var known *nodefile.Error
		switch {
		case f.Unknown:
			line.Status = journal.StatusUnknown
		case errors.As(f.Err, &known):
			line.Cause = string(known.Cause)
		case !changes(line.Status):
			continue
		}
		lines = append(lines, line)
	}
	return j.Note(lines...)
}

// beforeSecret is for [secrets.Job].
func beforeSecret(j *journal.Journal, run string) func(namespace, name string) error {
	return func(namespace, name string) error {
		err := j.Append(journal.Line{Event: journal.EventBefore, Namespace: namespace, Name: name, Backup: secrets.BackupName(name, run)})
		if err == nil {
			return nil
		}
		return &kube.Error{
			Cause: kube.CauseRejected, Err: err,
			Message: fmt.Sprintf("secret %s/%s was left alone, because what is not in the journal could not be undone: %v", namespace, name, err),
		}
	}
}

// afterSecrets tells the journal what became of the secrets.
func afterSecrets(j *journal.Journal, results []secrets.Result) error {
	var lines []journal.Line
	for _, r := range results {
		line := journal.Line{Event: journal.EventAfter, Namespace: r.Namespace, Name: r.Name, Status: string(r.Status)}
		var known *kube.Error
		switch {
		case r.Err == nil && !changes(line.Status):
			continue
		case r.Err == nil:
		case !errors.As(r.Err, &known), known.Cause == kube.CauseAPIUnreachable:
			// The request may have arrived, its answer did not.
			line.Status = journal.StatusUnknown
		default:
			line.Cause = string(known.Cause)
		}
		lines = append(lines, line)
	}
	return j.Append(lines...)
}
