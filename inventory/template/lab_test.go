//go:build lab

package template_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/template"
	"oreg/inventory/value"
)

type reply struct {
	Value                    any
	Undefined, Syntax, Error string
}

func ask(t *testing.T, o *oracle.Oracle, vars scope, v *value.Value) reply {
	t.Helper()
	tags := map[string]any{}
	for name, v := range vars {
		tags[name] = tagged(v)
	}
	var r reply
	o.Exchange(t, map[string]any{"vars": tags, "template": tagged(v)}, &r)
	return r
}

// tagged is a value in the form of the oracle.
func tagged(v *value.Value) any {
	list := func(items []*value.Value) []any {
		tags := []any{}
		for _, item := range items {
			tags = append(tags, tagged(item))
		}
		return tags
	}
	switch v.Kind {
	case value.Null:
		return nil
	case value.Bool:
		return v.Text == "true"
	case value.Int:
		return []any{"int", v.Text}
	case value.Float:
		text := v.Text
		switch text {
		case "Infinity":
			text = "inf"
		case "-Infinity":
			text = "-inf"
		case "NaN":
			text = "nan"
		}
		return []any{"float", text}
	case value.String:
		return v.Text
	case value.Unsafe:
		return []any{"unsafe", v.Text}
	case value.List:
		return []any{"list", list(v.Items)}
	case value.Tuple:
		return []any{"tuple", list(v.Items)}
	case value.Dict:
		pairs := []any{}
		for _, e := range v.Entries {
			pairs = append(pairs, []any{tagged(e.Key), tagged(e.Value)})
		}
		return []any{"dict", pairs}
	}
	return []any{"other", "set"}
}

// plainTags makes unsafe strings plain: the oracle says no more of them.
func plainTags(t *testing.T, v *value.Value) any {
	t.Helper()
	data, err := json.Marshal(tagged(unsafeToString(v)))
	require.NoError(t, err)
	var tags any
	require.NoError(t, json.Unmarshal(data, &tags))
	return tags
}

func unsafeToString(v *value.Value) *value.Value {
	c := *v
	if c.Kind == value.Unsafe {
		c.Kind = value.String
	}
	c.Items, c.Entries = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, unsafeToString(item))
	}
	for _, e := range v.Entries {
		c.Entries = append(c.Entries, value.Entry{Key: unsafeToString(e.Key), Value: unsafeToString(e.Value)})
	}
	return &c
}

// verdict compares; it returns "" where both agree.
func verdict(t *testing.T, o *oracle.Oracle, vars scope, text string) string {
	t.Helper()
	got, err := labEngine().Render(t.Context(), "the_value", str(text), vars)
	if errors.Is(err, template.ErrUnsupported) || errors.Is(err, template.ErrRefused) || errors.Is(err, template.ErrLimit) {
		return "unsupported: " + err.Error() // Ansible could be at it for ever
	}
	want := ask(t, o, vars, str(text))
	said, _ := json.Marshal(want)
	switch {
	case want.Value == text && template.HasTemplate(text):
		// A constant expression that fails, fails while Jinja compiles, and
		// then Ansible takes the text as it is.
		return "unsupported: a constant that fails"
	case errors.Is(err, template.ErrUndefined) && want.Syntax == "" && want.Error == "" && want.Undefined == "":
		// Something undefined in a list is no error there as long as nobody
		// looks at it, and has a text of its own.
		return "unsupported: " + err.Error()
	case err != nil && strings.Contains(err.Error(), "cannot be sliced") && want.Error == "":
		return "unsupported: " + err.Error() // a constant is no error there
	case want.Syntax != "":
		if err == nil && len(got.NotTemplates) > 0 {
			return ""
		}
		return "expected no template: " + string(said)
	case want.Undefined != "":
		if errors.Is(err, template.ErrUndefined) {
			return ""
		}
		return "expected undefined: " + string(said)
	case want.Error != "":
		if errors.Is(err, template.ErrEvaluate) || errors.Is(err, template.ErrLoop) || errors.Is(err, template.ErrUndefined) {
			return ""
		}
		return "expected an error: " + string(said)
	case err != nil:
		return "expected " + string(said) + ", got error " + err.Error()
	case len(got.NotTemplates) > 0:
		return "taken for no template: " + string(said)
	case !assert.ObjectsAreEqual(want.Value, plainTags(t, got.Value)):
		have, _ := json.Marshal(plainTags(t, got.Value))
		return "expected " + string(said) + ", got " + string(have)
	}
	return ""
}

