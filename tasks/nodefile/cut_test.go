package nodefile_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/nodefile"
)

// cutScript runs a shell on the first n bytes of the script and fails if it did
// or said anything.
func cutScript(t *testing.T, argv []string, path, script string, n int, file string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + path}
	cmd.Dir = filepath.Dir(file)
	cmd.Stdin = strings.NewReader(script[:n])
	var out bytes.Buffer
	cmd.Stdout = &out
	_ = cmd.Run() // a syntax error as a rule
	require.Emptyf(t, out.String(), "cut at %d of %d: %q", n, len(script), script[max(0, n-40):n])
	require.Equal(t, []string{"config.json"}, names(t, filepath.Dir(file)))
	require.Equal(t, "old", read(t, file))
}

// scriptCuts are the places where a stream may break off, all or every step-th
// of the function, but all of the line that calls it.
func scriptCuts(script string, step int) []int {
	call := strings.LastIndex(strings.TrimSuffix(script, "\n"), "\n")
	var cuts []int
	for n := 0; n < call-80; n += step {
		cuts = append(cuts, n)
	}
	for n := max(0, call-80); n < len(script)-1; n++ {
		cuts = append(cuts, n)
	}
	return cuts
}

// TestN12_StreamCutInScript: a script that breaks off runs no part of itself.
// The laboratory tests cut at every byte.
func TestN12_StreamCutInScript(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := home(t, "old")
			script, err := nodefile.Script(request(file), "nonce")
			require.NoError(t, err)
			for _, n := range scriptCuts(script, 499) {
				cutScript(t, argv, tools(t, name), script, n, file)
			}
		})
	}
}

// cutter is a stream to the shell that ends after so many bytes of content.
type cutter struct {
	io.WriteCloser
	left    int
	started bool // the script has passed
	total   int
}

func (c *cutter) Write(p []byte) (int, error) {
	if !c.started {
		c.started = true
		return c.WriteCloser.Write(p)
	}
	c.total += len(p)
	if len(p) > c.left {
		n, err := c.WriteCloser.Write(p[:c.left])
		c.left = 0
		if err == nil {
			err = c.Close()
		}
		if err == nil {
			err = io.ErrShortWrite
		}
		return n, err
	}
	c.left -= len(p)
	return c.WriteCloser.Write(p)
}

// cutData applies content to two files over a stream that ends after n bytes of
// data, and says how many bytes a whole stream has.
func cutData(t *testing.T, argv []string, path string, n int) int {
	t.Helper()
	old, fresh := home(t, "old"), home(t)
	p, _ := start(t, path, argv...)
	stream := &cutter{WriteCloser: p.Stdin, left: n}
	p.Stdin = stream
	outcome, err := nodefile.Apply(t.Context(), p, request(old, fresh), want("new content"))
	if err != nil {
		require.Len(t, outcome.Files, 2)
		for _, f := range outcome.Files {
			require.True(t, f.Unknown)
			require.Equal(t, nodefile.Failed, f.Status)
		}
		require.Equal(t, "old", read(t, old), "cut at %d", n)
		require.NoFileExists(t, fresh)
	} else {
		require.Equal(t, "new content", read(t, old))
		require.Equal(t, "new content", read(t, fresh))
	}
	for _, file := range []string{old, fresh} {
		for _, name := range names(t, filepath.Dir(file)) {
			require.NotContains(t, name, ".tmp")
		}
	}
	return stream.total
}

// TestN12_StreamCutInData: whatever part of the data arrives, a file is old or
// new and no temporary stays.
func TestN12_StreamCutInData(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tools(t, name)
			total := cutData(t, argv, path, 1<<20)
			for n := 0; n < total; n += 61 {
				cutData(t, argv, path, n)
			}
			cutData(t, argv, path, total-1)
		})
	}
}

// killed applies content and kills the shell after d; the file must be whole
// and the next run must clean up.
func killed(t *testing.T, argv []string, path, file string, d time.Duration) (stopped bool) {
	t.Helper()
	p, cmd := start(t, path, argv...)
	var done atomic.Bool
	timer := time.AfterFunc(d, func() {
		if !done.Load() {
			_ = cmd.Process.Kill()
		}
	})
	defer timer.Stop()
	before := read(t, file)
	next := strings.Repeat(map[bool]string{true: "b", false: "a"}[strings.HasPrefix(before, "a")], 5000)
	_, err := nodefile.Apply(t.Context(), p, request(file), want(next))
	done.Store(true)
	now := read(t, file)
	require.True(t, now == before || now == next, "neither old nor new: %d bytes", len(now))
	if err != nil {
		return true
	}
	require.Equal(t, next, now)
	return false
}

// killAtRandom kills n times and then checks that the run can still be undone
// as a whole, and that a last one cleans up.
func killAtRandom(t *testing.T, argv []string, path string, n int) {
	t.Helper()
	first := strings.Repeat("a", 5000)
	file := home(t, first)
	stopped, took := 0, 30*time.Millisecond
	for range n {
		begin := time.Now()
		if killed(t, argv, path, file, rand.N(took)) {
			stopped++
		} else {
			took = time.Since(begin)
		}
	}
	require.Positive(t, stopped, "no kill came in time")
	p, _ := start(t, path, argv...)
	outcome, err := nodefile.Restore(t.Context(), p, request(file))
	require.NoError(t, err)
	require.NoError(t, outcome.Files[0].Err)
	require.Equal(t, first, read(t, file))
	p, _ = start(t, path, argv...)
	outcome, err = nodefile.Apply(t.Context(), p, nodefile.Request{Paths: []string{file}, RunID: run2, KeepBackups: 0}, want("last"))
	require.NoError(t, err)
	require.NoError(t, outcome.Files[0].Err)
	require.Equal(t, []string{"config.json"}, names(t, filepath.Dir(file)))
}

// TestN12_KilledAtAnyInstant: the shell dies like a node's memory runs out.
// The laboratory tests kill more often.
func TestN12_KilledAtAnyInstant(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killAtRandom(t, argv, tools(t, name), 8)
		})
	}
}

// TestGreeting: what a login shell prints before the script is passed over;
// endless chatter is not.
func TestGreeting(t *testing.T) {
	file := home(t, "old")
	p, _ := start(t, os.Getenv("PATH"), "sh", "-c", "echo Welcome; echo; printf 'motd: '; exec sh")
	outcome, err := nodefile.Apply(t.Context(), p, request(file), want("new"))
	require.NoError(t, err)
	assert.Equal(t, nodefile.Updated, outcome.Files[0].Status)

	var failed *nodefile.Error
	p, _ = start(t, os.Getenv("PATH"), "sh", "-c", "while :; do echo chatter of a broken profile; done")
	_, err = nodefile.Apply(t.Context(), p, request(file), want("newer"))
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, failed, "prints without end")

	p, _ = start(t, os.Getenv("PATH"), "sh", "-c", "echo 'This account is currently not available.'; exit 1")
	_, err = nodefile.Apply(t.Context(), p, request(file), want("newer"))
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, failed, "ended before its answer")
	assert.Equal(t, "new", read(t, file))
}
