package validate

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
)

// sighting follows one request through net/http, to say afterwards how far it
// came and over which connection. net/http calls the trace from goroutines of
// its own, also after the request has failed; hence the lock.
type sighting struct {
	mu      sync.Mutex
	far     phase
	address string
	state   *tls.ConnectionState
}

func (g *sighting) reach(p phase) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.far = max(g.far, p)
}

func (g *sighting) seen() (far phase, address string, state *tls.ConnectionState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.far, g.address, g.state
}

func (g *sighting) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { g.reach(phaseTLS) },
		GotConn: func(info httptrace.GotConnInfo) {
			g.reach(phaseRequest)
			g.mu.Lock()
			defer g.mu.Unlock()
			if a := info.Conn.RemoteAddr(); a != nil {
				g.address = a.String()
			}
			if secured, ok := info.Conn.(*tls.Conn); ok {
				state := secured.ConnectionState()
				g.state = &state
			}
		},
		GotFirstResponseByte: func() { g.reach(phaseAnswer) },
	}
}
