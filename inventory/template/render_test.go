package template_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/problem"
	"oreg/inventory/template"
	"oreg/inventory/value"
)

func render(t *testing.T, vars scope, v *value.Value, opts template.Options) (template.Result, error) {
	t.Helper()
	return template.New(opts).Render(t.Context(), "the_value", v, vars)
}

// text is a rendered value as Python would print it, with its type in front.
func text(v *value.Value) string {
	switch v.Kind {
	case value.List, value.Tuple:
		var items []string
		for _, item := range v.Items {
			items = append(items, text(item))
		}
		return "[" + strings.Join(items, " ") + "]"
	case value.Dict:
		var items []string
		for _, e := range v.Entries {
			items = append(items, text(e.Key)+":"+text(e.Value))
		}
		return "{" + strings.Join(items, " ") + "}"
	case value.String, value.Unsafe:
		return "'" + v.Text + "'"
	}
	return v.Text
}

func TestRender(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "'plain'",
		"{{ s }}":                      "'Some text'",
		"{{ n }}":                      "42",
		"{{ n }}x":                     "'42x'",
		"{{ d.x }}":                    "'1'",
		"{{ numeric }}":                "'0777'",
		"{{ l }}":                      "['b' 'a' 'c' 'A']",
		"{{ list_text }}":              "[1 'a' true]",
		"[{{ n }}, true, null]":        "[42 true ]",
		"{{ as_json }}":                `'{"x": 1, "y": "two", "items": "hidden", "deep": {"list": [1, {"k": "v"}]}}'`,
		"{{ 'True' }}":                 "true",
		"{{ twice }}":                  "'Some text! 42'",
		"{{ bad | default('x') }}":     "'x'",
		"{{ s }}\n\n":                  "'Some text\n\n'",
		"{% raw %}{{ s }}{% endraw %}": "'{{ s }}'",
		`{{ 'a\nb' }}`:                 `'a\nb'`,
		"{{ ('a' if no else 'b') ~ '.example' }}":                                  "'b.example'",
		"{{ s | regex_replace('(\\w+)', '<\\1>') }}":                               "'<Some> <text>'",
		"{% for x in l %}{{ x }}{% endfor %}":                                      "'bacA'",
		"{{ unsafe }}":                                                             "'{{ s }}'",
		"{{ users | selectattr('age', 'gt', 28) | map(attribute='name') | list }}": "['Bob' 'Carol']",
	} {
		got, err := render(t, variables(), str(in), template.Options{})
		require.NoError(t, err, in)
		assert.Equal(t, want, text(got.Value), in)
		assert.Empty(t, got.NotTemplates, in)
	}
}

func TestRenderCollections(t *testing.T) {
	plain := list(str("a"), number("1"))
	got, err := render(t, variables(), plain, template.Options{})
	require.NoError(t, err)
	assert.Same(t, plain, got.Value, "nothing to render: the same value")

	got, err = render(t, variables(), dict("host", str("{{ s }}"), "{{ s }}", list(str("{{ n }}"), plain)), template.Options{})
	require.NoError(t, err)
	assert.Equal(t, "{'host':'Some text' '{{ s }}':[42 ['a' 1]]}", text(got.Value), "keys are not rendered")
}

// A number that a template hands on keeps the text that it was written as.
func TestI3_SourceTextSurvivesReferences(t *testing.T) {
	pw := &value.Value{Kind: value.Int, Text: "777", Raw: "0777", Pos: problem.Position{File: "hosts", Line: 9}}
	vars := scope{"pw": pw, "entry": list(dict("password", pw)), "again": str("{{ entry }}")}
	got, err := render(t, vars, str("{{ pw }}"), template.Options{})
	require.NoError(t, err)
	assert.Same(t, pw, got.Value)
	got, err = render(t, vars, str("{{ again }}"), template.Options{})
	require.NoError(t, err)
	assert.Equal(t, "0777", got.Value.Items[0].Entries[0].Value.Raw)
	assert.Equal(t, 9, got.Value.Items[0].Entries[0].Value.Pos.Line)
}

