// Package nodes runs SSH servers inside this process that stand for a cluster's nodes, for any
// user and by the thousand. What a client sends to be executed is executed: by /bin/sh on this
// machine, with a folder of the node's own in place of its file system (see [Shell]), or by
// whatever [Handler] a benchmark plugs in.
//
// They are not OpenSSH: no PTY, no subsystems, no agent forwarding, no MaxStartups. What depends
// on a real sshd is tested against real ones (package sshd).
//
// What surprised us: when a connection is cut, sshd does not kill what it started; the command
// sees its standard input end and runs on. A node here does the same, and kills only what is
// still there after [Config.Grace].
package nodes

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"oreg/hack/lab/record"
)

// Handler runs one command for a client and returns its exit status (0 to 255). The context ends
// when the client is gone or the node stops.
type Handler interface {
	Exec(ctx context.Context, s *Session) (status int, err error)
}

// Event is one line of a node's record.
type Event struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // connect, auth, exec, forward or disconnect
	User   string    `json:"user,omitempty"`
	Remote string    `json:"remote,omitempty"`
	Detail string    `json:"detail,omitempty"` // auth: method and outcome; exec: the command; forward: the target
}

// Config says what a node is.
type Config struct {
	Name       string
	Address    string            // loopback address to listen on
	Port       int               // 0 takes a free one
	HostKeys   []ssh.Signer      //
	ClientKeys []ssh.PublicKey   // accepted for every user of Passwords
	Passwords  map[string]string // by user; an empty one is never accepted
	Handler    Handler
	Latency    time.Duration // added to each round trip
	Forwarding bool          // direct-tcpip allowed
	Grace      time.Duration // how long a command may outlive its connection; 0 is 2 s
	Log        *record.Log[Event]
	Now        func() time.Time
}

// Node is an SSH server, running or stopped.
type Node struct {
	cfg        Config
	ssh        *ssh.ServerConfig
	latency    atomic.Int64
	forwarding atomic.Bool

	mu       sync.Mutex
	addr     *net.TCPAddr
	listener net.Listener // nil while stopped
	cancel   context.CancelFunc
	conns    sync.WaitGroup
}

// Start starts a node. It runs until Stop or the end of ctx.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Grace == 0 {
		cfg.Grace = 2 * time.Second
	}
	n := &Node{cfg: cfg, addr: &net.TCPAddr{IP: net.ParseIP(cfg.Address), Port: cfg.Port}}
	n.SetLatency(cfg.Latency)
	n.SetForwarding(cfg.Forwarding)
	n.ssh = n.serverConfig()
	return n, n.Restart(ctx)
}

func (n *Node) serverConfig() *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-oreg-lab",
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			_, known := n.cfg.Passwords[meta.User()]
			same := func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }
			if known && slices.ContainsFunc(n.cfg.ClientKeys, same) {
				return nil, nil
			}
			return nil, errors.New("key not authorised")
		},
		PasswordCallback: func(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, n.checkPassword(meta.User(), password)
		},
		KeyboardInteractiveCallback: func(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			if len(answers) != 1 {
				return nil, errors.New("one answer expected")
			}
			return nil, n.checkPassword(meta.User(), []byte(answers[0]))
		},
		AuthLogCallback: func(meta ssh.ConnMetadata, method string, err error) {
			if method == "none" {
				return // every client begins with it
			}
			outcome := "accepted"
			if err != nil {
				outcome = "refused"
			}
			n.event("auth", meta.User(), meta.RemoteAddr().String(), method+" "+outcome)
		},
	}
	for _, k := range n.cfg.HostKeys {
		c.AddHostKey(k)
	}
	return c
}

func (n *Node) checkPassword(user string, password []byte) error {
	want := n.cfg.Passwords[user]
	if want == "" || subtle.ConstantTimeCompare([]byte(want), password) != 1 {
		return errors.New("wrong password")
	}
	return nil
}

func (n *Node) event(event, user, remote, detail string) {
	n.cfg.Log.Add(Event{Time: n.cfg.Now(), Event: event, User: user, Remote: remote, Detail: detail})
}

// Restart listens (again), on the port that the node had before.
func (n *Node) Restart(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener != nil {
		return nil
	}
	ln, err := net.ListenTCP("tcp", n.addr)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.cfg.Name, err)
	}
	n.addr = ln.Addr().(*net.TCPAddr)
	n.listener = ln
	ctx, n.cancel = context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { _ = ln.Close() }) // a closed listener is what is wanted
	n.conns.Go(func() { n.accept(ctx, ln) })
	return nil
}

func (n *Node) accept(ctx context.Context, ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of files, most likely: the next client may find one again.
			select {
			case <-ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		n.conns.Go(func() { n.serve(ctx, conn) })
	}
}

// Stop refuses new connections, cuts those that are open, kills what they run, and waits for it.
func (n *Node) Stop() {
	n.mu.Lock()
	if n.listener != nil {
		n.cancel()
		n.listener = nil
	}
	n.mu.Unlock()
	n.conns.Wait()
}

// Addr is where the node listens, or did.
func (n *Node) Addr() *net.TCPAddr { return n.addr }

// Running says whether it listens.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listener != nil
}

// SetLatency changes the round-trip time added to connections made from now on.
func (n *Node) SetLatency(d time.Duration) { n.latency.Store(int64(d)) }

// SetForwarding allows or refuses direct-tcpip from now on.
func (n *Node) SetForwarding(allowed bool) { n.forwarding.Store(allowed) }
