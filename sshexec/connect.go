package sshexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Conn is a connection to one target. Its methods may be used concurrently.
type Conn struct {
	c      *Client
	target Target
	s      *settings
	link   *link // nil for a local connection

	local *localState
}

// Check resolves a target's arguments and configuration without dialling, so
// that mistakes in them are found before anything else is done. The error is
// an *[Error].
func (c *Client) Check(t Target) error {
	if t.Local {
		return nil
	}
	s, err := c.resolve(t)
	if err == nil {
		_, err = c.nextHop(s, nil)
	}
	if err != nil {
		return configError(err)
	}
	return nil
}

// Connect opens a connection: it waits for its turn at the next hop, then
// dials, checks the host key and logs in within [Options.Timeout]. ctx ends
// the attempt at once, and has no meaning for the connection afterwards. The
// error is an *[Error].
func (c *Client) Connect(ctx context.Context, t Target) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, NotTried(context.Cause(ctx))
	}
	if t.Local {
		return &Conn{c: c, target: t, local: newLocalState()}, nil
	}
	s, err := c.resolve(t)
	if err != nil {
		return nil, configError(err)
	}
	link, err := c.open(ctx, s, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Conn{c: c, target: t, s: s, link: link}, nil
}

// Close ends the connection and what still runs on it.
func (conn *Conn) Close() error {
	if conn.local != nil {
		conn.local.close()
		return nil
	}
	conn.link.close()
	return nil
}

// User is the name of the user that the connection logged in as; for a local
// one, of the user who runs oreg.
func (conn *Conn) User() string {
	if conn.s == nil {
		return conn.c.o.LocalUser
	}
	return conn.s.user
}

// link is an authenticated SSH connection.
type link struct {
	client *ssh.Client
	addr   string
	raw    net.Conn

	closing sync.Once
	done    chan struct{}
	alive   *time.Timer
	login   login
}

// scanner looks at a host key in place of the check, for [Client.ScanHostKey].
type scanner func(*hostKeys, ssh.PublicKey) error

// open makes one connection; trail are the hops that are on the way already.
func (c *Client) open(ctx context.Context, s *settings, trail []string, scan scanner) (*link, error) {
	next, err := c.nextHop(s, trail)
	if err != nil {
		return nil, configError(err)
	}
	c.logSettings(ctx, s, next)
	slot := c.slot(next.name())
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-ctx.Done():
		return nil, NotTried(context.Cause(ctx))
	}
	// A bastion has its own time, or one slow bastion would eat the node's.
	through, err := next.connect(ctx)
	if err != nil {
		return nil, err
	}
	limited, b := withBudget(ctx, s.timeout, c.o.Now)
	defer b.stop()
	raw, err := through.dial(limited, c, s)
	if err != nil {
		return nil, connectError(ctx, limited, s, stageDial, authRecord{}, err)
	}
	l, err := c.handshake(ctx, limited, b, raw, s, scan)
	if err == nil {
		c.logConnected(ctx, s, next, l)
	}
	return l, err
}

// connectError puts our own reasons to end before what the network said.
func connectError(ctx, limited context.Context, s *settings, at stage, record authRecord, err error) error {
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			return NotTried(cause)
		}
		e := ctxError(ctx, fmt.Sprintf("connecting to %s (%s)", s.addr(), at))
		e.Unreachable = true
		return e
	}
	if errors.Is(context.Cause(limited), errBudget) {
		return timeoutError(s.addr(), at, s.timeout, errBudget)
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if at == stageDial {
		return dialError(s.addr(), s.timeout, err)
	}
	return handshakeError(s.addr(), at, record, err)
}

// watchedConn notes when the other side has begun to speak SSH.
type watchedConn struct {
	net.Conn
	at   *atomic.Int32
	seen int // how much of "SSH-" has come; only one goroutine reads
	end  atomic.Pointer[error]
}

// ended returns the error that reading ended with. x/crypto goes on to the
// next authentication method after any error, a lost connection included.
func (w *watchedConn) ended() error {
	if err := w.end.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	const greeting = "SSH-"
	for i := 0; i < n && w.seen < len(greeting); i++ {
		switch p[i] {
		case greeting[w.seen]:
			if w.seen++; w.seen == len(greeting) {
				w.at.CompareAndSwap(int32(stageBanner), int32(stageKex))
			}
		default:
			w.seen = 0
		}
	}
	if err != nil {
		w.end.CompareAndSwap(nil, &err)
	}
	return n, err
}

