package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rooms are the packages of the top level. inventory/secret is the one leaf
// that every room may import: what must not print has to be the same type
// everywhere.
const leaf = "oreg/inventory/secret"

// mayImport says whether a package of one room may import one of another.
func mayImport(from, to string) bool {
	roomOf := func(path string) string {
		parts := strings.SplitN(strings.TrimPrefix(path, "oreg/"), "/", 2)
		return parts[0]
	}
	a, b := roomOf(from), roomOf(to)
	switch {
	case a == b, to == leaf, a == "cmd":
		return true
	case a == "tasks":
		return b == "inventory" || b == "validate" || b == "sshexec"
	case a == "validate":
		return to == "oreg/inventory" // for inventory.Credential
	}
	return false
}

// TestImportsPointOneWay holds the layout: cmd -> tasks -> validate,
// sshexec, inventory; never back and never sideways.
func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f",
		`{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "oreg/...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	packages := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		packages++
		for _, imported := range fields[1:] {
			if strings.HasPrefix(imported, "oreg/") {
				assert.True(t, mayImport(fields[0], imported), "%s imports %s", fields[0], imported)
			}
		}
	}
	require.Greater(t, packages, 5, "go list found almost nothing: %s", out)
}

// TestImportRuleCanFail sees the rule refuse what it is there to refuse.
func TestImportRuleCanFail(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"oreg/sshexec", "oreg/inventory", false},
		{"oreg/validate", "oreg/inventory", true},
		{"oreg/validate", "oreg/inventory/vault", false},
		{"oreg/validate", "oreg/sshexec", false},
		{"oreg/inventory", "oreg/validate", false},
		{"oreg/tasks/nodefile", "oreg/sshexec", true},
		{"oreg/tasks", "oreg/cmd/oreg", false},
		{"oreg/sshexec", "oreg/inventory/secret", true},
		{"oreg/cmd/oreg", "oreg/tasks/kube", true},
	} {
		assert.Equal(t, c.want, mayImport(c.from, c.to), "%s -> %s", c.from, c.to)
	}
}

// TestTopLevel keeps the front door tidy.
func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "inventory", "tasks", "validate", "sshexec", "testdata", "hack",
		"Makefile", "go.mod", "go.sum", "README.md", "LICENSE", "CHANGELOG.md", "bin"}
	entries, err := os.ReadDir("../..")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			assert.True(t, slices.Contains(allowed, e.Name()), "%s does not belong at the top", e.Name())
		}
	}
}
