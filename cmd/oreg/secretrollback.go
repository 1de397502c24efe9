package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// objectRun finds a run by its id in this machine's journal, if it is one of
// secret, puller or pull-secret; nil otherwise.
func (a *app) objectRun(named string) (*journal.Record, error) {
	if named == "" || !journal.ValidID(named) {
		return nil, nil
	}
	folder := a.runsFolder()
	records, err := journal.List(folder)
	if err != nil {
		return nil, &journalError{folder, err}
	}
	for _, r := range records {
		if r.Run != named || !isObjectCommand(r.Start().Command) {
			continue
		}
		if r.Summary().Ending == journal.EndingRunning {
			return nil, &journalError{folder, fmt.Errorf("run %s: %w", r.Run, journal.ErrInUse)}
		}
		return &r, nil
	}
	return nil, nil
}

// objectUndo is what a rollback of such a run has to work with.
type objectUndo struct {
	record *journal.Record
	// places are what the run changed or may have changed, sorted; status is
	// what the journal says became of each.
	places []journal.Place
	status map[journal.Place]string
	// backups are those that there are, by place.
	backups map[journal.Place]secrets.Backup
}

// rollbackObjects puts the secrets of such a run back, as far as they have
// backups, and says of everything else what takes it back. The API is reached
// as the run did: by kubectl's rules, or with -i through the first master.
func (a *app) rollbackObjects(ctx context.Context, record *journal.Record, force bool) (*tasks.Report, error) {
	u := objectUndo{record: record, status: map[journal.Place]string{}, backups: map[journal.Place]secrets.Backup{}}
	for place, state := range record.Places() {
		if state != journal.PlaceUntouched && !strings.Contains(place.Name, backupMark) {
			u.places = append(u.places, place)
		}
	}
	slices.SortFunc(u.places, func(x, y journal.Place) int { return strings.Compare(tasks.PlaceName(x), tasks.PlaceName(y)) })
	for _, l := range record.Lines {
		if l.Event == journal.EventAfter {
			u.status[journal.Place{Path: l.Path, Namespace: l.Namespace, Name: l.Name}] = l.Status
		}
	}
	command := record.Start().Command
	switch {
	case len(u.places) == 0:
		return nil, &configError{message: fmt.Sprintf("run %s (%s) changed nothing", record.Run, command)}
	case !slices.ContainsFunc(u.places, isSecret):
		return nil, &configError{
			message: fmt.Sprintf("run %s (%s) has no backup to put back; it changed %s", record.Run, command, u.names()),
			hint:    u.otherWay(u.places[0]),
		}
	}
	report, err := a.newReport("rollback")
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, record.Run)
	if err != nil {
		return nil, err
	}
	api, err := a.openAPI(ctx, apiFlags{})
	if err != nil {
		return notReached(report, "", u.places[0].Namespace, u.places[0].Name, err)
	}
	defer api.close()
	if err := u.find(ctx, api); err != nil {
		return notReached(report, "", u.places[0].Namespace, u.places[0].Name, err)
	}
	var kept []secrets.Backup
	for _, place := range u.places {
		if b, has := u.backups[place]; has {
			kept = append(kept, b)
		} else {
			report.Secrets = append(report.Secrets, u.left(place))
		}
	}
	onGlobal := strings.HasPrefix(command, "pull-secret ")
	switch {
	case len(kept) == 0:
		report.Finish()
		return report, ctx.Err()
	case onGlobal && force:
		a.warn("the old logins are put back untried (--force)")
	case onGlobal:
		if report, err = a.tryKept(ctx, report, api, kept); err != nil {
			return report, err
		}
	}
	yes, err := a.confirmPutBack(ctx, kept)
	if err != nil || !yes {
		return nil, err
	}
	if onGlobal {
		release, err := a.lockCluster(ctx, api, kept[0].Namespace, report)
		if err != nil {
			return notReached(report, "", kept[0].Namespace, kept[0].Name, err)
		}
		defer release()
	}
	return a.putBack(ctx, report, api, objects, kept)
}

func (a *app) confirmPutBack(ctx context.Context, kept []secrets.Backup) (bool, error) {
	if a.check {
		return true, nil
	}
	yes, err := a.confirm(ctx, fmt.Sprintf("Put back %s?", count(len(kept), "secret")))
	if err == nil && !yes {
		err = tasks.ErrDeclined
	}
	return yes, err
}

