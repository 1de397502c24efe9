package main

import (
	"context"
	"fmt"
	"slices"

	"oreg/tasks"
	"oreg/tasks/journal"
)

func rollbackCommand() command {
	var of string
	var force bool
	s := scope{writes: true, keepBackups: 1}
	return command{
		name: "rollback", summary: "put back what a run replaced, after a check that the old credential still works",
		about: `
Restores the files of every node and the secrets as they were before the run, byte
for byte, with mode and owner, and removes what it created. Without --run it is the
last run of this machine's journal that changed something and was no rollback;
with --run it works from any machine, since the backups are in the cluster and on
its nodes. What somebody changed since stays as it is and is reported. The kubelet
reads its file again within 5 minutes. A run with --platform 4 is undone in the
cluster alone; of a run of another machine say so with --platform 4.

A run of secret, puller or pull-secret is undone only when named with --run, on the
machine that made it; the API is reached by kubectl's rules, or with -i through the
first master. Secrets that it replaced are put back; of what has no backup (links,
role bindings, new secrets) it is said what takes it back.`,
		examples: []string{"oreg rollback -i hosts --check", "oreg rollback -i hosts", "oreg rollback -i hosts --run 20261121T101500Z-3f9c"},
		flags: func(_ *app, fs *flagSet) {
			fs.StringVar(&of, "run", "", "the `id` of the run to undo (default: the last that changed something)")
			s.platform4.add(fs)
			fs.BoolVar(&force, "force", false, "do not try the old credential first")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			if err := noArguments("rollback", args); err != nil {
				return nil, err
			}
			if a.given("run") && of == "" {
				return nil, &usageError{message: "--run names no run", hint: "'oreg runs' lists them; leave --run out to undo the last one that changed something"}
			}
			if record, err := a.objectRun(of); record != nil || err != nil {
				if err != nil {
					return nil, err
				}
				return a.rollbackObjects(ctx, record, force)
			}
			if err := s.platform4.validate(); err != nil {
				return nil, err
			}
			cluster, err := a.readCluster(ctx, false)
			if err != nil {
				return nil, err
			}
			undone, err := a.runToUndo(of, &s.platform4)
			if err != nil {
				return nil, err
			}
			if err := a.needNodes(cluster, s); err != nil {
				return nil, err
			}
			run, closeRun, err := a.runOn(ctx, "rollback", cluster, s, undone.Run)
			if err != nil {
				return nil, err
			}
			defer closeRun()
			undo := &tasks.Undo{Run: run.Run, Of: undone.Run, Begun: begun(undone), Written: undone.Written(), Force: force, Files: run.files, Secrets: run.keeper, Confirm: a.confirm}
			return undo.Rollback(ctx)
		},
	}
}

// begun says that a run came to a change and made none that is known of.
func begun(r journal.Record) bool {
	s := r.Summary()
	return s.Changed == 0 && s.Unknown > 0
}

// runToUndo is the run that was named, or the last one with this inventory
// that changed something and is not itself a rollback. Of a run of another
// machine only the id is known.
func (a *app) runToUndo(named string, platform *platform4) (journal.Record, error) {
	if named != "" && !tasks.ValidRunID(named) {
		return journal.Record{}, &usageError{message: fmt.Sprintf("--run %q is not the id of a run: expected the form 20261121T101500Z-3f9c", named), hint: "'oreg runs' lists them"}
	}
	folder := a.runsFolder()
	records, err := journal.List(folder)
	if err != nil {
		return journal.Record{}, &journalError{folder, err}
	}
	for _, r := range slices.Backward(records) {
		s := r.Summary()
		switch {
		case named == "" && (s.Changed+s.Unknown == 0 || s.Command == "rollback" || isObjectCommand(s.Command) || !r.SameInventory(a.inventoryPaths)):
			continue
		case named != "" && r.Run != named:
			continue
		case s.Ending == journal.EndingRunning:
			return journal.Record{}, &journalError{folder, fmt.Errorf("run %s: %w", r.Run, journal.ErrInUse)}
		case s.Command == "remove":
			return journal.Record{}, fmt.Errorf("run %s removed credentials and kept no copy of them, so it cannot be undone; put them back with oreg install, or name an earlier run with --run", r.Run)
		}
		a.say("note", fmt.Sprintf("undoing run %s (%s of %s, %s)", r.Run, s.Command, s.Started.Local().Format("2006-01-02 15:04:05"), s.Ending))
		platform.as(r.Start().Platform)
		return r, nil
	}
	if named != "" {
		return journal.Record{Run: named}, nil // of another machine
	}
	return journal.Record{}, &usageError{message: "the journal in " + folder + " has no run with this inventory that changed something",
		hint: "name the run with --run ID: it stands in the secret's annotation oreg/run and in the names of the backups (config.json.oreg-ID)"}
}
