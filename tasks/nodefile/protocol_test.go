package nodefile_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// nonceOf finds the nonce in a script.
func nonceOf(script string) string {
	_, call, _ := strings.Cut(script, "{ oreg_node ")
	nonce, _, _ := strings.Cut(call, " ")
	return nonce
}

// actor is a process that answers the script with a text, in which NONCE
// stands for the nonce, and then ends.
func actor(answer string) *sshexec.Process {
	stdin, fromStdin := io.Pipe()
	stdout, toStdout := io.Pipe()
	go func() {
		buffer := make([]byte, 64<<10)
		n, _ := stdin.Read(buffer)
		_, _ = io.WriteString(toStdout, strings.ReplaceAll(answer, "NONCE", nonceOf(string(buffer[:n]))))
		_ = toStdout.Close()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	return &sshexec.Process{Stdin: fromStdin, Stdout: stdout, Stderr: func() string { return "" },
		Wait: func() error { return nil },
		Kill: func() { _, _ = stdin.Close(), stdout.Close() }}
}

// FuzzAnswers: whatever a node says, the exchange ends, without a panic, and
// every file has an answer that fits.
func FuzzAnswers(f *testing.F) {
	whole := "motd\nNONCE hello 1\nNONCE file 1 file 0 1 1 0 /a/.docker/config.json\nNONCE data 1\nold\nNONCE end 0\nNONCE beside 1 r0\n" +
		"NONCE file 2 absent 1 1 1 0 /b/config.json\nNONCE ls 2\ndrwx------ 2 0 0 4096 Nov 22 00:00 /a/.docker\n-rw-r--r-- 1 0 0 3 Nov 22 00:00 /a/.docker/config.json\n" +
		"NONCE ready\nNONCE ok 1 \nNONCE err 2 write dd: No space left on device\nNONCE done\n"
	f.Add(whole)
	f.Add(whole[:len(whole)-12])
	f.Add("NONCE hello 1\nNONCE file 1 same1 0 1 1 0 /a\n")
	f.Add("NONCE hello 1\nNONCE managed\n")
	f.Add("NONCE hello 1\nNONCE ready\n")
	f.Add("NONCE nohash\n")
	f.Add("NONCE hello 1\nNONCE file 1 file 0 1 0 1 /a\nNONCE data 1\nNONCE end 0\nNONCE file 2 same1 0 1 1 0 /b\nNONCE state 1 oreg-state 1 absent - - - - 3\nNONCE state 1 wrote " + strings.Repeat("a", 64) + "\nNONCE ls 2\nx\n-rwSr-sr-T 1 1 1 /\nNONCE ready\n")
	f.Fuzz(func(t *testing.T, answer string) {
		req := request("/a/.docker/config.json", "/b/config.json")
		p := actor(answer)
		outcome, err := nodefile.Apply(t.Context(), p, req, func(p nodefile.Present) ([]byte, error) {
			assert.Equal(t, p.Exists, p.Content != nil)
			assert.True(t, strings.HasPrefix(p.Resolved, "/"))
			return []byte("new"), nil
		})
		if err == nil {
			require.Len(t, outcome.Files, len(req.Paths))
		}
		for _, file := range outcome.Files {
			assert.Equal(t, file.Status == nodefile.Failed, file.Err != nil, "%+v", file)
			assert.NotEmpty(t, file.Path)
		}
		p = actor(answer)
		outcome, _ = nodefile.Restore(t.Context(), p, req)
		for _, file := range outcome.Files {
			assert.Equal(t, file.Status == nodefile.Failed, file.Err != nil)
		}
	})
}

// TestAnswers: the seed of the fuzz target means what it says.
func TestAnswers(t *testing.T) {
	outcome, err := nodefile.Apply(t.Context(), actor("NONCE hello 1\nNONCE file 1 file 0 1 1 0 /a/.docker/config.json\nNONCE data 1\nold\nNONCE end 0\n"+
		"NONCE file 2 absent 1 1 1 0 /b/config.json\nNONCE ls 2\ndrwx------ 2 0 0 4096 Nov 22 00:00 x\n-rw-r--r--. 1 7 8 3 Nov 22 00:00 y\n"+
		"NONCE ready\nNONCE ok 1 \nNONCE err 2 write dd: \x1b[1mNo space left on device\nNONCE done\n"), request("/a/.docker/config.json", "/b/config.json"), want("new"))
	require.NoError(t, err)
	assert.Equal(t, nodefile.Updated, outcome.Files[0].Status)
	assert.Equal(t, []string{"mode was 0644, is 0600"}, outcome.Files[0].Notes)
	failed := failure(t, outcome.Files[1])
	assert.Equal(t, nodefile.CauseDiskFull, failed.Cause)
	assert.NotContains(t, failed.Message, "\x1b")
}

// counter counts what goes to the node in one piece.
type counter struct {
	io.WriteCloser
	writes int
}

func (c *counter) Write(p []byte) (int, error) {
	c.writes++
	return c.WriteCloser.Write(p)
}

// TestN9_TwoRoundTrips, however many files there are; one where nothing is to
// be written.
func TestN9_TwoRoundTrips(t *testing.T) {
	req := request(home(t, "old"), home(t), home(t, "old"))
	for _, round := range []struct {
		trips   int
		changed bool
	}{{2, true}, {1, false}} {
		p, _ := start(t, os.Getenv("PATH"), "sh")
		c := &counter{WriteCloser: p.Stdin}
		p.Stdin = c
		outcome, err := nodefile.Apply(t.Context(), p, req, want("new"))
		require.NoError(t, err)
		assert.Equal(t, round.changed, outcome.Changed())
		assert.Equal(t, round.trips, c.writes)
	}
}

// TestS1_PresentPrintsNoContent, whatever the verb.
func TestS1_PresentPrintsNoContent(t *testing.T) {
	p := nodefile.Present{Path: "/x", Content: []byte("c4nary"), Backup: &nodefile.Backup{RunID: run1, Content: []byte("c4nary")}}
	for _, v := range []any{p, &p, []nodefile.Present{p}, *p.Backup, p.Backup} {
		text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
		assert.NotContains(t, text, "c4nary")
		assert.NotContains(t, text, "99 52 110")
		assert.NotContains(t, text, "0x63, 0x34")
	}
}

// TestRefusedRequests: what no node could do is refused before the script is
// sent, and the shell ended.
func TestRefusedRequests(t *testing.T) {
	for _, req := range []nodefile.Request{
		request(), request("/1", "/2", "/3", "/4", "/5", "/6", "/7"), request("relative"), request("/folder/"), request("/line\nend"),
		{Paths: []string{"/x"}}, {Paths: []string{"/x"}, RunID: "a.b"}, {Paths: []string{"/x"}, RunID: "../x"},
	} {
		p, _ := start(t, os.Getenv("PATH"), "sh")
		_, err := nodefile.Apply(t.Context(), p, req, want("new"))
		var refused *nodefile.Error
		require.ErrorAs(t, err, &refused)
		require.Error(t, p.Wait(), "killed")
	}
}

// The answer's lines are read into a small buffer: longer ones are put
// together, up to a bound.
func TestLongLines(t *testing.T) {
	answer := func(line int) error {
		p := actor(strings.Repeat("x", line) + "\nNONCE nohash\n")
		_, err := nodefile.Apply(t.Context(), p, request("/a/.docker/config.json"), nil)
		return err
	}
	// Long, but a line: the script's own words after it are heard.
	require.ErrorContains(t, answer(60_000), "sha256sum")
	require.ErrorContains(t, answer(100_000), "a line of more than 65536 bytes")
}