// putBack restores what the backups hold.
func (a *app) putBack(ctx context.Context, report *tasks.Report, api *clusterAPI, objects tasks.ObjectJournal, kept []secrets.Backup) (*tasks.Report, error) {
	var old []dockerconfig.Entry
	for _, b := range kept {
		old = append(old, loginsOf(b)...)
	}
	mask := entriesMask(old)
	results := secrets.Rollback(ctx, api, kept, true, mask)
	if !a.check {
		for _, r := range results {
			if r.Status != secrets.StatusRestored && r.Status != secrets.StatusRemoved {
				continue
			}
			if err := objects.Before("", r.Namespace, r.Name); err != nil {
				return nil, err
			}
		}
		results = secrets.Rollback(ctx, api, kept, false, mask)
		a.record(objects, secretRows(results)...)
	}
	for i, r := range results {
		if r.Status == secrets.StatusSkipped {
			results[i].Status, results[i].Warnings = secrets.StatusFailed, nil
			results[i].Err = &kube.Error{Cause: kube.CauseConflict, Message: strings.Join(r.Warnings, "; ")}
		}
		for _, w := range results[i].Warnings {
			a.warn(fmt.Sprintf("secret %s/%s: %s", r.Namespace, r.Name, w))
		}
	}
	report.Secrets = append(secretRows(results), report.Secrets...)
	return a.ended(ctx, report, api)
}

// tryKept presents the logins of the backups that the secrets have not got now:
// what does not work any more is not put back.
func (a *app) tryKept(ctx context.Context, report *tasks.Report, api *clusterAPI, kept []secrets.Backup) (*tasks.Report, error) {
	for _, b := range kept {
		present, err := secrets.Logins(ctx, api, secrets.Job{Namespace: b.Namespace, Name: b.Name})
		if err != nil && !kube.IsCause(err, kube.CauseWrongType) {
			return notReached(report, "", b.Namespace, b.Name, err)
		}
		edit := pullSecretEdit{entries: loginsOf(b), source: "the backup of secret " + b.Namespace + "/" + b.Name}
		if report, err = a.tryEntries(ctx, report, api.cluster, edit, present); err != nil {
			return report, err
		}
	}
	return report, nil
}

// loginsOf are the logins of a backup that can be tried.
func loginsOf(b secrets.Backup) []dockerconfig.Entry {
	var all []dockerconfig.Entry
	for _, l := range b.Logins() {
		if !l.Token && l.User != "" {
			all = append(all, dockerconfig.Entry{Key: l.Key, User: l.User, Password: l.Password})
		}
	}
	return all
}

// find looks for the backups of the run in the namespaces that it worked in.
func (u *objectUndo) find(ctx context.Context, api *clusterAPI) error {
	namespaces := map[string]bool{}
	for _, p := range u.places {
		if isSecret(p) {
			namespaces[p.Namespace] = true
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(namespaces)) {
		found, err := secrets.Backups(ctx, api, namespace, u.record.Run, nil)
		if err != nil {
			return err
		}
		for _, b := range found {
			u.backups[journal.Place{Namespace: b.Namespace, Name: b.Name}] = b
		}
	}
	return nil
}

// left is the row of a place that the rollback cannot put back.
func (u *objectUndo) left(p journal.Place) tasks.SecretReport {
	row := tasks.SecretReport{Namespace: p.Namespace, Name: p.Name, Status: tasks.StatusFailed}
	if kind, name, other := strings.Cut(p.Name, "/"); other {
		row.Kind, row.Name = kind, name
	}
	message := "the run kept no copy of what was there, or a later one pruned it (--keep-backups)"
	switch {
	case !isSecret(p):
		message = "changed by the run, and no backup is made of it"
	case u.status[p] == tasks.StatusCreated:
		message = "made by the run where there was nothing, and not taken away, as others may use it by now"
	case u.record.Start().Command == "pull-secret remove":
		message = "the run took logins out and kept no copy of them"
	}
	row.Error = &tasks.Failure{Cause: string(kube.CauseRejected), Message: message, Hint: u.otherWay(p)}
	return row
}

// otherWay is how something is taken back that no backup holds.
func (u *objectUndo) otherWay(p journal.Place) string {
	command := u.record.Start().Command
	undo := objectCommands()[command]
	switch {
	case p.Path != "":
		return "a file has a copy beside it only after --repair (" + p.Path + ".oreg-" + u.record.Run + ")"
	case undo != "":
		return "what takes it back is: " + undo
	case !isSecret(p):
		return "what takes the links back is: oreg secret unlink"
	case u.status[p] == tasks.StatusCreated:
		return "if it is to go: kubectl -n " + p.Namespace + " delete secret " + p.Name
	case command == "secret create":
		return "give the old login again: oreg secret create " + p.Name + " -n " + p.Namespace
	}
	return "give the old login again: oreg pull-secret append"
}

func (u *objectUndo) names() string {
	var names []string
	for _, p := range u.places {
		names = append(names, tasks.PlaceName(p))
	}
	return strings.Join(names, ", ")
}

// backupMark stands in the name of every backup, which a removal cleans too.
const backupMark = ".oreg-"

// isSecret says whether a place of such a run is a secret.
func isSecret(p journal.Place) bool { return p.Path == "" && !strings.Contains(p.Name, "/") }
