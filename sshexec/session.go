package sshexec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"oreg/inventory/secret"
)

// Limits in bytes: of what is kept of standard error, of what a login shell
// may print before our own first line, and of [Conn.Run]'s output.
const (
	maxStderr = 64 << 10
	maxNoise  = 64 << 10
	maxOutput = 32 << 20
)

// ErrOutputTooLong is in the chain of [Conn.Run]'s error.
var ErrOutputTooLong = errors.New("the command's output is too long")

// Shell starts /bin/sh, as the target's become user if it has one, to be fed
// a script on Stdin. It returns when the shell runs, so that a refusal by
// sudo is an error here, and nothing was sent. ctx ends the shell at any time
// later too; that, and Kill, close the whole connection, as a channel alone
// cannot be closed against a peer that does not answer. The locale is C.
func (conn *Conn) Shell(ctx context.Context) (*Process, error) {
	return conn.start(ctx, "exec /bin/sh")
}

// Run runs one shell command line, with the target's become, gives it stdin
// and returns its standard output, of 32 MiB at most. The error of a command
// that ended with another status than 0 has an *[ExitError] in its chain.
func (conn *Conn) Run(ctx context.Context, command string, stdin []byte) ([]byte, error) {
	p, err := conn.start(ctx, command)
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	written := make(chan struct{})
	go func() {
		// A command may end without reading its input: only its status counts,
		// and a connection that breaks leaves it without one.
		_, _ = p.Stdin.Write(stdin)
		_ = p.Stdin.Close()
		close(written)
	}()
	out, readErr := io.ReadAll(io.LimitReader(p.Stdout, maxOutput+1))
	if len(out) > maxOutput {
		p.Kill()
		<-written
		return nil, &Error{
			Cause: CauseCommandFailed, Err: ErrOutputTooLong,
			Message: fmt.Sprintf("the command's output is longer than %d MiB", maxOutput>>20),
		}
	}
	if err := p.Wait(); err != nil {
		<-written
		return out, err
	}
	<-written
	if readErr != nil {
		return out, &Error{Cause: CauseConnectionLost, Transient: true, Message: "the connection ended within the command's output", Err: readErr}
	}
	return out, nil
}

// stream is a started command before become: SSH session or local process.
type stream struct {
	stdin  io.WriteCloser
	stdout io.Reader
	stderr io.Reader
	// wait returns nil, *ExitError, or another error for "unknown".
	wait func() error
	// kill makes all of the above end soon, whatever the other side does.
	kill func()
}

// start runs command under /bin/sh and returns when its first line, a nonce,
// came back: from then on the streams are the command's own, free of what
// login shells, sudo's lecture and its prompts print.
func (conn *Conn) start(ctx context.Context, command string) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, ctxError(ctx, "starting a shell")
	}
	nonce, err := conn.nonce()
	if err != nil {
		return nil, err
	}
	b := conn.target.Become
	if b != nil && conn.User() == "root" && (b.User == "" || b.User == "root") {
		b = nil // there already, with or without a sudo on the machine
	}
	line := shellLine(nonce, command, b)
	var s *stream
	if conn.local != nil {
		s, err = conn.local.exec(line)
	} else {
		s, err = conn.exec(ctx, line)
	}
	if err != nil {
		return nil, err
	}
	r := &running{
		stream: s, ctx: ctx, conn: conn, nonce: nonce, become: b,
		silence: conn.c.o.CommandTimeout,
		mask:    conn.masker(),
		stderr:  limitedText{limit: maxStderr},
		prompts: make(chan struct{}, 8),
		started: make(chan error, 1),
		ended:   make(chan struct{}),
	}
	return r.begin()
}

func (conn *Conn) masker() *secret.Masker {
	secrets := []secret.Text{conn.target.Password}
	if conn.target.Become != nil {
		secrets = append(secrets, conn.target.Become.Password)
	}
	return secret.NewMasker(secrets...)
}

