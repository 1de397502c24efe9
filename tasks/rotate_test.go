package tasks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/validate"
)

func statusOf(report *Report) map[string]string {
	found := map[string]string{}
	for _, h := range report.Hosts {
		found[h.Name] = h.Status
		if h.Error != nil {
			found[h.Name] += " " + h.Error.Cause
		}
	}
	return found
}

// TestT3_OrderOfARotation: one canary that is no master, with its restart; the
// secrets; then batch by batch, each node restarted only after its file and
// waited for, and everything read back.
func TestT3_OrderOfARotation(t *testing.T) {
	s := newSite(t, 4)
	s.run.Serial = Serial{N: 2}
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	log := s.log()
	require.Len(t, log, 9)
	assert.Equal(t, []string{"restart n2-node, new on: n2", "ready n2 since 11", "secrets"}, log[:3])
	assert.ElementsMatch(t, []string{"restart n1-node, new on: n1 n2 n3", "restart n3-node, new on: n1 n2 n3"}, log[3:5], "a batch at once")
	assert.ElementsMatch(t, []string{"ready n1 since 11", "ready n3 since 11"}, log[5:7])
	assert.Equal(t, []string{"restart n4-node, new on: n1 n2 n3 n4", "ready n4 since 11"}, log[7:])
	assert.Equal(t, []string{newPassword}, s.checks.tried, "the live check is of what is really on the canary, once")
	assert.Equal(t, Recap{Changed: 4}, report.Recap)
	require.NotNil(t, report.Rotation)
	assert.True(t, report.Rotation.Safe)
	assert.Nil(t, report.Rotation.SafeFrom)
	assert.Empty(t, report.Rotation.StillOld)
	assert.False(t, report.RotationAmiss())
	assert.Equal(t, RotationPlan{
		Canary: []string{"n2"}, Change: []string{"n1", "n2", "n3", "n4"}, Restart: []string{"n1", "n2", "n3", "n4"},
		Batch: 2, Batches: 2, Unreachable: []string{}, Secrets: []string{"openshift/imagestreamsecret"}, Seconds: 90,
	}, report.Rotation.Plan)
	record, err := journal.Read(s.folder, rotationRun)
	require.NoError(t, err)
	assert.True(t, record.Settled())
	assert.Empty(t, unrestarted(&record))

	// T7: once more there is nothing to write and nothing to restart.
	before := len(s.log())
	require.NoError(t, s.run.Journal.Close())
	report, err = s.fresh(nil).Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Recap{OK: 4}, report.Recap)
	assert.True(t, report.Rotation.Safe)
	assert.True(t, report.Rotation.Plan.Nothing())
	assert.Equal(t, []string{"secrets"}, s.log()[before:])
}

// TestN15_OnlyChangedNodesAreRestarted, and one whose service somebody stopped
// is not started.
func TestN15_OnlyChangedNodesAreRestarted(t *testing.T) {
	s := newSite(t, 3)
	content, err := dockerconfig.Merge([]byte(oldContent), []dockerconfig.Entry{{Key: registryA, User: "u", Password: secret.New(newPassword)}}, dockerconfig.Options{})
	require.NoError(t, err)
	for _, path := range s.nodes[1].ConfigPaths {
		require.NoError(t, os.WriteFile(path, content.Content, 0o600))
	}
	s.put("stopped-n3-node", "")
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n1": "changed", "n2": "ok", "n3": "changed"}, statusOf(report))
	assert.Equal(t, []string{"secrets", "restart n1-node, new on: n1 n2 n3", "ready n1 since 11"}, s.log())
	assert.NotNil(t, report.Rotation.SafeFrom, "a service that does not run may be started any moment, with its file; its cache is none of ours")
}

// TestN15_FirstNodeThatDoesNotReturnStopsTheRun, whether its service fails or
// its Ready condition is merely stale; max-fail-percentage does not help.
func TestN15_FirstNodeThatDoesNotReturnStopsTheRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*site)
		want  string
	}{
		{"service fails", func(s *site) { s.put("broken-n1-node", "") }, "failed restart-failed"},
		{"Ready is stale", func(s *site) { s.api.stale = "n1" }, "failed not-ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, 4)
			c.spoil(s)
			s.run.MaxFail = 100
			report, err := s.run.Rotate(t.Context())
			require.NoError(t, err)
			assert.Equal(t, map[string]string{"n1": c.want, "n2": "changed", "n3": "skipped not-tried", "n4": "skipped not-tried"}, statusOf(report))
			assert.Equal(t, "n1 did not come back after its restart", report.Rotation.Stopped)
			assert.Equal(t, []string{oldPassword, oldPassword}, []string{s.holds("n3"), s.holds("n4")})
			assert.False(t, report.Rotation.Safe)
			assert.True(t, report.RotationAmiss())
			var old []string
			for _, p := range report.Rotation.StillOld {
				old = append(old, p.Host+" "+p.State)
			}
			assert.Equal(t, []string{"n1 unknown", "n3 old", "n4 old"}, old)
		})
	}
}

