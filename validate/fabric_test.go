package validate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"oreg/validate"
)

// fabric is a network in memory, so that the tests have any host names and,
// in a bubble of testing/synctest, any delays without waiting for them.
type fabric struct {
	t         *testing.T
	authority *authority

	mu       sync.Mutex
	stations map[string]*station // by "host:port"
	broken   map[string]func(ctx context.Context) error
}

// station is one listening host:port.
type station struct {
	server
	conns chan net.Conn
	done  chan struct{}
}

func newFabric(t *testing.T, a *authority) *fabric {
	return &fabric{t: t, authority: a, stations: map[string]*station{}, broken: map[string]func(context.Context) error{}}
}

// inFabric runs test in a bubble with a network of its own.
func inFabric(t *testing.T, a *authority, test func(t *testing.T, f *fabric)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFabric(t, a)) })
}

func (f *fabric) dial(ctx context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	broken, s := f.broken[address], f.stations[address]
	var sameHost bool
	host, _, err := net.SplitHostPort(address)
	for known := range f.stations {
		name, _, _ := net.SplitHostPort(known)
		sameHost = sameHost || name == host
	}
	f.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case broken != nil:
		return nil, broken(ctx)
	case s != nil:
		near, far := pipe()
		select {
		case s.conns <- far:
			return near, nil
		case <-s.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case !sameHost && net.ParseIP(host) == nil:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

func (f *fabric) breakDial(address string, fail func(context.Context) error) {
	f.broken[address] = fail
}

func (f *fabric) station(address string) *station {
	s := &station{conns: make(chan net.Conn), done: make(chan struct{})}
	s.host = address
	f.mu.Lock()
	f.stations[address] = s
	f.mu.Unlock()
	return s
}

// Accept, Close and Addr make the station a listener.
func (s *station) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *station) Close() error   { close(s.done); return nil }
func (s *station) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// raw lets serve talk on each connection itself.
func (f *fabric) raw(address string, serve func(net.Conn)) *station {
	s := f.station(address)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
	f.t.Cleanup(func() { _ = s.Close(); wg.Wait() })
	return s
}

// http serves h, over TLS where config is not nil.
func (f *fabric) http(address string, config *tls.Config, h http.Handler) *station {
	s := f.station(address)
	// A hijacked connection is not the server's to wait for. A mutex would stop
	// the bubble's clock.
	handlers := make(chan struct{}, 100)
	recorded := s.record(h)
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers <- struct{}{}
		defer func() { <-handlers }()
		recorded.ServeHTTP(w, r)
	})}
	var listener net.Listener = s
	if config != nil {
		listener = tls.NewListener(s, config)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = srv.Serve(listener) // always http.ErrServerClosed in the end
	}()
	f.t.Cleanup(func() {
		_ = srv.Close()
		<-stopped
		for range cap(handlers) {
			handlers <- struct{}{}
		}
	})
	return s
}

// web serves h with a good certificate for the host.
func (f *fabric) web(address string, h http.HandlerFunc) *station {
	return f.http(address, f.certificate(address, nil), h)
}

func (f *fabric) certificate(address string, change func(*x509.Certificate)) *tls.Config {
	host, _, _ := net.SplitHostPort(address)
	return &tls.Config{Certificates: []tls.Certificate{f.authority.issue(f.t, change, host)}}
}

// timeout is that of the checks in a fabric. The bubble's clock jumps over it.
const timeout = time.Minute

func (f *fabric) checker(change ...func(*validate.Options)) *validate.Checker {
	return checkerFor(f.authority, append([]func(*validate.Options){func(o *validate.Options) {
		o.Timeout = timeout
		o.Origin.Dial = f.dial
	}}, change...)...)
}
