package yamlvars

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/value"
)

func TestPositionsAndSource(t *testing.T) {
	res, p := Parse("# c\na: 0777\nb:\n- x: yes\n  y: 'q'\n- |\n  text\n", "all.yml")
	require.Nil(t, p)
	assert.Equal(t, "0777", res.Value.Get("a").Raw)
	assert.Equal(t, "511", res.Value.Get("a").Text)
	list := res.Value.Get("b")
	assert.Equal(t, "all.yml:4", list.Items[0].Get("x").Pos.String())
	assert.Equal(t, "yes", list.Items[0].Get("x").Raw)
	assert.Equal(t, "all.yml:5", list.Items[0].Get("y").Pos.String())

	res, p = Parse("{\n \"a\": 1e3,\n\n \"b\": [\n  12.50]}", "all.json")
	require.Nil(t, p)
	assert.Equal(t, "1e3", res.Value.Get("a").Raw)
	assert.Equal(t, "1000.0", res.Value.Get("a").Text)
	assert.Equal(t, "all.json:5", res.Value.Get("b").Items[0].Pos.String())
}

func TestProblems(t *testing.T) {
	tests := []struct{ text, want string }{
		{"a: [1\nb: 2", "f:1: not valid YAML: did not find expected ... or ..."},
		{"a: 1\nb: [", "f:2: not valid YAML"},
		{"a: 1\n---\nb: 2", "f:2: second YAML document, expected only one"},
		{"a: 1\nb: *hush", "f:1: not valid YAML: unknown anchor ... referenced (quote a value that begins with *)"},
		{"a: 1\nb: !hush x", "f:2: value has an unknown tag"},
		{"a: 1\nb: =", "f:2: a lone = is a type of its own"},
		{"a: 2020-13-45", "f:1: value reads as a timestamp but is none, expected quotes around it"},
		{"a: 0b_", "f:1: value reads as a int but is none"},
		{"a: &x 1\nb: &x 2", "f:2: an anchor of that name stands twice in the file"},
		{"a: &x [*x]", "f:1: collection contains itself"},
		{"? [a]\n: b", "f:1: key is a list, expected a string"},
		{"a:\n  <<: 5", "f:2: << merges what is no mapping"},
		{"a: {b:}", "f:1: colon without a blank"},
		{"\ta: 1", "f:1: not valid YAML"},
		{"a: !!int hush", "f:1: value has an unknown tag, or one that it does not fit"},
	}
	for _, test := range tests {
		_, p := Parse(test.text, "f")
		require.NotNil(t, p, test.text)
		assert.Contains(t, p.String(), test.want, test.text)
		assert.NotContains(t, p.String(), "hush")
	}
	for _, text := range []string{"", "{", "{\"a\": 01}", "[1,]", "{\"a\" 1}", "\"\x01\"", "{'a': 1}", "nul", "1 2", "\"\\x\"", strings.Repeat("[", 100_000)} {
		_, p := ParseJSON(text, "f")
		require.NotNil(t, p, text)
		assert.Contains(t, p.String(), "not valid JSON")
	}
}

func TestDuplicateKeysWarn(t *testing.T) {
	res, p := Parse("a: 1\nb: 2\na: 3\n", "f")
	require.Nil(t, p)
	assert.Equal(t, "3", res.Value.Get("a").Text)
	require.Len(t, res.Warnings, 1)
	assert.Equal(t, "f:3: key a stands twice, the last one counts", res.Warnings[0].String())
}

// TestBombs: documents that would fill the memory are refused.
func TestBombs(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	_, p := Parse(laughs, "f")
	require.NotNil(t, p)
	assert.Contains(t, p.String(), "aliases stand for more than")

	merges := "a0: &a0 {x: 1}\n"
	for i := 1; i < 40; i++ {
		merges += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d], y%d: 1}\n", i, i, i-1, i-1, i)
	}
	_, p = Parse(merges, "f")
	require.NotNil(t, p)
	assert.Contains(t, p.String(), "stand for more than")

	_, p = Parse(strings.Repeat("[", 20_000), "f")
	require.NotNil(t, p)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: [yes, ~, 0644, 12:30]\n", `{"a": [1e3, null, "\u00e9\ud83d\ude00"]}`, "a: &x {b: 1}\nc: {<<: *x}\n", "!vault |\n  x\n", "!unsafe [a, {b: c}]", "? a\n: |\n  b\n",
		"- !!set {a, b}\n- !!omap [a: 1]\n", "2020-01-02 03:04:05.6 +1:00", "{a: b, 'c': \"d\\x41\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		res, p := Parse(text, "f")
		if p != nil || res.Value == nil {
			return
		}
		printed, err := value.AppendJSON(nil, res.Value, 0)
		if err != nil {
			return
		}
		// What was read prints as JSON that reads as the same.
		again, p := ParseJSON(string(printed), "f")
		if p != nil {
			t.Fatalf("%v: %s", p, printed)
		}
		twice, err := value.AppendJSON(nil, again, 0)
		if err != nil {
			t.Fatal(err)
		}
		if canonical(string(twice)) != canonical(string(printed)) {
			t.Fatalf("%s\nbecame\n%s", printed, twice)
		}
	})
}

// canonical drops what the order of keys decides: keys of several types are
// not sorted.
func canonical(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, ",\n", "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
