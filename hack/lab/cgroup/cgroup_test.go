//go:build lab

package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGroupsComeAndGo(t *testing.T) {
	require.Zero(t, os.Geteuid(), "run as root")
	name := Of(t.TempDir())
	dirs, err := Make(filepath.Join(name, "n1"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `for d; do echo $$ >"$d/cgroup.procs"; done; exec sleep 60`, "sh"}, dirs...)...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(filepath.Join(dirs[len(dirs)-1], "cgroup.procs"))
		return err == nil && len(raw) > 0
	}, 10*time.Second, 10*time.Millisecond)

	require.NoError(t, sweep(name, time.Now().Add(time.Hour)), "in use is not swept, whatever its age")
	require.DirExists(t, dirs[0])
	require.ErrorContains(t, Remove(name), "busy")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	require.NoError(t, sweep(name, time.Now().Add(-time.Hour)), "young is not swept")
	require.DirExists(t, dirs[0])
	require.Eventually(t, func() bool { return !populated(dirs[0]) }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, sweep(name, time.Now().Add(time.Hour)))
	for _, d := range dirs {
		require.NoDirExists(t, filepath.Dir(d))
	}
	_, err = Make(name)
	require.NoError(t, err)
	require.NoError(t, Remove(name))
	require.NoDirExists(t, filepath.Dir(dirs[0]))
	require.NoError(t, Remove(name), "twice is once")
}
