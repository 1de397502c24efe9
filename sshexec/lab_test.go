//go:build lab

package sshexec_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

// lab is one sshd and a home whose key it lets in.
func lab(t *testing.T, o sshdOptions) (*sshd, *labHome) {
	t.Helper()
	s, h := startSSHD(t, o), newHome(t)
	s.authorize(t, "", h.key)
	kind := "ed25519"
	if o.hostKeys != nil {
		kind = o.hostKeys[0]
	}
	h.write(t, "known_hosts", s.known(t, kind))
	return s, h
}

func works(t *testing.T, c *sshexec.Client, target sshexec.Target) {
	t.Helper()
	conn, err := c.Connect(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	out, err := conn.Run(t.Context(), "echo works", nil)
	require.NoError(t, err)
	require.Equal(t, "works\n", string(out))
}

func TestRealSSHD_RunAndShell(t *testing.T) {
	server, home := lab(t, sshdOptions{})
	conn, err := home.client(t).Connect(t.Context(), server.target())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()

	out, err := conn.Run(t.Context(), "cat; echo err >&2", []byte("hello"))
	require.NoError(t, err)
	assert.Equal(t, "hello", string(out))

	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	// dash reads ahead: the answer may go only when the script has asked.
	_, err = io.WriteString(p.Stdin, "f() { echo ask; read -r answer; echo \"got $answer\"; exit 3; }\nf; exit\n")
	require.NoError(t, err)
	out2 := bufio.NewReader(p.Stdout)
	line, err := out2.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ask\n", line)
	_, err = io.WriteString(p.Stdin, "yes\n")
	require.NoError(t, err)
	got, err := io.ReadAll(out2)
	require.NoError(t, err)
	assert.Equal(t, "got yes\n", string(got))
	require.ErrorContains(t, p.Wait(), "status 3")

	_, err = conn.Run(t.Context(), "kill -9 $$", nil)
	failure(t, err, sshexec.CauseCommandFailed)
}

// TestN1_RealSSHD: three host keys, of which known_hosts has one, in each of
// its forms.
func TestN1_RealSSHD_ThreeHostKeysOneKnown(t *testing.T) {
	kinds := []string{"rsa", "ecdsa", "ed25519"}
	server, home := lab(t, sshdOptions{hostKeys: kinds})
	for _, kind := range kinds {
		home.write(t, "known_hosts", server.known(t, kind))
		works(t, home.client(t), server.target())
		// As ssh-keygen -H hashes it.
		out, err := exec.Command("ssh-keygen", "-H", "-f", home.file("known_hosts")).CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		hashed, err := os.ReadFile(home.file("known_hosts"))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(hashed), "|1|"))
		works(t, home.client(t), server.target())
	}
	// What ssh itself writes is fine with us, and what we write is fine with ssh.
	for _, hash := range []string{"yes", "no"} {
		require.NoError(t, os.Remove(home.file("known_hosts")))
		ssh := sshCommand(home, server, "-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts="+hash)
		out, err := ssh.CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		works(t, home.client(t), server.target())

		require.NoError(t, os.Remove(home.file("known_hosts")))
		target := server.target()
		target.Args = []string{"-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts=" + hash}
		works(t, home.client(t), target)
		out, err = sshCommand(home, server, "-o", "StrictHostKeyChecking=yes").CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
	}
}

// sshCommand is the real ssh in the test's home, running `true`.
func sshCommand(h *labHome, s *sshd, args ...string) *exec.Cmd {
	all := append([]string{
		"-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + h.file("known_hosts"),
		"-o", "GlobalKnownHostsFile=none", "-i", h.key, "-p", strconv.Itoa(s.port), "-l", "root",
	}, args...)
	return exec.Command("ssh", append(all, "127.0.0.1", "true")...)
}

