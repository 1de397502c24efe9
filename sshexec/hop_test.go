package sshexec_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/sshexec"
)

// behind are two bastions and a node, and a user who may go all the way; the
// names are those of ~/.ssh/config.
func behind(t *testing.T, config string) (outer, inner, node *server, h *home) {
	t.Helper()
	outer, inner, node = startServer(t), startServer(t), startServer(t)
	h = newUser(t)
	h.withKey()
	h.write("known_hosts", outer.known()+inner.known()+node.known())
	h.write("config", fmt.Sprintf(`
Host outer
  HostName 127.0.0.1
  Port %d
  User o
Host inner
  HostName 127.0.0.1
  Port %d
  User i
%s
Host node
  HostName 127.0.0.1
  Port %d
`, outer.port(), inner.port(), config, node.port()))
	return outer, inner, node, h
}

func TestN3_Jumps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config string
		args         []string
		inner, outer int32
	}{
		{"argument", "", []string{"-J", "inner"}, 1, 0},
		{"chain in an argument", "", []string{"-J", "outer,inner"}, 1, 1},
		{"option", "", []string{"-o", "ProxyJump=i@inner"}, 1, 0},
		{"configuration", "Host node\n ProxyJump inner\n", nil, 1, 0},
		{"nested", "Host inner\n ProxyJump outer\nHost node\n ProxyJump inner\n", nil, 1, 1},
		{"switched off by none", "Host node\n ProxyJump inner\n", []string{"-o", "ProxyJump=none"}, 0, 0},
		{"Ansible's ProxyCommand", "", []string{"-o", `ProxyCommand="ssh -W %h:%p -q inner"`}, 1, 0},
		{"ProxyCommand with flags", "", []string{"-o", `ProxyCommand=/usr/bin/ssh -q -o ControlMaster=auto i@inner -W [%h]:%p -o 'ControlPersist=60s'`}, 1, 0},
		{"ProxyCommand with a jump", "", []string{"-o", `ProxyCommand=ssh -J outer -W %h:%p inner`}, 1, 1},
		{"ProxyCommand before ProxyJump", "Host node\n ProxyCommand ssh -W %h:%p inner\n ProxyJump outer\n", nil, 1, 0},
		{"everybody jumps, bastion too", "Host *\n ProxyJump inner\n", nil, 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outer, inner, node, h := behind(t, test.config)
			out, err := connect(t, h.client(), sshexec.Target{Name: "n", Host: "node", Args: test.args}).Run(t.Context(), "echo there", nil)
			require.NoError(t, err)
			assert.Equal(t, "there\n", string(out))
			assert.Equal(t, test.inner, inner.logins.Load(), "inner")
			assert.Equal(t, test.outer, outer.logins.Load(), "outer")
			assert.EqualValues(t, 1, node.logins.Load())
		})
	}
}

func TestJumpsInACircle(t *testing.T) {
	_, _, _, h := behind(t, "Host inner\n ProxyJump outer\nHost outer\n ProxyJump inner\n")
	_, err := h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}})
	var e *sshexec.Error
	require.ErrorAs(t, err, &e)
	assert.Contains(t, e.Message, "ProxyJump")
}

// TestN5_KeysPerHop: the bastion wants another key than the node, and the
// node's password never goes to the bastion.
func TestN5_KeysPerHop(t *testing.T) {
	_, inner, node, h := behind(t, "Host inner\n IdentityFile ~/.ssh/for-bastion\n")
	bastionKey, bastionPrivate := ed25519Key(t)
	h.key("for-bastion", bastionPrivate)
	only(inner, bastionKey.PublicKey())
	passwordOnly(node, "password", "right horse")
	connect(t, h.client(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}, Password: password("right horse")})
	assert.Equal(t, []string{ssh.FingerprintSHA256(bastionKey.PublicKey())}, inner.seen())
	assert.Zero(t, inner.passwords.Load())
}

// TestN8: many nodes behind one bastion share its connection, at most eight
// handshakes at once.
func TestN8_SharedBastionAndBoundedHandshakes(t *testing.T) {
	t.Parallel()
	_, inner, node, h := behind(t, "")
	h.options.Timeout = 30 * time.Second
	var running, most atomic.Int32
	node.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			now := running.Add(1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			time.Sleep(2 * time.Millisecond) // makes handshakes overlap
			running.Add(-1)
			return nil, nil
		}
	})
	c := h.client()
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			conn, err := c.Connect(t.Context(), sshexec.Target{Name: fmt.Sprintf("n%d", i), Host: "node", Args: []string{"-J", "inner"}})
			if assert.NoError(t, err) {
				assert.NoError(t, conn.Close())
			}
		})
	}
	wait.Wait()
	// The server counts after the client may have gone again.
	assert.Eventually(t, func() bool { return node.logins.Load() == 60 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, 1, inner.logins.Load())
	assert.LessOrEqual(t, most.Load(), int32(sshexec.DefaultHandshakesPerHop))
	assert.Greater(t, most.Load(), int32(1))
}

