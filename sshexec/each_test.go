package sshexec_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

func TestN18_EveryItemIsAnsweredAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := []int{5, 1, 9, 2, 1, 1, 1, 1, 1, 1}
		var running, most atomic.Int32
		var order []int
		got := map[int]int{}
		started := time.Now()
		sshexec.Each(t.Context(), items, sshexec.EachOptions{Forks: 3},
			func(_ context.Context, seconds int) int {
				now := running.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				time.Sleep(time.Duration(seconds) * time.Second)
				running.Add(-1)
				return seconds * 10
			},
			func(int, error) int { return -1 },
			func(i, r int) {
				order = append(order, i)
				got[i] = r
			})
		assert.EqualValues(t, 3, most.Load())
		for i, item := range items {
			assert.Equal(t, item*10, got[i])
		}
		assert.Equal(t, 1, order[0], "the fastest of the first three comes first")
		assert.Equal(t, 2, order[len(order)-1], "a slow one costs itself only")
		assert.Equal(t, 9*time.Second, time.Since(started))
	})
}

func TestCancelledRunAnswersTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		items := make([]int, 100)
		var worked, skipped int
		errs := map[int]error{}
		go func() {
			time.Sleep(1500 * time.Millisecond)
			cancel(stop)
		}()
		sshexec.Each(ctx, items, sshexec.EachOptions{Forks: 4},
			func(ctx context.Context, _ int) error {
				// Work that has begun gets its grace.
				graced, done := sshexec.Grace(ctx, 10*time.Second)
				defer done()
				select {
				case <-time.After(time.Second):
					return nil
				case <-graced.Done():
					return graced.Err()
				}
			},
			func(_ int, cause error) error { return sshexec.NotTried(cause) },
			func(i int, err error) { errs[i] = err })
		require.Len(t, errs, 100)
		for _, err := range errs {
			if err == nil {
				worked++
				continue
			}
			skipped++
			require.ErrorIs(t, err, sshexec.ErrNotTried)
			require.ErrorIs(t, err, stop)
		}
		assert.Equal(t, 8, worked, "two rounds of four, the second within its grace")
		assert.Equal(t, 92, skipped)
	})
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		graced, done := sshexec.Grace(ctx, 10*time.Second)
		defer done()
		cancel(stop)
		time.Sleep(9 * time.Second)
		require.NoError(t, graced.Err())
		time.Sleep(2 * time.Second)
		require.ErrorIs(t, graced.Err(), context.Canceled)
		require.ErrorIs(t, context.Cause(graced), stop)

		graced, done = sshexec.Grace(t.Context(), time.Second)
		done()
		require.Error(t, graced.Err())
	})
}

func TestEachWithNothingToDo(t *testing.T) {
	sshexec.Each(t.Context(), nil, sshexec.EachOptions{},
		func(context.Context, int) int { t.Error("called"); return 0 },
		func(int, error) int { return 0 },
		func(int, int) { t.Error("called") })
}

func TestN8_ForksFitTheOpenFileLimit(t *testing.T) {
	assert.Equal(t, 1, sshexec.MaxForks(64))
	assert.Equal(t, 240, sshexec.MaxForks(1024))
	assert.Equal(t, 0, sshexec.MaxForks(1<<63), "no limit")
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	assert.Equal(t, sshexec.MaxForks(limit.Cur), sshexec.MaxForks(0))

	// Each host takes a while, or one worker would be done before the next began.
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		sshexec.Each(t.Context(), make([]int, 50), sshexec.EachOptions{Forks: 50, OpenFiles: 64 + 4*3},
			func(context.Context, int) int {
				now := running.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				time.Sleep(time.Second)
				running.Add(-1)
				return 0
			},
			func(int, error) int { return 0 }, func(int, int) {})
		assert.Equal(t, int32(3), most.Load())
	})
}

func TestO5_OnlyTransientFailuresAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transient := &sshexec.Error{Cause: sshexec.CauseRefused, Transient: true}
		permanent := &sshexec.Error{Cause: sshexec.CauseAuthFailed}
		tests := []struct {
			name  string
			errs  []error // one per attempt; the last repeats
			calls int
			err   error
			waits time.Duration
		}{
			{"success at once", []error{nil}, 1, nil, 0},
			{"passes", []error{transient, nil}, 2, nil, 375 * time.Millisecond},
			{"does not pass", []error{transient}, 3, transient, 1125 * time.Millisecond},
			{"authentication", []error{permanent}, 1, permanent, 0},
			{"an error of another kind", []error{io.EOF}, 1, io.EOF, 0},
			{"permanent after transient", []error{transient, permanent}, 2, permanent, 375 * time.Millisecond},
		}
		for _, test := range tests {
			calls := 0
			started := time.Now()
			_, err := sshexec.Retry(t.Context(), sshexec.RetryOptions{Jitter: func() float64 { return 0.5 }}, func(context.Context) (int, error) {
				err := test.errs[min(calls, len(test.errs)-1)]
				calls++
				return calls, err
			})
			assert.Equal(t, test.calls, calls, test.name)
			assert.Equal(t, test.err, err, test.name)
			assert.Equal(t, test.waits, time.Since(started), test.name)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		transient := &sshexec.Error{Cause: sshexec.CauseTimeout, Transient: true}
		_, err := sshexec.Retry(ctx, sshexec.RetryOptions{Attempts: 100}, func(context.Context) (int, error) { return 0, transient })
		require.ErrorIs(t, err, transient)
	})
}

