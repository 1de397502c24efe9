//go:build lab

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"oreg/hack/lab/cgroup"
	"oreg/hack/lab/machine"
)

// starts are the starts of a node's service so far.
func (r *running) starts(t *testing.T, name string) []machine.UnitStart {
	t.Helper()
	var all []machine.UnitStart
	for line := range strings.Lines(r.ctl(t, "node", "starts", name)) {
		var s machine.UnitStart
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		all = append(all, s)
	}
	return all
}

// ready is the Ready condition of a Node object.
func (r *running) ready(t *testing.T, name string) corev1.NodeCondition {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.Kubernetes.Kubeconfig)
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c
		}
	}
	require.Fail(t, "no Ready condition")
	return corev1.NodeCondition{}
}

// until waits for a condition, which is asked on the test's own goroutine: it may fail the test.
func until(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !condition(); {
		require.True(t, time.Now().Before(deadline), "it never came to be")
		time.Sleep(100 * time.Millisecond) // between two looks at another process
	}
}

func TestFullMachines(t *testing.T) {
	before := machineFiles(t)
	r := startLab(t, "--nodes", "2", "--node-kind", "machine", "--registries", "basic")
	require.Equal(t, []string{"machine", machine.Unit, machine.Small, "on"},
		[]string{r.Nodes[0].Kind, r.Nodes[0].Unit, r.Nodes[0].SmallDir, r.Nodes[0].Heartbeat})

	t.Run("files and users", func(t *testing.T) {
		out, err := r.ssh(t, 1, "root", "content", `set -e; hostname; cat >/var/lib/origin/f; cat /proc/1/comm; . /etc/os-release; echo $ID`)
		require.NoError(t, err)
		require.Equal(t, "n2\nsystemd\ndebian\n", out)
		raw, err := os.ReadFile(filepath.Join(r.Nodes[1].Root, "var/lib/origin/f"))
		require.NoError(t, err)
		require.Equal(t, "content", string(raw))
		require.NoFileExists(t, filepath.Join(r.Nodes[0].Root, "var/lib/origin/f"))
		out, err = r.ssh(t, 0, "core", "", "sudo -n id -u")
		require.NoError(t, err)
		require.Equal(t, "0\n", out)
		_, err = r.ssh(t, 0, "ops", "", "sudo -n id -u")
		require.Error(t, err, "ops needs a password")
		out, err = r.ssh(t, 0, "ops", r.Accounts[2].Password+"\n", "sudo -S -p '' id -u")
		require.NoError(t, err)
		require.Equal(t, "0\n", out)
		out, err = r.ssh(t, 0, "root", "", "cat /etc/docker/certs.d/"+r.Registries[0].Host+"/ca.crt /etc/origin/master/admin.kubeconfig")
		require.NoError(t, err)
		require.Contains(t, out, "BEGIN CERTIFICATE")
		require.Contains(t, out, r.Kubernetes.Server)
		_, err = r.ssh(t, 0, "root", "", "dd if=/dev/zero of="+machine.Small+"/fill bs=1k count=1000")
		require.Error(t, err, "the small file system is full")
		_, err = r.ssh(t, 0, "root", "", "touch /usr/x")
		require.Error(t, err, "/usr is every machine's")
	})
	t.Run("the service", func(t *testing.T) {
		require.Len(t, r.starts(t, "n1"), 1)
		require.Len(t, r.starts(t, "all"), 2)
		_, err := r.ssh(t, 0, "root", "", "systemctl restart atomic-openshift-node")
		require.NoError(t, err)
		require.Len(t, r.starts(t, "n1"), 2)
		require.Len(t, r.starts(t, "n2"), 1)
		out := r.ctl(t, "node", "exec", "n1", "--", "systemctl", "show", "-p", "MainPID", "--value", machine.Unit)
		require.Equal(t, itoa(r.starts(t, "n1")[1].PID), out)

		r.ctl(t, "node", "unit", "n1", machine.ModeFail)
		_, err = r.ssh(t, 0, "root", "", "systemctl restart origin-node")
		require.Error(t, err)
		r.ctl(t, "node", "unit", "n1", machine.ModeCrash)
		_, err = r.ssh(t, 0, "root", "", "systemctl restart origin-node")
		require.NoError(t, err)
		until(t, func() bool {
			_, err := r.ssh(t, 0, "root", "", "systemctl is-active origin-node")
			return err != nil
		})
		r.ctl(t, "node", "unit", "n1", machine.ModeHang)
		begun := len(r.starts(t, "n1"))
		r.ctl(t, "node", "exec", "n1", "--", "systemctl", "restart", "--no-block", "origin-node")
		until(t, func() bool { return len(r.starts(t, "n1")) > begun })
		time.Sleep(2 * time.Second) // a service that does start has said so by then
		out = r.ctl(t, "node", "exec", "n1", "--", "systemctl", "show", "-p", "ActiveState", "--value", machine.Unit)
		require.Equal(t, "activating", out)
		r.ctl(t, "node", "unit", "n1", machine.ModeOK)
		_, err = r.ssh(t, 0, "root", "", "systemctl restart origin-node")
		require.NoError(t, err)
		r.ctlFails(t, "expected one of [ok fail crash hang]", "node", "unit", "n1", "burn")
	})
	t.Run("heartbeat", func(t *testing.T) {
		newer := func(than metav1.Time) func() bool {
			return func() bool { return r.ready(t, "n1").LastHeartbeatTime.After(than.Time) }
		}
		until(t, newer(r.ready(t, "n1").LastHeartbeatTime))
		// No service, no heartbeat.
		r.ctl(t, "node", "exec", "n1", "--", "systemctl", "stop", "origin-node")
		time.Sleep(200 * time.Millisecond) // one may be on its way
		stopped := r.ready(t, "n1")
		time.Sleep(2500 * time.Millisecond) // two heartbeats would have come
		require.False(t, newer(stopped.LastHeartbeatTime)())
		require.Equal(t, corev1.ConditionTrue, stopped.Status, "nobody says otherwise")
		r.ctl(t, "node", "exec", "n1", "--", "systemctl", "start", "origin-node")
		until(t, newer(stopped.LastHeartbeatTime))

		r.ctl(t, "kubelet", "heartbeat", "n1", "stale")
		stale := r.ready(t, "n1")
		time.Sleep(2500 * time.Millisecond) // two heartbeats would have come
		require.False(t, newer(stale.LastHeartbeatTime)())
		require.Equal(t, corev1.ConditionTrue, r.ready(t, "n1").Status)
		r.ctl(t, "kubelet", "heartbeat", "n1", "off")
		require.Equal(t, corev1.ConditionUnknown, r.ready(t, "n1").Status)
		r.ctl(t, "kubelet", "heartbeat", "n1", "on")
		until(t, func() bool { return r.ready(t, "n1").Status == corev1.ConditionTrue })
	})
	t.Run("record, firewall, processes", func(t *testing.T) {
		r.ctl(t, "node", "reset", "all")
		_, err := r.ssh(t, 1, "root", "", "true")
		require.NoError(t, err)
		until(t, func() bool { return r.ctl(t, "node", "count", "n2", "disconnect") == "1" })
		require.Equal(t, "1", r.ctl(t, "node", "count", "all"))
		connect := "bash -c ': </dev/tcp/" + strings.Replace(r.Registries[0].Host, ":", "/", 1) + "'"
		_, err = r.ssh(t, 1, "root", "", connect)
		require.NoError(t, err)
		r.ctl(t, "node", "block", "n2", "basic", "--how", "unreachable")
		_, err = r.ssh(t, 1, "root", "", connect)
		require.Error(t, err)
		require.Contains(t, r.ctl(t, "node", "ps", "n2"), "/var/lib/oreg-lab/origin-node")
	})
	t.Run("power cut", func(t *testing.T) {
		r.ctl(t, "node", "stop", "n2")
		_, err := r.ssh(t, 1, "root", "", "true")
		require.Error(t, err)
		r.ctl(t, "node", "start", "n2")
		out, err := r.ssh(t, 1, "root", "", "cat /var/lib/origin/f")
		require.NoError(t, err)
		require.Equal(t, "content", out)
		require.Len(t, r.starts(t, "n2"), 2)
	})

	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // killed
	r.requireGone(t, false)
	require.NoError(t, command(t.Context(), t, r.Dir, "down").Run())
	require.NoDirExists(t, r.Dir)
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + cgroup.Of(r.Dir))
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, before, machineFiles(t))
}

func TestInterruptedBootLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{200, 500, 900, 1500} {
		dir := filepath.Join(t.TempDir(), "lab")
		cmd := command(t.Context(), t, dir, "up", "--nodes", "2", "--node-kind", "machine", "--kube=false", "--registries", "")
		require.NoError(t, cmd.Start())
		time.Sleep(after * time.Millisecond) // the point is the moment
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		_ = cmd.Wait() // whatever it says
		require.NoDirExists(t, dir)
		require.Empty(t, processesOf(t, dir))
		left, err := filepath.Glob("/sys/fs/cgroup/*/" + cgroup.Of(dir))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestMachinesGoWithTheLab(t *testing.T) {
	r := startLab(t, "--nodes", "1", "--node-kind", "sshd", "--kube=false", "--registries", "")
	r.ctl(t, "node", "add", "n2", "--kind", "machine")
	require.NoError(t, r.stdin.Close())
	require.NoError(t, r.cmd.Wait(), r.log.String())
	r.requireGone(t, true)
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + cgroup.Of(r.Dir))
	require.NoError(t, err)
	require.Empty(t, left)
}
