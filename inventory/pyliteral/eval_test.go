package pyliteral

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

func TestEval(t *testing.T) {
	at := problem.Position{File: "hosts", Line: 7}
	tests := []struct{ src, json string }{
		{"5", "5"}, {"0x1F", "31"}, {"1_000", "1000"}, {"-0", "0"}, {"1e16", "1e+16"}, {"3.10", "3.1"}, {"1e999", "Infinity"}, {"-1e999", "-Infinity"},
		{"'a' 'b'", `"ab"`}, {`"\x41\N{BULLET}"`, `"A•"`}, {"True", "true"}, {"None", "null"}, {"(1)", "1"}, {"()", "[]"},
		{"1 # c", "1"}, {"[1]\n\n # c\n", "[\n    1\n]"}, {"b'x'", `"x"`}, {"{1: 'a', True: 'b'}", "{\n    \"1\": \"b\"\n}"},
	}
	for _, test := range tests {
		v, outcome := Eval(test.src, at)
		require.Equal(t, Literal, outcome, test.src)
		got, err := value.AppendJSON(nil, v, 0)
		require.NoError(t, err)
		assert.Equal(t, test.json, string(got), test.src)
		assert.Equal(t, at, v.Pos)
		if !v.IsText() {
			assert.Equal(t, test.src, v.Raw)
		}
	}
	for _, src := range []string{"", "a", "010", "5L", "true", "'a", "[1", "{{ x }}", "1 2", "a, 1", "\x00", "'\xff'", "# c", "[{[1]: 2}, ", "f'x'", strings.Repeat("1", 4301)} {
		_, outcome := Eval(src, at)
		assert.Equal(t, NotLiteral, outcome, src)
	}
	for _, src := range []string{"{{ 'x' }}", "{[1]: 2}", "{{}}", "[{[1]}, lambda x, *y, z=1, **w: (yield)]", "[{[1]}, f'{x!r:>{w}}', a[1:2, ::3], not a in b, *c, x if y else z]"} {
		_, outcome := Eval(src, at)
		assert.Equal(t, Refused, outcome, src)
	}
}

func TestRawOfElements(t *testing.T) {
	v, outcome := Eval(`  [ {'a': 0777.0, "b" : (1, -2)} , 1_0 ]`, problem.Position{})
	require.Equal(t, Literal, outcome)
	assert.Equal(t, "0777.0", v.Items[0].Get("a").Raw)
	assert.Equal(t, "(1, -2)", v.Items[0].Get("b").Raw)
	assert.Equal(t, "-2", v.Items[0].Get("b").Items[1].Raw)
	assert.Equal(t, "1_0", v.Items[1].Raw)
}

func TestFurthest(t *testing.T) {
	for src, want := range map[string]int{"[1, 2": 5, "[1 2]": 3, "{'a': 1]": 7, "  [1, $]": 5, "[1]": 3} {
		assert.Equal(t, want, Furthest(src), src)
	}
}

// TestDepth: nesting ends in an answer, not in a crash.
func TestDepth(t *testing.T) {
	for _, piece := range []string{"[", "(", "{", "-", "not ", "lambda: ", "x if y else ", "2**", "{1: ", "f(", "a[", "~"} {
		_, outcome := Eval("["+strings.Repeat(piece, 100_000), problem.Position{})
		assert.NotEqual(t, Literal, outcome, piece)
	}
	v, outcome := Eval(strings.Repeat("[", 150)+strings.Repeat("]", 150), problem.Position{})
	require.Equal(t, Literal, outcome)
	assert.Len(t, v.Items, 1)
}

func FuzzEval(f *testing.F) {
	for _, seed := range []string{"[{'a': 1, \"b\": (True, None)}]", "1_000.5e3", "r'\\d' u'x'", "{{ x }}", "{[1]: 2}", "lambda *a, b=1, **c: d[1:2]", "f'{x!r:{y}}'", "-1+2j", "'\\N{BULLET}\\x41'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		v, outcome := Eval(src, problem.Position{})
		if outcome != Literal {
			return
		}
		if v.IsText() {
			return
		}
		again, outcome := Eval(v.Raw, problem.Position{})
		if outcome != Literal || !value.Equal(v, again) {
			t.Fatalf("the source of the value is not the value: %q", v.Raw)
		}
		for _, item := range v.Items {
			if item.IsText() || item.Kind == value.Bytes {
				continue
			}
			again, outcome := Eval(item.Raw, problem.Position{})
			if outcome != Literal || !value.Equal(item, again) {
				t.Fatalf("the source of an element is not the element: %q", item.Raw)
			}
		}
	})
}
