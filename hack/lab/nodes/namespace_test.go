//go:build lab

package nodes_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/nodes"
	"oreg/hack/lab/private"
)

func TestNamespaceShowsTheNodesFolderAtItsPlaces(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	// The lab does without where it must; a machine that runs these tests must not.
	require.NoError(t, private.Permitted(t.Context(), self, t.TempDir()))
	f := start(t, func(c *nodes.Config) {
		sh := c.Handler.(nodes.Shell)
		sh.Wrap = func(ctx context.Context, argv ...string) (*exec.Cmd, error) {
			return private.Command(ctx, private.Spec{Self: self, Root: sh.Root, Hostname: "n1"}, argv...)
		}
		c.Handler = sh
	})
	out, diag, err := run(t, f.dial(t), `set -e; umask 077; mkdir /var/lib/origin/.docker; cat > /var/lib/origin/.docker/config.json; touch /root/r /etc/origin/o; hostname; pwd; id -u`, "{}")
	require.NoError(t, err, diag)
	require.Equal(t, "n1\n/root\n0\n", out)
	for _, name := range []string{"var/lib/origin/.docker/config.json", "root/r", "etc/origin/o"} {
		require.FileExists(t, filepath.Join(f.root, name))
	}
	require.NoFileExists(t, "/etc/origin/o")
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), f.root)
}