// handshake runs key exchange and authentication. x/crypto's own Timeout
// covers the TCP connection only (golang/go#15113), and a signature by an
// agent cannot be interrupted, so it runs beside us and closing the
// connection ends it.
func (c *Client) handshake(ctx, limited context.Context, b *budget, raw net.Conn, s *settings, scan scanner) (*link, error) {
	keys, err := c.hostKeys(s)
	if err != nil {
		_ = raw.Close() // nothing was sent
		return nil, configError(err)
	}
	at := new(atomic.Int32)
	at.Store(int32(stageBanner))
	watched := &watchedConn{Conn: raw, at: at}
	auth := &authenticator{c: c, s: s, ctx: limited, budget: b, record: authRecord{user: s.user}}
	var hostKeyErr error
	var hostKey ssh.PublicKey
	config := &ssh.ClientConfig{
		Config: ssh.Config{
			Rand:         c.o.Rand,
			KeyExchanges: optionalList(s.kex, func(a ssh.Algorithms) []string { return a.KeyExchanges }),
			Ciphers:      optionalList(s.ciphers, func(a ssh.Algorithms) []string { return a.Ciphers }),
			MACs:         optionalList(s.macs, func(a ssh.Algorithms) []string { return a.MACs }),
		},
		User:              s.user,
		ClientVersion:     "SSH-2.0-oreg",
		HostKeyAlgorithms: keys.algorithms(),
		HostKeyCallback: func(name string, addr net.Addr, key ssh.PublicKey) error {
			if scan != nil {
				hostKeyErr = scan(keys, key)
			} else {
				hostKeyErr = keys.check(name, addr, key)
			}
			hostKey = key
			return hostKeyErr
		},
		AuthCallback: func(ctx *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
			at.Store(int32(stageAuth))
			if err := watched.ended(); err != nil {
				return nil, err
			}
			auth.noPassword = keys.tainted.Load()
			return auth.next(ctx)
		},
	}
	type result struct {
		conn  ssh.Conn
		chans <-chan ssh.NewChannel
		reqs  <-chan *ssh.Request
		err   error
	}
	done := make(chan result, 1)
	go func() {
		conn, chans, reqs, err := ssh.NewClientConn(watched, s.addr(), config)
		auth.finish(err)
		done <- result{conn, chans, reqs, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-limited.Done():
		_ = raw.Close() // ends the handshake
		reached := stage(at.Load())
		go func() {
			if late := <-done; late.conn != nil {
				_ = late.conn.Close() // it came too late
			}
		}()
		return nil, connectError(ctx, limited, s, reached, authRecord{}, limited.Err())
	}
	if r.err != nil {
		if hostKeyErr != nil {
			// x/crypto may have wrapped it in something else on its way.
			return nil, hostKeyErr
		}
		return nil, connectError(ctx, limited, s, stage(at.Load()), auth.record, r.err)
	}
	l := &link{client: ssh.NewClient(r.conn, r.chans, r.reqs), addr: s.addr(), raw: raw, done: make(chan struct{}), login: login{method: auth.last, hostKey: hostKey}}
	go func() {
		_ = l.client.Wait() // why it ended shows where it is used
		close(l.done)
	}()
	l.keepAlive(s.aliveEvery, s.aliveCount)
	return l, nil
}

// optionalList is the list of an option that was given; the library makes its
// lists anew at each call, for each of thousands of nodes.
func optionalList(option string, base func(ssh.Algorithms) []string) []string {
	if option == "" {
		return nil
	}
	return algorithmList(option, base(ssh.SupportedAlgorithms()))
}

// keepAlive asks the server for a sign of life now and then, and closes the
// connection after count silent intervals. Short connections never get there.
func (l *link) keepAlive(every time.Duration, count int) {
	pending := new(atomic.Int32)
	tick := func() {
		select {
		case <-l.done:
			return
		default:
		}
		if int(pending.Add(1)) > count {
			l.close()
			return
		}
		go func() {
			// Any answer will do: most servers refuse the request by name.
			if _, _, err := l.client.SendRequest("keepalive@openssh.com", true, nil); err == nil {
				pending.Store(0)
			}
		}()
		l.alive.Reset(every)
	}
	l.alive = time.AfterFunc(time.Hour, tick)
	l.alive.Reset(every)
}

// close ends the connection. The raw connection is closed too, as a peer that
// is gone would never answer a polite goodbye.
func (l *link) close() {
	l.closing.Do(func() {
		l.alive.Stop()
		_ = l.client.Close() // it may be gone already
		_ = l.raw.Close()
	})
}

func (l *link) dead() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// jumpError is a bastion's failure, as seen by those behind it.
type jumpError struct {
	hop string
	err error
}

func (e *jumpError) Error() string { return fmt.Sprintf("jump host %s: %v", e.hop, e.err) }
func (e *jumpError) Unwrap() error { return e.err }

// wrapJump makes a bastion's error that of the host behind it.
func wrapJump(hop string, err error) *Error {
	e := &Error{
		Cause: CauseJumpFailed, Unreachable: true,
		Message: fmt.Sprintf("jump host %s: %s", hop, err.Error()),
		Err:     &jumpError{hop: hop, err: err},
	}
	var inner *Error
	if errors.As(err, &inner) {
		if inner.Cause == CauseNotTried {
			return inner
		}
		e.Hint, e.Transient = inner.Hint, inner.Transient
	}
	return e
}

// hopKey tells connections to bastions apart: two hosts share one only if it
// would be made in exactly the same way.
func hopKey(s *settings, before string) string {
	return fmt.Sprintf("%s|%s@%s|%s|%q|%q|%s|%t|%s|%q|%s|%s", before, s.user, s.addr(), s.proxyCommand,
		s.identities, s.certificates, s.identityAgent, s.identitiesOnly, s.hostKeyAlias, s.userKnownHosts,
		s.checking, s.bindAddress+strconv.Itoa(int(s.timeout.Seconds())))
}
