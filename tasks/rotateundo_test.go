package tasks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/tasks/clusterlock"
	"oreg/tasks/journal"
	"oreg/validate"
)

// TestT6_RollbackOnFailure puts every byte back, those of the nodes that were
// done and the secrets.
func TestT6_RollbackOnFailure(t *testing.T) {
	s := newSite(t, 4)
	s.put("broken-n3-node", "")
	s.run.RollbackOnFailure = true
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	for _, n := range s.nodes {
		for _, path := range n.ConfigPaths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, oldContent, string(content), "%s", path)
		}
	}
	assert.True(t, s.api.undone)
	assert.True(t, report.Rotation.RolledBack)
	assert.NotEmpty(t, report.Rotation.Stopped)
	assert.False(t, report.Rotation.Safe)
	assert.Equal(t, "failed restart-failed", statusOf(report)["n3"])
	assert.Equal(t, StatusRestored, report.Hosts[0].Files[0].Status)
	record, err := journal.Read(s.folder, rotationRun)
	require.NoError(t, err)
	assert.True(t, record.Settled(), "there is nothing to continue")
}

// TestT6_OldLoginIsTriedBeforeItComesBack: one that is refused by now would cut
// every node off, so nothing is put back, unless by force.
func TestT6_OldLoginIsTriedBeforeItComesBack(t *testing.T) {
	s := newSite(t, 2)
	_, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	gone := &checks{live: validate.StatusInvalid}
	undo := func(of string) *Undo {
		run := *s.run.Run
		run.SkipSecrets, run.Checker = true, liveChecks{gone}
		return &Undo{Run: &run, Of: of, Files: s.run.Files}
	}
	report, err := undo(rotationRun).Rollback(t.Context())
	var refused *CredentialsError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, []string{oldPassword}, gone.tried, "once, however many places have it")
	assert.Empty(t, report.Hosts)
	assert.Equal(t, []string{newPassword, newPassword}, []string{s.holds("n1"), s.holds("n2")})

	_, err = undo("20260101T000000Z-0000").Rollback(t.Context())
	var nothing *NothingToUndoError
	require.ErrorAs(t, err, &nothing)

	forced := undo(rotationRun)
	forced.Force = true
	report, err = forced.Rollback(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Recap{Changed: 2}, report.Recap)
	assert.Equal(t, []string{oldPassword, oldPassword}, []string{s.holds("n1"), s.holds("n2")})
	assert.Len(t, gone.tried, 1)
}

// TestT6_RollbackOfACanary leaves the secrets alone, which never had a turn.
func TestT6_RollbackOfACanary(t *testing.T) {
	s := newSite(t, 3)
	s.checks.live = validate.StatusInvalid
	s.run.RollbackOnFailure = true
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Rotation.RolledBack)
	assert.False(t, s.api.undone)
	assert.Equal(t, oldPassword, s.holds("n2"))
	require.Len(t, report.Secrets, 1)
	assert.Equal(t, StatusSkipped, report.Secrets[0].Status)
}

// TestT6_RollbackOfAContinuedRun undoes what the first attempt did too, also
// where nothing was left to do.
func TestT6_RollbackOfAContinuedRun(t *testing.T) {
	s := newSite(t, 4)
	s.api.stale = "n1"
	_, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.run.Journal.Close())
	record, err := journal.Read(s.folder, rotationRun)
	require.NoError(t, err)
	require.Equal(t, newPassword, s.holds("n2"), "the canary of the first attempt")
	require.NotContains(t, unrestarted(&record), "n2")

	s.api.stale = "n3" // which is the canary now
	s.fresh(&record).RollbackOnFailure = true
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"n3"}, report.Rotation.Plan.Canary)
	assert.True(t, report.Rotation.RolledBack)
	for _, n := range s.nodes {
		assert.Equal(t, oldPassword, s.holds(n.Name), n.Name)
	}
	assert.True(t, s.api.undone, "the first attempt wrote the secrets")
}

// TestT6_SecondRotateContinues: what the first attempt wrote and did not
// restart is restarted, under the same run id, and one rollback undoes both.
func TestT6_SecondRotateContinues(t *testing.T) {
	s := newSite(t, 4)
	s.api.stale = "n1"
	_, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.run.Journal.Close())
	record, err := journal.Read(s.folder, rotationRun)
	require.NoError(t, err)
	assert.False(t, record.Settled())
	assert.Equal(t, map[string]bool{"n1": true}, unrestarted(&record))

	s.api.stale = ""
	before := len(s.log())
	report, err := s.fresh(&record).Rotate(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Rotation.Safe)
	assert.True(t, report.Rotation.Continues)
	assert.Equal(t, map[string]string{"n1": "ok", "n2": "ok", "n3": "changed", "n4": "changed"}, statusOf(report))
	var restarts []string
	for _, line := range s.log()[before:] {
		if strings.HasPrefix(line, "restart") {
			restarts = append(restarts, strings.Fields(line)[1])
		}
	}
	assert.Equal(t, []string{"n3-node,", "n1-node,", "n4-node,"}, restarts)

	for _, n := range s.nodes {
		h := s.run.Files.restoring(rotationRun, nil)(t.Context(), n)
		require.Equal(t, StatusChanged, h.Status, "%+v", h.Error)
		for _, path := range n.ConfigPaths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, oldContent, string(content))
		}
	}
}

