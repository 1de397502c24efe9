package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/pullsecret"
	"oreg/tasks/secrets"
)

// GlobalPullSecret has a [ClusterSecrets] look after the global pull secret of
// OpenShift 4 too, in the place of files on nodes: there the machine-config
// operator writes every node's file, and nobody else may.
type GlobalPullSecret struct {
	// Alone leaves every other secret as it is.
	Alone bool
	// Wait is how long a change is followed on its way to the nodes, by the
	// MachineConfigPools; 0 is not at all.
	Wait time.Duration
	// Say tells what a change sets in motion, before it is made, and how it goes
	// on; once for each text.
	Say func(text string)

	place  *pullsecret.Place
	before []pullsecret.Pool // as they stood before this run's change
	wrote  bool
	said   []string
}

func (g *GlobalPullSecret) say(text string) {
	if g.Say != nil && !slices.Contains(g.said, text) {
		g.said = append(g.said, text)
		g.Say(text)
	}
}

// pullSecretJob finds the cluster's pull secret and makes the job its own.
func (c *ClusterSecrets) pullSecretJob(ctx context.Context, wanted []dockerconfig.Entry) (*kube.Client, secrets.Job, error) {
	g := c.PullSecret
	job := c.Job
	job.Entries, job.Namespace, job.Name = wanted, "openshift-config", "pull-secret"
	// Others add to it too, by oreg for one, and the cluster lives on it: what an
	// inventory does not name says nothing there.
	if job.Prune {
		job.Prune = false
		c.Warn("--prune takes nothing out of the global pull secret; oreg pull-secret remove does")
	}
	client, err := c.open(ctx)
	if err != nil {
		return nil, job, err
	}
	if g.place == nil {
		place, err := pullsecret.Find(ctx, client.Dynamic)
		for _, w := range place.Warnings {
			c.Warn(w)
		}
		if err != nil {
			return nil, job, client.Locate(err)
		}
		g.place = &place
	}
	return client, g.place.Job(job), nil
}

// lockNamespace is where runs on the same secrets meet: beside the pull secret,
// where one is looked after.
func (c *ClusterSecrets) lockNamespace(ctx context.Context) string {
	if c.PullSecret == nil {
		return c.Job.Namespace
	}
	_, job, err := c.pullSecretJob(ctx, nil)
	if err != nil {
		return c.Job.Namespace // Place says why
	}
	return job.Namespace
}

// backupNamespaces are those that a run left backups in.
func (c *ClusterSecrets) backupNamespaces(ctx context.Context) ([]string, error) {
	if c.PullSecret == nil {
		return []string{c.Job.Namespace}, nil
	}
	_, job, err := c.pullSecretJob(ctx, nil)
	if err != nil {
		return nil, err
	}
	if c.PullSecret.Alone || job.Namespace == c.Job.Namespace {
		return []string{job.Namespace}, nil
	}
	return []string{job.Namespace, c.Job.Namespace}, nil
}

// otherSecrets does work on the secrets beside the pull secret, if they are
// looked after, and puts the rows after the pull secret's.
func (c *ClusterSecrets) otherSecrets(rows []SecretReport, work func() []SecretReport) []SecretReport {
	if c.PullSecret != nil && c.PullSecret.Alone {
		return rows
	}
	return append(rows, work()...)
}

// pullSecretRow is the row of the pull secret. What changes is told without
// being asked for: too much hangs on it.
func pullSecretRow(r secrets.Result) SecretReport {
	row := NewSecretReport(r)
	row.Notes, row.Diff = append(slices.Clone(r.Diff), r.Notes...), nil
	return row
}

