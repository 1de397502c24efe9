//go:build lab

package nodefile_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// farNode is a real SSH server, reached by way of a network that can fail.
type farNode struct {
	t       *testing.T
	addr    string // the server's own
	options sshexec.Options
	file    string
	states  [2]string // contents, in turn
	now     int
	counted *counted // the last connection
}

// soon is far below every time-out but that of a silent node, which the tests
// set to 2 s, and far above what a busy machine takes.
const soon = 15 * time.Second

func nothing() {}

// farServers are the servers that the exchange is tried with: their command
// lines, given a folder and a port. Both let root in with DIR/home/.ssh/authorized_keys.
var farServers = map[string]string{
	"sshd": `mkdir -p /run/sshd; ssh-keygen -q -N '' -t ed25519 -f DIR/host; cp DIR/host.pub DIR/public
printf '%s\n' 'ListenAddress 127.0.0.1:PORT' 'HostKey DIR/host' 'PidFile none' 'StrictModes no' 'UsePAM no' \
	'AuthorizedKeysFile DIR/home/.ssh/authorized_keys' 'PermitRootLogin yes' >DIR/config
exec /usr/sbin/sshd -D -e -f DIR/config`,
	"dropbear": `dropbearkey -t ed25519 -f DIR/host | grep ^ssh- >DIR/public
mount --bind DIR/home /root
exec dropbear -F -E -p 127.0.0.1:PORT -r DIR/host -P DIR/pid`,
}

func newFarNode(t *testing.T, server string) *farNode {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test runs SSH servers that root logs in to: run it as root")
	for _, program := range []string{"/usr/sbin/sshd", "dropbear", "ssh-keygen", "unshare"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "this test needs openssh-server, openssh-client, dropbear-bin and util-linux")
	}
	dir, err := os.MkdirTemp("", "far")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a session may be ending in it
	ssh := filepath.Join(dir, "home", ".ssh")
	require.NoError(t, os.MkdirAll(ssh, 0o700))
	out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", filepath.Join(ssh, "id_ed25519")).CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
	public, err := os.ReadFile(filepath.Join(ssh, "id_ed25519.pub"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(ssh, "authorized_keys"), public, 0o600))
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(probe.Addr().String())
	require.NoError(t, err)
	require.NoError(t, probe.Close())
	n := &farNode{t: t, addr: "127.0.0.1:" + port, file: home(t, "{}"),
		states: [2]string{strings.Repeat("a", 5000), strings.Repeat("b", 9000)}}
	script := strings.NewReplacer("DIR", dir, "PORT", port).Replace(farServers[server])
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-ec", script)
	log := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 5 * time.Second // a session may outlive its server
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("%s said: %s", server, log.String())
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for conn, err := net.Dial("tcp", n.addr); ; conn, err = net.Dial("tcp", n.addr) {
		if err == nil {
			require.NoError(t, conn.Close())
			break
		}
		require.Truef(t, time.Now().Before(deadline), "nothing listens on %s: %s", n.addr, log.String())
		<-time.After(20 * time.Millisecond)
	}
	key, err := os.ReadFile(filepath.Join(dir, "public"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(ssh, "known_hosts"), append([]byte("node "), key...), 0o600))
	n.options = sshexec.Options{Home: filepath.Join(dir, "home"), LocalUser: "root", Timeout: 20 * time.Second,
		ConfigFile: "none", SystemKnownHostsFile: filepath.Join(dir, "none")}
	return n
}

// counted is a connection that counts what passes.
type counted struct {
	net.Conn
	sent, received atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// apply writes the next content through the network at addr. loggedIn is called
// between the login and the script, writing before the content is sent.
func (n *farNode) apply(addr string, loggedIn, writing func()) (nodefile.Outcome, error) {
	n.t.Helper()
	options := n.options
	options.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, network, addr)
		n.counted = &counted{Conn: raw}
		return n.counted, err
	}
	client := sshexec.New(options)
	defer func() { assert.NoError(n.t, client.Close()) }()
	conn, err := client.Connect(n.t.Context(), sshexec.Target{Name: "node", Host: "127.0.0.1", Args: []string{"-o", "HostKeyAlias=node"}})
	require.NoError(n.t, err)
	defer func() { assert.NoError(n.t, conn.Close()) }()
	loggedIn()
	p, err := conn.Shell(n.t.Context())
	if err != nil {
		return nodefile.Outcome{}, err
	}
	req := request(n.file)
	req.Silence = 2 * time.Second
	return nodefile.Apply(n.t.Context(), p, req, func(nodefile.Present) ([]byte, error) {
		writing()
		return []byte(n.states[1-n.now]), nil
	})
}

// outcome holds the promise after a connection that failed or not: the cause,
// and the file whole.
func (n *farNode) outcome(about string, outcome nodefile.Outcome, err error, cause sshexec.Cause) {
	n.t.Helper()
	content := read(n.t, n.file)
	if err == nil {
		require.Equal(n.t, n.states[1-n.now], content, about)
		// The script of a lost connection may have finished after all.
		require.Contains(n.t, []nodefile.Status{nodefile.Updated, nodefile.Unchanged}, outcome.Files[0].Status, about)
		n.now = 1 - n.now
		return
	}
	var failed *sshexec.Error
	require.ErrorAs(n.t, err, &failed, about)
	require.Equal(n.t, cause, failed.Cause, "%s: %s", about, failed.Message)
	// A node that goes silent at its files has a dead mount, as a rule.
	require.Equal(n.t, cause == sshexec.CauseConnectionLost, failed.Transient, "%s: %s", about, failed.Message)
	for _, f := range outcome.Files {
		require.Equal(n.t, nodefile.Failed, f.Status, about)
	}
	if content == n.states[1-n.now] {
		n.now = 1 - n.now
	} else {
		require.Equal(n.t, n.states[n.now], content, "%s: neither the old nor the new file", about)
	}
}

