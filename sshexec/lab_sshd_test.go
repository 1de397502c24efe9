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
	// prepare may change the folder of the server before it starts.
	prepare func(dir string)
	// sudoers, if set, puts the server into a mount namespace with accounts,
	// sudoers and PAM of its own: the user core has the password labPassword.
	sudoers string
	// accounts asks for such a namespace without sudoers.
	accounts bool
}

// labPassword is core's, and shadowHash its SHA-512 crypt.
const (
	labPassword = "right horse"
	shadowHash  = "$6$oreglab$I6JyiwzID5hA4vXS.8YLPRdidilet/st1dFA9H0O/7XMFuGsWydXBmv1FLyU3ZTfcdarfnUnIvO0edhUTSrN70"
)

// namespace returns a shell line that gives its command a system of its own:
// the machine's accounts plus core, one sudoers file, and a plain PAM stack.
func namespace(t *testing.T, dir, sudoers string) string {
	t.Helper()
	needProgram(t, "/usr/bin/sudo", "sudo")
	needProgram(t, "/usr/bin/unshare", "util-linux")
	etc := filepath.Join(dir, "etc")
	require.NoError(t, os.MkdirAll(filepath.Join(etc, "pam.d"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "core"), 0o755))
	require.NoError(t, os.Chown(filepath.Join(dir, "core"), 4242, 4242))
	write := func(name, text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(etc, name), []byte(text), mode))
		require.NoError(t, os.Chmod(filepath.Join(etc, name), mode))
	}
	passwd, err := os.ReadFile("/etc/passwd")
	require.NoError(t, err)
	shadow, err := os.ReadFile("/etc/shadow")
	require.NoError(t, err)
	group, err := os.ReadFile("/etc/group")
	require.NoError(t, err)
	write("passwd", string(passwd)+"core:x:4242:4242::"+dir+"/core:/bin/sh\nnoshell:x:4243:4242::"+dir+"/core:/usr/sbin/nologin\n", 0o644)
	write("shadow", string(shadow)+"core:"+shadowHash+":19000:0:99999:7:::\nnoshell:"+shadowHash+":19000:0:99999:7:::\n", 0o640)
	write("group", string(group)+"core:x:4242:\n", 0o644)
	write("sudoers", "root ALL=(ALL) ALL\n"+sudoers+"\n", 0o440)
	const stack = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"
	write("pam.d/sudo", stack, 0o644)
	write("pam.d/sshd", stack, 0o644)
	line := "set -e; "
	for _, name := range []string{"passwd", "shadow", "group", "sudoers", "pam.d/sudo", "pam.d/sshd"} {
		line += "mount --bind " + filepath.Join(etc, name) + " /etc/" + name + "; "
	}
	return line
}

// startSSHD runs sshd with a configuration of its own and waits until it
// listens. Root may log in with <dir>/authorized_keys.
func startSSHD(t *testing.T, o sshdOptions) *sshd {
	t.Helper()
	needProgram(t, "/usr/sbin/sshd", "openssh-server")
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	dir := t.TempDir()
	// sshd's user "sshd" and the logins walk through here.
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	s := &sshd{dir: dir, port: freePort(t), log: &syncBuffer{}, done: make(chan struct{})}
	if o.hostKeys == nil {
		o.hostKeys = []string{"ed25519"}
	}
	config := o.config + "\n"
	for _, kind := range o.hostKeys {
		key := filepath.Join(dir, "host_"+kind)
		keygen(t, "-t", kind, "-f", key)
		config += "HostKey " + key + "\n"
	}
	if o.prepare != nil {
		o.prepare(dir)
	}
	for _, kind := range o.hostKeys {
		key := filepath.Join(dir, "host_"+kind)
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
`, s.port, dir)
	if !strings.Contains(o.config, "MaxStartups") { // of which sshd takes the last
		config += "MaxStartups 100:30:200\n"
	}
	file := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	command := "exec /usr/sbin/sshd -D -e -f " + file
	if o.sudoers != "" || o.accounts {
		s.cmd = exec.Command("/usr/bin/unshare", "-m", "/bin/sh", "-c", namespace(t, dir, o.sudoers)+command)
	} else {
		s.cmd = exec.Command("/bin/sh", "-c", command)
	}
	s.cmd.Stderr = s.log
	s.cmd.WaitDelay = 5 * time.Second // a session may outlive its server
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
