package sshexec_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

func TestCancellationEndsConnectAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			accepted <- conn
		}
	}()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by the user")
	go func() {
		conn := <-accepted
		cancel(stopped)
		_, _ = io.Copy(io.Discard, conn) // ends when the client closes
		_ = conn.Close()
		_ = l.Close()
	}()
	h := newUser(t)
	_, err = h.client().Connect(ctx, sshexec.Target{Name: "n", Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port})
	failure(t, err, sshexec.CauseNotTried)
	require.ErrorIs(t, err, sshexec.ErrNotTried)
	require.ErrorIs(t, err, stopped)
	_, err = h.client().Connect(ctx, sshexec.Target{Name: "n", Host: "127.0.0.1"})
	require.ErrorIs(t, err, sshexec.ErrNotTried)
}

func TestCancellationEndsACommandAtOnce(t *testing.T) {
	s, h := ready(t)
	ctx, cancel := context.WithCancel(t.Context())
	conn := connect(t, h.client(), s.target())
	p, err := conn.Shell(ctx)
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "echo here; exec sleep 60\n")
	require.NoError(t, err)
	buffer := make([]byte, 5)
	_, err = io.ReadFull(p.Stdout, buffer)
	require.NoError(t, err)
	cancel()
	err = p.Wait()
	failure(t, err, sshexec.CauseConnectionLost)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDeadlineOfTheCallerIsATimeout(t *testing.T) {
	s, h := ready(t)
	h.options.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := h.client().Connect(ctx, s.target())
	e := failure(t, err, sshexec.CauseTimeout)
	assert.True(t, e.Unreachable)
}

func TestKeepAliveEndsADeadSession(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	h.write("config", "ServerAliveInterval 1\nServerAliveCountMax 1\n")
	frozen := make(chan struct{})
	gate := &gatedConn{frozen: frozen}
	h.options.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		gate.Conn = conn
		return gate, err
	}
	conn := connect(t, h.client(), s.target())
	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	close(frozen) // from now on nothing comes through any more
	failure(t, p.Wait(), sshexec.CauseConnectionLost)
}

// gatedConn loses all that arrives once it is frozen, as a cut cable does.
type gatedConn struct {
	net.Conn
	frozen chan struct{}
}

func (g *gatedConn) Read(p []byte) (int, error) {
	for {
		n, err := g.Conn.Read(p)
		select {
		case <-g.frozen:
			if err != nil {
				return 0, err
			}
			continue
		default:
			return n, err
		}
	}
}
