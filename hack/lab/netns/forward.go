package netns

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Forward accepts connections and passes each on to one that dial makes, both ways, with half-close
// and reset. Where dial fails the client's connection is reset.
type Forward struct {
	listener *net.TCPListener
	dial     func() (*net.TCPConn, error)

	mu     sync.Mutex
	open   map[*net.TCPConn]bool // nil once closed
	served sync.WaitGroup
}

// NewForward starts to accept. The listener becomes the forwarder's.
func NewForward(listener *net.TCPListener, dial func() (*net.TCPConn, error)) *Forward {
	f := &Forward{listener: listener, dial: dial, open: map[*net.TCPConn]bool{}}
	f.served.Go(f.accept)
	return f
}

// Addr is where it accepts.
func (f *Forward) Addr() *net.TCPAddr { return f.listener.Addr().(*net.TCPAddr) }

// Close refuses new connections, resets the open ones and waits.
func (f *Forward) Close() error {
	err := f.listener.Close()
	f.mu.Lock()
	for c := range f.open {
		reset(c)
	}
	f.open = nil
	f.mu.Unlock()
	f.served.Wait()
	return err
}

func (f *Forward) accept() {
	for {
		conn, err := f.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of files, most likely: the next client may find one again.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		f.served.Go(func() { f.serve(conn) })
	}
}

func (f *Forward) serve(in *net.TCPConn) {
	if !f.hold(in) {
		return
	}
	defer f.drop(in)
	out, err := f.dial()
	if err != nil {
		reset(in)
		return
	}
	if !f.hold(out) {
		return
	}
	defer f.drop(out)
	var both sync.WaitGroup
	both.Go(func() { pass(out, in) })
	both.Go(func() { pass(in, out) })
	both.Wait()
}

// pass copies until the end of from; an end that was not proper is passed on as one.
func pass(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(from)
		reset(to)
		return
	}
	_ = to.CloseWrite() // the peer may be gone
}

// hold remembers an open connection for Close; false means that Close was there first.
func (f *Forward) hold(c *net.TCPConn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		reset(c)
		return false
	}
	f.open[c] = true
	return true
}

func (f *Forward) drop(c *net.TCPConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, c)
	_ = c.Close() // closed or reset by either side, or ended
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // it may be closed already
	_ = c.Close()
}

// Mirror makes addresses of the machine reachable under the same addresses inside a namespace.
type Mirror struct {
	ns       *Namespace
	forwards map[string]*Forward
}

// NewMirror starts with no address.
func NewMirror(ns *Namespace) *Mirror { return &Mirror{ns: ns, forwards: map[string]*Forward{}} }

// Set makes exactly these addresses (IP:port) reachable; others are refused again, and their open
// connections are cut. One goroutine may call it at a time.
func (m *Mirror) Set(addresses []string) error {
	want := map[string]bool{}
	var errs []error
	for _, a := range addresses {
		want[a] = true
		if m.forwards[a] != nil {
			continue
		}
		addr, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ln, err := m.ns.Listen(addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.forwards[a] = NewForward(ln, func() (*net.TCPConn, error) { return net.DialTCP("tcp", nil, addr) })
	}
	for a, f := range m.forwards {
		if !want[a] {
			errs = append(errs, f.Close())
			delete(m.forwards, a)
		}
	}
	return errors.Join(errs...)
}
