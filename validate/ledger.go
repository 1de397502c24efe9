package validate

import (
	"context"
	"crypto/sha256"
	"sync"

	"oreg/inventory"
)

// ledger remembers which logins were presented to which realm. Directories
// lock an account after a few wrong passwords, so the second entry with the
// same login waits for the verdict on the first, and a rejected login is never
// presented again.
type ledger struct {
	mu      sync.Mutex
	entries map[loginKey]*ledgerEntry
}

// loginKey is one login at one realm. The realm is the host and port that the
// password is sent to: for Basic the registry, for Bearer the token server.
// The password is kept as a digest, so that a dump of the map shows nothing.
type loginKey struct {
	user     string
	password [sha256.Size]byte
	realm    string
}

type ledgerEntry struct {
	busy     chan struct{} // closed when the one who presents it is done; nil when nobody does
	accepted bool
	rejected *rejection
}

// rejection is who refused a login.
type rejection struct {
	registry string // the registry that was checked, "host[:port]"
	source   string
	detail   string
}

func newLedger() *ledger { return &ledger{entries: map[loginKey]*ledgerEntry{}} }

func keyOf(c inventory.Credential, realm string) loginKey {
	return loginKey{user: c.User, password: sha256.Sum256([]byte(c.Password.Reveal())), realm: realm}
}

// begin returns the earlier rejection of the login, or nil where the caller
// may present it and must then call end. It waits while somebody else presents
// the same; the error is then ctx's.
func (l *ledger) begin(ctx context.Context, key loginKey) (*rejection, error) {
	for {
		l.mu.Lock()
		e := l.entries[key]
		if e == nil {
			e = &ledgerEntry{}
			l.entries[key] = e
		}
		switch {
		case e.rejected != nil:
			l.mu.Unlock()
			return e.rejected, nil
		case e.accepted:
			l.mu.Unlock()
			return nil, nil
		case e.busy == nil:
			e.busy = make(chan struct{})
			l.mu.Unlock()
			return nil, nil
		}
		busy := e.busy
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// end records the verdict: rejected where r is not nil, else accepted or, when
// the realm could not be asked, nothing. In the last case the next in line
// presents the login.
func (l *ledger) end(key loginKey, accepted bool, r *rejection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[key]
	if r != nil && e.rejected == nil {
		e.rejected = r
	}
	e.accepted = e.accepted || accepted
	if e.busy != nil {
		close(e.busy)
		e.busy = nil
	}
}
