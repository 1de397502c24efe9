package sshexec_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/sshexec"
)

func TestRunAndShell(t *testing.T) {
	s, h := ready(t)
	conn := connect(t, h.client(), s.target())
	out, err := conn.Run(t.Context(), "cat; echo to stderr >&2", []byte("input"))
	require.NoError(t, err)
	assert.Equal(t, "input", string(out))

	_, err = conn.Run(t.Context(), "echo reason >&2; exit 7", nil)
	e := failure(t, err, sshexec.CauseCommandFailed)
	assert.Equal(t, "the command ended with status 7: reason", e.Message)
	assert.False(t, e.Unreachable)
	var exit *sshexec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 7, exit.Status)

	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "f() { echo ask; read -r a; echo \"got $a\"; echo $LC_ALL >&2; }\nf; exit\n")
	require.NoError(t, err)
	r := bufio.NewReader(p.Stdout)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ask\n", line)
	_, err = io.WriteString(p.Stdin, "it\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "got it\n", string(rest))
	require.NoError(t, p.Wait())
	assert.Equal(t, "C\n", p.Stderr())
	assert.EqualValues(t, 1, s.logins.Load(), "one connection for all of it")
}

func TestProfileNoiseIsNotOutput(t *testing.T) {
	s, h := ready(t)
	s.runs(func(ch ssh.Channel, line string) {
		_, _ = io.WriteString(ch, "Welcome to the machine\nno line end: ")
		s.shell(ch, line)
	})
	out, err := connect(t, h.client(), s.target()).Run(t.Context(), "echo out", nil)
	require.NoError(t, err)
	assert.Equal(t, "out\n", string(out))
}

func TestEndlessNoiseEnds(t *testing.T) {
	s, h := ready(t)
	s.runs(func(ch ssh.Channel, _ string) {
		block := make([]byte, 1<<10)
		for {
			if _, err := ch.Write(block); err != nil {
				return
			}
		}
	})
	_, err := connect(t, h.client(), s.target()).Run(t.Context(), "echo out", nil)
	require.Error(t, err)
	var e *sshexec.Error
	require.ErrorAs(t, err, &e)
	t.Log(e.Message)
}

func TestLoginShellThatRunsNothing(t *testing.T) {
	s, h := ready(t)
	s.runs(func(ch ssh.Channel, _ string) {
		_, _ = io.WriteString(ch.Stderr(), "This account is currently not available.\n")
		exitStatus(ch, 1)
	})
	_, err := connect(t, h.client(), s.target()).Shell(t.Context())
	e := failure(t, err, sshexec.CauseCommandFailed)
	assert.Contains(t, e.Message, "This account is currently not available.")
	assert.Contains(t, e.Hint, "nologin")
}

func TestMissingExitStatusIsNotSuccess(t *testing.T) {
	s, h := ready(t)
	s.runs(func(ch ssh.Channel, line string) {
		nonce := nonceOf(t, line)
		_, _ = io.WriteString(ch, nonce+"\nhalf")
		_ = ch.Close()
	})
	out, err := connect(t, h.client(), s.target()).Run(t.Context(), "echo whole", nil)
	e := failure(t, err, sshexec.CauseConnectionLost)
	assert.Equal(t, "half", string(out))
	assert.True(t, e.Transient)
}

// TestN7: a peer that is silent at any stage costs the time that was given,
// and the error says at which stage it was.
func TestN7_SilentPeer(t *testing.T) {
	t.Parallel()
	const short = 300 * time.Millisecond
	listen := func(t *testing.T, greeting string) *net.TCPAddr {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			var open []net.Conn
			for {
				conn, err := l.Accept()
				if err != nil {
					break
				}
				_, _ = io.WriteString(conn, greeting)
				open = append(open, conn)
			}
			for _, c := range open {
				_ = c.Close()
			}
		}()
		t.Cleanup(func() {
			require.NoError(t, l.Close())
			<-done
		})
		return l.Addr().(*net.TCPAddr)
	}
	stages := []struct {
		name, text  string
		unreachable bool
		prepare     func(t *testing.T, h *home) sshexec.Target
	}{
		{"tcp", "TCP connection", true, func(_ *testing.T, h *home) sshexec.Target {
			h.options.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return sshexec.Target{Name: "node", Host: "192.0.2.1"}
		}},
		{"banner", "SSH banner", true, func(t *testing.T, _ *home) sshexec.Target {
			return sshexec.Target{Name: "node", Host: "127.0.0.1", Port: listen(t, "").Port}
		}},
		{"key exchange", "SSH key exchange", true, func(t *testing.T, _ *home) sshexec.Target {
			return sshexec.Target{Name: "node", Host: "127.0.0.1", Port: listen(t, "SSH-2.0-silent\r\n").Port}
		}},
		{"authentication", "authentication", true, func(t *testing.T, h *home) sshexec.Target {
			block := make(chan struct{})
			s := startServer(t, func(s *server) {
				s.configure = func(c *ssh.ServerConfig) {
					c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
						<-block
						return nil, nil
					}
				}
			})
			t.Cleanup(func() { close(block) })
			h.write("known_hosts", s.known())
			return s.target()
		}},
	}
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) {
			h := newUser(t)
			h.withKey()
			h.options.Timeout = short
			target := stage.prepare(t, h)
			started := time.Now()
			_, err := h.client().Connect(t.Context(), target)
			e := failure(t, err, sshexec.CauseTimeout)
			assert.Contains(t, e.Message, "within 300ms ("+stage.text+")")
			assert.True(t, e.Unreachable)
			assert.True(t, e.Transient)
			assert.NotEmpty(t, e.Hint)
			assert.Less(t, time.Since(started), 5*time.Second)
		})
	}
}

