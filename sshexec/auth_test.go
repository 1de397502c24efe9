package sshexec_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"oreg/inventory/secret"
	"oreg/sshexec"
)

// only lets the holders of these keys in.
func only(s *server, keys ...ssh.PublicKey) {
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.mu.Lock()
			s.keysSeen = append(s.keysSeen, ssh.FingerprintSHA256(key))
			s.mu.Unlock()
			for _, k := range keys {
				if string(k.Marshal()) == string(key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("not this key")
		}
	})
}

// startAgent serves a keyring on a unix socket.
func startAgent(t *testing.T, keys ...agent.AddedKey) (socket string, connections *atomic.Int32) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		require.NoError(t, ring.Add(k))
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's path has little room
	require.NoError(t, err)
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	connections = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				_ = agent.ServeAgent(ring, conn)
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
		require.NoError(t, os.RemoveAll(dir))
	})
	return socket, connections
}

func TestN5_ConfiguredKeyGoesFirst(t *testing.T) {
	right, rightPrivate := ed25519Key(t)
	s, h := startServer(t), newUser(t)
	only(s, right.PublicKey())
	h.write("known_hosts", s.known())
	h.key("node-key", rightPrivate)
	var crowd []agent.AddedKey
	for range 10 {
		_, private := ed25519Key(t)
		crowd = append(crowd, agent.AddedKey{PrivateKey: &private, Comment: "one of many"})
	}
	var connections *atomic.Int32
	h.options.AgentSocket, connections = startAgent(t, crowd...)
	c := h.client()

	target := s.target()
	target.IdentityFile = "~/.ssh/node-key"
	connect(t, c, target)
	assert.Equal(t, []string{ssh.FingerprintSHA256(right.PublicKey())}, s.seen())

	// Without it the agent's keys exhaust the server's tries, and the error says so.
	_, err := c.Connect(t.Context(), s.target())
	e := failure(t, err, sshexec.CauseAuthFailed)
	assert.True(t, e.Unreachable)
	assert.False(t, e.Transient)
	assert.Contains(t, e.Hint, "one of many SHA256:")
	assert.Contains(t, e.Hint, "IdentitiesOnly")
	assert.EqualValues(t, 1, connections.Load(), "one agent connection for all hosts")

	// IdentitiesOnly leaves the agent's others out.
	s.seen()
	target.IdentityFile = "~/.ssh/other"
	_, other := ed25519Key(t)
	h.key("other", other)
	target.Args = []string{"-o", "IdentitiesOnly=yes"}
	_, err = c.Connect(t.Context(), target)
	e = failure(t, err, sshexec.CauseAuthFailed)
	assert.Len(t, s.seen(), 1)
	assert.Contains(t, e.Hint, h.path("other"))
	assert.Contains(t, e.Hint, "the server allows publickey")
}

func TestN5_FilesWhenTheAgentIsEmptyOrGone(t *testing.T) {
	s, h := ready(t)
	h.options.AgentSocket, _ = startAgent(t)
	connect(t, h.client(), s.target())
	h.options.AgentSocket = filepath.Join(h.dir, "no-socket")
	connect(t, h.client(), s.target())
	require.Len(t, h.warned(), 1)
	assert.Contains(t, h.warned()[0], "no SSH agent")
}

func TestN5_SilentAgentCostsOnlyTheTimeout(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	h.options.AgentSocket = filepath.Join(dir, "s")
	h.options.Timeout = 400 * time.Millisecond
	_, err = h.client().Connect(t.Context(), s.target())
	failure(t, err, sshexec.CauseTimeout)
}

func TestN6_RSAKeysSignWithSHA2(t *testing.T) {
	key, private := rsaKey(t)
	s, h := startServer(t), newUser(t)
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSASHA256}
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if string(k.Marshal()) != string(key.PublicKey().Marshal()) {
				return nil, errors.New("no")
			}
			return nil, nil
		}
	})
	h.write("known_hosts", s.known())
	h.key("id_rsa", private)
	connect(t, h.client(), s.target())

	through := newUser(t)
	through.write("known_hosts", s.known())
	through.options.AgentSocket, _ = startAgent(t, agent.AddedKey{PrivateKey: private, Comment: "rsa"})
	connect(t, through.client(), s.target())

	encrypted := newUser(t)
	encrypted.write("known_hosts", s.known())
	text, _, _ := encryptedKey(t, "rsa_encrypted")
	encrypted.write("id_rsa", text)
	encrypted.options.Prompt = func(context.Context, string) (secret.Text, error) { return password(passphrase), nil }
	connect(t, encrypted.client(), s.target())
}

