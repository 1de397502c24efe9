package sshexec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// prompt is what we make sudo ask with: text that nothing else prints, so
// that the password goes to sudo and to nobody else.
func (r *running) prompt() string { return r.nonce + "-password:" }

// shellLine is the command line for the login shell, whichever that is: plain
// words and one single-quoted word. With a password sudo runs with -S and our
// prompt, which it shows only if it wants the password; without one it runs
// with -n and fails instead of asking. LC_ALL=C because sudo's refusals are
// told apart by their text, and so are those of the script's programs, to
// which sudo may not pass it on.
func shellLine(nonce, command string, b *Become) string {
	inner := "/bin/sh -c " + shellescape.Quote("LC_ALL=C; export LC_ALL; echo "+nonce+"; "+command)
	if b == nil {
		return inner
	}
	user := b.User
	if user == "" {
		user = "root"
	}
	how := "-n"
	if !b.Password.IsZero() {
		how = "-S -p " + nonce + "-password:"
	}
	return "env LC_ALL=C sudo -H " + how + " -u " + shellescape.Quote(user) + " -- " + inner
}

// becomeUser waits for the nonce, and answers sudo's first prompt.
func (r *running) becomeUser() error {
	var first bool
	var key gateKey
	presented := false
	leave := func(v verdict) {
		if first {
			first = false
			r.conn.c.gate.leave(key, r.conn.name(), v)
		}
	}
	for {
		select {
		case err := <-r.started:
			if err == nil {
				if presented {
					leave(accepted)
				}
				return nil
			}
			return r.notStarted(err, presented, leave)
		case <-r.prompts:
			if presented || r.become == nil || r.become.Password.IsZero() {
				// Asked again: the password was wrong. One try is all it gets.
				leave(refused)
				r.end(errKilled)
				return &Error{
					Cause:   CauseBecomeFailed,
					Message: "sudo refused the password",
					Hint:    "check ansible_become_password (or -K)",
				}
			}
			key = gateKey{kind: sudoPassword, user: r.conn.User(), password: r.become.Password.Reveal()}
			r.idle.Stop() // waiting for another host is no silence of this one
			f, err := r.conn.c.gate.enter(r.ctx, key)
			r.idle.Reset(r.silence)
			if err != nil {
				r.end(errKilled)
				return err
			}
			first, presented = f, true
			if _, err := io.WriteString(r.stdin, r.become.Password.Reveal()+"\n"); err != nil {
				return r.notStarted(err, presented, leave)
			}
		}
	}
}

// notStarted explains why the nonce never came.
func (r *running) notStarted(err error, presented bool, leave func(verdict)) error {
	if errors.Is(err, errNoise) {
		r.end(errNoise)
	}
	<-r.ended
	if presented {
		leave(refused)
	}
	switch reason := r.reason(); {
	case errors.Is(reason, errNoise):
		return &Error{
			Cause: CauseCommandFailed, Err: reason,
			Message: "the login shell prints without end: " + reason.Error(),
			Hint:    "the account's profile must let commands run: try ssh with the command true by hand",
		}
	case errors.Is(reason, errSilent):
		// Not transient: the connection is alive, as keepalives were answered,
		// so what hangs is on the machine and would hang again, for as long.
		return &Error{
			Cause: CauseTimeout, Err: reason,
			Message: fmt.Sprintf("the login shell did not start %s within %s", r.wanted(), r.silence),
			Hint:    "does its profile ask a question, or hang on a dead mount? try ssh with the command true by hand",
		}
	}
	var exit *ExitError
	if !errors.As(r.err, &exit) && r.err != nil {
		return r.err // interruption, connection
	}
	text := r.mask.Mask(r.clean())
	if r.become == nil {
		if text == "" {
			text = r.noise // nologin speaks on standard output
		}
		return &Error{
			Cause: CauseCommandFailed, Err: r.err,
			Message: "the login shell did not start /bin/sh: " + lastLine(text),
			Hint:    "the account needs a shell that runs commands (not nologin, not a forced command)",
		}
	}
	return sudoError(text, presented, r.err)
}

