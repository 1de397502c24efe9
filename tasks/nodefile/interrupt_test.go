package nodefile_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// TestInterruptedBeforeWriting: the end of the context stops at once, with
// nothing written.
func TestInterruptedBeforeWriting(t *testing.T) {
	file := home(t, "old")
	ctx, cancel := context.WithCancel(t.Context())
	p, _ := start(t, os.Getenv("PATH"), "sh")
	outcome, err := nodefile.Apply(ctx, p, request(file), func(nodefile.Present) ([]byte, error) {
		cancel()
		return []byte("new"), nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, outcome.Files, 1)
	assert.Equal(t, nodefile.Failed, outcome.Files[0].Status)
	assert.False(t, outcome.Files[0].Unknown)
	assert.Equal(t, "old", read(t, file))
	assert.Equal(t, []string{"config.json"}, names(t, filepath.Dir(file)))
}

// afterScript calls a function with the first bytes after the script.
type afterScript struct {
	io.WriteCloser
	writes int
	then   func()
}

func (a *afterScript) Write(p []byte) (int, error) {
	if a.writes++; a.writes == 2 {
		a.then()
	}
	return a.WriteCloser.Write(p)
}

// TestInterruptedWhileWriting: content that is on its way gets its time.
func TestInterruptedWhileWriting(t *testing.T) {
	file := home(t, "old")
	ctx, cancel := context.WithCancel(t.Context())
	p, _ := start(t, os.Getenv("PATH"), "sh")
	p.Stdin = &afterScript{WriteCloser: p.Stdin, then: cancel}
	outcome, err := nodefile.Apply(ctx, p, request(file), want("new"))
	require.NoError(t, err)
	assert.Equal(t, nodefile.Updated, outcome.Files[0].Status)
	assert.Equal(t, "new", read(t, file))
}

// mute is a process that says what it is given and then nothing, until killed.
func mute(answer func(script string) string) *sshexec.Process {
	stdin, fromStdin := io.Pipe()
	stdout, toStdout := io.Pipe()
	dead := make(chan struct{})
	go func() {
		buffer := make([]byte, 64<<10)
		n, _ := stdin.Read(buffer)
		_, _ = io.WriteString(toStdout, answer(string(buffer[:n])))
		_, _ = io.Copy(io.Discard, stdin)
	}()
	var once = func() func() {
		done := false
		return func() {
			if !done {
				done = true
				close(dead)
				_ = toStdout.Close()
				_ = stdin.Close()
			}
		}
	}()
	return &sshexec.Process{Stdin: fromStdin, Stdout: stdout, Stderr: func() string { return "" },
		Wait: func() error { <-dead; return nil }, Kill: once}
}

// TestSilentNode: a node that says nothing is given up after the time for it,
// at either half of the exchange.
func TestSilentNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := nodefile.Apply(t.Context(), mute(func(string) string { return "" }), request("/x"), want("new"))
		var failed *sshexec.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, sshexec.CauseTimeout, failed.Cause)
		assert.Equal(t, nodefile.DefaultSilence+nodefile.DefaultLockWait, time.Since(begin))
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := mute(func(script string) string {
			nonce := nonceOf(script)
			return nonce + " hello 1\n" + nonce + " file 1 absent 1 1 1 0 /x\n" + nonce + " ready\n"
		})
		outcome, err := nodefile.Apply(t.Context(), p, request("/x"), want("new"))
		var failed *sshexec.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, sshexec.CauseTimeout, failed.Cause)
		assert.Equal(t, nodefile.DefaultSilence, time.Since(begin))
		assert.True(t, outcome.Files[0].Unknown)
	})
}

// TestLostConnection: the stream of a lost connection ends a moment before the
// process knows why; killed in between it would call itself interrupted, and
// nobody would try again.
func TestLostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := &sshexec.Error{Cause: sshexec.CauseConnectionLost, Transient: true, Message: "the connection ended before the command did"}
		killed := make(chan struct{})
		ended := time.After(100 * time.Millisecond)
		p := &sshexec.Process{
			Stdin: nopCloser{io.Discard}, Stdout: strings.NewReader(""), Stderr: func() string { return "" },
			Wait: func() error {
				select {
				case <-killed:
					return &sshexec.Error{Cause: sshexec.CauseConnectionLost, Message: "interrupted"}
				case <-ended:
					return lost
				}
			},
			Kill: sync.OnceFunc(func() { close(killed) }),
		}
		_, err := nodefile.Apply(t.Context(), p, request("/x"), want("new"))
		require.ErrorIs(t, err, lost)
	})
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// TestGraceEnds: content on its way to a node that does not answer holds an
// interrupted run no longer than the grace.
func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := mute(func(script string) string {
			nonce := nonceOf(script)
			return nonce + " hello 1\n" + nonce + " file 1 absent 1 1 1 0 /x\n" + nonce + " ready\n"
		})
		p.Stdin = &afterScript{WriteCloser: p.Stdin, then: cancel}
		begin := time.Now()
		outcome, err := nodefile.Apply(ctx, p, request("/x"), want("new"))
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, nodefile.DefaultGrace, time.Since(begin))
		assert.True(t, outcome.Files[0].Unknown)
	})
}
