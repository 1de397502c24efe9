package tasks

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
)

// TestS1_KeysOfForeignFilesCarryNothingOut: somebody wrote a login into the
// name of a registry, and what cannot be tried is told of by name.
func TestS1_KeysOfForeignFilesCarryNothingOut(t *testing.T) {
	const key = "https://user:c4nary@reg.io"
	found := &logins{}
	found.add("n1:/p", dockerconfig.Found{Key: key, User: "u", Password: secret.New("p")})
	found.add("n1:/p", dockerconfig.Found{Key: key, User: "u", Token: true})
	made, _, warnings := found.credentials(nil, "the old login")
	assert.Empty(t, made)
	require.Len(t, warnings, 2)
	for _, w := range warnings {
		assert.Contains(t, w, "https://...@reg.io")
		assert.NotContains(t, w, "c4nary")
	}
}
