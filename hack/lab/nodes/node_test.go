package nodes_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/hack/lab/nodes"
	"oreg/hack/lab/private"
	"oreg/hack/lab/record"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == private.EnterVerb {
		fmt.Fprintln(os.Stderr, private.Enter(os.Args[2:]))
		os.Exit(255)
	}
	os.Exit(m.Run())
}

func key(t *testing.T) ssh.Signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s, err := ssh.NewSignerFromKey(k)
	require.NoError(t, err)
	return s
}

type fixture struct {
	*nodes.Node
	root   string
	client *ssh.ClientConfig
	log    *record.Log[nodes.Event]
}

func start(t *testing.T, change func(*nodes.Config)) fixture {
	t.Helper()
	host, user := key(t), key(t)
	root := t.TempDir()
	require.NoError(t, private.Prepare(root, false))
	log, err := record.New[nodes.Event]("")
	require.NoError(t, err)
	cfg := nodes.Config{
		Name: "n1", Address: "127.83.2.1", HostKeys: []ssh.Signer{host}, ClientKeys: []ssh.PublicKey{user.PublicKey()},
		Passwords: map[string]string{"root": "pw ö", "nokey": ""}, Handler: nodes.Shell{Root: root, Grace: 100 * time.Millisecond},
		Forwarding: true, Log: log, Now: time.Now,
	}
	if change != nil {
		change(&cfg)
	}
	n, err := nodes.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(n.Stop)
	return fixture{n, root, &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(user)}, HostKeyCallback: ssh.FixedHostKey(host.PublicKey()), Timeout: 5 * time.Second,
	}, log}
}

func (f fixture) dial(t *testing.T) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", f.Addr().String(), f.client)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // a test may have closed it
	return c
}

func run(t *testing.T, c *ssh.Client, command, stdin string) (stdout, stderr string, err error) {
	t.Helper()
	s, err := c.NewSession()
	require.NoError(t, err)
	defer func() { _ = s.Close() }() // it may be at its end
	var out, diag strings.Builder
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &diag
	require.NoError(t, s.Setenv("LC_TIME", "C"))
	err = s.Run(command)
	return out.String(), diag.String(), err
}

func TestCommandsRunInShWithStatusAndStreams(t *testing.T) {
	f := start(t, nil)
	out, diag, err := run(t, f.dial(t), `cat; echo "$HOME $LC_TIME $USER"; echo oops >&2; exit 7`, "input\n")
	var exit *ssh.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.ExitStatus())
	require.Equal(t, "input\n"+filepath.Join(f.root, "root")+" C root\n", out)
	require.Equal(t, "oops\n", diag)

	_, _, err = run(t, f.dial(t), `kill -TERM $$`, "")
	require.ErrorAs(t, err, &exit)
	require.Equal(t, "TERM", exit.Signal())
}

func TestLogins(t *testing.T) {
	f := start(t, nil)
	for _, tc := range []struct {
		name, user string
		auth       ssh.AuthMethod
		ok         bool
	}{
		{"password", "root", ssh.Password("pw ö"), true},
		{"wrong password", "root", ssh.Password("pw"), false},
		{"empty password", "nokey", ssh.Password(""), false},
		{"unknown user", "nobody", ssh.Password("pw ö"), false},
		{"other key", "root", ssh.PublicKeys(key(t)), false},
		{"keyboard-interactive", "root", ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			return make([]string, len(q)), nil
		}), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := *f.client
			client.User, client.Auth = tc.user, []ssh.AuthMethod{tc.auth}
			c, err := ssh.Dial("tcp", f.Addr().String(), &client)
			if tc.ok {
				require.NoError(t, err)
				require.NoError(t, c.Close())
			} else {
				require.ErrorContains(t, err, "unable to authenticate")
			}
		})
	}
}

func TestForwardingCanBeSwitchedOff(t *testing.T) {
	f := start(t, nil)
	target, err := net.Listen("tcp", "127.83.2.200:0")
	require.NoError(t, err)
	defer func() { _ = target.Close() }() // nothing hangs on it
	go func() {
		c, err := target.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c) // the test sees what is missing
		_ = c.Close()
	}()
	c := f.dial(t)
	conn, err := c.Dial("tcp", target.Addr().String())
	require.NoError(t, err)
	_, err = conn.Write([]byte("echo"))
	require.NoError(t, err)
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	echo, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "echo", string(echo))

	f.SetForwarding(false)
	_, err = c.Dial("tcp", target.Addr().String())
	var open *ssh.OpenChannelError
	require.ErrorAs(t, err, &open)
	require.Equal(t, ssh.Prohibited, open.Reason)
}

// alive says whether a process runs; one that waits to be reaped by init does not.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

func TestNothingOutlivesItsConnectionForLong(t *testing.T) {
	f := start(t, nil)
	for name, end := range map[string]func(*ssh.Client){
		"client closes": func(c *ssh.Client) { _ = c.Close() },
		"node stops":    func(*ssh.Client) { f.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, f.Restart(t.Context()))
			c := f.dial(t)
			s, err := c.NewSession()
			require.NoError(t, err)
			out, err := s.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, s.Start(`sleep 300 & echo $$ $!; wait`))
			var shell, sleep int
			_, err = fmt.Fscan(out, &shell, &sleep)
			require.NoError(t, err)
			require.True(t, alive(shell) && alive(sleep))
			end(c)
			require.Eventually(t, func() bool { return !alive(shell) && !alive(sleep) }, 5*time.Second, 10*time.Millisecond)
		})
	}
}

func TestStoppedNodeRefusesAndReturnsOnItsPort(t *testing.T) {
	f := start(t, nil)
	port := f.Addr().Port
	f.Stop()
	_, err := net.Dial("tcp", f.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, f.Restart(t.Context()))
	require.Equal(t, port, f.Addr().Port)
	f.dial(t)
}

func TestRecordTellsWhatHappened(t *testing.T) {
	f := start(t, nil)
	_, _, err := run(t, f.dial(t), "true", "")
	require.NoError(t, err)
	var seen []string
	for _, e := range f.log.All() {
		seen = append(seen, e.Event+" "+e.User+" "+e.Detail)
	}
	require.Equal(t, []string{"connect  ", "auth root publickey accepted", "exec root true"}, seen)
}

func TestLatencyIsAddedToEachRoundTrip(t *testing.T) {
	f := start(t, func(c *nodes.Config) { c.Latency = 30 * time.Millisecond })
	begun := time.Now()
	_, _, err := run(t, f.dial(t), "true", "")
	require.NoError(t, err)
	// Version exchange, key exchange, service, authentication, channel, command: never fewer than 5.
	require.Greater(t, time.Since(begun), 150*time.Millisecond)
}

type fixed int

func (f fixed) Exec(_ context.Context, s *nodes.Session) (int, error) {
	if s.Command == "" {
		return 0, errors.New("no command")
	}
	return int(f), nil
}

func TestHandlerCanBeReplaced(t *testing.T) {
	f := start(t, func(c *nodes.Config) { c.Handler = fixed(42) })
	_, _, err := run(t, f.dial(t), "anything", "")
	var exit *ssh.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 42, exit.ExitStatus())
}
