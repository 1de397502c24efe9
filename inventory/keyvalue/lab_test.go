//go:build lab

package keyvalue

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/problem"
	"oreg/inventory/value"
)

func pieces() []string {
	return []string{
		"a", "b", "=", "'", "\"", "\\", " ", "  ", "\n", "{{", "}}", "{%", "%}", "{#", "#}", "\\n", "\\x41",
		"\\u00e9", "\\=", "a=1", "b='x y'", "\\\"", "\\U00110000", "\\N{BULLET}", "\t", "é", "\\ ", " \\\n", "\\x4",
		"''", "c=\"d e\"", "x y",
	}
}

// TestOraclePairs compares with Ansible's parse_kv.
func TestOraclePairs(t *testing.T) {
	oracle.Compare(t, "../testdata/parts.py", pieces(), 8, func(o *oracle.Oracle, _ *rand.Rand, text string) bool {
		theirs := o.Ask(t, "pairs", text)
		ours, err := printed(text)
		if err != nil {
			ours = ""
		}
		return assert.Equal(t, string(theirs.JSON), ours, "%q", text)
	})
}

// printed is a dict of the pairs as Python's json prints it, unsorted.
func printed(text string) (string, error) {
	pairs, err := Parse(text)
	if err != nil {
		return "", err
	}
	var b value.DictBuilder
	for _, p := range pairs {
		b.Add(value.NewString(p.Key, problem.Position{}), value.NewString(p.Value, problem.Position{}))
	}
	// A list of one-key dicts would be sorted as well: print entry by entry.
	out := "{"
	for i, e := range b.Entries() {
		if i > 0 {
			out += ","
		}
		out += "\n    " + string(value.AppendString(nil, e.Key.Text)) + ": " + string(value.AppendString(nil, e.Value.Text))
	}
	if len(b.Entries()) > 0 {
		out += "\n"
	}
	return out + "}", nil
}
