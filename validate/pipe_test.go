package validate_test

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe returns a connection in memory with buffers, unlike net.Pipe: two TLS
// ends that say goodbye at the same time would block each other there, and
// with them the bubble of testing/synctest.
func pipe() (near, far net.Conn) {
	a, b := newStream(), newStream()
	return &pipeConn{in: a, out: b}, &pipeConn{in: b, out: a}
}

const streamSize = 64 << 10

// stream is one direction.
type stream struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	data     []byte
	ended    bool // the writer has closed: EOF after the data
	gone     bool // the reader has closed: writes fail
	deadline [2]time.Time
}

const (
	reading = iota
	writing
)

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await runs try under the lock until it is done or the side's deadline has
// passed.
func (s *stream) await(side int, try func() (n int, done bool, err error)) (int, error) {
	for {
		s.mu.Lock()
		n, done, err := try()
		if done {
			close(s.changed)
			s.changed = make(chan struct{})
		}
		changed, deadline := s.changed, s.deadline[side]
		s.mu.Unlock()
		if done {
			return n, err
		}
		var expired <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
			timer := time.NewTimer(left)
			expired = timer.C
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-expired:
		}
	}
}

type pipeConn struct {
	in, out *stream
	once    sync.Once
}

func (c *pipeConn) Read(p []byte) (int, error) {
	return c.in.await(reading, func() (int, bool, error) {
		switch {
		case c.in.gone:
			return 0, true, net.ErrClosed
		case len(c.in.data) > 0:
			n := copy(p, c.in.data)
			c.in.data = c.in.data[n:]
			return n, true, nil
		case c.in.ended:
			return 0, true, io.EOF
		}
		return 0, len(p) == 0, nil
	})
}

func (c *pipeConn) Write(p []byte) (int, error) {
	total := 0
	for {
		n, err := c.out.await(writing, func() (int, bool, error) {
			switch room := streamSize - len(c.out.data); {
			case c.out.ended:
				return 0, true, net.ErrClosed
			case c.out.gone:
				return 0, true, &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}
			case room > 0:
				n := min(room, len(p)-total)
				c.out.data = append(c.out.data, p[total:total+n]...)
				return n, true, nil
			}
			return 0, false, nil
		})
		total += n
		if err != nil || total == len(p) {
			return total, err
		}
	}
}

func (c *pipeConn) Close() error {
	c.once.Do(func() {
		c.out.change(func() { c.out.ended = true })
		c.in.change(func() { c.in.gone = true })
	})
	return nil
}

func (c *pipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.deadline[reading] = t })
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.change(func() { c.out.deadline[writing] = t })
	return nil
}

func (c *pipeConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 40000} }
func (c *pipeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }
