//go:build lab

package ini

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
	"a", "b=c", "'", "\"", "\\", "#", " ", "  ", "\t", "\\\"", "\\'", "'x y'", "\"x y\"", "=", "é", "\u00a0",
	"\r", "\u000b", "''", "\"\"", "\\#", "\\\\", "{", "[1, 2]", "$", "`", ";",
}

// TestOracleWords compares with Python's shlex.
func TestOracleWords(t *testing.T) {
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
		theirs := o.Ask(t, "words", text)
		ours, err := func() (string, error) {
			w, err := split(text, true)
			return printed(w.list), err
		}()
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

// printed is a list of strings as Python's json prints it.
func printed(words []string) string {
	v := &value.Value{Kind: value.List}
	for _, w := range words {
		v.Items = append(v.Items, value.NewString(w, problem.Position{}))
	}
	out, err := value.AppendJSON(nil, v, 0)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
