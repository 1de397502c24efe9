package nodefile_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

// shells are the shells that the script must run in. busybox also stands for
// a node that has nothing else: its tools alone are in the path.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}}
	for name, argv := range all {
		_, err := exec.LookPath(argv[0])
		require.NoErrorf(t, err, "the script must be tried in %s: install it (apt-get install dash bash busybox)", name)
	}
	return all
}

// tools is a PATH for a shell: the system's, or busybox's tools alone.
func tools(t *testing.T, shell string) string {
	t.Helper()
	if shell != "busybox" {
		return os.Getenv("PATH")
	}
	busybox, err := exec.LookPath("busybox")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, applet := range []string{"cat", "chmod", "chown", "dd", "ls", "mkdir", "mv", "readlink", "rm", "rmdir", "sha256sum", "sleep", "wc"} {
		require.NoError(t, os.Symlink(busybox, filepath.Join(dir, applet)))
	}
	return dir
}

// start runs argv as a node's shell.
func start(t *testing.T, path string, argv ...string) (*sshexec.Process, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	if found, err := exec.LookPath(argv[0]); err == nil {
		cmd.Path = found
	}
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + path, "TMPDIR=" + cmd.Dir}
	return attach(t, cmd), cmd
}

// attach starts a command and wraps it as sshexec does.
func attach(t *testing.T, cmd *exec.Cmd) *sshexec.Process {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr := &syncBuffer{}
	cmd.Stderr = stderr
	require.NoError(t, cmd.Start())
	wait := sync.OnceValue(func() error {
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() >= 0 {
			return &sshexec.Error{Cause: sshexec.CauseCommandFailed, Message: "exit", Err: &sshexec.ExitError{Status: exit.ExitCode()}}
		}
		if err != nil {
			return &sshexec.Error{Cause: sshexec.CauseConnectionLost, Message: "the connection was lost", Err: err}
		}
		return nil
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // gone already in most tests
		_ = wait()
	})
	return &sshexec.Process{
		Stdin: stdin, Stdout: stdout, Stderr: stderr.String, Wait: wait,
		Kill: func() { _ = cmd.Process.Kill() },
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
