package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/pullsecret"
	"oreg/tasks/secrets"
)

// pullSecretChange is append, set and remove in the cluster: looks, tries the
// new logins, says what will happen, asks on a terminal, writes, and waits.
func (a *app) pullSecretChange(ctx context.Context, f *pullSecretFlags, e pullSecretEdit) (*tasks.Report, error) {
	report, err := a.newReport("pull-secret " + e.verb)
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, "")
	if err != nil {
		return nil, err
	}
	api, place, err := a.pullSecretAPI(ctx, f)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	defer api.close()
	job := place.Job(secrets.Job{
		Entries: e.entries, Run: report.Run, Check: true, Repair: f.repair, Recreate: f.recreate,
		Backup: f.keepBackups > 0 && (e.verb != "remove" || f.repair || f.recreate), Mask: entriesMask(e.entries),
	})
	if e.verb == "set" {
		job.New = secrets.FileContent(e.file)
	}
	present, err := secrets.Logins(ctx, api, job)
	var failure *kube.Error
	switch {
	case errors.As(err, &failure) && failure.Cause == kube.CauseWrongType && (e.verb == "set" || f.repair || f.recreate):
		a.warn("what is there cannot be read: " + err.Error())
	case err != nil:
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	dry, others := e.apply(ctx, api, job)
	if dry.Err != nil || dry.Status == secrets.StatusUnchanged && len(others) == 0 {
		return a.endPullSecret(ctx, report, api, f, dry, nil)
	}
	if report, err = a.tryEntries(ctx, report, api.cluster, e, present); err != nil {
		return report, err
	}
	for _, effect := range append(place.Effects(), pullsecret.Protected(e.touched(present))...) {
		a.say("note", effect)
	}
	if a.check {
		return a.endPullSecret(ctx, report, api, f, dry, others)
	}
	yes, err := a.confirm(ctx, fmt.Sprintf("Change %s/%s (%s)?", place.Namespace, place.Name, strings.Join(dry.Diff, "; ")))
	if err != nil {
		return nil, err
	}
	if !yes {
		return nil, errors.New("not confirmed; nothing was changed")
	}
	pools, err := a.poolsBefore(ctx, api, f)
	if err != nil {
		return notReached(report, tasks.KindPool, "", "", err)
	}
	release, err := a.lockCluster(ctx, api, place.Namespace, report)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	job.Check, job.Before = false, objects.BeforeSecret
	if !job.Backup {
		job.Before = func(namespace, name string) error { return objects.Before("", namespace, name) }
	}
	result, others := e.apply(ctx, api, job)
	release()
	a.record(objects, append(secretRows(others), tasks.NewSecretReport(result))...)
	a.pruneBackups(ctx, api, []secrets.Result{result}, f.keepBackups)
	if result.Err == nil && result.Status != secrets.StatusUnchanged {
		a.settle(ctx, report, api, f, job, e, &result)
		a.followPools(ctx, report, api, f, pools)
	}
	return a.endPullSecret(ctx, report, api, f, result, others)
}

// apply does the change. others are the backups of earlier runs that a removal
// takes the registries out of too: what is given up shall not live on there.
// One that rewrites what nobody can read keeps a backup of all of it instead.
func (e pullSecretEdit) apply(ctx context.Context, api *clusterAPI, job secrets.Job) (own secrets.Result, others []secrets.Result) {
	switch {
	case e.verb == "append":
		return secrets.Put(ctx, api, job), nil
	case e.verb == "set":
		return secrets.Replace(ctx, api, job, e.hosts), nil
	case job.Backup:
		return secrets.Drop(ctx, api, job, e.hosts), nil
	}
	results, warnings := secrets.Remove(ctx, api, job, e.hosts)
	results[0].Warnings = append(results[0].Warnings, warnings...)
	return results[0], results[1:]
}

// secretRows are the rows of several secrets.
func secretRows(results []secrets.Result) []tasks.SecretReport {
	rows := make([]tasks.SecretReport, 0, len(results))
	for _, r := range results {
		rows = append(rows, tasks.NewSecretReport(r))
	}
	return rows
}

// touched are the registries whose login would change or go.
func (e pullSecretEdit) touched(present []dockerconfig.Found) []string {
	var hosts []string
	for _, c := range changedEntries(e.entries, present) {
		hosts = append(hosts, c.Key)
	}
	return append(hosts, e.lost(present)...)
}

// lost are the registries that would go.
func (e pullSecretEdit) lost(present []dockerconfig.Found) []string {
	var hosts []string
	for _, p := range present {
		same := func(key string) bool { return dockerconfig.SameRegistry(key, p.Key) }
		kept := slices.ContainsFunc(e.entries, func(n dockerconfig.Entry) bool { return same(n.Key) })
		if e.verb == "remove" && slices.ContainsFunc(e.hosts, same) || e.verb == "set" && !kept {
			hosts = append(hosts, p.Key)
		}
	}
	return hosts
}

