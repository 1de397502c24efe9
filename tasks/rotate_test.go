package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kubenode"
	"oreg/tasks/service"
	"oreg/validate"
)

const (
	rotationRun = "20261121T101500Z-3f9c"
	registryA   = "registry.example.com"
	oldPassword = "old-password"
	newPassword = "new-password"
)

// site is a cluster whose nodes are folders of this machine, worked on by the
// real node script through a real shell, with a systemctl of the test's own on
// the path. What happens is written down by those parts and not by oreg.
type site struct {
	t      *testing.T
	dir    string
	nodes  []inventory.Node
	checks *checks
	api    *fakeAPI
	run    *Rotation
	folder string // of journals
}

// systemctlScript restarts units as told by files: broken-UNIT fails, each restart is
// logged with the nodes that hold the new login at that moment.
const systemctlScript = `#!/bin/sh
dir=%s
for unit; do :; done
unit=${unit%%.service}
case "$*" in
*show*)
	[ -e $dir/units/$unit ] || { printf 'LoadState=not-found\nActiveState=inactive\n'; exit 0; }
	n=$(cat $dir/units/$unit)
	active=active
	[ ! -e $dir/stopped-$unit ] || active=inactive
	if [ -e $dir/broken-$unit ] && [ "$n" -gt 10 ]; then active=failed; fi
	printf 'LoadState=loaded\nActiveState=%%s\nResult=success\nExecMainStartTimestamp=Sat 2026-11-21 09:15:%%s UTC\nExecMainStartTimestampMonotonic=%%s\n' $active $n $n
	;;
*restart*)
	echo $(($(cat $dir/units/$unit) + 1)) >$dir/units/$unit
	echo "restart $unit, new on:$(cd $dir/nodes && grep -l %s */origin/.docker/config.json 2>/dev/null | sed 's,/.*,,' | tr '\n' ' ' | sed 's/^/ /;s/ $//')" >>$dir/log
	[ ! -e $dir/hook ] || . $dir/hook
	;;
esac
`

func newSite(t *testing.T, count int) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), folder: t.TempDir()}
	for _, sub := range []string{"units", "bin", "nodes"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, sub), 0o755)) //nolint:gosec // a program must be found in it
	}
	auth := dockerconfig.Entry{Key: registryA, User: "u", Password: secret.New(newPassword)}
	merged, err := dockerconfig.Merge(nil, []dockerconfig.Entry{auth}, dockerconfig.Options{})
	require.NoError(t, err)
	encoded, err := dockerconfig.Entries(merged.Content, dockerconfig.NodeFile)
	require.NoError(t, err)
	require.Len(t, encoded, 1)
	marker := strings.Split(strings.Split(string(merged.Content), `"auth": "`)[1], `"`)[0]
	script := fmt.Sprintf(systemctlScript, s.dir, marker)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "bin/systemctl"), []byte(script), 0o755)) //nolint:gosec // a program
	t.Setenv("PATH", filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	for i := range count {
		name := fmt.Sprintf("n%d", i+1)
		s.nodes = append(s.nodes, inventory.Node{
			Name: name, Master: i == 0, KubeletName: name, ServiceUnit: name + "-node", Connection: inventory.Connection{Local: true},
			ConfigPaths: []string{filepath.Join(s.dir, "nodes", name, "origin/.docker/config.json"), filepath.Join(s.dir, "nodes", name, "root/.docker/config.json")},
		})
		s.put("units/"+name+"-node", "10")
		s.old(name)
	}
	s.checks = &checks{status: validate.StatusValid, live: validate.StatusValid}
	s.api = &fakeAPI{site: s}
	s.fresh(nil)
	return s
}

// fresh is a run as another call of the command would make it.
func (s *site) fresh(earlier *journal.Record) *Rotation {
	j, err := journal.Create(s.folder, rotationRun, time.Now)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = j.Close() }) // a test may have closed it
	ssh := sshexec.New(sshexec.Options{Home: s.dir, LocalUser: "root", Env: func(string) (string, bool) { return "", false }, Now: time.Now})
	s.t.Cleanup(func() { _ = ssh.Close() }) // nothing is written over it
	run := &Run{
		Command: "rotate", ID: rotationRun, Forks: 8, Checker: s.checks, Journal: j,
		Cluster: &inventory.Cluster{Nodes: s.nodes, Credentials: []inventory.Credential{
			{Host: registryA, User: "u", Password: secret.New(newPassword), TestLogin: true, Image: registryA + "/a:b", Source: "hosts:1"},
		}},
		Watch: Watcher{Stage: func(string, int) {}, Step: func() {}, Warn: func(w string) { s.note("warning " + w) }},
	}
	s.run = &Rotation{
		Run: run, API: s.api, Restart: true, Serial: Serial{N: 1}, Canary: 1, Earlier: earlier, Now: time.Now,
		Files: &NodeFiles{SSH: ssh, RunID: rotationRun, KeepBackups: 1, Journal: j, Now: time.Now,
			Services: service.Manager{Steady: 30 * time.Millisecond, Poll: 5 * time.Millisecond, Timeout: 5 * time.Second, Now: time.Now}},
		Live: func(inventory.Node) Checker { return liveChecks{s.checks} },
	}
	run.Nodes = s.run.Files
	return s.run
}

func (s *site) put(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(s.t, os.WriteFile(path, []byte(content), 0o600))
}

const oldContent = `{"auths": {"` + registryA + `": {"auth": "dTpvbGQtcGFzc3dvcmQ="}, "kept.example.com": {"auth": "YTpi"}}}`

func (s *site) old(node string) {
	s.put("nodes/"+node+"/origin/.docker/config.json", oldContent)
	s.put("nodes/"+node+"/root/.docker/config.json", oldContent)
}

