//go:build lab

package inventory

import (
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkBesideAnsible lists the same 10,000 hosts with oreg and with
// ansible-inventory. Run it with -benchtime 1x: Ansible takes a while.
func BenchmarkBesideAnsible(b *testing.B) {
	dir := fleet(b, 10_000)
	b.Run("oreg", func(b *testing.B) {
		for b.Loop() {
			inv, err := Load(b.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
			require.NoError(b, err)
			require.NoError(b, inv.List(io.Discard, ListOptions{ShowSecrets: true}))
		}
	})
	b.Run("ansible-inventory", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.CommandContext(b.Context(), "ansible-inventory", "-i", filepath.Join(dir, "hosts"), "--list")
			cmd.Dir, cmd.Stdout = dir, io.Discard
			require.NoError(b, cmd.Run(), "needs Debian's ansible-core: apt-get install ansible-core")
		}
	})
}