func local(t *testing.T, change ...func(*sshexec.Options)) (*home, *sshexec.Conn) {
	t.Helper()
	h := newUser(t)
	for _, f := range change {
		f(&h.options)
	}
	return h, connect(t, h.client(), sshexec.Target{Name: "localhost", Local: true})
}

func TestLocalConnection(t *testing.T) {
	_, conn := local(t)
	out, err := conn.Run(t.Context(), "cat; echo $0", []byte("input\n"))
	require.NoError(t, err)
	assert.Equal(t, "input\n/bin/sh\n", string(out))
	_, err = conn.Run(t.Context(), "echo why >&2; exit 3", nil)
	e := failure(t, err, sshexec.CauseCommandFailed)
	assert.Equal(t, "the command ended with status 3: why", e.Message)
	_, err = conn.Run(t.Context(), "kill -9 $$", nil)
	failure(t, err, sshexec.CauseConnectionLost)

	s := startServer(t)
	far, err := conn.DialContext(t.Context(), "tcp", s.addr())
	require.NoError(t, err)
	require.NoError(t, far.Close())
	_, err = conn.DialContext(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(refusedPort(t)))
	failure(t, err, sshexec.CauseRefused)
}

func TestLocalBecome(t *testing.T) {
	s := &server{}
	log := fakeSudo(t, s, sudoWithPassword)
	t.Setenv("PATH", s.path+string(os.PathListSeparator)+os.Getenv("PATH"))
	h := newUser(t)
	target := sshexec.Target{Name: "localhost", Local: true, Become: become("right horse")}
	out, err := connect(t, h.client(), target).Run(t.Context(), "cat", []byte("content"))
	require.NoError(t, err)
	assert.Equal(t, "content", string(out))
	assert.Equal(t, 1, strings.Count(log(), "password: right horse\n"))
	target.Become = become("")
	_, err = connect(t, h.client(), target).Run(t.Context(), "cat", nil)
	failure(t, err, sshexec.CauseBecomePasswordRequired)
	h.options.LocalUser = "root"
	_, err = connect(t, h.client(), target).Run(t.Context(), "true", nil)
	require.NoError(t, err, "root needs no sudo")
}

// TestLocalCancellationEndsTheWholeGroup: children of the shell end too.
func TestLocalCancellationEndsTheWholeGroup(t *testing.T) {
	h, conn := local(t)
	file := filepath.Join(h.dir, "pid")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := conn.Shell(ctx)
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "sleep 600 & echo $! > "+file+"; echo ready; wait\n")
	require.NoError(t, err)
	buffer := make([]byte, 6)
	_, err = io.ReadFull(p.Stdout, buffer)
	require.NoError(t, err)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	cancel()
	failure(t, p.Wait(), sshexec.CauseConnectionLost)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") // gone, or nobody's child yet
	}, 10*time.Second, 5*time.Millisecond)
}

func TestLocalSilence(t *testing.T) {
	t.Parallel()
	_, conn := local(t, func(o *sshexec.Options) { o.CommandTimeout = 200 * time.Millisecond })
	_, err := conn.Run(t.Context(), "sleep 600", nil)
	failure(t, err, sshexec.CauseTimeout)
}

func TestRunBoundsItsOutput(t *testing.T) {
	t.Parallel()
	_, conn := local(t)
	_, err := conn.Run(t.Context(), "exec cat /dev/zero", nil)
	require.ErrorIs(t, err, sshexec.ErrOutputTooLong)
}

func TestRunWithInputThatNobodyReads(t *testing.T) {
	s, h := ready(t)
	out, err := connect(t, h.client(), s.target()).Run(t.Context(), "echo done", make([]byte, 4<<20))
	require.NoError(t, err)
	assert.Equal(t, "done\n", string(out))
	_, conn := local(t)
	_, err = conn.Run(t.Context(), "true", make([]byte, 4<<20))
	require.NoError(t, err)
}

func TestCloseEndsWhatRuns(t *testing.T) {
	s, h := ready(t)
	for _, target := range []sshexec.Target{s.target(), {Name: "l", Local: true}} {
		c := h.client()
		conn, err := c.Connect(t.Context(), target)
		require.NoError(t, err)
		p, err := conn.Shell(t.Context())
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		failure(t, p.Wait(), sshexec.CauseConnectionLost)
	}
}
