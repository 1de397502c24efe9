package tasks

import (
	"fmt"
	"strings"

	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// ObjectJournal tells the journal what a command does to single objects of a
// cluster: secrets, service accounts, role bindings; or to a file of this
// machine. A secret goes by its name, any other object by kind/name, as in
// kubectl's words.
type ObjectJournal struct {
	// Journal is nil for a run that changes nothing.
	Journal *journal.Journal
	Run     string
}

// Before tells of an object that is about to change. What the journal does
// not take is not to be changed.
func (o ObjectJournal) Before(kind, namespace, name string) error {
	line := objectLine(kind, namespace, name)
	line.Event = journal.EventBefore
	return o.append(line)
}

// BeforeSecret is for [secrets.Job] with a backup.
func (o ObjectJournal) BeforeSecret(namespace, name string) error {
	line := objectLine("", namespace, name)
	line.Event, line.Backup = journal.EventBefore, secrets.BackupName(name, o.Run)
	return o.append(line)
}

func (o ObjectJournal) append(line journal.Line) error {
	err := o.Journal.Append(line)
	if err == nil {
		return nil
	}
	return &kube.Error{
		Cause: kube.CauseRejected, Err: err,
		Message: fmt.Sprintf("%s was left alone, because the journal does not take it: %v", PlaceName(placeOf(line)), err),
	}
}

// After tells what became of the objects of these rows. Those that were not to
// change have no line.
func (o ObjectJournal) After(rows ...SecretReport) error {
	var lines []journal.Line
	for _, r := range rows {
		line := objectLine(r.Kind, r.Namespace, r.Name)
		line.Event, line.Status = journal.EventAfter, r.Status
		switch {
		case r.Kind == KindPool:
			continue
		case r.Error == nil && !changes(r.Status):
			continue
		case r.Error == nil:
		case r.Error.Cause == string(kube.CauseAPIUnreachable):
			// The request may have arrived, its answer did not.
			line.Status = journal.StatusUnknown
		default:
			line.Cause = r.Error.Cause
		}
		lines = append(lines, line)
	}
	return o.Journal.Append(lines...)
}

func objectLine(kind, namespace, name string) journal.Line {
	switch kind {
	case "":
		return journal.Line{Namespace: namespace, Name: name}
	case KindFile:
		return journal.Line{Path: name}
	}
	return journal.Line{Namespace: namespace, Name: kind + "/" + name}
}

func placeOf(l journal.Line) journal.Place {
	return journal.Place{Host: l.Host, Path: l.Path, Namespace: l.Namespace, Name: l.Name}
}

// PlaceName is how messages call a place of the journal.
func PlaceName(p journal.Place) string {
	kind, name, other := strings.Cut(p.Name, "/")
	switch {
	case p.Path != "" && p.Host != "":
		return p.Host + ":" + p.Path
	case p.Path != "":
		return "file " + p.Path
	case other:
		return kind + " " + p.Namespace + "/" + name
	}
	return "secret " + p.Namespace + "/" + p.Name
}
