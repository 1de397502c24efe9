//go:build lab

package vault

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ansibleVault runs the real program (Debian: ansible-core).
func ansibleVault(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("ansible-vault")
	require.NoError(t, err, "ansible-vault is needed: apt-get install ansible-core")
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	require.NoError(t, err, "%v", args)
	return out
}

func TestLabAgainstAnsibleVault(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	sources := map[string]string{
		"file":   write("pw", " \tpäss word\v\r\n\n", 0o600),
		"script": write("pw.sh", "#!/bin/sh\nprintf ' script word \\r\\n'\n", 0o755),
		"client": write("pw-client.py", "#!/bin/sh\n[ \"$1 $2\" = '--vault-id client' ] && echo word of client\n", 0o755),
	}
	for label, source := range sources {
		for n := range 6 {
			plain := make([]byte, n*n*7)
			_, err := rand.Read(plain)
			require.NoError(t, err)
			name := write(fmt.Sprintf("%s-%d", label, n), string(plain), 0o600)
			ansibleVault(t, dir, "encrypt", "--vault-id", label+"@"+source, name)
			locked, err := os.ReadFile(name)
			require.NoError(t, err)

			s := New(Options{IDs: []string{"other@" + sources["file"], label + "@" + source}, MatchIDs: true})
			got, err := s.Decrypt(t.Context(), locked, name)
			require.NoError(t, err)
			assert.Equal(t, plain, got, name)
		}

		password, err := New(Options{IDs: []string{label + "@" + source}}).sources[0].load(t.Context(), &Secrets{})
		require.NoError(t, err)
		ours := write("ours", encrypt(t, []byte("made here"), password, []byte("0123456789"), label), 0o600)
		assert.Equal(t, "made here", string(ansibleVault(t, dir, "decrypt", "--output", "-", "--vault-id", label+"@"+source, ours)))
	}
}