// wanted is what the login shell is to start.
func (r *running) wanted() string {
	if r.become != nil {
		return "sudo and /bin/sh"
	}
	return "/bin/sh"
}

// sudoError classifies sudo's refusal by its text: there is no other sign, as
// every failure is exit status 1. The texts are those of sudo 1.8 to 1.9 and
// sudo-rs in the C locale.
func sudoError(text string, presented bool, err error) *Error {
	e := &Error{Cause: CauseBecomeFailed, Err: err}
	has := func(part string) bool { return strings.Contains(strings.ToLower(text), part) }
	switch {
	case has("must have a tty"):
		e.Message = "sudo wants a terminal (requiretty)"
		e.Hint = "put `Defaults:USER !requiretty` into /etc/sudoers.d; sudo 1.8.6 and later need no requiretty"
	case presented && (has("try again") || has("incorrect password") || has("incorrect authentication") || has("no password was provided")):
		e.Message = "sudo refused the password"
		e.Hint = "check ansible_become_password (or -K)"
	case has("password is required") || has("authentication is required") || has("interactive authentication"):
		e.Cause = CauseBecomePasswordRequired
		e.Message = "sudo wants a password"
		e.Hint = "give it by -K or ansible_become_password, or allow NOPASSWD for this user"
	case has("not in the sudoers") || has("not allowed to execute") || has("may not run sudo") || has("i'm afraid i can't do that"):
		e.Message = "sudo does not allow this user to run /bin/sh: " + lastLine(text)
		e.Hint = "the user needs a rule in sudoers for /bin/sh as the become user"
	case has("sudo: not found") || has("sudo: command not found") || has("sudo: no such file") || has("‘sudo’: no such file") || has("'sudo': no such file"):
		e.Message = "there is no sudo on the host"
		e.Hint = "log in as root (ansible_user=root, ansible_become=false), or install sudo"
	case has("unknown user"):
		e.Message = "sudo does not know the become user: " + lastLine(text)
		e.Hint = "check ansible_become_user"
	default:
		e.Message = "sudo failed: " + lastLine(text)
	}
	return e
}

// errNoise ends a login shell that prints without end.
var errNoise = fmt.Errorf("more than %d KiB before the command's first line", maxNoise>>10)

// awaitNonce reads standard output up to the line that is the nonce: before
// it comes what profiles and banners print.
func (r *running) awaitNonce() error {
	read := 0
	var line []byte
	for {
		part, err := r.out.ReadSlice('\n')
		read += len(part)
		line = append(line, part...)
		if err == nil {
			text := strings.TrimRight(string(line), "\r\n")
			if strings.HasSuffix(text, r.nonce) {
				r.own = true
				return nil
			}
			r.noise = text
			line = line[:0]
		}
		if err != nil && len(part) == 0 {
			return err
		}
		if read > maxNoise {
			return errNoise
		}
	}
}

// readStderr keeps standard error and looks for our prompt in it, which has no
// line end.
func (r *running) readStderr() {
	defer close(r.errDone)
	prompt := []byte(r.prompt())
	var tail []byte
	buffer := make([]byte, 1024) // there is hardly ever any
	for {
		n, err := r.stream.stderr.Read(buffer)
		if n > 0 {
			r.touch()
			_, _ = r.stderr.Write(buffer[:n]) // never fails
			tail = append(tail, buffer[:n]...)
			for {
				i := bytes.Index(tail, prompt)
				if i < 0 {
					break
				}
				tail = tail[i+len(prompt):]
				select {
				case r.prompts <- struct{}{}:
				default: // more prompts than anybody answers
				}
			}
			if keep := len(prompt) - 1; len(tail) > keep {
				tail = append([]byte(nil), tail[len(tail)-keep:]...)
			}
		}
		if err != nil {
			return
		}
	}
}

// name is how messages call the host.
func (conn *Conn) name() string {
	if conn.s != nil {
		return conn.s.name
	}
	return conn.target.Name
}