func TestBastionIsMadeAgainWhenItIsLost(t *testing.T) {
	_, inner, _, h := behind(t, "")
	c := h.client()
	target := sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}}
	connect(t, c, target)
	inner.mu.Lock()
	for _, conn := range inner.conns {
		require.NoError(t, conn.Close())
	}
	inner.mu.Unlock()
	require.Eventually(t, func() bool {
		conn, err := c.Connect(t.Context(), target)
		return err == nil && conn.Close() == nil
	}, 10*time.Second, 10*time.Millisecond)
	assert.EqualValues(t, 2, inner.logins.Load())
}

func TestJumpFailures(t *testing.T) {
	t.Parallel()
	t.Run("bastion refuses connections", func(t *testing.T) {
		_, inner, _, h := behind(t, "")
		refused := strconv.Itoa(refusedPort(t))
		h.write("config", strings.Replace(h.read("config"), strconv.Itoa(inner.port()), refused, 1))
		now, dials := time.Now(), 0
		h.options.Now = func() time.Time { return now }
		h.options.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		c := h.client()
		target := sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}}
		try := func() {
			_, err := c.Connect(t.Context(), target)
			e := failure(t, err, sshexec.CauseJumpFailed)
			assert.Contains(t, e.Message, "jump host inner: 127.0.0.1:")
			assert.Contains(t, e.Message, "refuses connections")
			assert.True(t, e.Unreachable)
		}
		for range 5 {
			try()
		}
		assert.Equal(t, 3, dials, "the hosts behind it do not all wait for it")
		now = now.Add(time.Minute)
		try()
		assert.Equal(t, 4, dials, "it may have come back")
	})
	t.Run("bastion refuses the login, once for all", func(t *testing.T) {
		_, inner, _, h := behind(t, "")
		only(inner)
		c := h.client()
		for range 3 {
			_, err := c.Connect(t.Context(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}})
			e := failure(t, err, sshexec.CauseJumpFailed)
			assert.Contains(t, e.Message, "refused the login of i")
			assert.False(t, e.Transient)
		}
		assert.EqualValues(t, 1, inner.connections.Load())
	})
	t.Run("bastion is not trusted", func(t *testing.T) {
		_, _, node, h := behind(t, "")
		h.write("known_hosts", node.known())
		_, err := h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}})
		e := failure(t, err, sshexec.CauseJumpFailed)
		assert.Contains(t, e.Message, "is not known")
		var key *sshexec.HostKeyError
		require.ErrorAs(t, err, &key)
	})
	t.Run("bastion does not forward", func(t *testing.T) {
		_, inner, _, h := behind(t, "")
		inner.refuseForward = &ssh.OpenChannelError{Reason: ssh.Prohibited, Message: "open failed"}
		_, err := h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}})
		e := failure(t, err, sshexec.CauseJumpFailed)
		require.ErrorIs(t, err, sshexec.ErrForwardingRefused)
		assert.Contains(t, e.Message, "jump host inner")
	})
	t.Run("the node behind it refuses", func(t *testing.T) {
		_, _, node, h := behind(t, "")
		h.write("config", strings.Replace(h.read("config"), strconv.Itoa(node.port()), strconv.Itoa(refusedPort(t)), 1))
		_, err := h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "node", Args: []string{"-J", "inner"}})
		e := failure(t, err, sshexec.CauseRefused)
		assert.Contains(t, e.Message, "behind jump host inner")
		assert.True(t, e.Unreachable)
		assert.True(t, e.Transient)
	})
	t.Run("the node behind it is silent", func(t *testing.T) {
		_, _, _, h := behind(t, "")
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, silent.Close()) }()
		h.options.Timeout = 400 * time.Millisecond
		_, err = h.client().Connect(t.Context(), sshexec.Target{
			Name: "n", Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, Args: []string{"-J", "inner"},
		})
		e := failure(t, err, sshexec.CauseTimeout)
		assert.Contains(t, e.Message, "SSH banner")
	})
	t.Run("cancelled while the bastion is silent", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, silent.Close()) }()
		h := newUser(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err = h.client().Connect(ctx, sshexec.Target{
			Name: "n", Host: "127.0.0.1", Args: []string{"-J", silent.Addr().String()},
		})
		failure(t, err, sshexec.CauseNotTried)
	})
}