// holds says which login a node's files hold.
func (s *site) holds(node string) string {
	s.t.Helper()
	var found []string
	for _, n := range s.nodes {
		if n.Name != node {
			continue
		}
		for _, path := range n.ConfigPaths {
			content, err := os.ReadFile(path)
			require.NoError(s.t, err)
			entries, err := dockerconfig.Entries(content, dockerconfig.NodeFile)
			require.NoError(s.t, err)
			for _, e := range entries {
				if e.Key == registryA {
					found = append(found, e.Password.Reveal())
				}
			}
		}
	}
	require.Len(s.t, found, 2)
	require.Equal(s.t, found[0], found[1])
	return found[0]
}

var logging sync.Mutex

func (s *site) note(line string) {
	logging.Lock()
	defer logging.Unlock()
	f, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.t.Error(err)
	}
}

func (s *site) log() []string {
	content, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// checks answers for the registry.
type checks struct {
	status, live validate.Status
	mu           sync.Mutex
	tried        []string // passwords of live checks
}

func (c *checks) answer(credentials []inventory.Credential, status validate.Status) []validate.Result {
	results := make([]validate.Result, len(credentials))
	for i, cred := range credentials {
		results[i] = validate.Result{Index: i, Host: cred.Host, Status: status}
		if status == validate.StatusInvalid {
			results[i].Cause, results[i].Detail = validate.CauseBadCredentials, "401"
		}
	}
	return results
}

func (c *checks) Check(_ context.Context, credentials []inventory.Credential, _ func(validate.Result)) []validate.Result {
	return c.answer(credentials, c.status)
}

type liveChecks struct{ *checks }

func (c liveChecks) Check(_ context.Context, credentials []inventory.Credential, _ func(validate.Result)) []validate.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cred := range credentials {
		c.tried = append(c.tried, cred.Password.Reveal())
	}
	return c.answer(credentials, c.live)
}

// fakeAPI stands in for the cluster; the real one is in the stories.
type fakeAPI struct {
	site             *site
	placed           bool
	fails, planFails bool
	stale            string // the Node that never becomes ready anew
	drift            []SecretReport
	nodes            []string // Node objects beside the inventory's
	noNodes          bool
	nodesErr         error
	undone           bool
	locked, released int
	lockErr          error
	managed          []string
}

func (f *fakeAPI) row(status string) []SecretReport {
	r := SecretReport{Namespace: "openshift", Name: "imagestreamsecret", Status: status}
	if status == StatusFailed {
		r.Error = &Failure{Cause: "api-unreachable", Message: "no answer"}
	}
	return []SecretReport{r}
}

func (f *fakeAPI) Guard(context.Context) error { return nil }

func (f *fakeAPI) Managed(context.Context) ([]string, error) { return f.managed, nil }

func (f *fakeAPI) Logins(context.Context) ([]dockerconfig.Found, error) { return nil, nil }

func (f *fakeAPI) Lock(ctx context.Context) (context.Context, func(), error) {
	f.locked++
	return ctx, func() { f.released++ }, f.lockErr
}

func (f *fakeAPI) Plan(context.Context, []dockerconfig.Entry) ([]SecretReport, []dockerconfig.Found) {
	switch {
	case f.planFails:
		return f.row(StatusFailed), nil
	case f.placed:
		return f.row(StatusUnchanged), nil
	}
	return f.row(StatusUpdated), []dockerconfig.Found{{Key: registryA, User: "u", Password: secret.New(oldPassword)}}
}

func (f *fakeAPI) Place(context.Context, []dockerconfig.Entry) []SecretReport {
	if f.fails {
		return f.row(StatusFailed)
	}
	f.site.note("secrets")
	f.placed = true
	return f.row(StatusUpdated)
}

func (f *fakeAPI) Verify(context.Context, []dockerconfig.Entry) []SecretReport {
	if !f.placed {
		return append(f.row(StatusDrift), f.drift...)
	}
	return append(f.row(StatusUnchanged), f.drift...)
}

func (f *fakeAPI) Undo(context.Context) []SecretReport {
	f.undone, f.placed = true, false
	return f.row(StatusRestored)
}

func (f *fakeAPI) KubeNodes(context.Context) ([]kubenode.Node, error) {
	var nodes []kubenode.Node
	if !f.noNodes {
		for _, n := range f.site.nodes {
			nodes = append(nodes, kubenode.Node{Name: n.Name})
		}
	}
	for _, name := range f.nodes {
		nodes = append(nodes, kubenode.Node{Name: name})
	}
	return nodes, f.nodesErr
}

func (f *fakeAPI) AwaitReady(ctx context.Context, node string, after time.Time) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if node == f.stale {
		return &kubenode.NotReadyError{Message: "its Ready condition is stale"}
	}
	f.site.note("ready " + node + " since " + after.UTC().Format("05"))
	return nil
}

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
	assert.ElementsMatch(t, []string{"restart n1-node, new on: n1 n2 n3", "restart n3-node, new on: n1 n2 n3", "ready n1 since 11", "ready n3 since 11"}, log[3:7])
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
		h := s.run.Files.restoring(rotationRun)(t.Context(), n)
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

func TestNoIsNo(t *testing.T) {
	s := newSite(t, 2)
	s.run.Confirm = func(_ context.Context, p RotationPlan) (bool, error) {
		assert.Equal(t, []string{"n1", "n2"}, p.Change)
		return false, nil
	}
	_, err := s.run.Rotate(t.Context())
	require.ErrorIs(t, err, ErrDeclined)
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
	report, err = s.run.Rotate(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Rotation.StillOld, 2)
	assert.False(t, report.Rotation.Safe)
	assert.False(t, report.RotationAmiss(), "they were left out on purpose")
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
