package nodes

import (
	"io"
	"net"
	"time"
)

// delayedConn hands on what arrives a fixed time after it arrived. The delay is of each packet,
// not of each read: what arrives together is delivered together, so bandwidth is not limited.
// Only the way in is delayed; that adds the delay once to each round trip.
type delayedConn struct {
	net.Conn
	chunks chan chunk
	rest   []byte
	delay  time.Duration
	now    func() time.Time
}

type chunk struct {
	data []byte
	due  time.Time
	err  error
}

func delayed(c net.Conn, d time.Duration, now func() time.Time) net.Conn {
	dc := &delayedConn{Conn: c, chunks: make(chan chunk, 64), delay: d, now: now}
	go dc.pump()
	return dc
}

// pump ends when the connection is closed. Its last chunk may find nobody reading: a reader that
// is gone has closed the connection, and the buffer has room or the channel is garbage with us.
func (c *delayedConn) pump() {
	defer close(c.chunks)
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Conn.Read(buf)
		due := c.now().Add(c.delay)
		if n > 0 {
			c.chunks <- chunk{data: append([]byte(nil), buf[:n]...), due: due}
		}
		if err != nil {
			c.chunks <- chunk{err: err, due: due}
			return
		}
	}
}

func (c *delayedConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		next, ok := <-c.chunks
		if !ok {
			return 0, io.EOF
		}
		if wait := next.due.Sub(c.now()); wait > 0 {
			time.Sleep(wait)
		}
		if next.err != nil {
			return 0, next.err
		}
		c.rest = next.data
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Close also drains what nobody will read, so that the pump ends.
func (c *delayedConn) Close() error {
	err := c.Conn.Close()
	go func() {
		for range c.chunks { //nolint:revive // draining is the point
		}
	}()
	return err
}