func labEngine() *template.Engine {
	return template.New(template.Options{
		Env: func(name string) (string, bool) { return "from the environment", name == "OREG_TEST" },
	})
}

func TestLabTableAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	for _, text := range templates() {
		if v := verdict(t, o, variables(), text); v != "" && !strings.Contains(v, "unsupported: filter") {
			t.Errorf("%q: %s", text, v)
		}
	}
}

// filterCalls uses every filter, with arguments that suit one of the kinds.
func filterCalls() []string {
	return []string{
		"default('x')", "d", "upper", "lower", "title", "capitalize", "trim", "trim('S')", "length", "count", "int", "int(base=16)", "float", "string", "bool", "list", "safe", "e",
		"first", "last", "join(',')", "join", "join(',', 'x')", "sort", "unique", "reverse", "min", "max", "sum", "map('upper') | list", "map('string')", "select('defined')", "reject('none') | list",
		"to_json", "to_nice_json", "from_json", "b64encode", "b64decode", "quote", "replace('a', 'b')", "replace('a', l)",
		"ternary('y', 'n')", "flatten", "combine({'z': 1})", "dict2items", "items2dict", "dictsort", "extract(d)", "union([1])", "difference(['a'])", "intersect(['a', 1])", "symmetric_difference(['a'])", "abs", "round", "round(1)",
		"mandatory", "indent(2)", "split", "split('e')", "regex_replace('[aeiou]', '*')", "regex_search('[a-z]+')", "regex_findall('[a-z]')",
		"map(attribute='name') | list", "selectattr('x', 'defined') | list", "urlencode", "basename", "dirname", "splitext", "path_join", "md5", "sha1", "hash('sha256')", "checksum", "items | list", "zip(l) | list", "wordcount",
		"center(9)", "format(1)", "sort(reverse=true)", "regex_escape", "type_debug",
	}
}

// Every filter, on every kind of value and of no value.
func TestLabFiltersAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	for _, filter := range filterCalls() {
		for _, in := range []string{
			"s", "empty", "n", "f", "yes", "none_var", "l", "nums", "d", "users", "tup", "mixed", "nested", "big", "unicode", "quotes", "numeric", "'7'", "' True '", "[]", "{}", "[[1, 2], [3, 4]]",
			"missing", "d.missing", "bad", "(1 if empty)", "[(1 if empty)]", "{'k': (1 if empty)}", "(nums | map('abs'))", "d.items()", "d.keys()", "(s | string)", "range(3)", "(l | to_json)",
		} {
			text := "{{ " + in + " | " + filter + " }}"
			if v := verdict(t, o, variables(), text); v != "" && !strings.HasPrefix(v, "unsupported: ") {
				t.Errorf("%q: %s", text, v)
			}
		}
	}
}

// generator makes random templates of the language that inventories use.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) expr(depth int) string {
	if depth <= 0 {
		return g.pick("s", "n", "f", "yes", "no", "none_var", "l", "nums", "d", "users", "missing", "empty", "mixed", "tup", "quotes", "unicode",
			"1", "0", "2.5", "'a'", "'A b'", "''", "[1, 'a']", "{'a': 1}", "(1, 2)", "none", "true", "indirect", "to_list", "bad", "nested", "big", "d.x", "d.deep", "l[0]", "users[0].name", "numeric", "list_text")
	}
	a, b, c := g.expr(depth-1), g.expr(depth-1-g.IntN(2)), g.expr(depth-2)
	switch g.IntN(24) {
	case 0, 1:
		return a + g.pick(" + ", " - ", " * ", " // ", " / ", " % ", " ~ ", " ~ ", " ** ") + b
	case 2, 3:
		return a + g.pick(" == ", " != ", " < ", " >= ", " in ", " not in ", " and ", " or ") + b
	case 4:
		return "not " + a
	case 5:
		return "(" + a + ")"
	case 6:
		return "(" + a + g.pick(")[0]", ")[-1]", ")[1:]", ").x", ")['a']", ")[::-1]")
	case 7:
		return a + " if " + b + g.pick(" else "+c, "")
	case 8:
		return "[" + a + ", " + b + "]"
	case 9:
		return "{'k': " + a + ", 'j': " + b + "}"
	case 10:
		return a + " is " + g.pick("", "not ") + g.pick("defined", "none", "string", "number", "mapping", "sequence", "iterable", "odd", "in l", "eq 1", "boolean", "integer", "undefined", "true")
	case 11:
		return "-" + a
	case 12:
		return a + "." + g.pick("upper()", "split(' ')", "items() | list", "get('x')", "keys() | list", "x", "strip()", "y", "index('a')", "count('a')", "startswith('a')", "0")
	case 13:
		return a + " < " + b + " <= " + c
	}
	filter := g.pick(append(filterCalls(), "default("+c+", true)")...)
	if g.IntN(2) == 0 {
		return "(" + a + ") | " + filter
	}
	return a + " | " + filter
}

