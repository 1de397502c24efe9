//go:build lab

package yamlvars

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/value"
)

func pieces() []string {
	return []string{
		"a", "b", ":", ": ", "- ", "-", "\n", "\n", "\n  ", "\n    ", " ", "  ", "#", " # c", "'", "\"", "'x'", "\"y\"", "{", "}", "[", "]", ",", ", ", "|", ">", "|-", "|2",
		"&x ", "*x", "<<: *x", "!!str ", "!!int ", "!unsafe ", "!vault ", "---", "---\n", "...", "%YAML 1.1", "@", "`", "%", "\\", "\\n", "\\x41", "1", "0644", "1e3", "1.5",
		"yes", "no", "~", "null", "=", "<<", "12:30", "2020-01-02", "0x1F", ".inf", "é", "\u00a0", "\u0085", "\u2028", "\r", "\r\n", "{a: 1}", "[1, 2]", "a: 1\n", "- b\n", "k: v",
		"x: &x {a: 1}\n", "y: *x\n", "\"a\n b\"", "''", "\"\"", "a:b", "a :b", ":a", "a,b", "true", "false", "\"k\": ", "'k': ", "0", ".5", "\x00", "\x07", "\u200b", "\U0001F600", "!e!x", "!<tag:yaml.org,2002:str> ",
	}
}

// TestOracleYAML compares with Ansible's loader: JSON first, then PyYAML.
func TestOracleYAML(t *testing.T) {
	accepted := 0
	oracle.Compare(t, "../testdata/parts.py", pieces(), 9, func(o *oracle.Oracle, _ *rand.Rand, text string) bool {
		theirs := o.Ask(t, "yaml", text)
		if theirs.Error == "" {
			accepted++
		}
		return agree(t, theirs, text)
	})
	t.Logf("%d documents were accepted", accepted)
}

func agree(t *testing.T, theirs oracle.Answer, text string) bool {
	t.Helper()
	res, p := Parse(text, "f")
	switch {
	case p != nil:
		return assert.NotEmpty(t, theirs.Error, "%q: refused here (%v), in Python %s", text, p, theirs.JSON)
	case res.Value == nil:
		return assert.Equal(t, "null", string(theirs.JSON), "%q", text)
	}
	ours, err := value.AppendJSON(nil, res.Value, 0)
	if err != nil {
		return assert.NotEmpty(t, theirs.Error, "%q has no JSON here, in Python %s", text, theirs.JSON)
	}
	if theirs.Error != "" {
		return assert.Empty(t, theirs.Error, "%q is %s here", text, ours)
	}
	return assert.Equal(t, canonical(string(theirs.JSON)), canonical(string(ours)), "%q", text)
}
