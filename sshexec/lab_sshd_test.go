//go:build lab

package sshexec_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

// The tests of this tag run Debian's own sshd, sudo and dropbear on loopback
// ports, as root, in folders of the test; no service is touched.

// needProgram fails a test whose machine lacks a program: these tests never
// skip.
func needProgram(t *testing.T, path, pkg string) {
	t.Helper()
	_, err := os.Stat(path)
	require.NoErrorf(t, err, "this test needs %s: apt-get install %s", path, pkg)
	require.Zero(t, os.Getuid(), "this test runs sshd and needs root")
}

// sshd is one OpenSSH server.
type sshd struct {
	dir  string
	port int
	log  *syncBuffer
	cmd  *exec.Cmd
	done chan struct{}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// sshdOptions change the server's configuration.
type sshdOptions struct {
	hostKeys []string // types; ed25519 by default
	config   string   // comes first, so it wins
	port     int
	args     []string
}

// startSSHD runs sshd with a configuration of its own and waits until it
// listens. Root may log in with <dir>/authorized_keys.
func startSSHD(t *testing.T, o sshdOptions) *sshd {
	t.Helper()
	needProgram(t, "/usr/sbin/sshd", "openssh-server")
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	dir := t.TempDir()
	// sshd's user "sshd" and the logins walk through here.
	require.NoError(t, os.Chmod(dir, 0o755))
	s := &sshd{dir: dir, port: o.port, log: &syncBuffer{}, done: make(chan struct{})}
	if s.port == 0 {
		s.port = freePort(t)
	}
	if o.hostKeys == nil {
		o.hostKeys = []string{"ed25519"}
	}
	config := o.config + "\n"
	for _, kind := range o.hostKeys {
		key := filepath.Join(dir, "host_"+kind)
		keygen(t, "-t", kind, "-f", key)
		config += "HostKey " + key + "\n"
		if _, err := os.Stat(key + "-cert.pub"); err == nil {
			config += "HostCertificate " + key + "-cert.pub\n"
		}
	}
	config += fmt.Sprintf(`ListenAddress 127.0.0.1:%d
PidFile none
AuthorizedKeysFile %s/authorized_keys
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel DEBUG1
MaxStartups 100:30:200
`, s.port, dir)
	file := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	s.cmd = exec.Command("/usr/sbin/sshd", append([]string{"-D", "-e", "-f", file}, o.args...)...)
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		if t.Failed() {
			t.Logf("sshd on %d said:\n%s", s.port, tailOf(s.log.String(), 40))
		}
	})
	waitListening(t, s.addr(), s.done)
	return s
}

func tailOf(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (s *sshd) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// hostKey is the public host key of a type, as "type base64".
func (s *sshd) hostKey(t *testing.T, kind string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "host_"+kind+".pub"))
	require.NoError(t, err)
	fields := strings.Fields(string(data))
	return fields[0] + " " + fields[1]
}

// authorize lets the holder of a key file (its .pub) in.
func (s *sshd) authorize(t *testing.T, options, key string) {
	t.Helper()
	data, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	f, err := os.OpenFile(filepath.Join(s.dir, "authorized_keys"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = io.WriteString(f, strings.TrimSpace(options+" "+string(data))+"\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// known is the known_hosts line for the server.
func (s *sshd) known(t *testing.T, kind string) string {
	t.Helper()
	return fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port, s.hostKey(t, kind))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

func keygen(t *testing.T, args ...string) {
	t.Helper()
	needProgram(t, "/usr/bin/ssh-keygen", "openssh-client")
	if !strings.Contains(strings.Join(args, " "), "-N") {
		args = append([]string{"-N", ""}, args...)
	}
	out, err := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...).CombinedOutput()
	require.NoErrorf(t, err, "ssh-keygen: %s", out)
}

func waitListening(t *testing.T, addr string, done <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			require.NoError(t, conn.Close())
			return
		}
		select {
		case <-done:
			t.Fatalf("the server for %s ended at once", addr)
		case <-time.After(20 * time.Millisecond):
		}
		require.Truef(t, time.Now().Before(deadline), "nothing listens on %s", addr)
	}
}

// labHome is a home directory with a key pair and known_hosts.
type labHome struct {
	dir, key string
	warnings []string
	mu       sync.Mutex
}

func newHome(t *testing.T) *labHome {
	t.Helper()
	h := &labHome{dir: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, ".ssh"), 0o700))
	h.key = filepath.Join(h.dir, ".ssh", "id_ed25519")
	keygen(t, "-t", "ed25519", "-f", h.key)
	return h
}

func (h *labHome) file(name string) string { return filepath.Join(h.dir, ".ssh", name) }

func (h *labHome) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(h.file(name), []byte(text), 0o600))
}

// options are those of a client that lives in this home alone.
func (h *labHome) options() sshexec.Options {
	return sshexec.Options{
		Home: h.dir, LocalUser: "root", Hostname: "controller",
		SystemConfigFile:     filepath.Join(h.dir, "no-system-config"),
		SystemKnownHostsFile: filepath.Join(h.dir, "no-system-known-hosts"),
		Warn: func(text string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.warnings = append(h.warnings, text)
		},
	}
}

func (h *labHome) client(t *testing.T) *sshexec.Client {
	t.Helper()
	return newClient(t, h.options())
}

func newClient(t *testing.T, o sshexec.Options) *sshexec.Client {
	t.Helper()
	c := sshexec.New(o)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func (s *sshd) target() sshexec.Target {
	return sshexec.Target{Name: "node", Host: "127.0.0.1", Port: s.port}
}