func TestRealSSHD_HostKeyVerdicts(t *testing.T) {
	server, home := lab(t, sshdOptions{})
	other := newHome(t)
	data, err := os.ReadFile(other.key + ".pub")
	require.NoError(t, err)
	wrong := fmt.Sprintf("[127.0.0.1]:%d %s", server.port, data)
	for text, cause := range map[string]sshexec.Cause{
		"":    sshexec.CauseHostKeyUnknown,
		wrong: sshexec.CauseHostKeyMismatch,
		server.known(t, "ed25519") + "@revoked * " + server.hostKey(t, "ed25519") + "\n": sshexec.CauseHostKeyRevoked,
	} {
		home.write(t, "known_hosts", text)
		_, err := home.client(t).Connect(t.Context(), server.target())
		failure(t, err, cause)
		// ssh agrees that this is no host to log in to.
		assert.Error(t, sshCommand(home, server, "-o", "StrictHostKeyChecking=yes").Run())
	}
}

func TestRealSSHD_HostCertificate(t *testing.T) {
	home := newHome(t)
	authority := filepath.Join(home.dir, "ca")
	keygen(t, "-t", "ed25519", "-f", authority)
	server := startSSHD(t, sshdOptions{hostKeys: []string{"rsa", "ed25519"}, prepare: func(dir string) {
		keygen(t, "-s", authority, "-h", "-I", "host", "-n", "127.0.0.1", filepath.Join(dir, "host_rsa.pub"))
	}})
	server.authorize(t, "", home.key)
	ca, err := os.ReadFile(authority + ".pub")
	require.NoError(t, err)
	home.write(t, "known_hosts", "@cert-authority [127.0.0.1]:* "+string(ca))
	works(t, home.client(t), server.target())
	out, err := sshCommand(home, server, "-o", "StrictHostKeyChecking=yes").CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
}

func TestN3_RealSSHD_NestedBastions(t *testing.T) {
	outer, inner, node := startSSHD(t, sshdOptions{}), startSSHD(t, sshdOptions{}), startSSHD(t, sshdOptions{})
	home := newHome(t)
	for _, s := range []*sshd{outer, inner, node} {
		s.authorize(t, "", home.key)
	}
	home.write(t, "known_hosts", outer.known(t, "ed25519")+inner.known(t, "ed25519")+node.known(t, "ed25519"))
	home.write(t, "config", fmt.Sprintf(`
Host outer
  HostName 127.0.0.1
  Port %d
Host inner
  HostName 127.0.0.1
  Port %d
  ProxyJump outer
Host node
  HostName 127.0.0.1
  Port %d
  ProxyJump inner
`, outer.port, inner.port, node.port))
	works(t, home.client(t), sshexec.Target{Name: "n", Host: "node"})
	assert.Contains(t, outer.log.String(), "Accepted publickey")
	assert.Contains(t, inner.log.String(), "Accepted publickey")

	// By a command that only a shell can run: the real ssh as the proxy.
	command := fmt.Sprintf("sh -c 'ssh -F none -i %s -o UserKnownHostsFile=%s -p %d -W %%h:%%p root@127.0.0.1'", home.key, home.file("known_hosts"), outer.port)
	works(t, home.client(t), sshexec.Target{
		Name: "n", Host: "127.0.0.1", Port: node.port, Args: []string{"-F", "none", "-o", "ProxyCommand=" + command},
	})
}

