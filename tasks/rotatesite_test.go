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
	loseLock         context.CancelCauseFunc
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

func (f *fakeAPI) Logins(context.Context) ([]SecretLogins, error) { return nil, nil }

func (f *fakeAPI) Lock(ctx context.Context) (context.Context, func(), error) {
	f.locked++
	ctx, f.loseLock = context.WithCancelCause(ctx)
	return ctx, func() { f.released++; f.loseLock(nil) }, f.lockErr
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
