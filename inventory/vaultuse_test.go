package inventory

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/inventory/vault"
)

func vaultFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vault", name))
	require.NoError(t, err)
	return string(text)
}

// withPassword opens vaults with the password that the test data was made
// with, or another one.
func withPassword(password string) *vault.Secrets {
	return vault.New(vault.Options{AskPass: true, Prompt: func(context.Context, string) (secret.Text, error) { return secret.New(password), nil }})
}

func TestI8_EncryptedInventoryAndVariables(t *testing.T) {
	tests := []struct {
		name     string
		files    map[string]string
		password string
		at       string
	}{
		{"inventory", iniFile(vaultFile(t, "hosts")), "from-encrypted-inventory", "hosts"},
		{"file", map[string]string{"hosts": "[nodes]\nn1 oreg_auth_user=u\n", "group_vars/all.yml": vaultFile(t, "all.yml")}, "from-encrypted-file", "group_vars/all.yml"},
		{"value", map[string]string{"hosts": "[nodes]\nn1\n", "host_vars/n1.yml": vaultFile(t, "inline.yml")}, "from-inline-value", "host_vars/n1.yml:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := testCase{files: test.files, extra: typed(test.files, nil)}.options(t, t.TempDir())
			o.Vault = withPassword("vault-test")
			inv, err := Load(t.Context(), o)
			require.NoError(t, err)
			c, err := inv.Cluster(t.Context(), ClusterOptions{})
			require.NoError(t, err)
			assert.Equal(t, []string{"quay.io u " + test.password}, revealed(c))
			assert.Empty(t, warnings(inv), "an encrypted password is nobody's to read")

			for _, secrets := range []*vault.Secrets{nil, withPassword("wrong")} {
				o.Vault = secrets
				inv, err = Load(t.Context(), o)
				if err == nil {
					_, err = inv.Cluster(t.Context(), ClusterOptions{})
				}
				require.ErrorContains(t, err, test.at)
				want := "no vault password"
				if secrets != nil {
					want = "wrong vault password"
				}
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