func (conn *Conn) nonce() (string, error) {
	random := make([]byte, 12)
	if _, err := io.ReadFull(conn.c.o.Rand, random); err != nil {
		return "", &Error{Cause: CauseCommandFailed, Message: fmt.Sprintf("no random bytes: %v", err), Err: err}
	}
	return "oreg-" + hex.EncodeToString(random), nil
}

// exec opens a session and starts the line; both are bound by the connect
// timeout, as a server that does not answer here never will.
func (conn *Conn) exec(ctx context.Context, line string) (*stream, error) {
	l := conn.link
	limited, cancel := context.WithTimeoutCause(ctx, conn.s.timeout, errBudget)
	defer cancel()
	stop := context.AfterFunc(limited, l.close)
	defer stop()
	fail := func(err error) (*stream, error) {
		switch {
		case ctx.Err() != nil:
			return nil, ctxError(ctx, "opening a channel")
		case limited.Err() != nil:
			return nil, &Error{
				Cause: CauseTimeout, Transient: true, Err: errBudget,
				Message: fmt.Sprintf("%s logged us in, but opened no channel within %s", l.addr, conn.s.timeout),
			}
		}
		var open *ssh.OpenChannelError
		if errors.As(err, &open) {
			return nil, &Error{
				Cause: CauseCommandFailed, Err: err,
				Message: fmt.Sprintf("%s refuses a session: %s", l.addr, open.Message),
				Hint:    "sshd's MaxSessions, or a forced command, stands against it",
			}
		}
		return nil, &Error{
			Cause: CauseConnectionLost, Transient: true, Err: err,
			Message: fmt.Sprintf("%s ended the connection before the command", l.addr),
		}
	}
	session, err := l.client.NewSession()
	if err != nil {
		return fail(err)
	}
	s := &stream{kill: l.close}
	if s.stdin, err = session.StdinPipe(); err != nil {
		return fail(err)
	}
	if s.stdout, err = session.StdoutPipe(); err != nil {
		return fail(err)
	}
	if s.stderr, err = session.StderrPipe(); err != nil {
		return fail(err)
	}
	if err := session.Start(line); err != nil {
		if ctx.Err() == nil && limited.Err() == nil && !l.dead() && !isDropped(err) {
			// The library's error would repeat the whole command.
			return nil, &Error{Cause: CauseCommandFailed, Message: fmt.Sprintf("%s refuses to run commands", l.addr)}
		}
		return fail(err)
	}
	s.wait = func() error {
		err := session.Wait()
		_ = session.Close() // it has ended
		var exit *ssh.ExitError
		if errors.As(err, &exit) {
			return &ExitError{Status: exit.ExitStatus()}
		}
		return err
	}
	return s, nil
}

// limitedText keeps the beginning of a text, up to a limit in bytes.
type limitedText struct {
	mu    sync.Mutex
	limit int
	text  bytes.Buffer
}

func (t *limitedText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := t.limit - t.text.Len(); room > 0 {
		_, _ = t.text.Write(p[:min(room, len(p))]) // a Buffer never fails
	}
	return len(p), nil
}

func (t *limitedText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// lastLine is the last line of a text that is not empty, cut at 200 bytes.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return strings.ToValidUTF8(text[:min(len(text), 200)], "")
}

// running is a command between its start and its end.
type running struct {
	*stream
	ctx     context.Context
	conn    *Conn
	nonce   string
	become  *Become
	silence time.Duration
	mask    *secret.Masker

	// out is the one buffer of standard output, before the nonce and after it.
	out     *bufio.Reader
	own     bool // what comes is the command's; the nonce's reader sets it
	stderr  limitedText
	noise   string        // the last line before the nonce, once started has spoken
	prompts chan struct{} // one per prompt of ours on standard error
	started chan error    // nil once the nonce line came
	errDone chan struct{}

	idle  *time.Timer
	mu    sync.Mutex
	cause error // why we killed it
	ended chan struct{}
	err   error // valid after ended
}

