// Package service restarts the systemd unit of a node and sees it come back.
//
// [Manager.Restart] believes nothing but what systemd says of the unit
// afterwards: a start that is not the one before, and the same start still
// active some seconds later. It works with systemctl alone, from the systemd
// 219 of RHEL 7 on, as root.
//
// What surprised us: systemctl restart waits until a unit of Type=notify says
// that it is ready, silently and for minutes, which looks like a dead
// connection; so the job is only queued (--no-block) and the unit asked. A unit
// with Restart=always is never "failed": it is active for a moment again and
// again. InvocationID does not exist before systemd 232. Timestamps are in the
// time zone of the environment, and TZ=UTC makes them readable anywhere.
package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
)

// Runner runs a command line on a host, as root. *sshexec.Conn is one.
type Runner interface {
	Run(ctx context.Context, command string, stdin []byte) ([]byte, error)
}

// State is a unit as systemd describes it, and the host that it runs on.
type State struct {
	// Unit is the full name, "origin-node.service".
	Unit string
	// Load is "loaded" or "not-found"; Active "active", "inactive", "failed",
	// "activating", ...; Result why the last run ended.
	Load, Active, Result string
	// Start is a text that no other start of the unit has; empty if it never
	// started.
	Start string
	// Started is the main process's start by the host's clock, in whole
	// seconds.
	Started time.Time
	// Job says that systemd still has something to do with the unit.
	Job bool
	// Hostname is the name that the host gives itself.
	Hostname string
}

// Found says whether the host has the unit at all.
func (s State) Found() bool { return s.Load == "loaded" }

// Running says whether the unit is up or about to be, so that a restart
// changes nothing that somebody stopped.
func (s State) Running() bool {
	return s.Active == "active" || s.Active == "activating" || s.Active == "reloading"
}

// Error is a unit that did not do what it was asked to.
type Error struct {
	// Message is one sentence that names the unit; Hint says what to do.
	Message, Hint string
	Err           error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// FullName is a unit's name with its suffix.
func FullName(unit string) string {
	if strings.HasSuffix(unit, ".service") {
		return unit
	}
	return unit + ".service"
}

// Show asks for the state of a unit. A unit that does not exist is no error.
func Show(ctx context.Context, host Runner, unit string) (State, error) {
	unit = FullName(unit)
	out, err := host.Run(ctx, showCommand(unit), nil)
	if err != nil {
		return State{}, err
	}
	return parse(unit, string(out))
}

func showCommand(unit string) string {
	return `echo "Hostname=$(hostname 2>/dev/null || uname -n)"
command -v systemctl >/dev/null || { echo NoSystemd=1; exit 0; }
TZ=UTC LC_ALL=C exec systemctl --no-pager show -p LoadState -p ActiveState -p Result -p InvocationID -p Job ` +
		`-p ExecMainStartTimestamp -p ExecMainStartTimestampMonotonic -- ` + shellescape.Quote(unit)
}

// timestamp is how systemctl writes a time with TZ=UTC.
const timestamp = "Mon 2006-01-02 15:04:05 MST"

// parse reads the answer. Properties that this systemd does not know are left
// out by it, or empty.
func parse(unit, text string) (State, error) {
	s := State{Unit: unit}
	var invocation, started string
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		switch name {
		case "Hostname":
			s.Hostname = strings.TrimSpace(value)
		case "NoSystemd":
			return s, &Error{Message: "the host has no systemctl, so that " + unit + " cannot be restarted", Hint: "--restart never leaves it to the kubelet to read the file, within 5 minutes"}
		case "LoadState":
			s.Load = value
		case "ActiveState":
			s.Active = value
		case "Result":
			s.Result = value
		case "InvocationID":
			invocation = value
		case "ExecMainStartTimestamp":
			if at, err := time.Parse(timestamp, value); err == nil {
				s.Started = at
			}
		case "ExecMainStartTimestampMonotonic":
			started = value
		case "Job":
			n, err := strconv.ParseUint(value, 10, 32)
			s.Job = err == nil && n > 0
		}
	}
	if s.Load == "" || s.Active == "" {
		return s, &Error{Message: "systemctl did not describe " + unit, Hint: "look at the host's systemd; --restart never does without"}
	}
	if started != "" && started != "0" {
		s.Start = invocation + "@" + started
	}
	return s, nil
}