// TestV9_UnprovenLoginReplacesNothing unless it is allowed; an untested one
// does, with a warning.
func TestV9_UnprovenLoginReplacesNothing(t *testing.T) {
	s := newSite(t, 2)
	s.checks.status = validate.StatusInconclusive
	_, err := s.run.Rotate(t.Context())
	var unproven *UnprovenError
	require.ErrorAs(t, err, &unproven)
	assert.Equal(t, []string{registryA}, unproven.Hosts)
	assert.Equal(t, oldPassword, s.holds("n1"))
	assert.Empty(t, s.log())

	s.fresh2()
	s.run.AllowUnproven = true
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Rotation.Safe)
	assert.Contains(t, s.log()[0], "--allow-unproven")

	s = newSite(t, 2)
	s.checks.status = validate.StatusSkipped
	s.run.Cluster.Credentials[0].TestLogin = false
	report, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Rotation.Safe)
	assert.Contains(t, s.log()[0], "test_login is false")
	assert.Empty(t, s.checks.tried, "test_login false is left out of the live check")

	// Where nothing else is in place there is nothing to be replaced.
	s = newSite(t, 1)
	s.checks.status = validate.StatusInconclusive
	s.api.placed = true
	for _, path := range s.nodes[0].ConfigPaths {
		require.NoError(t, os.Remove(path))
	}
	report, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Rotation.Safe)
}

// TestO6_CheckShowsThePlanAndWritesNothing.
func TestO6_CheckShowsThePlanAndWritesNothing(t *testing.T) {
	s := newSite(t, 3)
	s.run.Check, s.run.Files.Check, s.run.Journal, s.run.Files.Journal = true, true, nil, nil
	s.run.Confirm = func(context.Context, RotationPlan) (bool, error) { t.Error("asked"); return true, nil }
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Recap{Changed: 3}, report.Recap)
	assert.Equal(t, []string{"n2"}, report.Rotation.Plan.Canary)
	assert.Equal(t, StatusUpdated, report.Secrets[0].Status)
	assert.Empty(t, s.log())
	assert.Equal(t, oldPassword, s.holds("n2"))
	assert.False(t, report.RotationAmiss())
}

// TestLockIsTakenBeforeThePlan, which would else be of a cluster that changes,
// and given back; --check takes none.
func TestLockIsTakenBeforeThePlan(t *testing.T) {
	s := newSite(t, 1)
	s.api.lockErr = errors.New("another run works on this cluster")
	_, err := s.run.Rotate(t.Context())
	require.ErrorIs(t, err, s.api.lockErr)
	assert.Equal(t, oldPassword, s.holds("n1"))
	s.api.lockErr = nil
	s.fresh2()
	_, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, s.api.locked)
	assert.Equal(t, 1, s.api.released)
	s.fresh2()
	s.run.Check, s.run.Files.Check = true, true
	_, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, s.api.locked)
}

// TestLostLockIsNoInterruption, and not "nothing was changed" either.
func TestLostLockIsNoInterruption(t *testing.T) {
	s := newSite(t, 3)
	s.run.Live = func(inventory.Node) Checker {
		s.api.loseLock(clusterlock.ErrLost)
		return liveChecks{s.checks}
	}
	report, err := s.run.Rotate(t.Context())
	require.ErrorIs(t, err, clusterlock.ErrLost)
	assert.Equal(t, newPassword, s.holds("n2"))
	assert.Equal(t, map[string]string{"n1": "skipped not-tried", "n2": "failed restart-failed", "n3": "skipped not-tried"}, statusOf(report))
	assert.False(t, report.Rotation.Safe)

	s = newSite(t, 1)
	s.run.Confirm = func(ctx context.Context, _ RotationPlan) (bool, error) {
		s.api.loseLock(clusterlock.ErrLost)
		return false, ctx.Err()
	}
	report, err = s.run.Rotate(t.Context())
	require.ErrorIs(t, err, clusterlock.ErrLost)
	assert.Contains(t, report.Rotation.Stopped, "nothing was changed")
}

