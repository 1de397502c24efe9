//go:build lab

package keyvalue

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/problem"
	"oreg/inventory/value"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random texts; 0 is a fresh one")

var pieces = []string{
	"a", "b", "=", "'", "\"", "\\", " ", "  ", "\n", "{{", "}}", "{%", "%}", "{#", "#}", "\\n", "\\x41",
	"\\u00e9", "\\=", "a=1", "b='x y'", "\\\"", "\\U00110000", "\\N{BULLET}", "\t", "é", "\\ ", " \\\n", "\\x4",
	"''", "c=\"d e\"", "x y",
}

// TestOraclePairs compares with Ansible's parse_kv.
func TestOraclePairs(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	o := oracle.Start(t, "../testdata/parts.py")
	bad := 0
	for range 30_000 {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		text := b.String()
		theirs := o.Ask(t, "pairs", text)
		ours, err := printed(text)
		want := string(theirs.JSON)
		if err != nil {
			ours = ""
		}
		if !assert.Equal(t, want, ours, "%q", text) {
			if bad++; bad == 20 {
				t.Fatal("enough")
			}
		}
	}
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