// The usual times of a restart.
const (
	// DefaultSteady is how long a unit must have been active.
	DefaultSteady = 10 * time.Second
	// DefaultTimeout bounds a restart: origin-node.service gives itself 5
	// minutes to start.
	DefaultTimeout = 6 * time.Minute
	// DefaultPoll is the pause between two questions.
	DefaultPoll = time.Second
)

// maxStarts is how often a unit may have started anew before it counts as one
// that crashes again and again.
const maxStarts = 3

// Manager restarts units. The zero values of its times are the defaults.
type Manager struct {
	Steady, Timeout, Poll time.Duration
	Now                   func() time.Time
}

// Restart restarts a unit and returns when it has been active for Steady after
// a new start; the state tells when that was. The error is an [*Error], the
// host's, or what ended ctx.
func (m Manager) Restart(ctx context.Context, host Runner, unit string) (State, error) {
	steady, timeout, poll := or(m.Steady, DefaultSteady), or(m.Timeout, DefaultTimeout), or(m.Poll, DefaultPoll)
	unit = FullName(unit)
	before, err := Show(ctx, host, unit)
	if err != nil {
		return before, err
	}
	if !before.Found() {
		return before, &Error{Message: "there is no " + unit + " on the host", Hint: "set openshift_service_type if the unit has another name"}
	}
	if _, err := host.Run(ctx, "exec systemctl --no-ask-password --no-block restart -- "+shellescape.Quote(unit), nil); err != nil {
		return before, &Error{Message: fmt.Sprintf("systemctl did not take the restart of %s: %v", unit, err), Hint: "systemctl status " + unit + " on the host", Err: err}
	}
	watch := watcher{before: before, steady: steady}
	deadline := m.Now().Add(timeout)
	for {
		now := m.Now()
		state, err := Show(ctx, host, unit)
		if ctx.Err() != nil {
			return state, ctx.Err()
		}
		if err == nil {
			done, failure := watch.see(state, now)
			if done || failure != nil {
				return state, failure
			}
		}
		if now.After(deadline) {
			return state, watch.late(unit, timeout, err)
		}
		pause := time.NewTimer(poll)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return state, ctx.Err()
		}
	}
}

// watcher follows a unit after its restart.
type watcher struct {
	before State
	steady time.Duration
	start  string    // the newest start that was seen
	since  time.Time // since when that start is seen active; zero if it is not
	starts int
	last   State
}

// see takes one observation and says whether the unit is back, or will not be.
func (w *watcher) see(s State, now time.Time) (done bool, failure error) {
	w.last = s
	if s.Start != "" && s.Start != w.before.Start && s.Start != w.start {
		w.start, w.since = s.Start, time.Time{}
		if w.starts++; w.starts > maxStarts {
			return false, w.fail(s, "starts again and again: "+why(s))
		}
	}
	switch {
	case s.Active == "failed" && !s.Job:
		return false, w.fail(s, "did not start: "+why(s))
	case s.Active != "active" || s.Start != w.start:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = now
	}
	return !w.since.IsZero() && now.Sub(w.since) >= w.steady, nil
}

// late is the error of a unit that did not come back in time.
func (w *watcher) late(unit string, timeout time.Duration, err error) error {
	if err != nil {
		return &Error{Message: fmt.Sprintf("after the restart of %s the host could not be asked any more: %v", unit, err), Hint: "look at the host's console", Err: err}
	}
	return w.fail(w.last, fmt.Sprintf("was not steadily active within %v: %s", timeout, why(w.last)))
}

func (w *watcher) fail(s State, what string) error {
	return &Error{Message: s.Unit + " " + what, Hint: "journalctl -u " + s.Unit + " on the host tells why"}
}

// why is what systemd says of a unit that is not well.
func why(s State) string {
	if s.Result == "" || s.Result == "success" {
		return s.Active
	}
	return s.Active + " (" + s.Result + ")"
}

func or(d, usual time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return usual
}
