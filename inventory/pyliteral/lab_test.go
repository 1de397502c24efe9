//go:build lab

package pyliteral

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// pieces are joined at random: enough of them make whole expressions.
func pieces() []string {
	return []string{
		"1", "0", "00", "010", "1_0", "0x1F", "0o7", "0b1", "1.", ".5", "1e3", "1e", "1j", "5L", "'a'", "\"b\"", "'", "\"", "'''x'''", "b'x'", "r'\\d'", "u'x'", "f'{x}'", "f'{'",
		"rb'x'", "'\\x41'", "'\\x4'", "'\\u00e9'", "'\\N{BULLET}'", "'\\", "True", "False", "None", "true", "x", "set", "set()", "...", "lambda", "if", "else", "not", "in", "is",
		"and", "or", "for", "await", "yield", "async", "[", "]", "{", "}", "(", ")", "[]", "{}", "()", ",", ":", "+", "-", "~", "*", "**", "/", "//", "%", "@", "|", "^", "&",
		"<<", ">>", "<", ">", "==", "!=", "<=", ":=", "=", "->", "!", "$", "?", "`", ";", ".", " ", "  ", "\t", "#", "# c", "\\", "{{ x }}", "{{ 'x' }}", "{[1]: 2}", "'k': 1",
		"[1, 2]", "{'a': [1]}", "(1,)", "é", "\u00a0", "1if 1 else 2", "x for x in y", "*a", "**a", "a=1", "a.b", "a[0]", "a[1:2]", "f(x)", "-1", "--1", "+5", "1+2j", "1-2j", "-0.0",
	}
}

// TestOracleLiterals compares with Python's ast.literal_eval.
func TestOracleLiterals(t *testing.T) {
	oracle.Compare(t, "../testdata/parts.py", pieces(), 7, func(o *oracle.Oracle, r *rand.Rand, text string) bool {
		if r.IntN(4) == 0 {
			text = []string{"[", "(", "{"}[r.IntN(3)] + text + []string{"]", ")", "}"}[r.IntN(3)]
		}
		if r.IntN(3) == 0 {
			// Refused if the rest is valid Python, kept if it is not: this
			// asks for the syntax alone.
			text = "[{[1]}, " + text + "]"
		}
		return agree(t, o, text)
	})
}

func agree(t *testing.T, o *oracle.Oracle, text string) bool {
	t.Helper()
	theirs := o.Ask(t, "literal", text)
	v, outcome := Eval(text, problem.Position{})
	switch {
	case outcome == NotLiteral:
		return assert.Equal(t, "keep", theirs.Error, "%q is no literal here, in Python %s", text, theirs.JSON)
	case outcome == Refused:
		return assert.Equal(t, "refuse", theirs.Error, "%q is refused here, in Python %s", text, theirs.JSON)
	}
	ours, err := value.AppendJSON(nil, v, 0)
	if err != nil {
		return assert.Equal(t, "unprintable", theirs.Error, "%q has no JSON here, in Python %s", text, theirs.JSON)
	}
	if theirs.Error != "" {
		return assert.Empty(t, theirs.Error, "%q is %s here", text, ours)
	}
	return assert.Equal(t, canonical(string(theirs.JSON)), canonical(string(ours)), "%q", text)
}

// canonical drops what the order of keys decides: keys of several types are
// not sorted.
func canonical(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, ",\n", "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
