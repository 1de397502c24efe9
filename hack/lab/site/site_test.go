package site

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/registry"
)

func TestInventoryQuotesAsPythonDoes(t *testing.T) {
	for in, want := range map[string]string{
		"pä#ss wörd": "'pä#ss wörd'",
		`it's \x`:    `'it\'s \\x'`,
		"a\nb":       `'a\nb'`,
	} {
		require.Equal(t, want, literal(in))
	}
}

func TestWrongInventoryDiffersInOnePasswordAlone(t *testing.T) {
	s := &State{Registries: []RegistryState{
		{Name: "basic", Host: "127.0.0.1:1", TLS: registry.TLSLabCA, Accounts: []registry.Account{{User: "u", Password: "p1", Access: registry.AccessPull}}},
		{Name: "bearer", Host: "127.0.0.1:2", TLS: registry.TLSLabCA, Accounts: []registry.Account{{User: "u", Password: "p2", Access: registry.AccessPull}}},
	}}
	good, wrong := inventory(s, false), inventory(s, true)
	require.Contains(t, good, "oreg_auth_password='p1'")
	require.Contains(t, good, "'password': 'p2'")
	require.Contains(t, wrong, "oreg_auth_password='p1'")
	require.Contains(t, wrong, "'password': 'wrong p2'")
}

func TestRemoveRefusesWhatIsNoLabs(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	require.ErrorContains(t, Remove(dir), "thesis.txt")
	require.FileExists(t, filepath.Join(dir, "thesis.txt"))
	require.NoError(t, Remove(filepath.Join(dir, "nothing-here")))
}

func TestNodeAddressesAreDistinct(t *testing.T) {
	s := subnet{a: 16, b: 199}
	seen := map[string]bool{}
	for i := range 13000 {
		a := s.node(i)
		require.False(t, seen[a], a)
		seen[a] = true
	}
	require.Equal(t, "127.16.251.250", s.node(12999))
}