// planPullSecret says what would become of the pull secret, which logins it
// would lose, and what the change sets in motion.
func (c *ClusterSecrets) planPullSecret(ctx context.Context, wanted []dockerconfig.Entry) ([]SecretReport, []dockerconfig.Found) {
	client, job, err := c.pullSecretJob(ctx, wanted)
	if err != nil {
		return []SecretReport{failedSecret(job, err)}, nil
	}
	job.Check = true
	result := secrets.Put(ctx, client, job)
	c.warnOf(result)
	if result.Err != nil || !changes(string(result.Status)) {
		result.Err = client.Locate(result.Err)
		return []SecretReport{pullSecretRow(result)}, nil
	}
	present, err := secrets.Logins(ctx, client, job)
	if err != nil {
		present = nil // Put has mended what cannot be read, as it was told to
	}
	replaced := replacedBy(wanted, present)
	var touched []string
	for _, e := range wanted {
		same := func(f dockerconfig.Found) bool {
			return dockerconfig.SameRegistry(f.Key, e.Key) && f.User == e.User && f.Password.Equal(e.Password)
		}
		if !slices.ContainsFunc(present, same) {
			touched = append(touched, e.Key)
		}
	}
	for _, text := range append(c.PullSecret.place.Effects(), pullsecret.Protected(touched)...) {
		c.PullSecret.say(text)
	}
	return []SecretReport{pullSecretRow(result)}, replaced
}

// replacedBy are the present logins that wanted ones would replace.
func replacedBy(wanted []dockerconfig.Entry, present []dockerconfig.Found) []dockerconfig.Found {
	var replaced []dockerconfig.Found
	for _, login := range present {
		for _, e := range wanted {
			if dockerconfig.SameRegistry(e.Key, login.Key) && (login.User != e.User || !login.Password.Equal(e.Password)) {
				replaced = append(replaced, login)
			}
		}
	}
	return replaced
}

// placePullSecret puts the wanted entries into the pull secret and takes none
// out, but for what is pruned.
func (c *ClusterSecrets) placePullSecret(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	if c.Job.Check {
		rows, _ := c.planPullSecret(ctx, wanted)
		return rows
	}
	client, job, err := c.pullSecretJob(ctx, wanted)
	if err != nil {
		return []SecretReport{failedSecret(job, err)}
	}
	if c.PullSecret.before, err = pullsecret.Pools(ctx, client.Dynamic); err != nil {
		c.Warn("how the machine-config pools stood before is not known: " + err.Error())
	}
	if c.Journal != nil {
		job.Before = beforeSecret(c.Journal, job.Run)
	}
	result := secrets.Put(ctx, client, job)
	if job.Before != nil {
		c.warnJournal(afterSecrets(c.Journal, []secrets.Result{result}))
	}
	c.warnOf(result)
	if changes(string(result.Status)) {
		c.PullSecret.wrote = true
		if err := secrets.PruneBackups(ctx, client, job.Namespace, c.KeepBackups, job.Mask); err != nil {
			c.Warn("backups that are too many stay: " + err.Error())
		}
	}
	result.Err = client.Locate(result.Err)
	return []SecretReport{pullSecretRow(result)}
}

// verifyPullSecret compares the pull secret, and what the nodes have of it.
func (c *ClusterSecrets) verifyPullSecret(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	client, job, err := c.pullSecretJob(ctx, wanted)
	if err != nil {
		return []SecretReport{failedSecret(job, err)}
	}
	job.Shared = true
	results, _ := secrets.Verify(ctx, client, job)
	own := results[0]
	own.Err = client.Locate(own.Err)
	return append([]SecretReport{NewSecretReport(own)}, c.Pools(ctx, wanted)...)
}

func failedSecret(job secrets.Job, err error) SecretReport {
	return SecretReport{Namespace: job.Namespace, Name: job.Name, Status: StatusFailed, Error: secretFailure(err)}
}

// poolPause is how often the pools are looked at.
const poolPause = 2 * time.Second