// TestN3_ProxyCommandByTheShell: anything that is not simply `ssh -W` runs as
// ssh runs it, and ends with the connection.
func TestN3_ProxyCommandByTheShell(t *testing.T) {
	s, h := ready(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "relay.sh")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" > "+dir+"/args\n"), 0o755))
	target := s.target()
	target.Args = []string{"-o", "ProxyCommand=" + script + " %h %p %r '%n'; true"}
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseConnectionLost)
	assert.Contains(t, e.Message, "closed the connection")
	data, err := os.ReadFile(filepath.Join(dir, "args"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("127.0.0.1 %d core 127.0.0.1\n", s.port()), string(data))

	target.Args = []string{"-o", "ProxyCommand=echo no route to that host >&2; exit 255"}
	_, err = h.client().Connect(t.Context(), target)
	e = failure(t, err, sshexec.CauseJumpFailed)
	assert.Equal(t, "ProxyCommand ended: no route to that host", e.Message)

	target.Args = []string{"-o", "ProxyCommand=sleep 60 & sleep 60"}
	h.options.Timeout = 300 * time.Millisecond
	_, err = h.client().Connect(t.Context(), target)
	failure(t, err, sshexec.CauseTimeout)
}

func TestForward(t *testing.T) {
	s, h := ready(t)
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := echo.Accept()
		if err != nil {
			return
		}
		_, _ = fmt.Fprintln(conn, "hello from the far side")
		_ = conn.Close()
	}()
	conn := connect(t, h.client(), s.target())
	far, err := conn.DialContext(t.Context(), "tcp", echo.Addr().String())
	require.NoError(t, err)
	buffer := make([]byte, 5)
	_, err = far.Read(buffer)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(buffer))
	require.NoError(t, far.SetReadDeadline(time.Now().Add(-time.Second)), "deadlines work")
	_, err = far.Read(buffer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, far.Close())
	<-done
	require.NoError(t, echo.Close())

	refused := net.JoinHostPort("127.0.0.1", strconv.Itoa(refusedPort(t)))
	_, err = conn.DialContext(t.Context(), "tcp", refused)
	e := failure(t, err, sshexec.CauseRefused)
	assert.Equal(t, refused+" refuses connections", e.Message)
}

func TestForwardErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason ssh.RejectionReason
		text   string
		cause  sshexec.Cause
	}{
		{ssh.Prohibited, "open failed", sshexec.CauseForwardingRefused},
		{ssh.ConnectionFailed, "Connection refused", sshexec.CauseRefused},
		{ssh.ConnectionFailed, "Name or service not known", sshexec.CauseDNS},
		{ssh.ConnectionFailed, "Temporary failure in name resolution", sshexec.CauseDNS},
		{ssh.ConnectionFailed, "Connection timed out", sshexec.CauseTimeout},
		{ssh.ConnectionFailed, "No route to host", sshexec.CauseUnreachable},
		{ssh.ConnectionFailed, "", sshexec.CauseUnreachable},
		{ssh.ResourceShortage, "", sshexec.CauseUnreachable},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			s, h := ready(t)
			s.refuseForward = &ssh.OpenChannelError{Reason: test.reason, Message: test.text}
			_, err := connect(t, h.client(), s.target()).DialContext(t.Context(), "tcp", "registry.example.com:5000")
			e := failure(t, err, test.cause)
			assert.Contains(t, e.Message, "registry.example.com")
			if test.cause == sshexec.CauseForwardingRefused {
				require.ErrorIs(t, err, sshexec.ErrForwardingRefused)
				assert.Contains(t, e.Hint, "AllowTcpForwarding")
			}
		})
	}
}

func TestForwardEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, h := ready(t, func(s *server) { s.ignoreChannels = true })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := connect(t, h.client(), s.target()).DialContext(ctx, "tcp", "a:1")
	failure(t, err, sshexec.CauseTimeout)
}

func TestN3_ConfigurationOfAJumpIsItsOwn(t *testing.T) {
	_, _, _, h := behind(t, "")
	// The target's -o options are not the bastion's, as with ssh.
	_, err := h.client().Connect(t.Context(), sshexec.Target{
		Name: "n", Host: "node", Args: []string{"-J", "inner", "-o", "UserKnownHostsFile=/dev/null"},
	})
	e := failure(t, err, sshexec.CauseHostKeyUnknown)
	assert.NotContains(t, e.Message, "jump host")
}
