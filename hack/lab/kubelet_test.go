//go:build lab

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"oreg/hack/lab/cgroup"
	"oreg/hack/lab/kube"
)

func TestRealKubeletPullsWithTheNodesFile(t *testing.T) {
	settings := func() string {
		raw, err := os.ReadFile("/proc/sys/kernel/panic")
		require.NoError(t, err)
		return string(raw)
	}
	before := settings()
	r := startLab(t, "--nodes", "2", "--kubelet", "--registries", "basic,bearer")
	require.Equal(t, []bool{false, true}, []bool{r.Nodes[0].Kubelet, r.Nodes[1].Kubelet})
	require.Equal(t, "machine", r.Nodes[1].Kind)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := command(context.WithoutCancel(t.Context()), t, r.Dir, "ctl", "node", "exec", "n2", "--", "journalctl", "--no-pager", "-n", "60").CombinedOutput()
			t.Log(string(out), r.log.String())
		}
	})
	pod := func(name string) kube.Pod {
		var p kube.Pod
		require.NoError(t, json.Unmarshal([]byte(r.ctl(t, "kubelet", "status", "n2", name)), &p))
		return p
	}
	require.False(t, pod("nothing").Found)
	require.Contains(t, r.Registries[1].Images, "lab/run:1.0")
	for i, name := range []string{"a", "b"} {
		r.ctl(t, "kubelet", "run", "n2", name, r.Registries[i].Host+"/lab/run:1.0")
	}
	for _, name := range []string{"a", "b"} {
		until(t, func() bool { reason := pod(name).Reason; return reason != "" && reason != "ContainerCreating" })
		require.Contains(t, pod(name).Reason, "Pull", "%v", pod(name))
		require.False(t, pod(name).Running)
	}
	auths := map[string]any{}
	for _, reg := range r.Registries {
		auths[reg.Host] = map[string]string{"username": reg.Accounts[1].User, "password": reg.Accounts[1].Password}
	}
	raw, err := json.Marshal(map[string]any{"auths": auths})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(r.Nodes[1].Root, "var/lib/origin/.docker"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(r.Nodes[1].Root, "var/lib/origin/.docker/config.json"), raw, 0o600))
	starts := len(r.starts(t, "n2"))
	restarted := time.Now()
	_, err = r.ssh(t, 1, "root", "", "systemctl restart atomic-openshift-node")
	require.NoError(t, err)
	require.Len(t, r.starts(t, "n2"), starts+1)
	for _, name := range []string{"a", "b"} {
		until(t, func() bool { return pod(name).Running })
	}
	until(t, func() bool {
		ready := r.ready(t, "n2")
		return ready.Status == corev1.ConditionTrue && ready.LastHeartbeatTime.After(restarted)
	})
	r.ctlFails(t, "real kubelet", "kubelet", "heartbeat", "n2", "stale")
	r.ctlFails(t, "no real kubelet", "kubelet", "run", "n1", "c", "image")
	r.ctl(t, "kubelet", "remove", "n2", "a")
	until(t, func() bool { return !pod("a").Found })

	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // killed
	r.requireGone(t, false)
	require.NoError(t, command(t.Context(), t, r.Dir, "down").Run())
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + cgroup.Of(r.Dir))
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, before, settings(), "the machine's kernel is left alone")
}
