package value

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/problem"
)

func TestFormatFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 1: "1.0", 3.1: "3.1", 1e15: "1000000000000000.0", 1e16: "1e+16", 0.0001: "0.0001", 0.00001: "1e-05", 1e22: "1e+22", -2.5: "-2.5",
		123456789.123456789: "123456789.12345679", 5e-324: "5e-324", math.MaxFloat64: "1.7976931348623157e+308", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		assert.Equal(t, want, FormatFloat(f))
	}
	assert.Equal(t, "NaN", FormatFloat(math.NaN()))
	assert.Equal(t, "-0.0", FormatFloat(math.Copysign(0, -1)))
}

func TestParseInt(t *testing.T) {
	for s, want := range map[string]string{"1": "1", " -7 ": "-7", "+5": "5", "1_0": "10", "٣": "3", "\u00a05": "5", "007": "7", "99999999999999999999": "99999999999999999999"} {
		n, ok := ParseInt(s)
		require.True(t, ok, s)
		assert.Equal(t, want, n.String())
	}
	for _, s := range []string{"", "_1", "1_", "1__0", "1.0", "0x1", "--1", "1 2", "²", "a"} {
		_, ok := ParseInt(s)
		assert.False(t, ok, s)
	}
}

func text(s string) *Value    { return NewString(s, problem.Position{}) }
func integer(s string) *Value { return &Value{Kind: Int, Text: s} }

func TestEqualKeysAreOne(t *testing.T) {
	var b DictBuilder
	assert.False(t, b.Add(integer("1"), text("a")))
	assert.True(t, b.Add(NewBool(true, "", problem.Position{}), text("b")))
	assert.True(t, b.Add(NewFloat(1, "", problem.Position{}), text("c")))
	assert.False(t, b.Add(text("1"), text("d")))
	assert.False(t, b.Add(&Value{Kind: Tuple, Items: []*Value{integer("1")}}, text("e")))
	require.Len(t, b.Entries(), 3)
	assert.Equal(t, Int, b.Entries()[0].Key.Kind)
	assert.Equal(t, "c", b.Entries()[0].Value.Text)
	assert.NotEqual(t, KeyID(text("\x00n1")), KeyID(integer("1")))
}

func TestJSON(t *testing.T) {
	v := &Value{Kind: Dict, Entries: []Entry{
		{text("b"), &Value{Kind: List}},
		{text("a"), &Value{Kind: Tuple, Items: []*Value{text("q\"\\\n\t\x01é\u2028"), {Kind: Null}, {Kind: Dict}}}},
		{text("c"), &Value{Kind: Vault, Text: "x"}},
		{text("d"), &Value{Kind: Unsafe, Text: "y"}},
	}}
	got, err := AppendJSON(nil, v, 0)
	require.NoError(t, err)
	want := "{\n    \"a\": [\n        \"q\\\"\\\\\\n\\t\\u0001é\u2028\",\n        null,\n        {}\n    ],\n    \"b\": [],\n    \"c\": {\n        \"__ansible_vault\": \"x\"\n    },\n    \"d\": {\n        \"__ansible_unsafe\": \"y\"\n    }\n}"
	if want != string(got) {
		// Not as JSON but to the letter.
		t.Fatal(string(got))
	}
	for _, bad := range []*Value{{Kind: Set}, {Kind: Bytes}, {Kind: Complex}, {Kind: Ellipsis}, {Kind: List, Items: []*Value{{Kind: Set}}}, {Kind: Dict, Entries: []Entry{{&Value{Kind: Tuple}, text("x")}}}} {
		_, err := AppendJSON(nil, bad, 0)
		var unprintable *UnprintableError
		require.ErrorAs(t, err, &unprintable)
	}
	var out bytes.Buffer
	require.NoError(t, WriteJSON(&out, integer("5")))
	assert.Equal(t, "5\n", out.String())
	require.ErrorContains(t, WriteJSON(&out, &Value{Kind: Set}), "a set has no JSON form")
}

func TestTruth(t *testing.T) {
	for _, v := range []*Value{{Kind: Null}, text(""), integer("0"), NewFloat(0, "", problem.Position{}), {Kind: List}, {Kind: Dict}, NewBool(false, "", problem.Position{}), {Kind: Set}} {
		assert.False(t, v.IsTrue(), v.TypeName())
	}
	for _, v := range []*Value{text("x"), integer("-1"), NewFloat(0.5, "", problem.Position{}), {Kind: List, Items: []*Value{text("")}}, {Kind: Ellipsis}, {Kind: Date, Text: "x"}} {
		assert.True(t, v.IsTrue(), v.TypeName())
	}
}

func TestEqual(t *testing.T) {
	a := &Value{Kind: Dict, Entries: []Entry{{text("x"), integer("1")}, {text("y"), &Value{Kind: List, Items: []*Value{text("z")}}}}}
	b := &Value{Kind: Dict, Entries: []Entry{{text("y"), &Value{Kind: Tuple, Items: []*Value{{Kind: Unsafe, Text: "z"}}}}, {text("x"), integer("1")}}}
	assert.True(t, Equal(a, b))
	for _, other := range []*Value{text("x"), {Kind: Dict}, {Kind: Dict, Entries: []Entry{{text("x"), integer("2")}, {text("y"), integer("1")}}}, {Kind: Dict, Entries: []Entry{{text("x"), integer("1")}, {text("w"), integer("1")}}}} {
		assert.False(t, Equal(a, other))
	}
}