func TestNotATemplate(t *testing.T) {
	for _, in := range []string{
		"pa{{ss", "p{%w", "p{#w", "a{{b&c}}d", "a{{}}b", "x{{ 1 2 }}y", "{{ 'it\\'s' }}", "{{ s }}{{", "{% if s %}", "{{ s }} {% nosuchtag %}", "a{{b!c}}",
	} {
		got, err := render(t, variables(), str(in), template.Options{})
		require.NoError(t, err, in)
		assert.Equal(t, in, got.Value.Text)
		assert.Equal(t, value.Unsafe, got.Value.Kind, "not to be rendered again")
		require.Len(t, got.NotTemplates, 1, in)
		assert.Equal(t, "all.yml:3: the_value holds braces that are no Jinja template", got.NotTemplates[0].Error())
	}

	vars := scope{"pw": {Kind: value.String, Text: "a{{b&c}}", Pos: problem.Position{File: "g.yml", Line: 7}}}
	got, err := render(t, vars, str("user:{{ pw }}"), template.Options{})
	require.NoError(t, err)
	assert.Equal(t, "user:a{{b&c}}", got.Value.Text)
	require.Len(t, got.NotTemplates, 1)
	assert.Equal(t, template.NotATemplate{Variable: "pw", Pos: problem.Position{File: "g.yml", Line: 7}}, *got.NotTemplates[0])
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		in      string
		kind    error
		message string
	}{
		{"{{ missing }}", template.ErrUndefined, `"missing" is undefined`},
		{"{{ d.missing }}", template.ErrUndefined, `"missing" of a mapping is undefined`},
		{"{{ bad }}", template.ErrUndefined, `through bad (all.yml:3): "missing" is undefined`},
		{"{{ half.good }}", template.ErrUndefined, `through half: "missing" is undefined`},
		{"{{ hostvars['h2'].x }}", template.ErrUndefined, `hostvars["h2"] is undefined`},
		{"{{ loop_a }}", template.ErrLoop, "recursive loop: loop_a (all.yml:3) needs loop_b (all.yml:3) needs loop_a"},
		{"{{ self_ref }}", template.ErrLoop, "recursive loop: self_ref (all.yml:3) needs self_ref"},
		{"{{ the_value }}", template.ErrUndefined, `"the_value" is undefined`},
		{"{{ canary + 1 }}", template.ErrEvaluate, "cannot be evaluated: a string + a number"},
		{"{{ canary | from_json }}", template.ErrEvaluate, "cannot be evaluated: from_json of what is no JSON"},
		{"{{ canary | b64decode }}", template.ErrEvaluate, "b64decode of what is no base64"},
		{"{{ 1 / 0 }}", template.ErrEvaluate, "division by zero"},
		{"{{ [canary][canary] }}", template.ErrUndefined, "of a list is undefined"},
		{"{{ d[canary] }}", template.ErrUndefined, "of a mapping is undefined"},
		{"{{ d[canary].x }}", template.ErrUndefined, "an item of a mapping is undefined"},
		{"{{ ('__' ~ canary ~ '__') | extract(d) }}", template.ErrUnsupported, "an item of a mapping is not supported"},
		{"{{ users | map(attribute=canary) | list }}", template.ErrUndefined, "an item of a mapping is undefined"},
		{"{{ l | map(canary) | list }}", template.ErrUnsupported, "the filter that map names"},
		{"{{ l | select(canary) | list }}", template.ErrUnsupported, "the test that select or reject names"},
		{"{{ hostvars[canary].x }}", template.ErrUndefined, "an item of hostvars is undefined"},
		{"{{ lookup('vars', canary) }}", template.ErrUndefined, "the variable that lookup('vars') names is undefined"},
		{"{{ s | hash(canary) }}", template.ErrUnsupported, "hash is supported for"},
		{"{{ s | regex_replace(canary ~ '(') }}", template.ErrEvaluate, "not a regular expression"},
		{"{{ canary | format(1) }}", template.ErrEvaluate, "a format with more values"},
		{"{{ (canary ~ '{}').format() }}", template.ErrEvaluate, "more fields than values"},
		{"{{ {}[canary] }}", template.ErrUndefined, "an item of a mapping"},
		{"{{ lookup('pipe', 'echo canary') }}", template.ErrRefused, "lookup('pipe') is refused: it runs a command on this machine"},
		{"{{ lookup('password', '/tmp/canary') }}", template.ErrRefused, "lookup('password') is refused"},
		{"{{ lookup('url', canary) }}", template.ErrRefused, "it asks the network"},
		{"{{ lookup(canary, 'x') }}", template.ErrUnsupported, "this lookup is not supported, only env, file and vars are"},
		{"{{ lookup('file', '/x') }}", template.ErrRefused, "lookup('file') is refused here"},
		{"{{ s | nosuchfilter }}", template.ErrUnsupported, "filter nosuchfilter is not known"},
		{"{{ s | default('x' | nosuchfilter) }}", template.ErrUnsupported, "filter nosuchfilter is not known"},
		{"{{ s | to_yaml }}", template.ErrUnsupported, "filter to_yaml is not supported"},
		{"{{ s | password_hash }}", template.ErrRefused, "a value must not change between two runs"},
		{"{{ '/etc/passwd' | realpath }}", template.ErrRefused, "it looks at the files of this machine"},
		{"{{ s is nosuchtest }}", template.ErrUnsupported, "test nosuchtest is not supported"},
		{"{% include '/etc/passwd' %}", template.ErrRefused, "reads another file"},
		{"{% import 'x' as y %}", template.ErrRefused, "reads another file"},
		{"{% extends 'x' %}", template.ErrRefused, "reads another file"},
		{"{% macro m() %}{% endmacro %}", template.ErrUnsupported, "{% macro %} is not supported"},
		{"{{ s.__class__ }}", template.ErrUnsupported, `"__class__" of a string is not supported`},
		{"{{ l.append('x') }}", template.ErrUnsupported, `"append" of a list is not supported`},
		{"{{ now() }}", template.ErrRefused, "a value must not change"},
		{"{{ omit }}", template.ErrUnsupported, "omit has no meaning"},
		{"#jinja2: trim_blocks: False\n{{ s }}", template.ErrUnsupported, "#jinja2: header"},
		{"{{ hostvars }}", template.ErrUnsupported, "hostvars as a whole"},
		{"{{ s | regex_replace('(?=canary)', 'x') }}", template.ErrUnsupported, "look-ahead"},
	} {
		vars := variables()
		vars["canary"] = str("canary text")
		_, err := render(t, vars, str(tc.in), template.Options{})
		require.ErrorIs(t, err, tc.kind, tc.in)
		var templateErr *template.Error
		require.ErrorAs(t, err, &templateErr)
		require.ErrorContains(t, err, tc.message)
		assert.NotContains(t, strings.ReplaceAll(err.Error(), `"canary"`, ""), "canary", tc.in)
	}
}