// TestT3_CanaryThatFailsStopsBeforeSecretsAndOthers.
func TestT3_CanaryThatFailsStopsBeforeSecretsAndOthers(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*site)
		want  string
	}{
		{"live check", func(s *site) { s.checks.live = validate.StatusInvalid }, "failed bad-credentials"},
		{"restart", func(s *site) { s.put("broken-n2-node", "") }, "failed restart-failed"},
		{"not ready", func(s *site) { s.api.stale = "n2" }, "failed not-ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, 3)
			c.spoil(s)
			report, err := s.run.Rotate(t.Context())
			require.NoError(t, err)
			assert.Equal(t, map[string]string{"n1": "skipped not-tried", "n2": c.want, "n3": "skipped not-tried"}, statusOf(report))
			assert.NotContains(t, s.log(), "secrets")
			assert.Equal(t, []SecretReport{{Namespace: "openshift", Name: "imagestreamsecret", Status: StatusSkipped,
				Notes: []string{"not tried: the rotation ended before its turn"}}}, report.Secrets)
			assert.Contains(t, report.Rotation.Stopped, "the canary n2 failed")
			assert.Equal(t, oldPassword, s.holds("n1"))
			assert.Equal(t, newPassword, s.holds("n2"))
		})
	}
}

// TestT3_CanaryIsReadBack: what somebody else writes between our write and the
// check stops the run.
func TestT3_CanaryIsReadBack(t *testing.T) {
	s := newSite(t, 2)
	// Another agent on the machine puts the old file back at once.
	ctx, cancel := context.WithCancel(t.Context())
	var agent sync.WaitGroup
	agent.Go(func() {
		path := s.nodes[1].ConfigPaths[1]
		for ctx.Err() == nil {
			if content, err := os.ReadFile(path); err == nil && string(content) != oldContent {
				_ = os.WriteFile(path+".agent", []byte(oldContent), 0o600) // the rename fails then
				_ = os.Rename(path+".agent", path)
			}
		}
	})
	report, err := s.run.Rotate(t.Context())
	cancel()
	agent.Wait()
	require.NoError(t, err)
	assert.Equal(t, "failed changed-underneath", statusOf(report)["n2"])
	assert.NotContains(t, s.log(), "secrets")
}

// TestN15_CanaryThatHoldsItByNowIsNotRestarted: the plan is a minute old when
// the answer comes, and another run may have been faster.
func TestN15_CanaryThatHoldsItByNowIsNotRestarted(t *testing.T) {
	s := newSite(t, 2)
	s.run.Confirm = func(_ context.Context, plan RotationPlan) (bool, error) {
		require.Equal(t, []string{"n2"}, plan.Canary)
		content, err := dockerconfig.Merge([]byte(oldContent), []dockerconfig.Entry{{Key: registryA, User: "u", Password: secret.New(newPassword)}}, dockerconfig.Options{})
		for _, path := range s.nodes[1].ConfigPaths {
			err = errors.Join(err, os.WriteFile(path, content.Content, 0o600))
		}
		return true, err
	}
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n1": "changed", "n2": "ok"}, statusOf(report))
	assert.Equal(t, []string{"secrets", "restart n1-node, new on: n1 n2", "ready n1 since 11"}, s.log())
}

func TestRestartNever(t *testing.T) {
	s := newSite(t, 3)
	s.run.Restart = false
	s.api.nodesErr = errors.New("the API has no Node objects for us")
	now := time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)
	s.run.Now = func() time.Time { return now }
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"secrets"}, s.log())
	assert.True(t, report.Rotation.Safe)
	require.NotNil(t, report.Rotation.SafeFrom)
	assert.Equal(t, now.Add(5*time.Minute), *report.Rotation.SafeFrom)
	assert.Equal(t, Recap{Changed: 3}, report.Recap)

	// T3: the same again, a minute later, finds nothing to do; the kubelets go on
	// with what they remember all the same.
	wrote := now
	again := *s.run
	again.hosts = nil
	again.Written = WrittenNotRestarted([]journal.Record{{Lines: []journal.Line{
		{Event: journal.EventAfter, Host: "n1", Path: "/config.json", Time: wrote},
		{Event: journal.EventAfter, Host: "n2", Path: "/config.json", Time: wrote.Add(2 * time.Minute)},
		{Event: journal.EventRestarted, Host: "n2", Status: StatusOK, Time: wrote.Add(3 * time.Minute)},
	}}})
	now = now.Add(time.Minute)
	report, err = again.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Recap{OK: 3}, report.Recap)
	require.NotNil(t, report.Rotation.SafeFrom)
	assert.Equal(t, wrote.Add(5*time.Minute), *report.Rotation.SafeFrom)

	now = now.Add(time.Hour)
	again.hosts = nil
	report, err = again.Rotate(t.Context())
	require.NoError(t, err)
	assert.Nil(t, report.Rotation.SafeFrom)
}