// begin waits for the command's own beginning.
func (r *running) begin() (*Process, error) {
	r.errDone = make(chan struct{})
	r.idle = time.AfterFunc(r.silence, func() { r.end(errSilent) })
	stop := context.AfterFunc(r.ctx, func() { r.end(context.Cause(r.ctx)) })
	r.out = bufio.NewReader(&touchingReader{r})
	go r.readStderr()
	if r.become == nil || r.become.Password.IsZero() {
		r.started <- r.awaitNonce() // nobody asks for anything
	} else {
		go func() { r.started <- r.awaitNonce() }()
	}
	go func() {
		err := r.wait()
		<-r.errDone
		stop()
		r.idle.Stop()
		r.err = r.result(err)
		close(r.ended)
	}()
	if err := r.becomeUser(); err != nil {
		return nil, err
	}
	return &Process{
		Stdin:  &touchingWriter{r},
		Stdout: r.out,
		Stderr: func() string { return r.mask.Mask(r.clean()) },
		Wait:   func() error { <-r.ended; return r.err },
		Kill:   func() { r.end(errKilled) },
	}, nil
}

var (
	errSilent = errors.New("no sign of life from the command")
	errKilled = errors.New("killed")
)

// end stops the command for a reason; the first reason counts.
func (r *running) end(reason error) {
	select {
	case <-r.ended:
		return
	default:
	}
	r.mu.Lock()
	if r.cause == nil {
		r.cause = reason
	}
	r.mu.Unlock()
	r.kill()
}

func (r *running) reason() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

// result turns the end of the command into its error.
func (r *running) result(err error) error {
	reason := r.reason()
	var exit *ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		e := &Error{Cause: CauseCommandFailed, Err: exit, Message: fmt.Sprintf("the command ended with status %d", exit.Status)}
		if text := lastLine(r.mask.Mask(r.clean())); text != "" {
			e.Message += ": " + text
		}
		return e
	case errors.Is(reason, errSilent):
		return &Error{
			Cause: CauseTimeout, Transient: true, Err: reason,
			Message: fmt.Sprintf("no sign of life from the command for %s", r.silence),
		}
	case errors.Is(reason, errKilled):
		return interrupted("a command ran", reason)
	case reason != nil:
		return ctxError(r.ctx, "a command ran")
	}
	return &Error{
		Cause: CauseConnectionLost, Transient: true, Err: err,
		Message: "the connection ended before the command did",
		Hint:    "its outcome is not known; the next run looks at what is there",
	}
}

// clean is standard error without our prompts.
func (r *running) clean() string {
	return strings.ReplaceAll(r.stderr.String(), r.prompt(), "")
}

type touchingWriter struct{ r *running }

func (w *touchingWriter) Write(p []byte) (int, error) {
	w.r.idle.Reset(w.r.silence)
	n, err := w.r.stdin.Write(p)
	w.r.touch()
	return n, err
}

func (w *touchingWriter) Close() error { return w.r.stdin.Close() }

type touchingReader struct{ r *running }

// Read returns io.EOF when the command has closed its output, and the error of
// Wait when the output ended because the connection did.
func (t *touchingReader) Read(p []byte) (int, error) {
	n, err := t.r.stdout.Read(p)
	if !t.r.own {
		return n, err // a login shell that prints shows no life of the command
	}
	if n > 0 {
		t.r.touch()
	}
	if err != nil && t.r.cutOff() {
		<-t.r.ended
		if t.r.err != nil {
			err = t.r.err
		}
	}
	return n, err
}

// cutOff says that the command was killed, or its connection is gone.
func (r *running) cutOff() bool {
	return r.reason() != nil || r.conn.link != nil && r.conn.link.dead()
}

// touch notes a sign of life.
func (r *running) touch() {
	select {
	case <-r.ended:
	default:
		r.idle.Reset(r.silence)
	}
}