// TestN7_N12_NetworkFailsWhileWriting: real servers behind a network that is
// slow, goes silent, or breaks at any point of the exchange. The cause is the
// right one, no time-out is overrun, and the file is whole.
func TestN7_N12_NetworkFailsWhileWriting(t *testing.T) {
	for server := range farServers {
		t.Run(server, func(t *testing.T) {
			n := newFarNode(t, server)
			api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
			proxy := toxiproxy.NewProxy(api, server, "127.0.0.1:0", n.addr)
			require.NoError(t, proxy.Start())
			t.Cleanup(proxy.Stop)
			toxic := func(kind, direction, attributes string) func() {
				return func() {
					_, err := proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":{%s}}`, kind, direction, attributes)))
					require.NoError(t, err)
				}
			}
			try := func(about string, cause sshexec.Cause, loggedIn, writing func()) error {
				begun := time.Now()
				outcome, err := n.apply(proxy.Listen, loggedIn, writing)
				require.Less(t, time.Since(begun), soon, about)
				n.outcome(about, outcome, err, cause)
				proxy.Toxics.ResetToxics(t.Context())
				return err
			}
			// What an undisturbed exchange has to send and to receive.
			_, err := n.apply(proxy.Listen, nothing, nothing)
			require.NoError(t, err)
			n.now = 1
			var sent, received int64
			require.NoError(t, try("undisturbed", "", func() { sent, received = n.counted.sent.Load(), n.counted.received.Load() }, nothing))
			sent, received = n.counted.sent.Load()-sent, n.counted.received.Load()-received

			require.NoError(t, try("latency", "", toxic("latency", "upstream", `"latency":100`), nothing))
			require.NoError(t, try("bandwidth", "", toxic("bandwidth", "upstream", `"rate":20`), nothing))
			require.NoError(t, try("slow close", "", toxic("slow_close", "downstream", `"delay":3000`), nothing))
			for _, direction := range []string{"upstream", "downstream"} {
				require.Error(t, try("silence "+direction, sshexec.CauseTimeout, nothing, toxic("timeout", direction, `"timeout":0`)))
				whole := map[string]int64{"upstream": sent, "downstream": received}[direction]
				lost := 0
				for i := range int64(16) {
					if try(fmt.Sprintf("cut %s after %d of %d", direction, whole*i/16, whole), sshexec.CauseConnectionLost,
						toxic("limit_data", direction, fmt.Sprintf(`"bytes":%d`, whole*i/16)), nothing) != nil {
						lost++
					}
				}
				require.Greater(t, lost, 8)
			}
			for _, after := range []int{0, 2, 5, 10, 15, 20, 30, 40} {
				_ = try(fmt.Sprintf("reset %d ms into the write", after), sshexec.CauseConnectionLost,
					nothing, toxic("reset_peer", "downstream", fmt.Sprintf(`"timeout":%d`, after)))
			}
			n.halfCloses(sent, received)

			require.NoError(t, try("the next run", "", nothing, nothing))
			require.Equal(t, []string{"config.json", "config.json.oreg-" + run1, "config.json.oreg-" + run1 + ".state"}, names(t, filepath.Dir(n.file)))
		})
	}
}

// halfCloses ends one direction of the connection in the middle, while the
// other one stays open: no toxic does.
func (n *farNode) halfCloses(sent, received int64) {
	n.t.Helper()
	for _, up := range []bool{true, false} {
		for i := range int64(8) {
			relay, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(n.t, err)
			var passed [2]atomic.Int64
			passed[0].Store(1 << 40)
			passed[1].Store(1 << 40)
			done := make(chan struct{})
			go func() {
				defer close(done)
				near, err := relay.Accept()
				if err != nil {
					return
				}
				far, err := net.Dial("tcp", n.addr)
				if err != nil {
					_ = near.Close()
					return
				}
				back := make(chan struct{})
				go func() {
					defer close(back)
					pass(near, far, &passed[1])
				}()
				pass(far, near, &passed[0])
				<-back
				_ = near.Close()
				_ = far.Close()
			}()
			begun := time.Now()
			about := fmt.Sprintf("half close, up=%v, %d of 8", up, i)
			outcome, err := n.apply(relay.Addr().String(), func() {
				if up {
					passed[0].Store(sent * i / 8)
				} else {
					passed[1].Store(received * i / 8)
				}
			}, nothing)
			require.Less(n.t, time.Since(begun), soon, about)
			n.outcome(about, outcome, err, sshexec.CauseConnectionLost)
			require.NoError(n.t, relay.Close())
			<-done
		}
	}
}

// pass copies until left bytes have passed or its source has ended, and then
// closes this one direction.
func pass(to, from net.Conn, left *atomic.Int64) {
	buffer := make([]byte, 256)
	for {
		n, err := from.Read(buffer)
		room := left.Add(-int64(n))
		_, writeErr := to.Write(buffer[:max(0, int64(n)+min(0, room))])
		if err != nil || writeErr != nil || room <= 0 {
			break
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be gone
	}
	_, _ = io.Copy(io.Discard, from)
}