func TestUses(t *testing.T) {
	got, err := render(t, variables(), str("{{ twice }} {{ l[0] }} {{ missing | default(n) }}"), template.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"indirect", "l", "n", "s", "twice"}, got.Uses)
	got, err = render(t, variables(), str("{{ n }}"), template.Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"n"}, got.Uses)
}

func TestVault(t *testing.T) {
	locked := &value.Value{Kind: value.Vault, Text: "$ANSIBLE_VAULT;...", Pos: problem.Position{File: "v.yml", Line: 2}}
	vars := scope{"pw": locked, "s": str("x")}
	opened := 0
	opts := template.Options{Decrypt: func(_ context.Context, v *value.Value) (string, error) {
		opened++
		assert.Same(t, locked, v)
		return "{{ s }}", nil
	}}
	for _, tc := range []struct {
		v    *value.Value
		want string
	}{
		{locked, "'{{ s }}'"}, {str("{{ pw }}"), "'{{ s }}'"}, {str("{{ pw }}:{{ pw }}"), "'{{ s }}:{{ s }}'"}, {list(str("a"), locked), "['a' '{{ s }}']"},
		{str("{{ pw | length }}"), "'7'"},
	} {
		opened = 0
		got, err := render(t, vars, tc.v, opts)
		require.NoError(t, err)
		assert.Equal(t, tc.want, text(got.Value), "what is in a vault is no template")
		assert.True(t, got.Vaulted)
		assert.Equal(t, 1, opened)
	}
	got, err := render(t, vars, str("{{ s }}"), opts)
	require.NoError(t, err)
	assert.False(t, got.Vaulted)

	failure := errors.New("wrong password")
	_, err = render(t, vars, str("{{ pw }}"), template.Options{Decrypt: func(context.Context, *value.Value) (string, error) { return "", failure }})
	require.ErrorIs(t, err, failure)
	require.ErrorContains(t, err, "through pw (v.yml:2): cannot be evaluated: its vault cannot be opened: wrong password")
	_, err = render(t, vars, locked, template.Options{})
	require.ErrorIs(t, err, template.ErrRefused)
}

