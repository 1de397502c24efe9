//go:build lab

package netns

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers what it gets, after its end.
func echo(t *testing.T) *net.TCPAddr {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 77, 1, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				raw, _ := io.ReadAll(c)
				_, _ = c.Write(raw)
				_ = c.Close()
			}()
		}
	}()
	return ln.Addr().(*net.TCPAddr)
}

func newNamespace(t *testing.T) *Namespace {
	t.Helper()
	require.Zero(t, os.Geteuid(), "run as root")
	ns, err := New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
}

func TestAddressesMeanTheSameInsideOnlyWhenMirrored(t *testing.T) {
	ns, addr := newNamespace(t), echo(t)
	_, err := ns.Dial(addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "a namespace of its own")

	m := NewMirror(ns)
	require.NoError(t, m.Set([]string{addr.String()}))
	c, err := ns.Dial(addr)
	require.NoError(t, err)
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	raw, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "hello", string(raw))

	open, err := ns.Dial(addr)
	require.NoError(t, err)
	require.NoError(t, m.Set(nil))
	_, err = open.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = ns.Dial(addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestNothingLeadsOutOfANamespace(t *testing.T) {
	ns := newNamespace(t)
	// Of TEST-NET-1, which no route of a machine with a network would refuse.
	_, err := ns.Dial(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9})
	require.ErrorIs(t, err, syscall.ENETUNREACH)
}

func TestFirewallStopsAsItIsTold(t *testing.T) {
	ns, addr := newNamespace(t), echo(t)
	m := NewMirror(ns)
	require.NoError(t, m.Set([]string{addr.String()}))
	t.Cleanup(func() { require.NoError(t, m.Set(nil)) })
	for how, want := range map[string]error{Reject: syscall.ECONNREFUSED, Unreachable: syscall.EHOSTUNREACH} {
		require.NoError(t, ns.Block(addr.IP, addr.Port, how))
		_, err := ns.Dial(addr)
		require.ErrorIs(t, err, want, how)
	}
	require.NoError(t, ns.Block(addr.IP, 0, Drop))
	require.NoError(t, ns.Unblock(addr.IP, addr.Port))
	var timeout net.Error
	err := ns.Do(func() error {
		// By hand: a dialer with a time-out may use another goroutine, which is elsewhere.
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer func() { _ = syscall.Close(fd) }()
		if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &syscall.Timeval{Usec: 200_000}); err != nil {
			return err
		}
		return syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())})
	})
	require.True(t, errors.Is(err, syscall.EINPROGRESS) || errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
	require.NoError(t, ns.Unblock(addr.IP, 0))
	c, err := ns.Dial(addr)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.ErrorContains(t, ns.Block(addr.IP, 0, "burn"), "expected drop")
}

func TestClosedForwardRefusesAndCuts(t *testing.T) {
	ns := newNamespace(t)
	inside, err := ns.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 77, 1, 2)})
	require.NoError(t, err)
	f := NewForward(ln, func() (*net.TCPConn, error) { return ns.Dial(inside.Addr().(*net.TCPAddr)) })
	c, err := net.DialTCP("tcp", nil, f.Addr())
	require.NoError(t, err)
	_, err = inside.Accept()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = net.DialTCP("tcp", nil, f.Addr())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}
