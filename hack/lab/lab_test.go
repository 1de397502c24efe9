package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/hack/lab/cgroup"
	"oreg/hack/lab/private"
	"oreg/hack/lab/site"
)

// asLab makes this test program the lab itself.
const asLab = "OREG_LAB_TEST_AS_LAB"

func TestMain(m *testing.M) {
	if os.Getenv(asLab) != "" || len(os.Args) > 1 && os.Args[1] == private.EnterVerb {
		main()
	}
	os.Exit(m.Run())
}

func command(ctx context.Context, t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asLab+"=1", "OREG_LAB_DIR="+dir)
	return cmd
}

// running is a lab that a test started.
type running struct {
	*site.State
	cmd   *exec.Cmd
	stdin io.Closer
	log   *strings.Builder
}

func startLab(t *testing.T, args ...string) *running {
	t.Helper()
	// A name longer than that of a socket may be.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	// Not t.Context: the lab must outlive it, to be seen to end by itself.
	cmd := command(context.WithoutCancel(t.Context()), t, dir, append([]string{"up", "--json", "--until-eof"}, args...)...)
	r := &running{cmd: cmd, log: &strings.Builder{}}
	cmd.Stderr = r.log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	r.stdin = stdin
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have ended it
		_ = cmd.Wait()
		require.NoError(t, cgroup.Remove(cgroup.Of(dir)), "its folder goes without `lab down`")
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		_ = cmd.Wait() // its words say why
		require.NoError(t, err, r.log.String())
	}
	require.NoError(t, json.Unmarshal(line, &r.State))
	require.Equal(t, dir, r.Dir)
	return r
}

func (r *running) ctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), t, r.Dir, append([]string{"ctl"}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

func (r *running) ctlFails(t *testing.T, want string, args ...string) {
	t.Helper()
	out, err := command(t.Context(), t, r.Dir, append([]string{"ctl"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Contains(t, string(out), want)
}

// alive says whether a process runs; one that waits to be reaped by init does not.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

// requireGone asserts that nothing of the lab is left: no process that names its folder or runs in
// it, no mount, and (unless it was killed) no folder.
func (r *running) requireGone(t *testing.T, folder bool) {
	t.Helper()
	pids := []int{r.PID}
	if r.Kubernetes != nil {
		pids = append(pids, r.Kubernetes.PID)
	}
	for _, n := range r.Nodes {
		if n.PID != 0 {
			pids = append(pids, n.PID)
		}
	}
	left := func() []string {
		left := processesOf(t, r.Dir)
		for _, pid := range pids {
			if alive(pid) {
				left = append(left, describe(pid))
			}
		}
		return left
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Empty(c, left(), "processes")
	}, 10*time.Second, 20*time.Millisecond)
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), r.Dir)
	if folder {
		require.NoDirExists(t, r.Dir)
	}
}

// describe says what a process is and what it waits for.
func describe(pid int) string {
	words := []string{strconv.Itoa(pid)}
	for _, f := range []string{"stat", "wchan", "cmdline", "status"} {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, f)) // it may have ended
		words = append(words, string(raw))
	}
	return strings.Join(words, " | ")
}

func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var left []string
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		require.NoError(t, err)
		if pid == os.Getpid() || !alive(pid) {
			continue
		}
		cwd, _ := os.Readlink(p + "/cwd") // it may have ended
		line, _ := os.ReadFile(p + "/cmdline")
		if strings.HasPrefix(cwd, dir) || strings.Contains(string(line), dir) {
			left = append(left, p+" "+string(line))
		}
	}
	return left
}

func TestLabWithoutKubernetesFromUpToDown(t *testing.T) {
	r := startLab(t, "--nodes", "2", "--kube=false", "--registries", "basic,bearer,plain,selfsigned,open")
	require.Len(t, r.Registries, 5)
	require.Len(t, r.Nodes, 2)
	require.Nil(t, r.Kubernetes)
	require.Equal(t, []string{"masters", "etcd", "nodes"}, r.Nodes[0].Groups)
	for _, f := range []string{r.Inventory, r.InventoryWrong, r.KnownHosts, r.CA, r.SSH.Key, r.SSH.KeyEncrypted,
		filepath.Join(r.CertsDir, r.Registries[0].Host, "ca.crt")} {
		require.FileExists(t, f)
	}
	for _, f := range []string{r.Inventory, r.SSH.Key, r.Dir + "/state.json"} {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}

	require.Equal(t, "0", r.ctl(t, "registry", "count", "basic"))
	r.ctlFails(t, `no registry "basics"`, "registry", "count", "basics")
	r.ctl(t, "registry", "stop", "bearer")
	_, err := net.Dial("tcp", r.Registries[1].Host)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	r.ctl(t, "registry", "start", "bearer")

	r.ctl(t, "node", "add", "n3", "--groups", "nodes,new_nodes")
	r.ctlFails(t, "exists", "node", "add", "n3")
	r.ctl(t, "node", "stop", "n1")
	s, err := site.ReadState(r.Dir)
	require.NoError(t, err)
	require.Len(t, s.Nodes, 3)
	require.False(t, s.Nodes[0].Running)
	inventory, err := os.ReadFile(r.Inventory)
	require.NoError(t, err)
	require.Contains(t, string(inventory), "\n[new_nodes]\nn3 ansible_host="+s.Nodes[2].Address)
	require.Equal(t, "0", r.ctl(t, "node", "count", "all"))

	require.NoError(t, r.stdin.Close())
	require.NoError(t, r.cmd.Wait(), r.log.String())
	r.requireGone(t, true)
}

