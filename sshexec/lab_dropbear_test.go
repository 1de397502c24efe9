//go:build lab

package sshexec_test

import (
	"bufio"
	"fmt"
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

	"oreg/inventory/secret"
	"oreg/sshexec"
)

// startDropbear runs dropbear, with the accounts of namespace; its user core
// lets key in.
func startDropbear(t *testing.T, key string, args ...string) *sshd {
	t.Helper()
	needProgram(t, "/usr/sbin/dropbear", "dropbear-bin")
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	s := &sshd{dir: dir, port: freePort(t), log: &syncBuffer{}, done: make(chan struct{})}
	line := namespace(t, dir, "core ALL=(ALL) ALL")
	for _, kind := range []string{"ed25519", "rsa"} {
		file := filepath.Join(dir, "host_"+kind)
		out, err := exec.Command("dropbearkey", "-t", kind, "-f", file).CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		for l := range strings.Lines(string(out)) {
			if strings.HasPrefix(l, "ssh-") {
				require.NoError(t, os.WriteFile(file+".pub", []byte(l), 0o644))
			}
		}
	}
	ssh := filepath.Join(dir, "core", ".ssh")
	require.NoError(t, os.MkdirAll(ssh, 0o700))
	data, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(ssh, "authorized_keys"), data, 0o600))
	for _, path := range []string{ssh, filepath.Join(ssh, "authorized_keys")} {
		require.NoError(t, os.Chown(path, 4242, 4242))
	}
	line += fmt.Sprintf("exec dropbear -F -E -p 127.0.0.1:%d -r %s/host_ed25519 -r %s/host_rsa -P %s/pid %s", s.port, dir, dir, dir, strings.Join(args, " "))
	s.cmd = exec.Command("/usr/bin/unshare", "-m", "/bin/sh", "-c", line)
	s.cmd.Stderr = s.log
	s.cmd.WaitDelay = 5 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // killed
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		if t.Failed() {
			t.Logf("dropbear on %d said:\n%s", s.port, tailOf(s.log.String(), 40))
		}
	})
	waitListening(t, s.addr(), s.done)
	return s
}

func TestRealDropbear(t *testing.T) {
	home := newHome(t)
	server := startDropbear(t, home.key)
	target := server.target()
	target.User = "core"

	_, err := home.client(t).Connect(t.Context(), target)
	failure(t, err, sshexec.CauseHostKeyUnknown)
	for _, kind := range []string{"ed25519", "rsa"} {
		home.write(t, "known_hosts", server.known(t, kind))
		works(t, home.client(t), target)
	}

	// A bastion for itself, and a changed key.
	jump := target
	jump.Args = []string{"-J", fmt.Sprintf("core@127.0.0.1:%d", server.port), "-o", "HostKeyAlias=behind"}
	home.write(t, "known_hosts", server.known(t, "ed25519")+"behind "+server.hostKey(t, "ed25519")+"\n")
	works(t, home.client(t), jump)
	other, err := os.ReadFile(home.key + ".pub")
	require.NoError(t, err)
	home.write(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", server.port, other))
	_, err = home.client(t).Connect(t.Context(), target)
	failure(t, err, sshexec.CauseHostKeyMismatch)
	home.write(t, "known_hosts", server.known(t, "ed25519"))

	rsa := home.file("rsa")
	keygen(t, "-t", "rsa", "-b", "2048", "-f", rsa)
	data, err := os.ReadFile(rsa + ".pub")
	require.NoError(t, err)
	authorized, err := os.OpenFile(filepath.Join(server.dir, "core", ".ssh", "authorized_keys"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = authorized.Write(data)
	require.NoError(t, err)
	require.NoError(t, authorized.Close())
	withRSA := target
	withRSA.IdentityFile, withRSA.Args = rsa, []string{"-o", "IdentitiesOnly=yes"}
	works(t, home.client(t), withRSA)

	become := target
	become.Become = &sshexec.Become{Password: secret.New(labPassword)}
	conn, err := home.client(t).Connect(t.Context(), become)
	require.NoError(t, err)
	out, err := conn.Run(t.Context(), "id -un; cat", []byte("content"))
	require.NoError(t, err)
	assert.Equal(t, "root\ncontent", string(out))
	_, err = conn.Run(t.Context(), "exit 6", nil)
	failure(t, err, sshexec.CauseCommandFailed)
	far, err := conn.DialContext(t.Context(), "tcp", server.addr())
	require.NoError(t, err)
	banner, err := bufio.NewReader(far).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, banner, "SSH-2.0-dropbear")
	require.NoError(t, far.Close())
	_, err = conn.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))))
	failure(t, err, sshexec.CauseRefused)
	require.NoError(t, conn.Close())

	require.NoError(t, os.Remove(home.key))
	_, err = home.client(t).Connect(t.Context(), target)
	failure(t, err, sshexec.CauseAuthFailed)
	target.Password = secret.New("wrong horse")
	_, err = home.client(t).Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Message, "password refused")
	target.Password = secret.New(labPassword)
	works(t, home.client(t), target)
}

func TestRealDropbear_NoForwarding(t *testing.T) {
	home := newHome(t)
	server := startDropbear(t, home.key, "-j")
	home.write(t, "known_hosts", server.known(t, "ed25519"))
	target := server.target()
	target.User = "core"
	conn, err := home.client(t).Connect(t.Context(), target)
	require.NoError(t, err)
	_, err = conn.DialContext(t.Context(), "tcp", server.addr())
	failure(t, err, sshexec.CauseForwardingRefused)
	require.NoError(t, conn.Close())
}
