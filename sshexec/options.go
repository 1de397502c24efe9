package sshexec

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"oreg/inventory/secret"
)

// HostKeyChecking says what happens with a host key that known_hosts does not
// hold. A changed or revoked key is refused by strict and accept-new alike.
type HostKeyChecking string

// The policies. The zero value leaves the choice to ssh_config, and is strict
// where that is silent too.
const (
	HostKeysStrict    HostKeyChecking = "strict"
	HostKeysAcceptNew HostKeyChecking = "accept-new"
	HostKeysOff       HostKeyChecking = "off"
)

// Defaults of [Options].
const (
	DefaultCommandTimeout   = 2 * time.Minute
	DefaultHandshakesPerHop = 8
	defaultAliveInterval    = 15 * time.Second
	defaultAliveCount       = 3
)

// Options is everything ambient that a connection depends on. The zero value
// of a field is the documented default.
type Options struct {
	// Home is the user's home directory: "~", ~/.ssh/config, the default keys
	// and known_hosts. Empty means that there is none of these.
	Home string
	// LocalUser is the name of the user who runs oreg (%u), and the default
	// remote user, as with ssh. UID is %i, Hostname %l and %L.
	LocalUser string
	UID       int
	Hostname  string
	// Env looks an environment variable up, for ${NAME} in ssh_config; nil
	// means that none is set.
	Env func(name string) (string, bool)
	// AgentSocket is SSH_AUTH_SOCK; empty means no agent.
	AgentSocket string
	// ConfigFile is ssh's -F: it is read in place of both default files;
	// "none" reads no file at all.
	ConfigFile string
	// SystemConfigFile is /etc/ssh/ssh_config by default, and
	// SystemKnownHostsFile /etc/ssh/ssh_known_hosts.
	SystemConfigFile, SystemKnownHostsFile string
	// HostKeyChecking is the flag's value; a StrictHostKeyChecking in
	// Target.Args has precedence over it, ssh_config has not.
	HostKeyChecking HostKeyChecking
	// Timeout bounds dial, handshake and authentication together; the time a
	// person needs to type a passphrase does not count. A ConnectTimeout in
	// Target.Args has precedence over it, one in ssh_config counts only while
	// this is 0; the default is [DefaultTimeout].
	Timeout time.Duration
	// CommandTimeout is the longest silence of a command in both directions
	// ([DefaultCommandTimeout]).
	CommandTimeout time.Duration
	// HandshakesPerHop bounds the simultaneous handshakes through one next
	// hop ([DefaultHandshakesPerHop], below the 10 of sshd's MaxStartups).
	HandshakesPerHop int
	// Prompt asks for the passphrase of a key; nil means that there is no
	// terminal. It is called once per key, and never twice at the same time.
	Prompt func(ctx context.Context, text string) (secret.Text, error)
	// Warn receives one line per thing worth knowing, each once; nil drops
	// them. It may be called from several goroutines.
	Warn func(text string)
	// Log is told what `ssh -v` would tell: at Info one line per connection, at
	// Debug where its settings come from, what is offered and negotiated. No
	// secret is in it; nil drops it.
	Log *slog.Logger
	// Now is the clock for certificates' validity; time.Now by default.
	Now func() time.Time
	// Rand is where nonces and key exchanges take their randomness, many at
	// the same time; crypto/rand by default.
	Rand io.Reader
	// Dial opens TCP connections; a net.Dialer by default.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client makes connections. It remembers what is the same for many hosts:
// parsed configuration, keys, agents, known_hosts, connections to bastions,
// and which passwords have proved good. It is safe for concurrent use.
type Client struct {
	o Options

	mu     sync.Mutex
	files  map[string]*configFile
	warned map[string]bool
	agents map[string]*agentConn
	keys   map[string]*keyFile
	known  map[string]func() (*knownHosts, error)
	hops   map[string]*hop
	slots  map[string]chan struct{}
	closed bool

	prompting sync.Mutex
	gate      gate
}

// New returns a Client. It does no I/O: files are read when the first target
// needs them.
func New(o Options) *Client {
	if o.SystemConfigFile == "" {
		o.SystemConfigFile = "/etc/ssh/ssh_config"
	}
	if o.SystemKnownHostsFile == "" {
		o.SystemKnownHostsFile = "/etc/ssh/ssh_known_hosts"
	}
	if o.CommandTimeout <= 0 {
		o.CommandTimeout = DefaultCommandTimeout
	}
	if o.HandshakesPerHop <= 0 {
		o.HandshakesPerHop = DefaultHandshakesPerHop
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return &Client{
		o:      o,
		files:  map[string]*configFile{},
		warned: map[string]bool{},
		agents: map[string]*agentConn{},
		keys:   map[string]*keyFile{},
		known:  map[string]func() (*knownHosts, error){},
		hops:   map[string]*hop{},
		slots:  map[string]chan struct{}{},
	}
}

// Close ends the connections to bastions and agents. Connections to targets
// are their callers' to close, before this.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	hops, agents := c.hops, c.agents
	c.hops, c.agents = map[string]*hop{}, map[string]*agentConn{}
	c.mu.Unlock()
	for _, h := range hops {
		h.close()
	}
	for _, a := range agents {
		a.close()
	}
	return nil
}

// warn passes text on, once.
func (c *Client) warn(text string) {
	c.mu.Lock()
	seen := c.warned[text]
	c.warned[text] = true
	c.mu.Unlock()
	if !seen && c.o.Warn != nil {
		c.o.Warn(text)
	}
}

// slot returns the semaphore of handshakes through one next hop.
func (c *Client) slot(hop string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[hop]
	if s == nil {
		s = make(chan struct{}, c.o.HandshakesPerHop)
		c.slots[hop] = s
	}
	return s
}

// expandHome replaces a leading "~/" as OpenSSH does.
func (c *Client) expandHome(path string) string {
	switch {
	case path == "~":
		return c.o.Home
	case len(path) > 1 && path[:2] == "~/":
		return filepath.Join(c.o.Home, path[2:])
	}
	return path
}
