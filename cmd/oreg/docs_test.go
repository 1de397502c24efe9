package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks"
)

// TestO4_ReadmeHasEveryCauseAndCode: scripts are written from these tables.
func TestO4_ReadmeHasEveryCauseAndCode(t *testing.T) {
	content, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	readme := string(content)
	has := func(text string) {
		t.Helper()
		if !strings.Contains(readme, text) { // assert.Contains would print the whole of it
			t.Errorf("the README lacks %q", text)
		}
	}
	for _, row := range exitMeanings() {
		has(fmt.Sprintf("| %d | %s |\n", row.code, row.meaning))
	}
	for _, c := range tasks.Causes() {
		has(fmt.Sprintf("| %s | %s |\n", c.Cause, c.Meaning))
	}
	for _, c := range commands() {
		has("oreg " + c.name)
	}
}

// TestO4_CausesAreAClosedSet: what a package calls a Cause stands in the
// table.
func TestO4_CausesAreAClosedSet(t *testing.T) {
	known := map[string]bool{}
	for _, c := range tasks.Causes() {
		known[c.Cause] = false
	}
	for _, dir := range []string{"validate", "sshexec", "tasks/nodefile", "tasks/kube", "tasks"} {
		causes := causeConstants(t, "../../"+dir)
		assert.NotEmpty(t, causes, dir)
		for _, cause := range causes {
			_, listed := known[cause]
			assert.True(t, listed, "%s names the cause %q, which the table lacks", dir, cause)
		}
	}
}

// causeConstants are the values of the constants whose names begin with
// Cause in the package of a folder.
func causeConstants(t *testing.T, dir string) []string {
	t.Helper()
	var causes []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+e.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if !strings.HasPrefix(name.Name, "Cause") || i >= len(spec.Values) {
					continue
				}
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok {
					value, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					causes = append(causes, value)
				}
			}
			return true
		})
	}
	return causes
}
