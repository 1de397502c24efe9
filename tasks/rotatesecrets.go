package tasks

import (
	"context"
	"errors"
	"time"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kubenode"
	"oreg/tasks/secrets"
)

// Plan says what Place would do, and which logins of the secrets that it is
// about it would replace.
func (c *ClusterSecrets) Plan(ctx context.Context, wanted []dockerconfig.Entry) ([]SecretReport, []dockerconfig.Found) {
	if c.PullSecret == nil {
		return c.planOwn(ctx, wanted)
	}
	planned, replaced := c.planPullSecret(ctx, wanted)
	planned = c.otherSecrets(planned, func() []SecretReport {
		rows, more := c.planOwn(ctx, wanted)
		replaced = append(replaced, more...)
		return rows
	})
	return planned, replaced
}

func (c *ClusterSecrets) planOwn(ctx context.Context, wanted []dockerconfig.Entry) ([]SecretReport, []dockerconfig.Found) {
	var replaced []dockerconfig.Found
	job := c.Job
	job.Entries, job.Check = wanted, true
	planned := c.with(ctx, job, func(ctx context.Context, client secrets.Client, job secrets.Job) ([]secrets.Result, []string) {
		results, warnings := secrets.Ensure(ctx, client, job)
		if present, err := secrets.Logins(ctx, client, job); err == nil { // Ensure says it too
			replaced = replacedBy(wanted, present)
		}
		return results, warnings
	})
	return planned, replaced
}

// Undo puts back what this run wrote.
func (c *ClusterSecrets) Undo(ctx context.Context) []SecretReport {
	backups, err := c.Backups(ctx, c.Job.Run, &logins{})
	if err != nil {
		return []SecretReport{*c.failed(err)}
	}
	c.PullSecret.wroteNothing()
	return c.Rollback(ctx, backups)
}

// KubeNodes lists the cluster's Node objects.
func (c *ClusterSecrets) KubeNodes(ctx context.Context) ([]kubenode.Node, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := kubenode.List(ctx, client.CoreV1().Nodes())
	return nodes, client.Locate(err)
}

// AwaitReady waits for a heartbeat of a Node that is newer than after.
func (c *ClusterSecrets) AwaitReady(ctx context.Context, node string, after time.Time) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	return c.Ready.Ready(ctx, client.CoreV1().Nodes(), node, after)
}

// Managed are the registries that oreg once wrote into the secret.
func (c *ClusterSecrets) Managed(ctx context.Context) ([]string, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	managed, err := secrets.Managed(ctx, client, c.Job)
	return managed, client.Locate(err)
}

// Logins are those that the secret holds, after the global pull secret's.
func (c *ClusterSecrets) Logins(ctx context.Context) ([]SecretLogins, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	jobs := []secrets.Job{c.Job}
	if c.PullSecret != nil {
		_, job, err := c.pullSecretJob(ctx, nil)
		if err != nil {
			return nil, err
		}
		if jobs = append([]secrets.Job{job}, jobs...); c.PullSecret.Alone {
			jobs = jobs[:1]
		}
	}
	var all []SecretLogins
	var failed []error
	for _, job := range jobs {
		found, err := secrets.Logins(ctx, client, job)
		all = append(all, SecretLogins{Namespace: job.Namespace, Name: job.Name, Logins: found})
		failed = append(failed, client.Locate(err))
	}
	return all, errors.Join(failed...)
}
