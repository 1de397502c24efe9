package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/tasks/clusterlock"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/kubenode"
	"oreg/tasks/secrets"
)

// ClusterSecrets looks after the secrets of the inventory in the cluster. It
// is a [SecretKeeper]. Close ends its connections.
type ClusterSecrets struct {
	API API
	// Job is what to do, without its entries.
	Job secrets.Job
	// PullSecret is what to do with the global pull secret; nil is nothing.
	PullSecret *GlobalPullSecret
	// Journal is told before and after each change; nil for none. A change
	// that it does not take is not made.
	Journal *journal.Journal
	// KeepBackups is how many backups of each secret stay.
	KeepBackups int
	// Inventory's nodes are what the cluster's must include, unless
	// AllowOtherCluster.
	Nodes             []inventory.Node
	AllowOtherCluster bool
	Version           string
	Mask              *secret.Masker
	Warn              func(message string)
	// Holder is how the cluster's lock names this run.
	Holder clusterlock.Holder
	Now    func() time.Time
	// Ready is how long a rotation waits for a Node.
	Ready kubenode.Wait

	opened bool
	client *kube.Client
	err    error
	close  func()
}

// open opens the API once; a second call gives the same answer.
func (c *ClusterSecrets) open(ctx context.Context) (*kube.Client, error) {
	if c.opened {
		return c.client, c.err
	}
	c.opened = true
	access, closeAccess, err := c.API.Open(ctx)
	if err != nil {
		c.err = err
		return nil, err
	}
	c.close = closeAccess
	for _, w := range access.Warnings {
		c.Warn(w)
	}
	c.client, c.err = access.Client(c.Version)
	if c.err == nil && access.Asked && !c.AllowOtherCluster && len(c.Nodes) > 0 {
		c.err = c.client.Locate(kube.Guard(ctx, c.client.CoreV1().Nodes(), c.Nodes, access.Source))
	}
	return c.client, c.err
}

// Guard refuses the cluster of a kubeconfig that was asked for if it is not
// the inventory's, and a kubeconfig that cannot be used. An API that does not
// answer is left to Place, because the nodes can be done without it. The
// first master's own kubeconfig needs no guard.
func (c *ClusterSecrets) Guard(ctx context.Context) error {
	if _, master := c.API.(MasterAPI); master {
		return nil
	}
	_, err := c.open(ctx)
	var failure *kube.Error
	if errors.As(err, &failure) && failure.Cause != kube.CauseWrongCluster {
		return nil
	}
	return err
}

// Lock keeps other runs off the cluster, by a ConfigMap beside the secret. It
// does without where the API does not answer or does not allow it: the nodes
// have locks of their own, and the secrets optimistic locking.
func (c *ClusterSecrets) Lock(ctx context.Context) (context.Context, func(), error) {
	none := func() {}
	client, err := c.open(ctx)
	if err != nil {
		return ctx, none, nil // Place says why
	}
	namespace := c.lockNamespace(ctx)
	lock, err := clusterlock.Acquire(ctx, client.CoreV1().ConfigMaps(namespace), namespace, c.Holder, clusterlock.Options{
		Now:     c.Now,
		Waiting: func(h clusterlock.Holder) { c.Warn("waiting for another run on this cluster: " + h.String()) },
	})
	var held *clusterlock.LockedError
	switch {
	case ctx.Err() != nil:
		return ctx, none, ctx.Err()
	case errors.As(err, &held):
		return ctx, none, err
	case err != nil:
		c.Warn("no lock against a second run on this cluster: " + err.Error())
		return ctx, none, nil
	}
	locked, cancel := context.WithCancelCause(ctx)
	released := make(chan struct{})
	go func() {
		select {
		case <-lock.Lost():
			c.Warn(clusterlock.ErrLost.Error() + ", because this one gave no sign for too long; it stops")
			cancel(clusterlock.ErrLost)
		case <-released:
		}
	}()
	return locked, func() {
		close(released)
		if err := lock.Release(ctx); err != nil {
			c.Warn("the lock of the cluster was not given back, and ends by itself: " + err.Error())
		}
		cancel(nil)
	}, nil
}

// Place creates or updates the secret and the old installer's, and before them
// the global pull secret.
func (c *ClusterSecrets) Place(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	if c.PullSecret == nil {
		return c.placeOwn(ctx, wanted)
	}
	return c.otherSecrets(c.placePullSecret(ctx, wanted), func() []SecretReport { return c.placeOwn(ctx, wanted) })
}

func (c *ClusterSecrets) placeOwn(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	return c.do(ctx, wanted, func(ctx context.Context, client secrets.Client, job secrets.Job) ([]secrets.Result, []string) {
		results, warnings := secrets.Ensure(ctx, client, job)
		written := slices.ContainsFunc(results, func(r secrets.Result) bool { return changes(string(r.Status)) })
		if written && !job.Check {
			if err := secrets.PruneBackups(ctx, client, job.Namespace, c.KeepBackups, job.Mask); err != nil {
				warnings = append(warnings, "backups that are too many stay: "+err.Error())
			}
		}
		return results, warnings
	})
}

// Verify compares the secrets with the wanted entries.
func (c *ClusterSecrets) Verify(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	own := func() []SecretReport {
		job := c.Job
		job.Entries = wanted
		return c.with(ctx, job, secrets.Verify)
	}
	if c.PullSecret == nil {
		return own()
	}
	return c.otherSecrets(c.verifyPullSecret(ctx, wanted), own)
}

// do does work that changes secrets, told to the journal.
func (c *ClusterSecrets) do(ctx context.Context, wanted []dockerconfig.Entry,
	work func(context.Context, secrets.Client, secrets.Job) ([]secrets.Result, []string),
) []SecretReport {
	job := c.Job
	job.Entries = wanted
	if c.Journal != nil && !job.Check {
		job.Before = beforeSecret(c.Journal, job.Run)
	}
	return c.with(ctx, job, work)
}

// with does work on the cluster, told to the journal if the job has its hook.
func (c *ClusterSecrets) with(ctx context.Context, job secrets.Job,
	work func(context.Context, secrets.Client, secrets.Job) ([]secrets.Result, []string),
) []SecretReport {
	client, err := c.open(ctx)
	if err != nil {
		return []SecretReport{*c.failed(err)}
	}
	results, warnings := work(ctx, client, job)
	if job.Before != nil {
		c.warnJournal(afterSecrets(c.Journal, results))
	}
	for _, w := range append(warnings, client.Warnings()...) {
		c.Warn(w)
	}
	return c.reports(results)
}

// failed is the report of a cluster that could not be worked on.
func (c *ClusterSecrets) failed(err error) *SecretReport {
	if c.client != nil {
		err = c.client.Locate(err)
	}
	return &SecretReport{Namespace: c.Job.Namespace, Name: c.Job.Name, Status: StatusFailed, Error: secretFailure(err)}
}

// reports turns results into rows, and their warnings into the run's.
func (c *ClusterSecrets) reports(results []secrets.Result) []SecretReport {
	reports := make([]SecretReport, 0, len(results))
	for _, r := range results {
		c.warnOf(r)
		r.Err = c.client.Locate(r.Err)
		reports = append(reports, NewSecretReport(r))
	}
	return reports
}

func (c *ClusterSecrets) warnOf(r secrets.Result) {
	for _, w := range r.Warnings {
		c.Warn(fmt.Sprintf("secret %s/%s: %s", r.Namespace, r.Name, w))
	}
}

// Close ends the connections to the cluster.
func (c *ClusterSecrets) Close() {
	if c.client != nil {
		c.client.Close()
	}
	if c.close != nil {
		c.close()
	}
}