// TestN8_RealSSHD: 200 nodes behind one bastion, every sshd with
// MaxStartups 10:30:60; the nodes share one sshd, which is the hardest case.
func TestN8_RealSSHD_MaxStartups(t *testing.T) {
	const nodes = 200
	limit := sshdOptions{config: "MaxStartups 10:30:60\nLogLevel INFO"}
	bastion, node := startSSHD(t, limit), startSSHD(t, limit)
	home := newHome(t)
	bastion.authorize(t, "", home.key)
	node.authorize(t, "", home.key)
	home.write(t, "known_hosts", bastion.known(t, "ed25519")+node.known(t, "ed25519"))
	o := home.options()
	o.Timeout = 60 * time.Second
	client := newClient(t, o)
	targets := make([]sshexec.Target, nodes)
	for i := range targets {
		targets[i] = node.target()
		targets[i].Name = fmt.Sprintf("n%d", i)
		targets[i].Args = []string{"-J", fmt.Sprintf("root@127.0.0.1:%d", bastion.port)}
	}
	failed := 0
	sshexec.Each(t.Context(), targets, sshexec.EachOptions{Forks: 64},
		func(ctx context.Context, target sshexec.Target) error {
			conn, err := client.Connect(ctx, target)
			if err != nil {
				return err
			}
			_, err = conn.Run(ctx, "true", nil)
			if closeErr := conn.Close(); err == nil {
				err = closeErr
			}
			return err
		},
		func(_ sshexec.Target, cause error) error { return sshexec.NotTried(cause) },
		func(i int, err error) {
			if err != nil {
				failed++
				t.Logf("%s: %v", targets[i].Name, err)
			}
		})
	assert.Zero(t, failed)
	assert.Equal(t, 1, strings.Count(bastion.log.String(), "Accepted publickey"))
	assert.Equal(t, nodes, strings.Count(node.log.String(), "Accepted publickey"))
	assert.NotContains(t, node.log.String(), "MaxStartups throttling")
}

// TestN8_RealSSHD_DroppedBanner: a full sshd closes new connections before its
// banner; that is worth another try, and the hint says what it was.
func TestN8_RealSSHD_DroppedBanner(t *testing.T) {
	server, home := lab(t, sshdOptions{config: "MaxStartups 1:100:1"})
	client := home.client(t)
	waiting, err := net.Dial("tcp", server.addr()) // never logs in
	require.NoError(t, err)
	// Accepted before ours is: sshd takes connections in order.
	_, err = bufio.NewReader(waiting).ReadString('\n')
	require.NoError(t, err)
	_, err = client.Connect(t.Context(), server.target())
	e := failure(t, err, sshexec.CauseConnectionLost)
	assert.True(t, e.Transient)
	assert.Contains(t, e.Message, "closed the connection (SSH banner)")
	assert.Contains(t, e.Hint, "MaxStartups")

	attempts := 0
	conn, err := sshexec.Retry(t.Context(), sshexec.RetryOptions{Attempts: 20}, func(ctx context.Context) (*sshexec.Conn, error) {
		if attempts++; attempts == 2 {
			require.NoError(t, waiting.Close())
		}
		return client.Connect(ctx, server.target())
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, attempts, 2)
	require.NoError(t, conn.Close())
}

func TestRealSSHD_Forwarding(t *testing.T) {
	server, home := lab(t, sshdOptions{})
	conn, err := home.client(t).Connect(t.Context(), server.target())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	far, err := conn.DialContext(t.Context(), "tcp", server.addr())
	require.NoError(t, err)
	banner, err := bufio.NewReader(far).ReadString('\n')
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(banner, "SSH-2.0-OpenSSH"))
	require.NoError(t, far.Close())
	_, err = conn.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))))
	failure(t, err, sshexec.CauseRefused)
	_, err = conn.DialContext(t.Context(), "tcp", "a..b:443")
	failure(t, err, sshexec.CauseDNS)

	server, home = lab(t, sshdOptions{config: "AllowTcpForwarding no"})
	refusing, err := home.client(t).Connect(t.Context(), server.target())
	require.NoError(t, err)
	defer func() { require.NoError(t, refusing.Close()) }()
	_, err = refusing.DialContext(t.Context(), "tcp", server.addr())
	failure(t, err, sshexec.CauseForwardingRefused)
	require.ErrorIs(t, err, sshexec.ErrForwardingRefused)
}

func TestRealSSHD_KilledMidCommand(t *testing.T) {
	server, home := lab(t, sshdOptions{})
	conn, err := home.client(t).Connect(t.Context(), server.target())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	// $PPID is the session's own sshd.
	_, err = io.WriteString(p.Stdin, "kill -9 $PPID; sleep 60\n")
	require.NoError(t, err)
	e := failure(t, p.Wait(), sshexec.CauseConnectionLost)
	assert.True(t, e.Transient)
}
