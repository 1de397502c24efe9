package sshexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// maxHops bounds a chain of bastions, as a guard against configurations that
// jump in circles.
const maxHops = 8

// maxHopFailures is how often a bastion may fail in a row before the hosts
// behind it get its last error at once, as each of them would wait for the
// same time-out; hopRest is how long that lasts before it is tried again.
const (
	maxHopFailures = 3
	hopRest        = 30 * time.Second
)

// passage is the way to a host: direct, by a command, or through a bastion.
type passage struct {
	hop     *hop
	command string
	direct  string
}

func (p passage) name() string {
	switch {
	case p.hop != nil:
		return p.hop.key
	case p.command != "":
		return "command " + p.command
	}
	return p.direct
}

// nextHop finds the passage for a host. Bastions come from ProxyJump or from
// a ProxyCommand that is an `ssh -W`; each has its own settings, and the
// arguments of the target are not theirs, as with ssh.
func (c *Client) nextHop(s *settings, trail []string) (passage, error) {
	jumps := s.jumps
	if len(jumps) == 0 && s.proxyCommand != "" {
		j, ok := jumpCommand(s.proxyCommand, s)
		if !ok {
			return passage{command: s.proxyCommand}, nil
		}
		jumps = []jumpSpec{j}
	}
	if len(jumps) == 0 {
		return passage{direct: s.addr()}, nil
	}
	if len(trail) >= maxHops {
		return passage{}, fmt.Errorf("ProxyJump: more than %d jump hosts: %s", maxHops, strings.Join(trail, ", "))
	}
	last, before := jumps[len(jumps)-1], jumps[:len(jumps)-1]
	hs, err := c.resolveJump(last, before, s.configFile)
	if err != nil {
		return passage{}, fmt.Errorf("jump host %s: %w", last.host, err)
	}
	if hs.addr() == s.addr() && hs.user == s.user {
		// "Host * / ProxyJump bastion" names the bastion itself too: ssh does
		// not jump from a host to itself.
		return passage{direct: s.addr()}, nil
	}
	key := hopKey(hs, strings.Join(jumpNames(before), ","))
	for _, t := range trail {
		if t == key {
			return passage{}, fmt.Errorf("ProxyJump: %s jumps through itself", last.host)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return passage{}, errors.New("the client is closed")
	}
	h := c.hops[key]
	if h == nil {
		h = &hop{c: c, key: key, s: hs, trail: append(append([]string{}, trail...), key)}
		c.hops[key] = h
	}
	return passage{hop: h}, nil
}

func jumpNames(jumps []jumpSpec) []string {
	names := make([]string, len(jumps))
	for i, j := range jumps {
		names[i] = fmt.Sprintf("%s@%s:%d", j.user, j.host, j.port)
	}
	return names
}

// resolveJump returns the settings of a bastion; before are the jumps that
// lead to it.
func (c *Client) resolveJump(j jumpSpec, before []jumpSpec, configFile string) (*settings, error) {
	args := j.args
	if args.configFile == "" {
		args.configFile = configFile
	}
	s, err := c.resolveArgs(j.host, args, Target{User: j.user, Port: j.port})
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		s.jumps, s.proxyCommand = before, ""
	}
	s.name = j.host
	return s, nil
}

// hop is a bastion, whose one connection all hosts behind it share.
type hop struct {
	c     *Client
	key   string
	s     *settings
	trail []string

	mu       sync.Mutex
	link     *link
	attempt  *hopAttempt
	failures int
	failedAt time.Time
	closed   bool
	cancel   context.CancelFunc
}

type hopAttempt struct {
	done chan struct{}
	link *link
	err  error
}

// connect returns a way to dial: for a bastion, its connection.
func (p passage) connect(ctx context.Context) (through, error) {
	if p.hop == nil {
		return through{passage: p}, nil
	}
	l, err := p.hop.get(ctx)
	if err != nil {
		return through{}, wrapJump(p.hop.s.name, err)
	}
	return through{passage: p, link: l}, nil
}

// get returns the bastion's connection, which the first caller makes for all.
func (h *hop) get(ctx context.Context) (*link, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, errors.New("the client is closed")
	}
	if h.link != nil && !h.link.dead() {
		defer h.mu.Unlock()
		return h.link, nil
	}
	a := h.attempt
	if a == nil || a.finished() && h.retriable(a) {
		a = &hopAttempt{done: make(chan struct{})}
		h.attempt = a
		// The connection outlives the host that happened to ask first; its
		// own time limit ends a failing attempt.
		attempt, cancel := context.WithCancel(context.WithoutCancel(ctx))
		h.cancel = cancel
		go func() {
			defer cancel()
			h.connect(attempt, a)
		}()
	}
	h.mu.Unlock()
	select {
	case <-a.done:
		return a.link, a.err
	case <-ctx.Done():
		return nil, NotTried(context.Cause(ctx))
	}
}

func (a *hopAttempt) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// retriable: a lost connection is made again; a failed attempt only if another
// one may succeed, and not all the time. h.mu is held.
func (h *hop) retriable(a *hopAttempt) bool {
	if a.err == nil {
		return true
	}
	var e *Error
	return errors.As(a.err, &e) && e.Transient &&
		(h.failures < maxHopFailures || h.c.o.Now().Sub(h.failedAt) >= hopRest)
}

func (h *hop) connect(ctx context.Context, a *hopAttempt) {
	l, err := h.c.open(ctx, h.s, h.trail, nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		h.failures++
		h.failedAt = h.c.o.Now()
		a.err = err
	case h.closed:
		l.close()
		a.err = errors.New("the client is closed")
	default:
		h.failures = 0
		h.link, a.link = l, l
	}
	close(a.done)
}

// forget lets a failed attempt be made again, as its reason is gone.
func (h *hop) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.attempt != nil && h.attempt.finished() && h.attempt.err != nil {
		h.attempt, h.failures = nil, 0
	}
}

// close ends the connection, and waits for an attempt to have one.
func (h *hop) close() {
	h.mu.Lock()
	h.closed = true
	a := h.attempt
	if a != nil && !a.finished() {
		h.cancel()
	}
	h.mu.Unlock()
	if a == nil {
		return
	}
	<-a.done
	if a.link != nil {
		a.link.close()
	}
}

// through is a passage that is open.
type through struct {
	passage
	link *link
}

func (t through) dial(ctx context.Context, c *Client, s *settings) (net.Conn, error) {
	switch {
	case t.link != nil:
		conn, err := t.link.forward(ctx, "tcp", s.addr())
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Message = fmt.Sprintf("behind jump host %s: %s", t.hop.s.name, e.Message)
				e.Unreachable = true
				if e.Cause == CauseForwardingRefused {
					e.Cause = CauseJumpFailed
				}
			}
			return nil, err
		}
		return conn, nil
	case t.command != "":
		return startProxy(ctx, t.command)
	}
	if s.bindAddress != "" {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.bindAddress)}}
		return d.DialContext(ctx, s.network, s.addr())
	}
	return c.o.Dial(ctx, s.network, s.addr())
}

// forward opens a TCP connection from the server's side.
func (l *link) forward(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := l.client.Dial(network, addr)
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, forwardError(addr, r.err)
		}
		return bridge(r.conn), nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				_ = r.conn.Close() // nobody waits for it any more
			}
		}()
		return nil, context.Cause(ctx)
	}
}
