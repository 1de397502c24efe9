package sshexec

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// localState is a "connection" to this machine (connection=local).
type localState struct {
	mu      sync.Mutex
	running map[*exec.Cmd]bool
}

func newLocalState() *localState { return &localState{running: map[*exec.Cmd]bool{}} }

// close ends what still runs.
func (l *localState) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for cmd := range l.running {
		killGroup(cmd)
	}
}

// exec runs a line as sshd would, in a process group of its own, but without
// a login shell and its profile.
func (l *localState) exec(line string) (*stream, error) {
	cmd := exec.Command("/bin/sh", "-c", "exec "+line) // running ends it through kill
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, localError(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, localError(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, localError(err)
	}
	if err := cmd.Start(); err != nil {
		return nil, localError(err)
	}
	l.mu.Lock()
	l.running[cmd] = true
	l.mu.Unlock()
	wait := func() error {
		// Not cmd.Wait, which would close the pipes under their readers.
		state, err := cmd.Process.Wait()
		l.mu.Lock()
		delete(l.running, cmd)
		l.mu.Unlock()
		switch {
		case err != nil:
			return err
		case state.Success():
			return nil
		case !state.Exited():
			return errors.New(state.String()) // killed by a signal
		}
		return &ExitError{Status: state.ExitCode()}
	}
	return &stream{stdin: stdin, stdout: &closeAtEnd{stdout}, stderr: &closeAtEnd{stderr}, wait: wait, kill: func() { killGroup(cmd) }}, nil
}

// closeAtEnd gives a pipe back as soon as it is read out.
type closeAtEnd struct{ io.ReadCloser }

func (c *closeAtEnd) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil {
		_ = c.Close() // nothing more will come
	}
	return n, err
}

func localError(err error) *Error {
	return &Error{Cause: CauseCommandFailed, Message: fmt.Sprintf("no command can be started on this machine: %v", err), Err: err}
}