// tryEntries presents the new and changed logins to their registries. The
// report is the one to go on with.
func (a *app) tryEntries(ctx context.Context, report *tasks.Report, cluster *inventory.Cluster, e pullSecretEdit, present []dockerconfig.Found) (*tasks.Report, error) {
	changed := changedEntries(e.entries, present)
	if len(changed) == 0 {
		return report, nil
	}
	var credentials []inventory.Credential
	var err error
	if e.credential != nil {
		credentials = []inventory.Credential{*e.credential}
	} else if credentials, err = a.credentialsOf(changed, e.source); err != nil {
		return nil, err
	}
	tried := *cluster
	tried.Credentials = credentials
	run, err := a.newRun(ctx, report.Command, &tried)
	if err != nil {
		return nil, err
	}
	run.ID = report.Run
	closeOrigin, err := a.setOrigin(run)
	if err != nil {
		return nil, err
	}
	defer closeOrigin()
	return run.Validate(ctx)
}

// endPullSecret adds the pull secret's own row, first. What changes is told
// without being asked for: too much hangs on it.
func (a *app) endPullSecret(ctx context.Context, report *tasks.Report, api *clusterAPI, f *pullSecretFlags, r secrets.Result, others []secrets.Result) (*tasks.Report, error) {
	for _, w := range r.Warnings {
		a.warn(fmt.Sprintf("secret %s/%s: %s", r.Namespace, r.Name, w))
	}
	row := tasks.NewSecretReport(r)
	row.Notes, row.Diff = append(slices.Clone(r.Diff), r.Notes...), nil
	hintAtBackup(&row, f.keepBackups)
	var removal *secrets.RemovalError
	if errors.As(r.Err, &removal) {
		row.Error = &tasks.Failure{Cause: string(kube.CauseRejected), Message: removal.Error(), Hint: hintOf(removal)}
	}
	report.Secrets = append(append([]tasks.SecretReport{row}, secretRows(others)...), report.Secrets...)
	if removal != nil {
		report.Finish()
		return report, removal
	}
	return a.ended(ctx, report, api)
}

// settle watches whether somebody takes the change back.
func (a *app) settle(ctx context.Context, report *tasks.Report, api *clusterAPI, f *pullSecretFlags, job secrets.Job, e pullSecretEdit, result *secrets.Result) {
	if f.settle == 0 || len(e.entries) == 0 {
		return
	}
	a.progress.stage("watching whether the change stays", 1)
	job.Check = true
	present, err := secrets.Logins(ctx, api, job)
	// What an earlier change put there is wanted too.
	job.Entries = slices.Clone(e.entries)
	for _, p := range present {
		same := func(n dockerconfig.Entry) bool { return dockerconfig.SameRegistry(n.Key, p.Key) }
		if !p.Token && p.User != "" && !slices.ContainsFunc(e.entries, same) {
			job.Entries = append(job.Entries, dockerconfig.Entry{Key: p.Key, User: p.User, Password: p.Password})
		}
	}
	var differs []string
	if err == nil {
		differs, err = pullsecret.Settle(ctx, api, job, time.Duration(f.settle))
	}
	a.progress.step()
	switch {
	case err != nil:
		result.Warnings = append(result.Warnings, "whether the change stays was not seen: "+err.Error())
	case len(differs) > 0:
		report.Secrets = append(report.Secrets, tasks.SecretReport{Namespace: job.Namespace, Name: job.Name, Status: tasks.StatusDrift,
			Notes: append([]string{"somebody took the change back"}, differs...)})
	}
}

// poolsBefore is how the machine-config pools stand before a change that is to
// be followed.
func (a *app) poolsBefore(ctx context.Context, api *clusterAPI, f *pullSecretFlags) ([]pullsecret.Pool, error) {
	if f.wait == 0 {
		return nil, nil
	}
	return pullsecret.Pools(ctx, api.Dynamic)
}

// followPools waits until the nodes have the change.
func (a *app) followPools(ctx context.Context, report *tasks.Report, api *clusterAPI, f *pullSecretFlags, before []pullsecret.Pool) {
	switch {
	case f.wait == 0:
		return
	case len(before) == 0:
		a.warn("this cluster has no machine-config pools: there is nothing to wait for")
		return
	}
	last := before
	err := pullsecret.Follow(ctx, api.Dynamic, before, f.waiting(), func(pools []pullsecret.Pool) {
		last = pools
		for _, p := range pools {
			a.say("note", "machine-config pool "+p.String())
		}
	})
	var degraded *pullsecret.DegradedError
	var unfinished *pullsecret.UnfinishedError
	for _, p := range last {
		row := tasks.SecretReport{Kind: tasks.KindPool, Name: p.Name, Status: tasks.StatusUpdated, Notes: []string{p.String()}}
		switch {
		case p.Paused:
			row.Status = tasks.StatusSkipped
		case errors.As(err, &degraded) && degraded.Pool.Name == p.Name, errors.As(err, &unfinished) && !p.Done,
			errors.As(err, &unfinished) && unfinished.Untouched:
			row.Status, row.Error = tasks.StatusFailed, &tasks.Failure{Cause: "not-ready", Message: err.Error(),
				Hint: "the pull secret itself is written; oc describe machineconfigpool " + p.Name}
		case err != nil && degraded == nil && unfinished == nil:
			row = tasks.NewObjectReport(tasks.KindPool, "", p.Name, "", err)
		case !p.Done:
			row.Status = tasks.StatusSkipped
		}
		report.Secrets = append(report.Secrets, row)
	}
}