func TestEncryptedKeyIsAskedForOnce(t *testing.T) {
	t.Parallel()
	text, key, _ := encryptedKey(t, "ed25519_encrypted")
	s, h := startServer(t), newUser(t)
	only(s, key.PublicKey())
	h.write("known_hosts", s.known())
	h.write("id_ed25519", text)
	var asked atomic.Int32
	h.options.Prompt = func(_ context.Context, text string) (secret.Text, error) {
		if asked.Add(1) == 1 {
			assert.Equal(t, "passphrase of "+h.path("id_ed25519")+": ", text)
			return password("a typo"), nil
		}
		assert.Contains(t, text, "wrong;")
		return password(passphrase), nil
	}
	c := h.client()
	results := make(chan error, 8)
	for range 8 {
		go func() {
			conn, err := c.Connect(t.Context(), s.target())
			if err == nil {
				err = conn.Close()
			}
			results <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-results)
	}
	assert.EqualValues(t, 2, asked.Load(), "one typo and one answer for eight connections")
}

// TestOldEncryptedKey: the PEM form does not show its public half, so it must
// be asked for before the server is.
func TestOldEncryptedKey(t *testing.T) {
	text, key, _ := encryptedKey(t, "rsa_pem_encrypted")
	s, h := startServer(t), newUser(t)
	only(s, key.PublicKey())
	h.write("known_hosts", s.known())
	h.write("id_rsa", text)
	h.options.Prompt = func(context.Context, string) (secret.Text, error) { return password(passphrase), nil }
	connect(t, h.client(), s.target())
}

func TestEncryptedKeyIsNotAskedForInVain(t *testing.T) {
	s, h := startServer(t), newUser(t)
	only(s) // nobody
	text, key, _ := encryptedKey(t, "ed25519_encrypted")
	h.write("known_hosts", s.known())
	h.write("id_ed25519", text)
	h.options.Prompt = func(context.Context, string) (secret.Text, error) {
		t.Error("asked for the passphrase of a key that the server does not want")
		return secret.Text{}, nil
	}
	_, err := h.client().Connect(t.Context(), s.target())
	failure(t, err, sshexec.CauseAuthFailed)

	only(s, key.PublicKey())
	target := s.target()
	target.Args = []string{"-o", "BatchMode=yes"}
	_, err = h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Hint, "BatchMode")

	h.options.Prompt = nil
	_, err = h.client().Connect(t.Context(), s.target())
	e = failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Hint, "there is no terminal to ask for its passphrase")
}

func TestPassphrasePromptStopsTheClock(t *testing.T) {
	t.Parallel()
	text, key, _ := encryptedKey(t, "ed25519_encrypted")
	s, h := startServer(t), newUser(t)
	only(s, key.PublicKey())
	h.write("known_hosts", s.known())
	h.write("id_ed25519", text)
	h.options.Timeout = 500 * time.Millisecond
	h.options.Prompt = func(ctx context.Context, _ string) (secret.Text, error) {
		select { // a person is slower than the timeout
		case <-time.After(800 * time.Millisecond):
		case <-ctx.Done():
		}
		return password(passphrase), ctx.Err()
	}
	connect(t, h.client(), s.target())
}

func TestEncryptedKeyThatTheAgentHas(t *testing.T) {
	text, key, private := encryptedKey(t, "ed25519_encrypted")
	s, h := startServer(t), newUser(t)
	only(s, key.PublicKey())
	h.write("known_hosts", s.known())
	h.write("node-key", text)
	h.options.AgentSocket, _ = startAgent(t, agent.AddedKey{PrivateKey: private})
	target := s.target()
	target.IdentityFile, target.Args = h.path("node-key"), []string{"-o", "IdentitiesOnly=yes"}
	connect(t, h.client(), target)
}

