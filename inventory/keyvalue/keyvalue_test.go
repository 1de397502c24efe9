package keyvalue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	tests := []struct{ args, want string }{
		{"a=1 b=2", "[{a 1} {b 2}]"},
		{`a='x y' b="z w"`, "[{a x y} {b z w}]"},
		{`a={{ b c }} d=1`, "[{a {{ b c }}} {d 1}]"},
		{"a=b=c", "[{a b=c}]"},
		{`a=x\=y`, `[{a x\=y}]`},
		{`a\=b`, "[{_raw_params a=b}]"},
		{`a=\x41\n`, "[{a A}]"},
		{`a="x y"z`, `[{a "x y"z}]`},
		{"x y a=1", "[{a 1} {_raw_params x y}]"},
		{"a=", "[{a }]"},
		{"", "[]"},
	}
	for _, test := range tests {
		got, err := Parse(test.args)
		require.NoError(t, err, test.args)
		assert.Equal(t, test.want, fmt.Sprint(got), test.args)
	}
	for _, args := range []string{"a='x", `a="x`, "a={{ x", "a={% x"} {
		_, err := Parse(args)
		require.ErrorIs(t, err, ErrUnbalanced, args)
	}
	_, err := Parse(`a=\U00110000`)
	require.ErrorContains(t, err, "broken escape")
}

func TestUnquote(t *testing.T) {
	for text, want := range map[string]string{`'a'`: "a", `"a"`: "a", `'a"`: `'a"`, `'`: `'`, `'a\'`: `'a\'`, `''`: "", `a`: "a"} {
		assert.Equal(t, want, Unquote(text))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a=1 b='x y'", "a={{ b }} c", `\x41\u00e9\N{BULLET}`, "a=\\\nb", "'\"'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args string) {
		pairs, err := Parse(args)
		if err != nil {
			return
		}
		for _, p := range pairs {
			if p.Key != strings.TrimSpace(p.Key) {
				t.Fatalf("key %q", p.Key)
			}
		}
	})
}
