package sshexec

import (
	"context"
	"sync"
)

// gate lets the first use of a password happen on one host alone. Directories
// lock an account after a few wrong passwords, and a fleet presents the same
// one at the same instant.
type gate struct {
	mu      sync.Mutex
	entries map[gateKey]*gateEntry
}

// gateKey tells passwords apart: an SSH login and sudo may be different
// services with the same words.
type gateKey struct{ kind, user, password string }

// The kinds, as messages name them.
const (
	sshPassword  = "the SSH"
	sudoPassword = "the sudo"
)

type gateEntry struct {
	proven  bool
	failed  string // the host where it was refused
	trying  bool
	changed chan struct{}
}

// enter waits until the password may be presented: at once when it has proved
// good or nobody tries it yet. When first is true the caller must call leave.
func (g *gate) enter(ctx context.Context, key gateKey) (first bool, err error) {
	for {
		g.mu.Lock()
		if g.entries == nil {
			g.entries = map[gateKey]*gateEntry{}
		}
		e := g.entries[key]
		if e == nil {
			e = &gateEntry{}
			g.entries[key] = e
		}
		switch {
		case e.proven:
			g.mu.Unlock()
			return false, nil
		case e.failed != "":
			failed := e.failed
			g.mu.Unlock()
			e := notTried(key.kind+" password of "+key.user+" was refused by "+failed, nil)
			e.Unreachable = key.kind == sshPassword // sudo comes after the login
			e.Hint = "a wrong password is presented once only, because directories lock accounts: correct it and run again"
			return false, e
		case !e.trying:
			e.trying = true
			e.changed = make(chan struct{})
			g.mu.Unlock()
			return true, nil
		}
		changed := e.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false, ctxError(ctx, "waiting for the first use of a password")
		}
	}
}

// verdict of a first use.
type verdict int

const (
	// unused: the password was not presented after all.
	unused verdict = iota
	accepted
	refused
)

// leave ends a first use and wakes those that wait.
func (g *gate) leave(key gateKey, host string, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[key]
	e.trying = false
	switch v {
	case accepted:
		e.proven = true
	case refused:
		e.failed = host
	case unused:
	}
	close(e.changed)
}