func TestPasswordChangeByStandardInput(t *testing.T) {
	r := startLab(t, "--nodes", "0", "--kube=false", "--registries", "basic")
	cmd := command(t.Context(), t, r.Dir, "ctl", "registry", "passwd", "basic", "lab|svc")
	cmd.Stdin = strings.NewReader("neu #2 ö\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	s, err := site.ReadState(r.Dir)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(s.Registries[0].Accounts), "{lab|svc neu #2 ö pull}")
}

// A run may read the inventory and known_hosts while the lab writes them anew.
func TestFilesAreReplacedAtOnce(t *testing.T) {
	r := startLab(t, "--nodes", "2", "--kube=false", "--registries", "basic")
	ctx, stop := context.WithCancel(t.Context())
	halves := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			for _, name := range []string{"hosts", "known_hosts"} {
				if content, err := os.ReadFile(filepath.Join(r.Dir, name)); err != nil || !strings.HasSuffix(string(content), "\n") {
					n++
				}
			}
		}
		halves <- n
	}()
	for range 15 {
		r.ctl(t, "node", "stop", "n1")
		r.ctl(t, "node", "start", "n1")
	}
	stop()
	require.Zero(t, <-halves)
}

func TestSignalsAndDownRemoveEverything(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *running){
		"SIGINT":  func(t *testing.T, r *running) { require.NoError(t, r.cmd.Process.Signal(os.Interrupt)) },
		"SIGTERM": func(t *testing.T, r *running) { require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM)) },
		"down":    func(t *testing.T, r *running) { require.NoError(t, command(t.Context(), t, r.Dir, "down").Run()) },
		"SIGKILL": func(t *testing.T, r *running) {
			require.NoError(t, r.cmd.Process.Kill())
			_ = r.cmd.Wait() // killed
			r.requireGone(t, false)
			require.NoError(t, command(t.Context(), t, r.Dir, "down").Run())
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startLab(t, "--nodes", "2", "--kube=false", "--registries", "basic")
			end(t, r)
			_ = r.cmd.Wait() // SIGKILL is not a success
			r.requireGone(t, true)
		})
	}
}

func TestInterruptWhileStartingLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{5, 20, 50, 100, 200} {
		dir := filepath.Join(t.TempDir(), "lab")
		cmd := command(t.Context(), t, dir, "up", "--nodes", "20", "--kube=false")
		require.NoError(t, cmd.Start())
		time.Sleep(after * time.Millisecond) // the point is the moment
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		_ = cmd.Wait() // whatever it says
		require.NoDirExists(t, dir)
		require.Empty(t, processesOf(t, dir))
	}
}

func TestSecondLabInTheSameFolderIsRefused(t *testing.T) {
	r := startLab(t, "--nodes", "0", "--kube=false", "--registries", "")
	out, err := command(t.Context(), t, r.Dir, "up", "--kube=false").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "a lab runs in "+r.Dir)
	require.DirExists(t, r.Dir)
}

func TestDetachedLabIsEndedByDown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	out, err := command(t.Context(), t, dir, "up", "--detach", "--nodes", "1", "--kube=false").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "oreg validate -i "+dir+"/hosts")
	s, err := site.ReadState(dir)
	require.NoError(t, err)
	require.True(t, alive(s.PID))
	require.NoError(t, command(t.Context(), t, dir, "down").Run())
	// Its files are closed, by which `lab down` knows, a moment before it is gone.
	require.Eventually(t, func() bool { return !alive(s.PID) }, 10*time.Second, time.Millisecond)
	require.NoDirExists(t, dir)
}

func TestLabEndsWhenItsParentIsKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.CommandContext(t.Context(), "sh", "-c", `"$@" & wait`, "sh", self, "up", "--json", "--nodes", "2", "--kube=false")
	parent.Env = append(os.Environ(), asLab+"=1", "OREG_LAB_DIR="+dir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	r := running{}
	require.NoError(t, json.Unmarshal(line, &r.State))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // killed
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, 10*time.Second, 20*time.Millisecond)
	r.requireGone(t, true)
}
