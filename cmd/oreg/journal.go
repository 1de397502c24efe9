package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/journal"
)

// journalError says that the journal cannot be written or read. Nothing is
// changed then.
type journalError struct {
	folder string
	err    error
}

func (e *journalError) Error() string { return e.err.Error() }

func (e *journalError) Unwrap() error { return e.err }

func (e *journalError) hint() string {
	if errors.Is(e.err, journal.ErrInUse) {
		return "wait for it to end; 'oreg runs' shows it"
	}
	return fmt.Sprintf("nothing is changed without a journal, which is what a rollback goes by; make %s writable, or name another place with XDG_STATE_HOME", e.folder)
}

// runsFolder is where this machine's journals are, as the XDG base directory
// specification says: a relative XDG_STATE_HOME is to be ignored.
func (a *app) runsFolder() string {
	base := a.getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		base = filepath.Join(a.home, ".local", "state")
	}
	return filepath.Join(base, "oreg", "runs")
}

// openJournal begins the journal of a run that may change something. of is
// the run that it undoes.
func (a *app) openJournal(run *tasks.Run, of string) error {
	if a.check {
		return nil
	}
	folder := a.runsFolder()
	j, err := journal.Create(folder, run.ID, a.now)
	if err != nil {
		return &journalError{folder, err}
	}
	a.journal, run.Journal = j, j
	if err := run.Begin(journal.Line{Inventory: a.inventoryPaths, PID: a.pid, Of: of}); err != nil {
		return &journalError{folder, err}
	}
	return nil
}

// endJournal writes how the run ended and, as Ansible does, the hosts that did
// not succeed into a file for --limit. It returns the hint that says so.
func (a *app) endJournal(report *tasks.Report, code exitCode) (hint string) {
	if a.journal == nil {
		return ""
	}
	exit := int(code)
	err := a.journal.Append(journal.Line{Event: journal.EventEnd, Exit: &exit})
	if closeErr := a.journal.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		a.say("warning", "the journal has no end, as if the run had been killed: "+err.Error())
	}
	failed := unsuccessful(report)
	switch {
	case len(failed) > 0:
	case report != nil && slices.ContainsFunc(report.Secrets, secretFailed) && a.hasFlag("retry-failed"):
		return "to retry the secrets alone, use: --retry-failed"
	default:
		return ""
	}
	var ways []string
	if a.hasFlag("retry-failed") {
		ways = append(ways, "--retry-failed")
	}
	path := filepath.Join(a.runsFolder(), report.Run+".retry")
	if err := os.WriteFile(path, []byte(strings.Join(failed, "\n")+"\n"), 0o600); err == nil {
		ways = append(ways, "--limit @"+path)
	}
	if len(ways) == 0 {
		return ""
	}
	return "to retry " + count(len(failed), "host") + ", use: " + list(ways)
}

// secretFailed says that another try may help, as it would not with a drift
// that nobody asked to mend.
func secretFailed(s tasks.SecretReport) bool { return s.Kind == "" && s.Status == tasks.StatusFailed }

// unsuccessful are the hosts of a report that did not succeed.
func unsuccessful(report *tasks.Report) []string {
	var hosts []string
	if report != nil {
		for _, h := range report.Hosts {
			if h.Status != tasks.StatusOK && h.Status != tasks.StatusChanged {
				hosts = append(hosts, h.Name)
			}
		}
	}
	return hosts
}

// retryFailed leaves of the cluster's nodes those that did not succeed in the
// last run that was made with this inventory. Where only a secret did not,
// onlySecrets is true and the nodes are to be left alone. only is what --only
// says: a run that has nothing to do would end well, and the next retry would go
// by it.
func (a *app) retryFailed(cluster *inventory.Cluster, only string) (onlySecrets bool, err error) {
	folder := a.runsFolder()
	records, err := journal.List(folder)
	if err != nil {
		return false, &journalError{folder, err}
	}
	for _, r := range slices.Backward(records) {
		s := r.Summary()
		if !r.SameInventory(a.inventoryPaths) || isObjectCommand(s.Command) || s.Ending == journal.EndingStopped || s.Ending == journal.EndingRefused {
			continue // it never came to a host
		}
		failed, secrets := r.Unsuccessful(), r.SecretsLeft()
		switch {
		case len(failed) == 0 && !secrets:
			return false, fmt.Errorf("--retry-failed: run %s (%s) succeeded on all of its hosts and secrets", r.Run, s.Command)
		case only == "nodes" && len(failed) == 0:
			return false, fmt.Errorf("--retry-failed: run %s (%s) left only secrets to retry, which --only nodes leaves out", r.Run, s.Command)
		case only == "secrets" && !secrets:
			return false, fmt.Errorf("--retry-failed: run %s (%s) left only hosts to retry (%s), which --only secrets leaves out", r.Run, s.Command, ranges(failed))
		case len(failed) == 0:
			return true, nil
		}
		cluster.Nodes = slices.DeleteFunc(cluster.Nodes, func(n inventory.Node) bool { return !contains(failed, n.Name) })
		if len(cluster.Nodes) == 0 {
			return false, fmt.Errorf("--retry-failed: none of the hosts that failed in run %s (%s) is in the inventory, or the limit excludes them", r.Run, ranges(failed))
		}
		return false, nil
	}
	return false, fmt.Errorf("--retry-failed: the journal in %s has no run with this inventory", folder)
}
