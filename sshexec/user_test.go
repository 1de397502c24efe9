package sshexec_test

import (
	"crypto"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/inventory/secret"
	"oreg/sshexec"
)

// home is a user's home for one client.
type home struct {
	t   testing.TB
	dir string

	mu       sync.Mutex
	warnings []string
	options  sshexec.Options
}

func newUser(t testing.TB) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, ".ssh"), 0o700))
	h.options = sshexec.Options{
		Home: h.dir, LocalUser: "me", Hostname: "controller", Timeout: 10 * time.Second,
		SystemConfigFile:     filepath.Join(h.dir, "no-system-config"),
		SystemKnownHostsFile: filepath.Join(h.dir, "no-system-known-hosts"),
		Warn: func(text string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.warnings = append(h.warnings, text)
		},
	}
	return h
}

func (h *home) path(name string) string { return filepath.Join(h.dir, ".ssh", name) }

func (h *home) write(name, text string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(h.path(name), []byte(text), 0o600))
}

func (h *home) read(name string) string {
	h.t.Helper()
	data, err := os.ReadFile(h.path(name))
	require.NoError(h.t, err)
	return string(data)
}

// key writes a private key file.
func (h *home) key(name string, private any) {
	h.t.Helper()
	block, err := ssh.MarshalPrivateKey(private.(crypto.PrivateKey), name)
	require.NoError(h.t, err)
	h.write(name, string(pem.EncodeToMemory(block)))
}

// withKey gives the user a default key, and returns its fingerprint.
func (h *home) withKey() string {
	h.t.Helper()
	signer, private := ed25519Key(h.t)
	h.key("id_ed25519", private)
	return ssh.FingerprintSHA256(signer.PublicKey())
}

func (h *home) client() *sshexec.Client {
	h.t.Helper()
	c := sshexec.New(h.options)
	h.t.Cleanup(func() { require.NoError(h.t, c.Close()) })
	return c
}

func (h *home) warned() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.warnings...)
}

// ready is a server and a user who can log in.
func ready(t testing.TB, change ...func(*server)) (*server, *home) {
	t.Helper()
	s, h := startServer(t, change...), newUser(t)
	h.withKey()
	h.write("known_hosts", s.known())
	return s, h
}

func connect(t testing.TB, c *sshexec.Client, target sshexec.Target) *sshexec.Conn {
	t.Helper()
	conn, err := c.Connect(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// verdict is what an error says about a host.
type verdict struct {
	Message, Hint          string
	Unreachable, Transient bool
}

// failure asserts the cause of an error and returns the rest of it.
func failure(t testing.TB, err error, cause sshexec.Cause) verdict {
	t.Helper()
	var e *sshexec.Error
	require.ErrorAs(t, err, &e)
	require.Equalf(t, cause, e.Cause, "%s (%v)", e.Message, e.Err)
	return verdict{e.Message, e.Hint, e.Unreachable, e.Transient}
}

func password(text string) secret.Text { return secret.New(text) }

// refusedPort is a port that refuses connections, and that nobody else can
// take meanwhile: it is bound, and nobody listens.
func refusedPort(t testing.TB) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Close(fd)) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	return name.(*syscall.SockaddrInet4).Port
}