// Pools says of each MachineConfigPool whether its nodes have the wanted
// logins, after it has waited for that, if this is what the run is to do: until
// all have, or one fails, or the time is over. Paused pools are not waited for.
func (c *ClusterSecrets) Pools(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	client, job, err := c.pullSecretJob(ctx, wanted)
	if err != nil {
		return nil // the secret's row says why
	}
	g := c.PullSecret
	wait := g.Wait
	if job.Check {
		wait = 0
	}
	var states []poolState
	_, err = kube.PollEvery(ctx, poolPause, wait, func() (bool, error) {
		pools, err := pullsecret.Pools(ctx, client.Dynamic)
		if err != nil {
			return false, err
		}
		states = states[:0]
		done := true
		for _, p := range pools {
			s, err := c.poolState(ctx, client, p, wanted)
			if err != nil {
				return false, err
			}
			states = append(states, s)
			done = done && (s.has() || p.Paused)
			if wait > 0 {
				g.say("machine-config pool " + p.String())
			}
		}
		return done || slices.ContainsFunc(states, func(s poolState) bool { return s.failed }), nil
	})
	switch {
	case err != nil && (ctx.Err() == nil || len(states) == 0):
		return []SecretReport{NewObjectReport(KindPool, "", "", "", client.Locate(err))}
	case len(states) == 0:
		return []SecretReport{{Kind: KindPool, Status: StatusSkipped,
			Notes: []string{"this cluster has no machine-config pools: whether its nodes have the logins was not seen"}}}
	}
	rows := make([]SecretReport, 0, len(states))
	for _, s := range states {
		rows = append(rows, s.row())
	}
	return rows
}

// poolState is what is known of a pool.
type poolState struct {
	pullsecret.Pool
	// begun: the operator has noticed this run's change, or there is none.
	begun bool
	// differs says what its nodes have otherwise.
	differs []string
	failed  bool
	// wrote: this run changed the pull secret.
	wrote bool
}

// has says that every machine has the wanted logins.
func (s poolState) has() bool { return s.Done && s.begun && len(s.differs) == 0 }

func (c *ClusterSecrets) poolState(ctx context.Context, client *kube.Client, p pullsecret.Pool, wanted []dockerconfig.Entry) (poolState, error) {
	g := c.PullSecret
	s := poolState{Pool: p, begun: true, wrote: g.wrote}
	wasDegraded := false
	if i := slices.IndexFunc(g.before, func(b pullsecret.Pool) bool { return b.Name == p.Name }); i >= 0 && g.wrote {
		s.begun, wasDegraded = p.Config != g.before[i].Config, g.before[i].Reason != ""
	}
	s.failed = p.Reason != "" && (s.begun || !wasDegraded)
	found, err := pullsecret.OnNodes(ctx, client.Dynamic, p)
	switch {
	case errors.Is(err, pullsecret.ErrNotTold):
		return s, nil
	case err != nil:
		return s, err
	}
	s.begun = true // what the nodes have is known better than that
	for _, e := range wanted {
		i := slices.IndexFunc(found, func(f dockerconfig.Found) bool { return dockerconfig.SameRegistry(f.Key, e.Key) })
		switch {
		case i < 0:
			s.differs = append(s.differs, dockerconfig.Key(e.Key)+": its machines have no login")
		case found[i].User != e.User || !found[i].Password.Equal(e.Password):
			s.differs = append(s.differs, dockerconfig.Key(e.Key)+": its machines have another login")
		}
	}
	return s, nil
}

func (s poolState) row() SecretReport {
	row := SecretReport{Kind: KindPool, Name: s.Name, Status: StatusUnchanged, Notes: []string{s.String()}}
	switch {
	case s.failed:
		row.Status, row.Error = StatusFailed, &Failure{Cause: string(CauseNotReady),
			Message: "the pull secret is written, and this machine-config pool does not get it onto its machines: " + s.Reason,
			Hint:    "oc describe machineconfigpool " + s.Name}
	case s.has() && s.wrote:
		row.Status = StatusUpdated
	case s.has():
	case !s.begun:
		row.Status, row.Notes = StatusDrift, append(row.Notes, "the machine-config operator has not begun to write the pull secret to its machines")
	default:
		row.Status, row.Notes = StatusDrift, append(row.Notes, s.differs...)
	}
	return row
}

// wroteNothing forgets what was written, because it was put back.
func (g *GlobalPullSecret) wroteNothing() {
	if g != nil {
		g.wrote, g.Wait = false, 0
	}
}

// Question is what a user is asked before the pull secret changes; empty if it
// does not. An error is left to Place.
func (c *ClusterSecrets) Question(ctx context.Context, wanted []dockerconfig.Entry) string {
	rows, _ := c.planPullSecret(ctx, wanted)
	if row := rows[0]; changes(row.Status) {
		return fmt.Sprintf("Change %s/%s of the whole cluster (%s)?", row.Namespace, row.Name, strings.Join(row.Notes, "; "))
	}
	return ""
}