func (g generator) text(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(2) {
		switch g.IntN(12) {
		case 0:
			b.WriteString("{% if " + g.expr(depth) + " %}" + g.pick("a", "\n", "{{ n }}") + g.pick("{% else %}b", "", "{% elif yes %}\n c") + "{% endif %}")
		case 1:
			b.WriteString("{% for x in " + g.expr(depth) + g.pick("", " if x") + " %}{{ x }}" + g.pick(",", "{{ loop.index }}", "\n") + "{% endfor %}")
		case 2:
			b.WriteString("{% set v = " + g.expr(depth) + " %}{{ v" + g.pick("", " | string", "[0]") + " }}")
		case 3:
			b.WriteString(g.pick("text ", "\n", " ", "[", "]", "{# c #}", "{%- raw %}{{ x }}{% endraw %}", "'", "{'a': ", "}", "True"))
		default:
			b.WriteString(g.pick("{{ ", "{{", "{{- ") + g.expr(depth) + g.pick(" }}", "}}", " -}}", " }}\n"))
		}
	}
	return b.String()
}

// break makes something of a template that is hardly one.
func (g generator) breakIt(s string) string {
	for range 1 + g.IntN(3) {
		if i := g.IntN(len(s) + 1); i < len(s) {
			s = s[:i] + g.pick("", "", "{", "}", "%", "'", "(", ")", "[", "|", " ", "#", "{{", "%}", "is ", "!", "-", ".", "\\", "\n", "=", ",") + s[i+g.IntN(2):]
		}
	}
	return strings.ToValidUTF8(s, "")
}

func TestLabRandomAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	g := generator{oracle.Random(t)}
	agreed, refused := 0, 0
	for n := range 6000 {
		text := g.text(n % 4)
		if n%3 == 0 {
			text = g.breakIt(text)
		}
		switch v := verdict(t, o, variables(), text); {
		case v == "":
			agreed++
		case strings.HasPrefix(v, "unsupported: "):
			refused++
		default:
			t.Errorf("%q: %s", text, v)
		}
		if t.Failed() && n > 100 {
			break
		}
	}
	t.Logf("%d agreed, %d refused", agreed, refused)
	assert.Less(t, refused, agreed/10, "what oreg refuses is the exception")
}

// The languages of format() and of "%".
func TestLabFormatsAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	g := generator{oracle.Random(t)}
	for range 2000 {
		value := g.pick("0", "7", "-42", "123456789", "2.5", "-0.125", "1234567.891", "1e20", "'text'", "''", "'é'", "s")
		text := "{{ '{:" + g.pick("", "", "<", ">", "^", "=", "*<", "0>", ".^") + g.pick("", "", "+", "-", " ") + g.pick("", "", "#") + g.pick("", "", "0") + g.pick("", "5", "12") +
			g.pick("", "", ",", "_") + g.pick("", ".0", ".2", ".5") + g.pick("", "d", "f", "e", "g", "x", "X", "o", "b", "s", "%", "E", "G") + "}|'.format(" + value + ") }}"
		if g.IntN(2) == 0 {
			text = "{{ '%" + g.pick("", "-", "+", "0", " ", "-+", "+0") + g.pick("", "3", "10") + g.pick("", ".0", ".3", ".") + g.pick("s", "d", "f", "e", "g", "x", "o", "i", "X") + "|' % " + value + " }}"
		}
		if v := verdict(t, o, variables(), text); v != "" && !strings.HasPrefix(v, "unsupported: ") {
			t.Errorf("%q: %s", text, v)
		}
	}
}
