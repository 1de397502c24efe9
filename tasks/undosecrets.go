package tasks

import (
	"context"
	"slices"
	"strings"

	"oreg/tasks/kube"
	"oreg/tasks/pullsecret"
	"oreg/tasks/secrets"
)

// Backups finds what a run replaced where it had secrets, and adds the logins that
// would come back to old.
func (c *ClusterSecrets) Backups(ctx context.Context, run string, old *logins) ([]secrets.Backup, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	namespaces, err := c.backupNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	var backups []secrets.Backup
	for _, namespace := range namespaces {
		found, err := secrets.Backups(ctx, client, namespace, run, c.Mask)
		if err != nil {
			return nil, err
		}
		backups = append(backups, found...)
		if g := c.PullSecret; g != nil && namespace == g.place.Namespace && len(found) > 0 {
			for _, text := range g.place.Effects() {
				g.say(text)
			}
		}
	}
	backups = append(backups, c.unsuspected(ctx, client, run)...)
	for _, b := range backups {
		job := c.Job
		job.Namespace, job.Name = b.Namespace, b.Name
		present, err := secrets.Logins(ctx, client, job)
		if kube.IsCause(err, kube.CauseAPIUnreachable) {
			return nil, err
		}
		// A secret that its readers reject has no logins.
		for _, login := range b.Logins() {
			if !stands(present, login) {
				old.add("secret "+b.Namespace+"/"+b.Name, login)
			}
		}
	}
	return backups, nil
}

// unsuspected are the backups of a run with --platform 4 that is undone without
// a word of that, from another machine: half of it must not stay. Who may not
// look there made no such run.
func (c *ClusterSecrets) unsuspected(ctx context.Context, client secrets.Client, run string) []secrets.Backup {
	if c.PullSecret != nil {
		return nil
	}
	var backups []secrets.Backup
	for _, namespace := range pullsecret.Namespaces() {
		found, err := secrets.Backups(ctx, client, namespace, run, c.Mask)
		if err == nil && namespace != c.Job.Namespace {
			backups = append(backups, found...)
		}
	}
	return backups
}

// unkept is a row for the secret where the run was the last to write it and its
// backup is gone, so that it cannot be put back; else nil.
func (c *ClusterSecrets) unkept(ctx context.Context, run string, backups []secrets.Backup) []SecretReport {
	kept := func(b secrets.Backup) bool { return b.Namespace == c.Job.Namespace && b.Name == c.Job.Name }
	if slices.ContainsFunc(backups, kept) || c.PullSecret != nil && c.PullSecret.Alone {
		return nil
	}
	client, err := c.open(ctx)
	if err != nil {
		return nil // the backups, read before, have said so
	}
	last, err := secrets.WrittenBy(ctx, client, c.Job)
	switch {
	case err != nil:
		return []SecretReport{*c.failed(err)}
	case last != run:
		return nil
	}
	return []SecretReport{*c.failed(&kube.Error{Cause: kube.CauseConflict,
		Message: "it is what run " + run + " wrote, and the backup of what was there is gone: left alone",
		Hint:    "install the wanted credential again instead"})}
}

// Rollback puts back what the backups hold. A secret that was changed since
// stays and counts as failed.
func (c *ClusterSecrets) Rollback(ctx context.Context, backups []secrets.Backup) []SecretReport {
	client, err := c.open(ctx)
	if err != nil {
		return []SecretReport{*c.failed(err)}
	}
	results := secrets.Rollback(ctx, client, backups, true, c.Mask)
	if !c.Job.Check {
		before := beforeSecret(c.Journal, c.Job.Run)
		for _, r := range results {
			if !changes(string(r.Status)) {
				continue
			}
			if err := before(r.Namespace, r.Name); err != nil {
				return []SecretReport{*c.failed(err)}
			}
		}
		results = secrets.Rollback(ctx, client, backups, false, c.Mask)
		c.warnJournal(afterSecrets(c.Journal, results))
	}
	for i, r := range results {
		if r.Status == secrets.StatusSkipped {
			results[i].Status, results[i].Warnings = secrets.StatusFailed, nil
			results[i].Err = &kube.Error{Cause: kube.CauseConflict, Message: strings.Join(r.Warnings, "; ")}
		}
	}
	return c.reports(results)
}

// warnJournal is for what has happened already.
func (c *ClusterSecrets) warnJournal(err error) {
	if err != nil {
		c.Warn("the journal is not complete: " + err.Error())
	}
}