func TestN7_SilentChannel(t *testing.T) {
	t.Parallel()
	s, h := ready(t, func(s *server) { s.ignoreChannels = true })
	h.options.Timeout = 500 * time.Millisecond
	conn := connect(t, h.client(), s.target())
	started := time.Now()
	_, err := conn.Run(t.Context(), "true", nil)
	e := failure(t, err, sshexec.CauseTimeout)
	assert.Contains(t, e.Message, "opened no channel within 500ms")
	assert.Less(t, time.Since(started), 5*time.Second)
	assert.False(t, e.Unreachable)
}

func TestN7_SilentCommand(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	h.options.CommandTimeout = 300 * time.Millisecond
	c := h.client()
	conn := connect(t, c, s.target())
	started := time.Now()
	_, err := conn.Run(t.Context(), "echo begun; exec sleep 60", nil)
	e := failure(t, err, sshexec.CauseTimeout)
	assert.Less(t, time.Since(started), 5*time.Second)
	assert.Contains(t, e.Message, "no sign of life from the command for 300ms")

	// Before the first line, too.
	s.runs(func(ssh.Channel, string) {})
	_, err = connect(t, c, s.target()).Shell(t.Context())
	e = failure(t, err, sshexec.CauseTimeout)
	assert.Contains(t, e.Message, "the login shell did not start /bin/sh within 300ms")
	assert.Contains(t, e.Hint, "profile")
	assert.False(t, e.Transient, "a profile that asks a question asks it again")
}

func TestN7_LoginShellPrintsWithoutEnd(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	s.runs(func(c ssh.Channel, _ string) {
		for {
			if _, err := io.WriteString(c, "garbage\n"); err != nil {
				return
			}
		}
	})
	_, err := connect(t, h.client(), s.target()).Shell(t.Context())
	e := failure(t, err, sshexec.CauseCommandFailed)
	assert.Contains(t, e.Message, "the login shell prints without end")
	assert.NotEmpty(t, e.Hint)
}

func TestN7_ABusyCommandIsNotSilent(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	// Wide margins: what counts is that the whole takes longer than the silence
	// that is allowed.
	h.options.CommandTimeout = 3 * time.Second
	out, err := connect(t, h.client(), s.target()).Run(t.Context(), "for i in 1 2 3 4 5 6; do echo $i; sleep 0.6; done", nil)
	require.NoError(t, err)
	assert.Equal(t, "1\n2\n3\n4\n5\n6\n", string(out))
}

func TestDialErrors(t *testing.T) {
	h := newUser(t)
	_, err := h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "127.0.0.1", Port: refusedPort(t)})
	e := failure(t, err, sshexec.CauseRefused)
	assert.True(t, e.Unreachable)
	assert.True(t, e.Transient)

	h.options.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}
	}
	_, err = h.client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "nowhere.invalid"})
	e = failure(t, err, sshexec.CauseDNS)
	assert.Equal(t, "the name nowhere.invalid does not exist", e.Message)
	assert.False(t, e.Transient)
}

func TestNotAnSSHServer(t *testing.T) {
	for name, greeting := range map[string]string{
		"closes at once": "",
		"speaks HTTP":    "HTTP/1.1 400 Bad Request\r\n" + string(make([]byte, 400)),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, greeting)
				if tcp, ok := conn.(*net.TCPConn); ok {
					_ = tcp.CloseWrite()
				}
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
			_, err = newUser(t).client().Connect(t.Context(), sshexec.Target{Name: "n", Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port})
			if greeting == "" {
				e := failure(t, err, sshexec.CauseConnectionLost)
				assert.Contains(t, e.Hint, "MaxStartups")
				assert.True(t, e.Transient)
			} else {
				e := failure(t, err, sshexec.CauseUnreachable)
				assert.Contains(t, e.Message, "not an SSH server")
				assert.False(t, e.Transient)
			}
			require.NoError(t, l.Close())
			<-done
		})
	}
}

// TestSystemPolicyOfRHEL: what RHEL ships for every connection is taken
// without a word, and the algorithms that we do not have are left out.
func TestSystemPolicyOfRHEL(t *testing.T) {
	s, h := ready(t)
	h.write("config", "Match final all\n\tInclude policy.config\n\tForwardX11Trusted yes\n\tGSSAPIAuthentication yes\n")
	h.write("policy.config", `
Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr
MACs umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-256
GSSAPIKexAlgorithms gss-curve25519-sha256-,gss-nistp256-sha256-
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256
HostKeyAlgorithms sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256
CASignatureAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256
RequiredRSASize 2048
`)
	connect(t, h.client(), s.target())
	assert.Empty(t, h.warned())
}

func TestNoCommonAlgorithm(t *testing.T) {
	s, h := ready(t)
	target := s.target()
	target.Args = []string{"-o", "Ciphers=aes128-cbc"}
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseUnreachable)
	assert.Contains(t, e.Message, "have no")
	assert.Contains(t, e.Message, "aes128-gcm@openssh.com")
}
