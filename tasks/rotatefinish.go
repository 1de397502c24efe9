package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/journal"
)

// finish reads everything back, fills in the report and says what still holds
// an old login.
func (r *Rotation) finish(ctx context.Context, report *Report) {
	for _, h := range r.hosts {
		switch {
		case r.Check || h.tried:
		case h.plan.Error != nil:
			// What the plan meant to write was not written.
			h.report.Files = slices.DeleteFunc(slices.Clone(h.report.Files), func(f FileReport) bool { return changes(f.Status) })
		case h.changes || h.pending:
			h.report = NewHostReport(h.node.Name, sshexec.NotTried(errors.New(r.result.Stopped)))
			h.report.Error.Message = "not tried: the rotation ended before its turn"
		}
	}
	r.secretsNotTried(report)
	var seen map[string]HostReport
	if !r.Check && ctx.Err() == nil {
		seen = r.readAllBack(ctx)
		if !r.SkipSecrets {
			r.readSecretsBack(ctx, report)
		}
	}
	var lines []journal.Line
	for _, h := range r.hosts {
		report.Hosts = append(report.Hosts, h.report)
		lines = append(lines, hostLine(h.report))
	}
	report.Finish()
	if r.Check {
		return
	}
	r.account(ctx, report, seen)
	r.result.Accounted = true
	if r.complete(report) {
		lines = append(lines, journal.Line{Event: journal.EventComplete})
	}
	r.warnJournal(r.Journal.Append(lines...))
}

// secretsNotTried gives each secret whose turn did not come its row.
func (r *Rotation) secretsNotTried(report *Report) {
	switch {
	case r.SkipSecrets:
		r.leftOut(report)
	case !r.Check && !r.secretsTried && len(report.Secrets) == 0:
		for _, s := range r.planned {
			if changes(s.Status) {
				s.Status, s.Diff, s.Notes = StatusSkipped, nil, []string{"not tried: the rotation ended before its turn"}
			}
			report.Secrets = append(report.Secrets, s)
		}
	}
}

// readAllBack reads every node by a new connection. It is the account, so it is
// made after a stop too.
func (r *Rotation) readAllBack(ctx context.Context) map[string]HostReport {
	var nodes []inventory.Node
	at := map[string]*rotating{}
	for _, h := range r.hosts {
		if h.tried || h.plan.Error == nil {
			nodes = append(nodes, h.node)
			at[h.node.Name] = h
		}
	}
	seen := make(map[string]HostReport, len(nodes))
	if len(nodes) == 0 {
		return seen
	}
	r.Watch.Stage("reading everything back", len(nodes))
	sshexec.Each(ctx, nodes, sshexec.EachOptions{Forks: r.Forks},
		func(ctx context.Context, n inventory.Node) HostReport { return r.Files.compare(ctx, n, r.ID, r.unlike) },
		func(n inventory.Node, cause error) HostReport { return NewHostReport(n.Name, sshexec.NotTried(cause)) },
		func(_ int, found HostReport) {
			seen[found.Name] = found
			h := at[found.Name]
			// A host that should be right and is not has failed only now.
			expected := h.report.Error == nil && !r.undone
			switch {
			case !expected:
			case found.Error != nil:
				h.report.Status, h.report.Error = found.Status, found.Error
			default:
				for i, f := range found.Files {
					if amiss(f.Status) {
						h.report.Files[i].Status, h.report.Files[i].Notes = f.Status, f.Notes
						h.report.Status = StatusFailed
					}
				}
			}
			r.Watch.Step()
		})
	return seen
}

