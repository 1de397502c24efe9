package nodefile

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
)

// maxLine bounds one line of the node's answer, in bytes. The reader's own
// buffer is small: there is one for each connection.
const maxLine = 64 << 10

// maxGreeting bounds what a login shell may print before the script answers.
const maxGreeting = 256 << 10

// session is one exchange with the script.
type session struct {
	p     *sshexec.Process
	nonce string
	r     *bufio.Reader
	ctx   context.Context
	req   Request

	idle   *time.Timer
	unhook func() bool

	mu        sync.Mutex
	silent    bool // the node said nothing for too long
	stopped   bool // the context ended
	committed bool // content is on its way: an end of the context waits
	grace     *time.Timer
}

// newSession sends the script.
func newSession(ctx context.Context, p *sshexec.Process, req Request, op string, backup bool) (*session, error) {
	s := &session{p: p, nonce: "oreg-" + rand.Text(), r: bufio.NewReader(p.Stdout), ctx: ctx, req: req}
	wait := int(req.LockWait / (100 * time.Millisecond))
	// The first answer may wait for the lock of each file.
	s.idle = time.AfterFunc(req.Silence+time.Duration(len(req.Paths))*req.LockWait, func() {
		s.mu.Lock()
		s.silent = true
		s.mu.Unlock()
		p.Kill()
	})
	s.unhook = context.AfterFunc(ctx, s.interrupt)
	c := call{nonce: s.nonce, op: op, lockWait: wait, runID: req.RunID, backup: backup, marker: req.marker, path: req.systemPath, paths: req.Paths}
	if _, err := p.Stdin.Write(c.script()); err != nil {
		return nil, s.broken(err)
	}
	return s, nil
}

// interrupt ends the exchange when the context does: at once, or after the
// grace when content is on its way.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if !s.committed {
		s.p.Kill()
		return
	}
	s.grace = time.AfterFunc(s.req.Grace, s.p.Kill)
}

// commit says that from now on the end of the context leaves time. It is false
// when the context has ended already.
func (s *session) commit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The hook of the context runs on its own time: ask the context itself.
	s.stopped = s.stopped || s.ctx.Err() != nil
	s.committed = !s.stopped
	return s.committed
}

// close ends the exchange in good order: a script that waits for orders gets
// none.
func (s *session) close() {
	_ = s.p.Stdin.Close() // the script may be gone already
	s.done()
}

// done waits for a script that has said its last word, and ends by itself; its
// exit status says nothing that its answer has not said.
func (s *session) done() {
	_ = s.p.Wait()
	s.release()
}

// release ends the timers.
func (s *session) release() {
	s.idle.Stop()
	s.unhook()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grace != nil {
		s.grace.Stop()
	}
}

// lastWords is the time for a process to end by itself whose stream has ended.
const lastWords = 2 * time.Second

// broken ends the exchange after a failure and says what it was. A process
// that ended by itself knows better than the stream that broke with it, unless
// it is killed before it can say so: a lost connection would look like our own
// doing, and nobody would try again.
func (s *session) broken(err error) error {
	var protocol *protocolError
	if errors.As(err, &protocol) {
		s.p.Kill()
	}
	_ = s.p.Stdin.Close() // the process may be gone
	late := time.AfterFunc(lastWords, s.p.Kill)
	ended := s.p.Wait()
	late.Stop()
	s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	var remote *sshexec.Error
	switch {
	case s.silent:
		return &sshexec.Error{Cause: sshexec.CauseTimeout, Err: err,
			Message: fmt.Sprintf("the node said nothing for %v while working on its files", s.req.Silence),
			Hint:    "look for a dead mount or a full process table on the node"}
	case s.stopped:
		return fmt.Errorf("interrupted while working on the node's files: %w", context.Cause(s.ctx))
	case errors.As(err, &protocol):
		return &Error{Cause: sshexec.CauseCommandFailed, Err: err,
			Message: "the node's shell did not answer as expected: " + protocol.what + s.stderr(),
			Hint:    "a login shell that prints, or a sh that is not POSIX?"}
	case errors.As(ended, &remote) && remote.Cause != sshexec.CauseCommandFailed:
		return ended
	}
	return &Error{Cause: sshexec.CauseCommandFailed, Err: errors.Join(err, ended),
		Message: "the node's shell ended before its answer was complete" + s.stderr(),
		Hint:    "look at the node: memory, process limits, the login shell"}
}

// stderr is what the shell said, as the end of a sentence.
func (s *session) stderr() string {
	if text := said(s.p.Stderr()); text != "" {
		return ": " + text
	}
	return ""
}

// protocolError is an answer that the script cannot have given.
type protocolError struct{ what string }

func (e *protocolError) Error() string { return e.what }

// line reads one line. ours is false for one without the nonce.
func (s *session) line() (text string, ours bool, err error) {
	raw, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := slices.Clone(raw)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > maxLine {
				return "", false, &protocolError{"a line of more than " + strconv.Itoa(maxLine) + " bytes"}
			}
			raw, err = s.r.ReadSlice('\n')
			long = append(long, raw...)
		}
		raw = long
	}
	if err != nil {
		return "", false, err
	}
	s.idle.Reset(s.req.Silence)
	text, ours = strings.CutPrefix(string(raw[:len(raw)-1]), s.nonce+" ")
	return text, ours, nil
}

// hello reads up to the script's first word. What a login shell prints before
// it is passed over.
func (s *session) hello() (text string, err error) {
	for passed := 0; passed < maxGreeting; {
		text, ours, err := s.line()
		if err != nil {
			return "", err
		}
		if ours {
			return text, nil
		}
		passed += len(text) + 1
	}
	return "", &protocolError{"the login shell prints without end"}
}

// next reads a line of the script.
func (s *session) next() (verb, rest string, err error) {
	text, ours, err := s.line()
	if err != nil {
		return "", "", err
	}
	if !ours {
		return "", "", &protocolError{"a line that is not the script's"}
	}
	verb, rest, _ = strings.Cut(text, " ")
	return verb, rest, nil
}

// blob reads a file up to the line that ends it. status is the exit status of
// the command that read it. A file over the limit is cut at one byte more.
func (s *session) blob() (content []byte, status string, err error) {
	end := "\n" + s.nonce + " end "
	for {
		raw, err := s.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, "", err
		}
		s.idle.Reset(s.req.Silence)
		content = append(content, raw...)
		if err == nil && strings.HasPrefix(string(raw), end[1:]) {
			if at := len(content) - len(raw) - 1; at >= 0 && content[at] == '\n' {
				return content[:at:at], strings.TrimSpace(string(raw[len(end)-1:])), nil
			}
		}
		if len(content) > dockerconfig.MaxSize+maxLine {
			return nil, "", &protocolError{"a file without end"}
		}
	}
}
