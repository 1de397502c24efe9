package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// CauseForwardingRefused is for [Conn.DialContext] alone: the server does not
// forward TCP connections.
const CauseForwardingRefused Cause = "forwarding-refused"

// ErrForwardingRefused is in the chain of the error of [Conn.DialContext] when
// sshd is configured not to forward (AllowTcpForwarding, PermitOpen).
var ErrForwardingRefused = errors.New("sshd refuses to forward connections")

// errBudget is the cause of a context that ran out of its connect time.
var errBudget = errors.New("connect time is over")

// notTried is the error of a host that was left out.
func notTried(reason string, cause error) *Error {
	return &Error{
		Cause:       CauseNotTried,
		Message:     "not tried: " + reason,
		Unreachable: true,
		Err:         errors.Join(ErrNotTried, cause),
	}
}

// NotTried returns the error of an item that a cancelled run left out; cause
// is usually context.Cause.
func NotTried(cause error) *Error { return notTried("the run was ended before", cause) }

// interrupted is the error of work that a cancelled context cut off.
func interrupted(doing string, cause error) *Error {
	return &Error{Cause: CauseConnectionLost, Message: "interrupted while " + doing, Err: cause}
}

// configError is a mistake in what the user wrote; nothing was dialled.
func configError(err error) *Error {
	return &Error{
		Cause: CauseUnreachable, Unreachable: true, Err: err,
		Message: strings.ReplaceAll(err.Error(), "\n", "; "),
		Hint:    "correct the ssh arguments of the inventory or the ssh configuration",
	}
}

// dialError classifies a failed TCP connection.
func dialError(addr string, timeout time.Duration, err error) *Error {
	e := &Error{Cause: CauseUnreachable, Unreachable: true, Err: err}
	var dns *net.DNSError
	var timeouter net.Error
	switch {
	case errors.Is(err, errBudget):
		return timeoutError(addr, stageDial, timeout, err)
	case errors.As(err, &dns):
		host, _, _ := net.SplitHostPort(addr)
		e.Cause = CauseDNS
		e.Message = fmt.Sprintf("the name %s cannot be resolved", host)
		if dns.IsNotFound {
			e.Message = fmt.Sprintf("the name %s does not exist", host)
		}
		e.Transient = dns.IsTemporary || dns.IsTimeout
		e.Hint = "check ansible_host, HostName in the ssh configuration, and DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause = CauseRefused
		e.Message = fmt.Sprintf("%s refuses connections", addr)
		e.Hint = "sshd is not running there, or listens on another port (ansible_port)"
		e.Transient = true
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		e.Message = fmt.Sprintf("no connection to %s: too many open files on this machine", addr)
		e.Hint = "lower --forks or raise the open-file limit (ulimit -n)"
		e.Transient = true
	case errors.As(err, &timeouter) && timeouter.Timeout():
		return timeoutError(addr, stageDial, timeout, err)
	case isDropped(err):
		e.Cause = CauseConnectionLost
		e.Message = fmt.Sprintf("%s closed the connection", addr)
		e.Transient = true
	default:
		e.Message = fmt.Sprintf("no connection to %s: %s", addr, shortNetError(err))
		e.Transient = errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
	}
	return e
}

// shortNetError takes the addresses, which the message already has, off a net
// error.
func shortNetError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

// isDropped says that the other side closed the connection.
func isDropped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// stage is how far a connection got.
type stage int32

const (
	stageDial stage = iota
	stageBanner
	stageKex
	stageAuth
)

func (s stage) String() string {
	switch s {
	case stageDial:
		return "TCP connection"
	case stageBanner:
		return "SSH banner"
	case stageKex:
		return "SSH key exchange"
	}
	return "authentication"
}

func timeoutError(addr string, at stage, timeout time.Duration, err error) *Error {
	message := fmt.Sprintf("no answer from %s within %s (%s)", addr, timeout, at)
	hint := "check the address and the firewall; -T or ConnectTimeout gives it more time"
	if at > stageDial {
		hint = "the machine accepts connections, but sshd does not answer; -T or ConnectTimeout gives it more time"
	}
	return &Error{Cause: CauseTimeout, Unreachable: true, Transient: true, Message: message, Hint: hint, Err: err}
}

// manyRefusals is how many refused keys make a connection that ends without
// a word look like MaxAuthTries rather than like a broken network.
const manyRefusals = 3

// handshakeError classifies what x/crypto says about a failed handshake.
func handshakeError(addr string, at stage, offered authRecord, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Cause: CauseConnectionLost, Unreachable: true, Transient: true, Err: err}
	var algorithms *ssh.AlgorithmNegotiationError
	switch disconnect := isDisconnect(err); {
	case errors.As(err, &algorithms):
		e.Cause, e.Transient = CauseUnreachable, false
		e.Message = fmt.Sprintf("%s and oreg have no %s algorithm in common; it offers %s",
			addr, algorithms.What, strings.Join(algorithms.RequestedAlgorithms, ", "))
		e.Hint = "old servers may need -o HostKeyAlgorithms=+ssh-rsa, -o KexAlgorithms=+... or -o Ciphers=+..."
	case at == stageAuth && (disconnect || isDropped(err) && offered.refused >= manyRefusals):
		e = authError(addr, offered, err)
		e.Hint = "the server ended the attempt; an agent with many keys exhausts its MaxAuthTries: " +
			"set ansible_ssh_private_key_file or IdentitiesOnly. " + e.Hint
	case disconnect:
		e.Message = fmt.Sprintf("%s ended the connection: %s", addr, disconnectText(err))
	case isDropped(err):
		e.Message = fmt.Sprintf("%s closed the connection (%s)", addr, at)
		if at == stageBanner {
			e.Hint = "a full sshd drops new connections (MaxStartups); fewer --forks, or later again"
		}
	case at == stageBanner:
		e.Cause, e.Transient = CauseUnreachable, false
		e.Message = fmt.Sprintf("what answers at %s is not an SSH server", addr)
		e.Hint = "check ansible_host and ansible_port"
	default:
		e.Transient = false
		e.Cause = CauseUnreachable
		e.Message = fmt.Sprintf("SSH with %s failed (%s): %s", addr, at, strings.TrimPrefix(err.Error(), "ssh: handshake failed: "))
	}
	return e
}

// isDisconnect recognises SSH_MSG_DISCONNECT. x/crypto keeps the type
// (disconnectMsg) to itself, so its text is all there is; the test against a
// real sshd's "Too many authentication failures" holds this.
func isDisconnect(err error) bool {
	return strings.Contains(err.Error(), "ssh: disconnect, reason ")
}

func disconnectText(err error) string {
	_, text, _ := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	_, text, _ = strings.Cut(text, ": ")
	return text
}

// ctxError turns a context that is done into a host's error.
func ctxError(ctx context.Context, doing string) *Error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return &Error{Cause: CauseTimeout, Message: "time is over while " + doing, Transient: true, Err: cause}
	}
	return interrupted(doing, cause)
}