// readSecretsBack compares the secrets with what they should be now.
func (r *Rotation) readSecretsBack(ctx context.Context, report *Report) {
	r.Watch.Stage("reading the secrets back", 1)
	at := map[string]int{}
	for i, s := range report.Secrets {
		at[s.Namespace+"/"+s.Name] = i
	}
	for _, s := range r.API.Verify(ctx, r.wanted) {
		if s.Kind == KindPool {
			r.poolReadBack(report, s)
			continue
		}
		i, known := at[s.Namespace+"/"+s.Name]
		switch {
		case !amiss(s.Status):
		case (r.result.Stopped != "" || r.undone) && s.Status != StatusFailed:
			r.place(OldPlace{Secret: s.Namespace + "/" + s.Name, State: PlaceOld, Why: first(s.Diff, s.Status)})
			continue
		case known && report.Secrets[i].Status == StatusFailed:
		case known:
			report.Secrets[i].Status, report.Secrets[i].Error, report.Secrets[i].Diff = s.Status, s.Error, s.Diff
		default:
			report.Secrets = append(report.Secrets, s)
		}
		if amiss(s.Status) {
			state := PlaceOld
			if s.Status == StatusFailed {
				state = PlaceUnknown
			}
			why := first(s.Diff, s.Status)
			if s.Error != nil {
				why = s.Error.Message
			}
			r.place(OldPlace{Secret: s.Namespace + "/" + s.Name, State: state, Why: why})
		}
	}
	r.Watch.Step()
}

// poolReadBack takes what a MachineConfigPool has of the pull secret.
func (r *Rotation) poolReadBack(report *Report, s SecretReport) {
	report.Secrets = append(report.Secrets, s)
	p := OldPlace{Pool: s.Name, State: PlaceOld, Why: strings.Join(s.Notes, "; ")}
	if s.Error != nil {
		p.State, p.Why = PlaceUnknown, s.Error.Message
	}
	switch {
	case amiss(s.Status):
		r.place(p)
	case s.Status == StatusSkipped:
		r.place(OldPlace{State: PlaceUnknown, Why: p.Why})
	}
}

func first(lines []string, otherwise string) string {
	if len(lines) > 0 {
		return lines[0]
	}
	return otherwise
}

func (r *Rotation) place(p OldPlace) { r.result.StillOld = append(r.result.StillOld, p) }

// account lists the places that keep the old logins from being revoked.
func (r *Rotation) account(ctx context.Context, report *Report, seen map[string]HostReport) {
	for _, h := range r.hosts {
		found, looked := seen[h.node.Name]
		switch {
		case h.plan.Status == StatusUnreachable:
			r.place(OldPlace{Host: h.node.Name, State: PlaceOld, Why: "unreachable: " + h.plan.Error.Message})
		case !looked && h.plan.Error != nil:
			r.place(OldPlace{Host: h.node.Name, State: PlaceUnknown, Why: h.plan.Error.Message})
		case !looked:
			r.place(OldPlace{Host: h.node.Name, State: PlaceUnknown, Why: "not read back"})
		case found.Error != nil:
			r.place(OldPlace{Host: h.node.Name, State: PlaceUnknown, Why: found.Error.Message})
		case found.Status != StatusOK:
			r.place(OldPlace{Host: h.node.Name, State: PlaceOld, Why: wrong(found.Files)})
		case r.Restart && h.runs && (h.wrote || h.pending) && !h.restarted:
			r.place(OldPlace{Host: h.node.Name, State: PlaceUnknown, Why: "the file is new, but its kubelet was not seen to come back"})
		}
	}
	for _, name := range r.others {
		r.place(OldPlace{Node: name, State: PlaceUnknown, Why: "a Node of the cluster that the inventory does not have"})
	}
	if r.Limited {
		r.place(OldPlace{State: PlaceUnknown, Why: "the hosts that --limit or --retry-failed left out"})
	}
	if r.SkipSecrets {
		r.place(OldPlace{State: PlaceUnknown, Why: "the secrets, which this run left out"})
	}
	r.result.Safe = len(r.result.StillOld) == 0 && r.result.Stopped == "" && ctx.Err() == nil && !report.AnySecretAmiss()
	if r.result.Safe {
		r.result.SafeFrom = r.safeFrom(report)
	}
}

// wrong says which files of a host do not hold the new logins.
func wrong(files []FileReport) string {
	var found []string
	for _, f := range files {
		if amiss(f.Status) {
			found = append(found, fmt.Sprintf("%s: %s", f.Path, joined(f.Notes, f.Status)))
		}
	}
	return strings.Join(found, "; ")
}

// complete says that every place that this run is about was reached.
func (r *Rotation) complete(report *Report) bool {
	for _, h := range report.Hosts {
		if h.Status != StatusOK && h.Status != StatusChanged {
			return false
		}
	}
	for _, s := range report.Secrets {
		if s.Status == StatusFailed {
			return false
		}
	}
	return r.result.Stopped == ""
}