func TestPublicHalfAsIdentity(t *testing.T) {
	key, private := ed25519Key(t)
	s, h := startServer(t), newUser(t)
	only(s, key.PublicKey())
	h.write("known_hosts", s.known())
	h.write("node-key.pub", string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	h.options.AgentSocket, _ = startAgent(t, agent.AddedKey{PrivateKey: &private})
	for _, name := range []string{"node-key", "node-key.pub"} {
		target := s.target()
		target.IdentityFile, target.Args = h.path(name), []string{"-o", "IdentitiesOnly=yes"}
		connect(t, h.client(), target)
	}
	h.options.AgentSocket = ""
	target := s.target()
	target.IdentityFile = h.path("node-key.pub")
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Hint, "is a public key")
}

func TestBrokenKeyFileNamesTheFileOnly(t *testing.T) {
	s, h := startServer(t), newUser(t)
	only(s)
	h.write("known_hosts", s.known())
	h.write("broken", "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWNvbnRlbnQ\n-----END\n")
	target := s.target()
	target.IdentityFile = "~/.ssh/broken"
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Hint, h.path("broken")+" is not a private key")
	assert.NotContains(t, e.Hint, "c2VjcmV0")
	target.IdentityFile = "~/.ssh/missing"
	_, err = h.client().Connect(t.Context(), target)
	e = failure(t, err, sshexec.CauseAuthFailed)
	assert.Contains(t, e.Hint, h.path("missing"))
}

func TestUserCertificates(t *testing.T) {
	authority, _ := ed25519Key(t)
	key, private := ed25519Key(t)
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.UserCert, KeyId: "me", ValidPrincipals: []string{"core"},
		ValidBefore: ssh.CertTimeInfinity,
	}
	require.NoError(t, cert.SignCert(rand.Reader, authority))
	s := startServer(t)
	s.logIns(func(c *ssh.ServerConfig) {
		checker := &ssh.CertChecker{IsUserAuthority: func(k ssh.PublicKey) bool {
			return string(k.Marshal()) == string(authority.PublicKey().Marshal())
		}}
		c.PublicKeyCallback = checker.Authenticate
	})
	text := string(ssh.MarshalAuthorizedKey(cert))
	t.Run("beside the key", func(t *testing.T) {
		h := newUser(t)
		h.write("known_hosts", s.known())
		h.key("id_ed25519", private)
		h.write("id_ed25519-cert.pub", text)
		connect(t, h.client(), s.target())
	})
	t.Run("CertificateFile", func(t *testing.T) {
		h := newUser(t)
		h.write("known_hosts", s.known())
		h.key("k", private)
		h.write("c", text)
		target := s.target()
		target.IdentityFile, target.Args = h.path("k"), []string{"-o", "CertificateFile=~/.ssh/c"}
		connect(t, h.client(), target)
	})
	t.Run("CertificateFile with the key in the agent", func(t *testing.T) {
		h := newUser(t)
		h.write("known_hosts", s.known())
		h.write("c", text)
		h.options.AgentSocket, _ = startAgent(t, agent.AddedKey{PrivateKey: &private})
		target := s.target()
		target.Args = []string{"-o", "CertificateFile=~/.ssh/c"}
		connect(t, h.client(), target)
	})
	t.Run("in the agent", func(t *testing.T) {
		h := newUser(t)
		h.write("known_hosts", s.known())
		h.options.AgentSocket, _ = startAgent(t, agent.AddedKey{PrivateKey: &private, Certificate: cert})
		connect(t, h.client(), s.target())
	})
	t.Run("without its key", func(t *testing.T) {
		h := newUser(t)
		h.write("known_hosts", s.known())
		h.write("c", text)
		target := s.target()
		target.Args = []string{"-o", "CertificateFile=~/.ssh/c"}
		_, err := h.client().Connect(t.Context(), target)
		e := failure(t, err, sshexec.CauseAuthFailed)
		assert.Contains(t, e.Hint, "neither configured nor in the agent")
	})
}