func TestNoIsNo(t *testing.T) {
	s := newSite(t, 2)
	s.run.Confirm = func(_ context.Context, p RotationPlan) (bool, error) {
		assert.Equal(t, []string{"n1", "n2"}, p.Change)
		return false, nil
	}
	report, err := s.run.Rotate(t.Context())
	require.ErrorIs(t, err, ErrDeclined)
	assert.Equal(t, "nothing was changed, because the answer was no", report.Rotation.Stopped)
	assert.False(t, report.Rotation.Accounted)
	assert.Empty(t, report.Secrets)
	assert.Empty(t, s.log())
	assert.Equal(t, oldPassword, s.holds("n2"))
}

// TestInterruptedRotationSaysWhatItKnows: Ctrl-C during a restart.
func TestInterruptedRotationSaysWhatItKnows(t *testing.T) {
	s := newSite(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.put("hook", `[ $unit != n1-node ] || touch `+s.dir+`/now`)
	var watch sync.WaitGroup
	watch.Go(func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(s.dir, "now")); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	})
	s.run.Files.Services.Steady = time.Minute
	s.run.Canary = 0
	report, err := s.run.Rotate(ctx)
	require.ErrorIs(t, err, context.Canceled)
	watch.Wait()
	assert.Equal(t, map[string]string{"n1": "failed restart-failed", "n2": "skipped not-tried", "n3": "skipped not-tried", "n4": "skipped not-tried"}, statusOf(report))
	assert.False(t, report.Rotation.Safe)
	record, err := journal.Read(s.folder, rotationRun)
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"n1": true}, unrestarted(&record), "the next run restarts it again")
}

// TestT1_EveryPlaceThatIsLeftIsNamed: other secrets, and nodes of the cluster
// that the inventory lacks.
func TestT1_EveryPlaceThatIsLeftIsNamed(t *testing.T) {
	s := newSite(t, 1)
	s.api.drift = []SecretReport{{Namespace: "openshift", Name: "team", Status: StatusDrift, Diff: []string{"another login for " + registryA}}}
	s.api.nodes = []string{"forgotten"}
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []OldPlace{
		{Secret: "openshift/team", State: PlaceOld, Why: "another login for " + registryA},
		{Node: "forgotten", State: PlaceUnknown, Why: "a Node of the cluster that the inventory does not have"},
	}, report.Rotation.StillOld)
	assert.False(t, report.Rotation.Safe)
	assert.True(t, report.RotationAmiss())

	s = newSite(t, 1)
	s.run.Limited, s.run.SkipSecrets = true, true
	s.run.SecretsLeftOut, s.run.Secret = "the limit leaves the first master out", SecretReport{Namespace: "openshift", Name: "imagestreamsecret"}
	report, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Secrets, 1)
	assert.Equal(t, StatusSkipped, report.Secrets[0].Status)
	assert.Len(t, report.Rotation.StillOld, 2)
	assert.False(t, report.Rotation.Safe)
	assert.False(t, report.RotationAmiss(), "they were left out on purpose")
}

// TestT5_PoolsAreAccountedFor: the pools whose machines have not the new pull
// secret are places with an old login, and so is what nobody can tell.
func TestT5_PoolsAreAccountedFor(t *testing.T) {
	s := newSite(t, 1)
	s.api.drift = []SecretReport{
		{Kind: KindPool, Name: "infra", Status: StatusUnchanged, Notes: []string{"infra: 2 of 2 machines updated"}},
		{Kind: KindPool, Name: "worker", Status: StatusDrift, Notes: []string{"worker: 1 of 3 machines updated", "another password"}},
		{Kind: KindPool, Name: "master", Status: StatusFailed, Error: &Failure{Cause: "api-unreachable", Message: "no answer"}},
		{Kind: KindPool, Status: StatusSkipped, Notes: []string{"what the nodes have is not known"}},
	}
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []OldPlace{
		{Pool: "worker", State: PlaceOld, Why: "worker: 1 of 3 machines updated; another password"},
		{Pool: "master", State: PlaceUnknown, Why: "no answer"},
		{State: PlaceUnknown, Why: "what the nodes have is not known"},
	}, report.Rotation.StillOld)
	assert.False(t, report.Rotation.Safe)
	assert.True(t, report.RotationAmiss())
}

func TestSerial(t *testing.T) {
	for _, c := range []struct {
		text string
		of   int
		want int
	}{
		{"", 10, 1}, {"1", 10, 1}, {"5", 10, 5}, {"20%", 10, 2}, {"1%", 10, 1}, {"100%", 7, 7}, {" 30% ", 11, 3}, {"12.5%", 16, 2},
	} {
		serial, err := ParseSerial(c.text)
		require.NoError(t, err, "%q", c.text)
		assert.Equal(t, c.want, serial.Of(c.of), "%q of %d", c.text, c.of)
	}
	for _, text := range []string{"0", "-1", "0%", "101%", "NaN%", "x", "1.5", "%", "1,2"} {
		_, err := ParseSerial(text)
		assert.ErrorContains(t, err, "expected", "%q", text)
	}
}