// TestNothingIsChangedWhenThePlanFinds: everything that can be known before
// the first change stops the run before it.
func TestNothingIsChangedWhenThePlanFinds(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*site)
		node  string // n3's status
		want  string // of Stopped
	}{
		{"a file that readers reject", func(s *site) { s.put("nodes/n3/root/.docker/config.json", "{") }, "failed broken-config", "failed nodes: n3"},
		{"no Node object", func(s *site) { s.nodes[2].KubeletName = "elsewhere" }, "failed ambiguous-node", "failed nodes: n3"},
		{"no unit", func(s *site) { require.NoError(s.t, os.Remove(filepath.Join(s.dir, "units/n3-node"))) }, "failed restart-failed", "failed nodes: n3"},
		{"a secret that cannot be written", func(s *site) { s.api.planFails = true }, "skipped not-tried", "secret openshift/imagestreamsecret cannot be written"},
		{"an API without nodes", func(s *site) { s.api.nodesErr = errors.New("forbidden") }, "skipped not-tried", "none can be restarted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, 3)
			s.api.noNodes = false
			c.spoil(s)
			if c.name == "no Node object" {
				s.api.noNodes, s.api.nodes = true, []string{"n1", "n2", "n3"}
			}
			s.fresh2()
			report, err := s.run.Rotate(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.node, statusOf(report)["n3"])
			assert.Contains(t, report.Rotation.Stopped, "nothing was changed")
			assert.Contains(t, report.Rotation.Stopped, c.want)
			assert.Empty(t, s.log())
			assert.Equal(t, []string{oldPassword, oldPassword}, []string{s.holds("n1"), s.holds("n2")})
			assert.True(t, report.RotationAmiss())
			assert.False(t, report.Changed)
		})
	}
}

// fresh2 makes the run anew with the site as it is now.
func (s *site) fresh2() {
	require.NoError(s.t, s.run.Journal.Close())
	s.fresh(nil)
}

// TestMaxFailPercentage lets so many nodes fail; the rest is rotated.
func TestMaxFailPercentage(t *testing.T) {
	s := newSite(t, 4)
	s.put("nodes/n3/root/.docker/config.json", "{")
	s.run.MaxFail = 25
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n1": "changed", "n2": "changed", "n3": "failed broken-config", "n4": "changed"}, statusOf(report))
	assert.Empty(t, report.Rotation.Stopped)
	assert.False(t, report.Rotation.Safe)

	s = newSite(t, 4)
	s.put("nodes/n3/root/.docker/config.json", "{")
	s.run.MaxFail = 24
	report, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Contains(t, report.Rotation.Stopped, "failed nodes: n3")
}

// TestN18_UnreachableNodesStopNothing and are listed as still old.
func TestN18_UnreachableNodesStopNothing(t *testing.T) {
	s := newSite(t, 3)
	s.nodes[2].Connection = inventory.Connection{Address: "127.0.0.1", Port: 1}
	s.fresh2()
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n1": "changed", "n2": "changed", "n3": "unreachable refused"}, statusOf(report))
	assert.Empty(t, report.Rotation.Stopped)
	require.Len(t, report.Rotation.StillOld, 1)
	assert.Equal(t, "n3", report.Rotation.StillOld[0].Host)
	assert.Equal(t, PlaceOld, report.Rotation.StillOld[0].State)
	assert.False(t, report.Rotation.Safe)
	assert.Equal(t, []string{"n3"}, report.Rotation.Plan.Unreachable)
}

func TestSecretThatCannotBeWrittenStopsAfterTheCanary(t *testing.T) {
	s := newSite(t, 3)
	s.api.fails = true
	report, err := s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n1": "skipped not-tried", "n2": "changed", "n3": "skipped not-tried"}, statusOf(report))
	assert.Contains(t, report.Rotation.Stopped, "imagestreamsecret could not be written")
	assert.True(t, report.AnySecretAmiss())
}
