//go:build lab

package ini

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
		"a", "b=c", "'", "\"", "\\", "#", " ", "  ", "\t", "\\\"", "\\'", "'x y'", "\"x y\"", "=", "é", "\u00a0",
		"\r", "\u000b", "''", "\"\"", "\\#", "\\\\", "{", "[1, 2]", "$", "`", ";",
	}
}

// TestOracleWords compares with Python's shlex.
func TestOracleWords(t *testing.T) {
	oracle.Compare(t, "../testdata/parts.py", pieces(), 8, func(o *oracle.Oracle, _ *rand.Rand, text string) bool {
		theirs := o.Ask(t, "words", text)
		ours, err := func() (string, error) {
			w, err := split(text, true)
			return printed(w.list), err
		}()
		if err != nil {
			ours = ""
		}
		return assert.Equal(t, string(theirs.JSON), ours, "%q", text)
	})
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
