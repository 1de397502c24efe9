//go:build lab

// Package oracle asks the parts of the real Ansible what they make of a text,
// for tests of the packages that follow them. It needs Debian's ansible-core.
package oracle

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Python is the interpreter that Debian's ansible-core belongs to.
const Python = "/usr/bin/python3"

// Oracle is one long-lived Python process.
type Oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// Answer is what Ansible says: JSON, or Error "keep" where it keeps the text,
// "refuse" where it raises, "unprintable" where JSON has no form.
type Answer struct {
	JSON  []byte `json:"json"`
	Error string `json:"error"`
}

// Start starts the process; script is the path of parts.py.
func Start(t *testing.T, script string) *Oracle {
	t.Helper()
	path, err := filepath.Abs(script)
	require.NoError(t, err)
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), Python, path)
	cmd.Env = append(os.Environ(), "HOME="+home, "ANSIBLE_LOCAL_TEMP="+home, "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore")
	cmd.Dir = home
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "the oracle needs %s with Debian's ansible-core: apt-get install ansible-core", Python)
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &Oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// Ask asks what a kind of reader makes of a text.
func (o *Oracle) Ask(t *testing.T, kind, text string) Answer {
	t.Helper()
	line, err := json.Marshal(map[string]any{"kind": kind, "text": []byte(text)})
	require.NoError(t, err)
	_, err = o.in.Write(append(line, '\n'))
	require.NoError(t, err, "the oracle ended; is ansible-core installed for %s?", Python)
	reply, err := o.out.ReadBytes('\n')
	require.NoError(t, err, "the oracle ended; is ansible-core installed for %s?", Python)
	var a Answer
	require.NoError(t, json.Unmarshal(reply, &a))
	// The script puts every answer into a list; undo that and its indentation.
	list := strings.TrimSuffix(strings.TrimPrefix(string(a.JSON), "[\n    "), "\n]")
	a.JSON = []byte(strings.ReplaceAll(list, "\n    ", "\n"))
	return a
}
