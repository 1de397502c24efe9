package sshexec_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"oreg/sshexec"
)

func TestMain(m *testing.M) {
	// toxiproxy leaves the links of cut connections behind; what is ours ends.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
	)
}

// server is an in-process SSH server on loopback that runs commands with the
// real /bin/sh.
type server struct {
	t        testing.TB
	listener net.Listener
	hostKeys []ssh.Signer

	// configure may change the server's configuration per connection.
	configure func(*ssh.ServerConfig)
	// session takes the place of running the command; nil runs it.
	session func(ch ssh.Channel, command string)
	// refuseForward is the answer to direct-tcpip; nil forwards.
	refuseForward *ssh.OpenChannelError
	// ignoreChannels leaves every channel request without an answer.
	ignoreChannels bool
	// env is added to a command's environment, first PATH.
	path string

	wait        sync.WaitGroup
	mu          sync.Mutex
	conns       []net.Conn
	commands    []*exec.Cmd
	logins      atomic.Int32
	connections atomic.Int32
	passwords   atomic.Int32
	keysSeen    []string
}

func ed25519Key(t testing.TB) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer, private
}

func ecdsaKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

// passphrase opens the keys of testdata, which are there because making them
// takes seconds under the race detector: `ssh-keygen -a 1`, and with -m PEM.
const passphrase = "open sesame"

// encryptedKey is a key of testdata: its file's text, and what is in it.
func encryptedKey(t testing.TB, name string) (text string, signer ssh.Signer, private any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	private, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(passphrase))
	require.NoError(t, err)
	signer, err = ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return string(data), signer, private
}

func rsaKey(t testing.TB) (ssh.Signer, *rsa.PrivateKey) {
	t.Helper()
	_, signer, private := encryptedKey(t, "rsa_encrypted")
	return signer, private.(*rsa.PrivateKey)
}

// startServer listens; the test's user may log in with any key unless
// configure says otherwise.
func startServer(t testing.TB, change ...func(*server)) *server {
	t.Helper()
	s := &server{t: t}
	for _, f := range change {
		f(s)
	}
	if s.hostKeys == nil {
		key, _ := ed25519Key(t)
		s.hostKeys = []ssh.Signer{key}
	}
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.wait.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	for _, cmd := range s.commands {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// logIns replaces how the server lets users in.
func (s *server) logIns(configure func(*ssh.ServerConfig)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configure = configure
}

// runs replaces what the server does with a command.
func (s *server) runs(session func(ch ssh.Channel, line string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = session
}

// seen returns the fingerprints of the keys offered since the last call.
func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.keysSeen
	s.keysSeen = nil
	return keys
}

func (s *server) addr() string { return s.listener.Addr().String() }
func (s *server) port() int    { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *server) target() sshexec.Target {
	return sshexec.Target{Name: "node", Host: "127.0.0.1", Port: s.port(), User: "core"}
}

// known are the known_hosts lines of the server, one per host key.
func (s *server) known() string {
	var b bytes.Buffer
	for _, k := range s.hostKeys {
		b.WriteString("[127.0.0.1]:" + strconv.Itoa(s.port()) + " ")
		b.Write(ssh.MarshalAuthorizedKey(k.PublicKey()))
	}
	return b.String()
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		s.connections.Add(1)
		s.wait.Go(func() { s.serve(conn) })
	}
}

func (s *server) serve(raw net.Conn) {
	defer func() { _ = raw.Close() }()
	config := &ssh.ServerConfig{
		MaxAuthTries: 6,
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.keysSeen = append(s.keysSeen, ssh.FingerprintSHA256(key))
			return nil, nil
		},
	}
	for _, k := range s.hostKeys {
		config.AddHostKey(k)
	}
	s.mu.Lock()
	configure := s.configure
	s.mu.Unlock()
	if configure != nil {
		configure(config)
	}
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	s.wait.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		if s.ignoreChannels {
			continue
		}
		switch ch.ChannelType() {
		case "session":
			s.wait.Go(func() { s.serveSession(ch) })
		case "direct-tcpip":
			s.wait.Go(func() { s.serveForward(ch) })
		default:
			_ = ch.Reject(ssh.UnknownChannelType, "no")
		}
	}
	_ = conn.Wait()
}

func (s *server) serveForward(open ssh.NewChannel) {
	if s.refuseForward != nil {
		_ = open.Reject(s.refuseForward.Reason, s.refuseForward.Message)
		return
	}
	var to struct {
		Host  string
		Port  uint32
		From  string
		FPort uint32
	}
	if err := ssh.Unmarshal(open.ExtraData(), &to); err != nil {
		s.t.Errorf("direct-tcpip: %v", err)
		return
	}
	far, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		text := err.Error()
		var errno syscall.Errno
		if errors.As(err, &errno) {
			text = errno.Error()
		}
		_ = open.Reject(ssh.ConnectionFailed, text)
		return
	}
	ch, requests, err := open.Accept()
	if err != nil {
		_ = far.Close()
		return
	}
	s.wait.Go(func() { ssh.DiscardRequests(requests) })
	s.wait.Go(func() {
		_, _ = io.Copy(far, ch)
		_ = far.Close()
	})
	_, _ = io.Copy(ch, far)
	_ = ch.Close()
	_ = far.Close()
}

func (s *server) serveSession(open ssh.NewChannel) {
	ch, requests, err := open.Accept()
	if err != nil {
		return
	}
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var command struct{ Line string }
		if err := ssh.Unmarshal(r.Payload, &command); err != nil {
			s.t.Errorf("exec: %v", err)
			return
		}
		_ = r.Reply(true, nil)
		s.mu.Lock()
		run := s.session
		s.mu.Unlock()
		if run == nil {
			run = s.shell
		}
		s.wait.Go(func() { run(ch, command.Line) })
	}
}

// exitStatus ends a session as sshd does.
func exitStatus(ch ssh.Channel, status uint32) {
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = ch.Close()
}

func (s *server) shell(ch ssh.Channel, line string) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+s.path+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Errorf("stdin: %v", err)
		return
	}
	if err := cmd.Start(); err != nil {
		s.t.Errorf("start: %v", err)
		return
	}
	s.mu.Lock()
	s.commands = append(s.commands, cmd)
	s.mu.Unlock()
	s.wait.Go(func() {
		_, _ = io.Copy(stdin, ch)
		_ = stdin.Close()
	})
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		exitStatus(ch, 0)
	case errors.As(err, &exit) && exit.Exited():
		exitStatus(ch, uint32(exit.ExitCode()))
	default:
		_ = ch.Close()
	}
}

// nonceOf finds the nonce in a command line of ours.
func nonceOf(t testing.TB, line string) string {
	t.Helper()
	found := regexp.MustCompile(`oreg-[0-9a-f]{24}`).FindString(line)
	if found == "" {
		t.Errorf("no nonce in %q", line)
	}
	return found
}
