package sshexec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// DialContext opens a TCP connection from the host, which resolves the name
// itself; a local connection dials directly. The error is an *[Error] whose
// cause is dns, refused, timeout or unreachable where the server says so;
// [ErrForwardingRefused] is in its chain when sshd does not forward. ctx
// bounds the opening only.
func (conn *Conn) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if conn.link == nil {
		raw, err := conn.c.o.Dial(ctx, network, addr)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctxError(ctx, "connecting to "+addr)
			}
			return nil, dialError(addr, cmp.Or(conn.c.o.Timeout, DefaultTimeout), err)
		}
		return raw, nil
	}
	raw, err := conn.link.forward(ctx, network, addr)
	if err != nil && ctx.Err() != nil {
		return nil, ctxError(ctx, "connecting to "+addr)
	}
	return raw, err
}

// forwardError classifies a refused direct-tcpip channel. The protocol has
// four reasons; OpenSSH puts strerror or gai_strerror text into "connect
// failed", which is all there is to tell dns, refused and timeout apart. The
// texts are those of glibc, musl and the BSDs in the C locale, which sshd
// runs in.
func forwardError(addr string, err error) *Error {
	var open *ssh.OpenChannelError
	if !errors.As(err, &open) {
		return &Error{
			Cause: CauseConnectionLost, Transient: true, Err: err,
			Message: fmt.Sprintf("the SSH connection ended while %s was dialled", addr),
		}
	}
	if open.Reason == ssh.Prohibited {
		return &Error{
			Cause: CauseForwardingRefused, Err: errors.Join(ErrForwardingRefused, err),
			Message: fmt.Sprintf("sshd does not forward to %s", addr),
			Hint:    "allow it in sshd_config (AllowTcpForwarding, PermitOpen, DisableForwarding) or authorized_keys (no-port-forwarding)",
		}
	}
	e := &Error{Cause: CauseUnreachable, Transient: true, Err: err}
	text := strings.ToLower(open.Message)
	host, _, _ := net.SplitHostPort(addr)
	has := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(text, t) {
				return true
			}
		}
		return false
	}
	switch {
	case has("refused"):
		e.Cause, e.Message = CauseRefused, fmt.Sprintf("%s refuses connections", addr)
	case has("name or service not known", "not known", "no address associated", "name resolution", "does not resolve", "unknown host", "nodename nor servname"):
		e.Cause, e.Transient = CauseDNS, has("temporary")
		e.Message = fmt.Sprintf("the name %s cannot be resolved there", host)
	case has("timed out", "timeout"):
		e.Cause, e.Message = CauseTimeout, fmt.Sprintf("no answer from %s", addr)
	default:
		e.Message = fmt.Sprintf("%s cannot be reached", addr)
		if open.Message != "" {
			e.Message += ": " + open.Message
		}
	}
	return e
}

// bridge puts a pipe before a forwarded connection: x/crypto's channels know
// no deadlines, and closing one does not end a Read until the peer agrees.
func bridge(far net.Conn) net.Conn {
	near, inner := net.Pipe()
	pump := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either side's end is the end of both
		_ = far.Close()
		_ = inner.Close()
	}
	go pump(far, inner)
	go pump(inner, far)
	return &bridged{Conn: near, remote: far.RemoteAddr()}
}

type bridged struct {
	net.Conn
	remote net.Addr
}

func (b *bridged) RemoteAddr() net.Addr { return b.remote }