func TestHostVars(t *testing.T) {
	hosts := map[string]scope{
		"h1": {"x": str("{{ y }}"), "y": str("one"), "inventory_hostname": str("h1"), "back": str("{{ hostvars['h2'].forth }}")},
		"h2": {"x": str("{{ y }}"), "y": number("2"), "forth": str("{{ hostvars.h1.back }}"), "needs": str("{{ gone }}")},
	}
	opts := template.Options{
		Host:  func(name string) (template.Scope, bool) { s, ok := hosts[name]; return s, ok },
		Hosts: func() []string { return []string{"h1", "h2"} },
	}
	for in, want := range map[string]string{
		"{{ hostvars['h2'].x }}":                                    "'2'",
		"{{ hostvars.h2['y'] }}":                                    "'2'",
		"{{ hostvars[inventory_hostname].x }}":                      "'one'",
		"{{ hostvars['h2'].gone | default('d') }}":                  "'d'",
		"{{ hostvars['h3'].x | default('d') }}":                     "'d'",
		"{{ hostvars['h2'].needs | default('d') }}":                 "'d'",
		"{{ hostvars['h2'].get('gone', 'd') }}":                     "'d'",
		"{{ 'h2' in hostvars }}{{ 'h3' in hostvars }}":              "'TrueFalse'",
		"{{ 'y' in hostvars.h2 }}":                                  "true",
		"{% for h in hostvars %}{{ hostvars[h].y }},{% endfor %}":   "'one,2,'",
		"{{ ['h1', 'h2'] | map('extract', hostvars, 'y') | list }}": "['one' 2]",
		"{{ hostvars.h2.range is defined }}":                        "false",
	} {
		got, err := render(t, hosts["h1"], str(in), opts)
		require.NoError(t, err, in)
		assert.Equal(t, want, text(got.Value), in)
		assert.Contains(t, got.Uses, "hostvars", in)
	}
	_, err := render(t, hosts["h1"], str("{{ hostvars['h2'].gone }}"), opts)
	require.ErrorContains(t, err, `hostvars["h2"].gone is undefined`)
	_, err = render(t, hosts["h1"], str("{{ back }}"), opts)
	require.ErrorIs(t, err, template.ErrLoop)
}

func TestLookups(t *testing.T) {
	files := map[string]string{"/pw": "secret \n\n", "pw2": " two", "/binary": "\xff", "/vault": "$ANSIBLE_VAULT;1.1;AES256\n00\n"}
	failure := errors.New("permission denied")
	opts := template.Options{
		Env: func(name string) (string, bool) { return "value of " + name, name == "SET" },
		ReadFile: func(_ context.Context, path string) ([]byte, error) {
			if content, ok := files[path]; ok {
				return []byte(content), nil
			}
			return nil, failure
		},
		Decrypt: func(_ context.Context, v *value.Value) (string, error) {
			assert.Equal(t, "/vault", v.Pos.File)
			return "from vault\n", nil
		},
		Now: func() time.Time { return time.Date(2026, 11, 21, 10, 15, 0, 5000, time.UTC) },
	}
	for in, want := range map[string]string{
		"{{ lookup('env', 'SET') }}":                          "'value of SET'",
		"{{ lookup('env', 'NOT') }}":                          "''",
		"{{ lookup('env', 'NOT') | default('d', true) }}":     "'d'",
		"{{ lookup('file', '/pw') }}":                         "'secret'",
		"{{ lookup('file', '/pw', rstrip=false) }}":           "'secret \n\n'",
		"{{ lookup('file', 'pw2', lstrip=true) }}":            "'two'",
		"{{ lookup('file', '/pw', 'pw2') }}":                  "'secret, two'",
		"{{ query('file', '/pw', 'pw2') }}":                   "['secret' ' two']",
		"{{ lookup('file', '/pw', wantlist=true) }}":          "['secret']",
		"{{ lookup('ansible.builtin.file', '/pw') | upper }}": "'SECRET'",
		"{{ lookup('file', '/vault') }}":                      "'from vault'",
		"{{ now() }}":                                         "'2026-11-21 10:15:00.000005'",
	} {
		got, err := render(t, variables(), str(in), opts)
		require.NoError(t, err, in)
		assert.Equal(t, want, text(got.Value), in)
		assert.Equal(t, strings.Contains(in, "vault"), got.Vaulted, in)
	}
	_, err := render(t, variables(), str("{{ lookup('file', '/nope') }}"), opts)
	require.ErrorIs(t, err, failure)
	_, err = render(t, variables(), str("{{ lookup('file', '/binary') }}"), opts)
	require.ErrorIs(t, err, template.ErrUnsupported)
	_, err = render(t, variables(), str("{{ lookup('file', '/pw', errors='ignore') }}"), opts)
	require.ErrorContains(t, err, "option errors of lookup('file') is not supported")
}

