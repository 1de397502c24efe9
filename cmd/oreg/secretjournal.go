package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"oreg/tasks"
	"oreg/tasks/clusterlock"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// objectCommands are the commands that work on single objects of a cluster,
// with the command that takes back what they did and no backup holds.
func objectCommands() map[string]string {
	return map[string]string{
		"secret create": "", "secret link": "oreg secret unlink", "secret unlink": "oreg secret link",
		"puller grant": "oreg puller revoke", "puller revoke": "oreg puller grant",
		"pull-secret append": "", "pull-secret set": "", "pull-secret remove": "",
	}
}

// isObjectCommand says whether a run of the journal is one of these.
func isObjectCommand(command string) bool {
	_, known := objectCommands()[command]
	return known
}

// openObjectJournal begins the journal of a command that changes single
// objects; with --check there is none. of is the run that it undoes. These
// commands are run by the dozen in one second, more than the end of a run id
// tells apart for sure: one that is taken is replaced in the report.
func (a *app) openObjectJournal(report *tasks.Report, of string) (tasks.ObjectJournal, error) {
	o := tasks.ObjectJournal{Run: report.Run}
	if a.check {
		return o, nil
	}
	folder := a.runsFolder()
	j, err := a.newJournal(folder, report.Run)
	for tries := 0; errors.Is(err, fs.ErrExist) && tries < maxIDs; tries++ {
		if report.Run, err = tasks.NewRunID(a.now(), a.random); err != nil {
			return o, err
		}
		j, err = a.newJournal(folder, report.Run)
	}
	if err != nil {
		return o, &journalError{folder, err}
	}
	a.journal, o.Journal, o.Run = j, j, report.Run
	err = j.Append(journal.Line{
		Event: journal.EventStart, Command: report.Command, Inventory: a.absolutes(a.inventories), PID: a.pid, Of: of,
	})
	if err != nil {
		return o, &journalError{folder, err}
	}
	return o, nil
}

// maxIDs is how many run ids are tried.
const maxIDs = 10

// newJournal is [journal.Create] for a run that no earlier one may be taken
// for; the error is then an fs.ErrExist.
func (a *app) newJournal(folder, run string) (*journal.Journal, error) {
	if _, err := os.Stat(filepath.Join(folder, run+".jsonl")); err == nil {
		return nil, fmt.Errorf("the journal of run %s: %w", run, fs.ErrExist)
	}
	j, err := journal.Create(folder, run, a.now)
	if errors.Is(err, journal.ErrInUse) {
		err = fmt.Errorf("the journal of run %s: %w", run, fs.ErrExist)
	}
	return j, err
}

// record tells the journal what became of objects. It has happened already: an
// error stops nothing.
func (a *app) record(o tasks.ObjectJournal, rows ...tasks.SecretReport) {
	if err := o.After(rows...); err != nil {
		a.warn("the journal of run " + o.Run + " is not complete: " + err.Error())
	}
}

// lockCluster keeps other runs off the cluster while the pull secret is
// written, and no longer: neither while a login is tried nor while nodes take
// the change over. Without the right to the lock it does without, as nothing
// hangs on it but the order: every write is refused if the secret is no longer
// what was read. The commands that work in somebody's own namespace, secret and
// puller, take no lock: it would keep apart people who have nothing to do with
// one another, and a ConfigMap is more than many of them may make.
func (a *app) lockCluster(ctx context.Context, api *clusterAPI, namespace string, report *tasks.Report) (release func(), err error) {
	none := func() {}
	if a.check {
		return none, nil
	}
	holder := clusterlock.Holder{Run: report.Run, Command: report.Command, Host: a.hostname, Process: clusterlock.ThisProcess(a.pid)}
	began := a.now()
	lock, err := clusterlock.Acquire(ctx, api.CoreV1().ConfigMaps(namespace), namespace, holder, clusterlock.Options{
		Now: a.now,
		Waiting: func(h clusterlock.Holder) {
			a.say("note", "waiting for another run on this cluster: "+h.String())
		},
	})
	var held *clusterlock.LockedError
	switch {
	case ctx.Err() != nil:
		return none, ctx.Err()
	case errors.As(err, &held):
		return none, err
	case err != nil:
		a.log.Info("no lock against a second run on this cluster; the secret is written only if it is what was read", "reason", err.Error())
		return none, nil
	}
	a.log.Debug("locked", "namespace", namespace, "waited", a.now().Sub(began).Round(time.Millisecond).String())
	return func() {
		if err := lock.Release(ctx); err != nil {
			a.warn("the lock of the cluster was not given back, and ends by itself: " + err.Error())
		}
	}, nil
}

// pruneBackups leaves the newest backups of each secret in the namespaces of
// rows that changed.
func (a *app) pruneBackups(ctx context.Context, api *clusterAPI, results []secrets.Result, keep int) {
	if a.check {
		return
	}
	for _, r := range results {
		if r.Err != nil || r.Status != secrets.StatusUpdated {
			continue
		}
		err := secrets.PruneBackups(ctx, api, r.Namespace, keep, nil)
		switch {
		case kube.IsCause(err, kube.CauseForbidden):
			a.log.Info("backups that are too many stay", "reason", err.Error())
		case err != nil:
			a.warn("backups that are too many stay: " + err.Error())
		}
	}
}

// keepBackupsFlag defines --keep-backups for commands that may replace a
// secret.
func keepBackupsFlag(fs *flagSet, keep *int) {
	fs.IntVar(keep, "keep-backups", 1, "how many earlier versions of a secret stay, for 'oreg rollback --run ID'; 0 makes none")
}

func checkKeepBackups(keep int) error {
	if keep < 0 {
		return &usageError{message: "--keep-backups: expected 0 or more"}
	}
	return nil
}

// hintAtBackup says what somebody can do who may change a secret and may not
// make another one beside it.
func hintAtBackup(row *tasks.SecretReport, keep int) {
	if row.Error == nil || row.Error.Cause != string(kube.CauseForbidden) || keep == 0 {
		return
	}
	failure := *row.Error
	failure.Hint += "; if it is the backup beside the secret that may not be made, --keep-backups 0 does without"
	row.Error = &failure
}

// refusedPassword defines a flag that kubectl, oc or docker have, so that a
// command that was pasted is told what to do in its place.
func refusedPassword(fs *flagSet, name string) {
	fs.String(name, "", "")
	fs.Lookup(name).Hidden = true
}

func passwordOnCommandLine(flag string) error {
	return &usageError{message: "--" + flag + " would show in the process list and in the shell's history",
		hint: "pipe the password in: --password-stdin < FILE"}
}
