//go:build lab

// These tests need root, the programs of `lab deps`, and the built kube-apiserver (they build it).
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/site"
)

// ssh is OpenSSH's client with nothing of the caller's own configuration.
func (r *running) ssh(t *testing.T, node int, user, stdin string, command string) (stdout string, err error) {
	t.Helper()
	n := r.Nodes[node]
	cmd := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-i", r.SSH.Key, "-o", "UserKnownHostsFile="+r.KnownHosts,
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-p", itoa(n.Port), user+"@"+n.Address, command)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	return out.String(), err
}

func itoa(n int) string { raw, _ := json.Marshal(n); return string(raw) }

func TestMachineHasWhatTheTestsNeed(t *testing.T) {
	require.Zero(t, os.Geteuid(), "run as root")
	out, err := command(t.Context(), t, t.TempDir(), "deps", "--check").CombinedOutput()
	require.NoError(t, err, string(out))
}

// machineFiles are files of the machine that nodes have their own versions of.
func machineFiles(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range []string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/proc/self/mounts"} {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		out[f] = string(raw)
	}
	return out
}

func TestRealSSHDNodesAnswerToRealSSH(t *testing.T) {
	before := machineFiles(t)
	r := startLab(t, "--nodes", "3", "--node-kind", "sshd", "--kube=false", "--registries", "", "--host-key-types", "ed25519,ecdsa,rsa",
		"--sshd-option", "MaxStartups 3:30:10")
	out, err := r.ssh(t, 1, "root", "content", `set -e; mkdir -m 700 /var/lib/origin/.docker /root/.docker; cat > /var/lib/origin/.docker/config.json; hostname; id -u; test -d /etc/origin; touch /tmp/t`)
	require.NoError(t, err)
	require.Equal(t, "n2\n0\n", out)
	raw, err := os.ReadFile(filepath.Join(r.Nodes[1].Root, "var/lib/origin/.docker/config.json"))
	require.NoError(t, err)
	require.Equal(t, "content", string(raw))
	require.DirExists(t, filepath.Join(r.Nodes[1].Root, "root/.docker"))
	require.NoDirExists(t, filepath.Join(r.Nodes[0].Root, "root/.docker"), "nodes are apart")
	require.FileExists(t, filepath.Join(r.Nodes[1].Root, "tmp/t"))

	t.Run("sudo", func(t *testing.T) {
		out, err := r.ssh(t, 0, "core", "", "sudo -n id -u")
		require.NoError(t, err)
		require.Equal(t, "0\n", out)
		_, err = r.ssh(t, 0, "ops", "", "sudo -n id -u")
		require.Error(t, err, "ops needs a password")
		out, err = r.ssh(t, 0, "ops", r.Accounts[2].Password+"\n", "sudo -S -p '' id -u")
		require.NoError(t, err)
		require.Equal(t, "0\n", out)
	})
	t.Run("record", func(t *testing.T) {
		r.ctl(t, "node", "reset", "all")
		_, err := r.ssh(t, 2, "root", "", "true")
		require.NoError(t, err)
		// sshd's log comes through a pipe.
		require.Eventually(t, func() bool { return r.ctl(t, "node", "count", "n3", "disconnect") == "1" }, 5*time.Second, 20*time.Millisecond)
		require.Equal(t, "1", r.ctl(t, "node", "count", "all"))
		require.Equal(t, "1", r.ctl(t, "node", "count", "n3", "exec"))
		require.Contains(t, r.ctl(t, "node", "log", "n3"), `"detail":"publickey accepted"`)
	})
	t.Run("processes", func(t *testing.T) {
		n := r.Nodes[2]
		cmd := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-i", r.SSH.Key, "-o", "UserKnownHostsFile="+r.KnownHosts, "-p", itoa(n.Port), "root@"+n.Address, "sleep 4711")
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool { return strings.Contains(r.ctl(t, "node", "ps", "n3"), `"sleep","4711"`) }, 5*time.Second, 20*time.Millisecond)
		require.NotContains(t, r.ctl(t, "node", "ps", "n2"), "4711")
		r.ctl(t, "node", "stop", "n3")
		require.Error(t, cmd.Wait(), "the connection was cut")
		r.ctl(t, "node", "start", "n3")
		_, err := r.ssh(t, 2, "root", "", "true")
		require.NoError(t, err)
	})

	// The hardest end: nobody cleans up.
	_, err = r.ssh(t, 1, "root", "", "nohup sleep 4712 >/dev/null 2>&1 & sleep 0.1")
	require.NoError(t, err)
	s := r.ctl(t, "node", "ps", "n2")
	require.Contains(t, s, "4712")
	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // killed
	r.requireGone(t, false)
	sleeps, _ := exec.CommandContext(t.Context(), "pgrep", "-f", "^sleep 471").Output() // none: an error
	require.Empty(t, string(sleeps))
	require.NoError(t, command(t.Context(), t, r.Dir, "down").Run())
	require.NoDirExists(t, r.Dir)
	require.Equal(t, before, machineFiles(t))
}