func TestLimits(t *testing.T) {
	wide := &value.Value{Kind: value.String, Text: "{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}{{ v0 }}"}
	vars := scope{"v0": str(strings.Repeat("x", 1000))}
	for i := 1; i < 9; i++ {
		vars["v"+string(rune('0'+i))] = &value.Value{Kind: value.String, Text: strings.ReplaceAll(wide.Text, "v0", "v"+string(rune('0'+i-1)))}
	}
	deep := scope{}
	name := func(i int) string { return "d" + strings.Repeat("x", i) }
	for i := range 300 {
		deep[name(i)] = str("{{ " + name(i+1) + " }}")
	}
	for in, vars := range map[string]scope{
		"{% for i in range(999999999) %}{% endfor %}": variables(),
		"{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}": variables(),
		"{{ 'x' * 999999999 }}": variables(), "{{ 999999999999999999999 * 'x' }}": variables(), "{{ [1] * 999999999 }}": variables(),
		"{{ 9 ** (9 ** 9) }}": variables(), "{{ 'x' | center(999999999) }}": variables(), "{{ 'x'.rjust(2147483000) }}": variables(),
		"{{ range(0, 999999999999999999999999) }}": variables(), "{{ multi | indent(99999999) }}": variables(),
		"{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}": variables(),
		"{{ v8 }}": vars, "{{ d }}": deep,
		"{{ " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500) + " }}": variables(),
		"{{ " + strings.Repeat("-", 5000) + "1 }}":                                variables(),
		strings.Repeat("{% if yes %}", 500) + strings.Repeat("{% endif %}", 500):  variables(),
	} {
		start := time.Now()
		_, err := render(t, vars, str(in), template.Options{})
		require.ErrorIs(t, err, template.ErrLimit, in[:min(len(in), 80)])
		assert.Less(t, time.Since(start), 10*time.Second, "bounded, though slow with -race")
	}
}

func TestContextEndsARendering(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := template.New(template.Options{}).Render(ctx, "x", str("{% for i in range(9999) %}{{ i }}{% endfor %}"), scope{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestEngineIsSharedSafely(t *testing.T) {
	e := template.New(template.Options{})
	vars := variables()
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := e.Render(t.Context(), "x", str("{{ users | map(attribute='name') | map('upper') | sort | join(',') }}{{ 'a%s' | format(n) }}"), vars)
			done <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
}

func TestHasTemplate(t *testing.T) {
	for in, want := range map[string]bool{"": false, "a { b": false, "{{": true, "x{% y": true, "{#": true, "}}": false} {
		assert.Equal(t, want, template.HasTemplate(in), in)
	}
}

// A thousand hosts ask for the same few templates.
func BenchmarkRender(b *testing.B) {
	e := template.New(template.Options{})
	vars := variables()
	for b.Loop() {
		if _, err := e.Render(b.Context(), "x", str("{{ registry.split('/')[0] }}/{{ twice | lower | replace(' ', '-') }}"), vars); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRender: whatever the template, rendering ends soon, without a panic, and
// with a result that is rendered through and through or a typed error.
func FuzzRender(f *testing.F) {
	for _, s := range templates() {
		f.Add(s)
	}
	e := template.New(template.Options{Env: func(string) (string, bool) { return "env", true }})
	f.Fuzz(func(t *testing.T, s string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		vars := variables()
		got, err := e.Render(ctx, "the_value", str(s), vars)
		if err != nil {
			var templateErr *template.Error
			require.ErrorAs(t, err, &templateErr)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			return
		}
		again, err := e.Render(ctx, "the_value", got.Value, vars)
		require.NoError(t, err)
		assert.True(t, value.Equal(got.Value, again.Value), "rendered twice")
	})
}
