package sshexec

import (
	"errors"
	"io"
	"strconv"
	"time"

	"oreg/inventory/secret"
)

// Target is one host to connect to, as the inventory describes it. Zero
// values mean "not set": ssh_config and then OpenSSH's defaults decide.
type Target struct {
	// Name is the inventory name, for messages only.
	Name string
	// Local runs commands on this machine, without SSH.
	Local bool
	// Host is what would be given to ssh as destination: ssh_config's Host
	// patterns are matched against it.
	Host string
	Port int
	User string
	// IdentityFile is offered first, "~" is expanded.
	IdentityFile string
	Password     secret.Text
	Become       *Become
	// Args are ssh arguments, one word each: -J, -F, -i, -p, -l, -o Key=Value.
	Args []string
}

// Become asks for another user's rights through sudo.
type Become struct {
	// User is root by default.
	User     string
	Password secret.Text
}

// Cause says why a host could not be worked on. The set is closed.
type Cause string

// The causes of this package; tasks adds those of files and services.
const (
	CauseDNS                    Cause = "dns"
	CauseUnreachable            Cause = "unreachable"
	CauseRefused                Cause = "refused"
	CauseTimeout                Cause = "timeout"
	CauseJumpFailed             Cause = "jump-failed"
	CauseConnectionLost         Cause = "connection-lost"
	CauseHostKeyUnknown         Cause = "host-key-unknown"
	CauseHostKeyMismatch        Cause = "host-key-mismatch"
	CauseHostKeyRevoked         Cause = "host-key-revoked"
	CauseAuthFailed             Cause = "auth-failed"
	CauseBecomeFailed           Cause = "become-failed"
	CauseBecomePasswordRequired Cause = "become-password-required"
	CauseCommandFailed          Cause = "command-failed"
	CauseNotTried               Cause = "not-tried"
)

// Error is the failure of one host.
type Error struct {
	Cause Cause
	// Message is one sentence without the host's name; Hint says what to do.
	Message, Hint string
	// Unreachable is Ansible's distinction: name, dial, jump, time-out before
	// the command, host key, authentication.
	Unreachable bool
	// Transient failures are worth another try.
	Transient bool
	Err       error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// ErrNotTried is in the chain of the error of a host that was left out
// because the same password had just failed elsewhere, or the run was ended.
var ErrNotTried = errors.New("not tried")

// Process is a shell that runs on a host. Stdin and Stdout are the shell's
// once become has succeeded: neither prompt nor password passes through them.
type Process struct {
	//
	// Stdout ends with io.EOF when the command has closed it, which does not
	// say that the command succeeded: Wait does.
	Stdin  io.WriteCloser
	Stdout io.Reader
	// Stderr returns what came so far, cut at a limit.
	Stderr func() string
	// Wait returns nil for exit status 0, else *Error; an exit status is kept
	// in an *ExitError in its chain. A missing exit status is connection-lost.
	Wait func() error
	// Kill ends it at once.
	Kill func()
}

// ExitError is a command that ended with a status other than 0.
type ExitError struct{ Status int }

func (e *ExitError) Error() string { return "exit status " + strconv.Itoa(e.Status) }

// DefaultTimeout bounds dial, handshake and authentication together, as
// Ansible's -T.
const DefaultTimeout = 10 * time.Second