func TestNodesTrustTheLabsCAByTheRegistrysName(t *testing.T) {
	r := startLab(t, "--nodes", "1", "--node-kind", "sshd", "--kube=false", "--registries", "basic,plain")
	r.ctl(t, "node", "add", "n2", "--kind", "inprocess")
	r.ctl(t, "registry", "add", "later")
	s, err := site.ReadState(r.Dir)
	require.NoError(t, err)
	r.State = s
	want, err := os.ReadFile(r.CA)
	require.NoError(t, err)
	for i, n := range r.Nodes {
		for _, registry := range []int{0, 2} {
			out, err := r.ssh(t, i, "root", "", "cat /etc/docker/certs.d/"+r.Registries[registry].Host+"/ca.crt")
			require.NoError(t, err, n.Name)
			require.Equal(t, string(want), out)
		}
		_, err := r.ssh(t, i, "root", "", "test -e /etc/docker/certs.d/"+r.Registries[1].Host)
		require.Error(t, err, "plain HTTP has no CA")
	}
	own := filepath.Join(r.Nodes[0].Root, "etc/docker/certs.d", r.Registries[0].Host, "ca.crt")
	require.FileExists(t, own, "a test can take it away")
	require.NoDirExists(t, "/etc/docker/certs.d/"+r.Registries[0].Host)
}

func TestTraceHoldsEveryCommandLineOfANode(t *testing.T) {
	r := startLab(t, "--nodes", "1", "--node-kind", "sshd", "--kube=false", "--registries", "", "--trace")
	_, err := r.ssh(t, 0, "root", "", "MARKER=in-environment /bin/echo in-argv")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(r.Nodes[0].Trace)
		return err == nil && bytes.Contains(raw, []byte(`"in-argv"`)) && bytes.Contains(raw, []byte(`"MARKER=in-environment"`))
	}, 5*time.Second, 20*time.Millisecond)
	require.NoError(t, r.stdin.Close())
	require.NoError(t, r.cmd.Wait())
	r.requireGone(t, true)
}

func TestKubernetesIsRealAndStopsAndStarts(t *testing.T) {
	r := startLab(t, "--nodes", "2", "--node-kind", "sshd", "--registries", "")
	kubectl := func(config string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "kubectl", append([]string{"--kubeconfig", config, "--request-timeout", "5s"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	k := r.Kubernetes
	out, err := kubectl(k.Kubeconfig, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")
	require.NoError(t, err, out)
	require.Equal(t, "n1 n2", out)
	out, err = kubectl(k.Kubeconfig, "-n", "openshift", "create", "secret", "generic", "s", "--from-literal=a=b")
	require.NoError(t, err, out)

	out, err = kubectl(k.KubeconfigLimited, "-n", "openshift", "get", "secret", "s")
	require.Error(t, err)
	require.Contains(t, out, "Forbidden")

	// As oreg does it: the first master's kubeconfig, read over SSH.
	config, err := r.ssh(t, 0, "root", "", "cat /etc/origin/master/admin.kubeconfig")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	r.ctl(t, "api", "stop")
	out, err = kubectl(path, "-n", "openshift", "get", "secret", "s")
	require.Error(t, err)
	require.Contains(t, out, "refused")
	r.ctl(t, "api", "start")
	out, err = kubectl(path, "-n", "openshift", "get", "secret", "s")
	require.NoError(t, err, out)

	audit, err := os.ReadFile(k.AuditLog)
	require.NoError(t, err)
	require.Contains(t, string(audit), `"verb":"create"`)
	require.NotContains(t, string(audit), "Yg==", "bodies are not in it")

	require.NoError(t, r.stdin.Close())
	require.NoError(t, r.cmd.Wait(), r.log.String())
	r.requireGone(t, true)
}

func TestAnsibleReadsTheInventoryAsItIsMeant(t *testing.T) {
	r := startLab(t, "--nodes", "2", "--node-kind", "sshd", "--kube=false")
	ansible := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), args[0], append([]string{"-i", r.Inventory}, args[1:]...)...)
		// Nothing in the caller's home, and no ssh that stays behind.
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "ANSIBLE_SSH_ARGS=-o ControlMaster=no", "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		require.NoError(t, err, string(out))
		return out
	}
	raw := ansible("ansible-inventory", "--list")
	var doc struct {
		Meta struct {
			HostVars map[string]map[string]any `json:"hostvars"`
		} `json:"_meta"`
	}
	require.NoError(t, json.Unmarshal(raw, &doc))
	vars := doc.Meta.HostVars["n2"]
	require.Equal(t, "lab|svc", vars["oreg_auth_user"])
	require.Equal(t, r.Registries[0].Accounts[1].Password, vars["oreg_auth_password"])
	additional, ok := vars["openshift_additional_registry_credentials"].([]any)
	require.True(t, ok)
	require.Len(t, additional, 4)
	bearer, ok := additional[0].(map[string]any)
	require.True(t, ok)
	require.Equal(t, r.Registries[1].Accounts[1].Password, bearer["password"])

	// And it logs in with it.
	require.Contains(t, string(ansible("ansible", "all", "-m", "raw", "-a", "hostname")), "n1")
}
