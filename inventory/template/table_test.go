package template_test

import (
	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// scope is the variables of a host.
type scope map[string]*value.Value

func (s scope) Lookup(name string) (*value.Value, bool) {
	v, ok := s[name]
	return v, ok
}

func str(s string) *value.Value {
	return &value.Value{Kind: value.String, Text: s, Pos: problem.Position{File: "all.yml", Line: 3}}
}

func kind(k value.Kind, text string) *value.Value { return &value.Value{Kind: k, Text: text} }

func number(text string) *value.Value { return kind(value.Int, text) }

func list(items ...*value.Value) *value.Value { return &value.Value{Kind: value.List, Items: items} }

func dict(pairs ...any) *value.Value {
	d := &value.Value{Kind: value.Dict}
	for i := 0; i < len(pairs); i += 2 {
		d.Entries = append(d.Entries, value.Entry{Key: str(pairs[i].(string)), Value: pairs[i+1].(*value.Value)})
	}
	return d
}

// variables are those that the templates of the table use.
func variables() scope {
	return scope{
		"s": str("Some text"), "empty": str(""), "n": number("42"), "big": number("123456789012345678901234567890"), "f": kind(value.Float, "2.5"),
		"yes": kind(value.Bool, "true"), "no": kind(value.Bool, "false"), "none_var": kind(value.Null, ""), "numeric": str("0777"),
		"l": list(str("b"), str("a"), str("c"), str("A")), "nums": list(number("3"), number("1"), number("2"), number("2")),
		"d": dict("x", number("1"), "y", str("two"), "items", str("hidden"), "deep", dict("list", list(number("1"), dict("k", str("v"))))),
		"users": list(dict("name", str("Bob"), "age", number("30"), "ok", kind(value.Bool, "true")), dict("name", str("alice"), "age", number("25"), "ok", kind(value.Bool, "false")),
			dict("name", str("Carol"), "age", number("35"))),
		"indirect": str("{{ s }}!"), "twice": str("{{ indirect }} {{ n }}"), "to_list": str("{{ l }}"), "list_text": str("[1, 'a', true]"), "bad": str("{{ missing }}"),
		"loop_a": str("{{ loop_b }}"), "loop_b": str("x{{ loop_a }}"), "self_ref": str("{{ self_ref | default('x') }}"),
		"quotes": str(`it's "quoted" \ back`), "unicode": str("é🔑\u00a0\n\t"), "unsafe": kind(value.Unsafe, "{{ s }}"), "unsafe_ref": str("{{ unsafe }}"),
		"json_text": str(`{"a": [1, 2.50, null, true], "b": "x"}`), "path": str("/etc/origin/master.d/config.tar.gz"), "multi": str("one\ntwo\n\nthree"),
		"mixed": list(number("1"), str("1"), kind(value.Float, "1.0"), kind(value.Bool, "true"), kind(value.Null, ""), str("None")), "registry": str("registry.example.com:5000/openshift3/ose-${component}:${version}"),
		"nested": dict("a", str("{{ n }}"), "b", list(str("{{ s }}"), str("plain"))), "half": dict("good", str("g"), "bad", str("{{ missing }}")),
		"tup": &value.Value{Kind: value.Tuple, Items: []*value.Value{number("1"), str("a")}}, "dashes": str("a-b_c.d"),
		"as_json": str("{{ d | to_json }}"), "as_bool": str("True"), "brace": str("{ not a dict"),
	}
}

// templates is the table that is held against Ansible's own Templar.
func templates() []string {
	return []string{
		// plain references and types
		"{{ s }}", "{{s}}", "{{ n }}", "{{ n }} ", " {{ n }}", "{{ f }}", "{{ yes }}", "{{ no }}x", "{{ none_var }}", "a{{ none_var }}b", "{{ big }}", "{{ big + 1 }}",
		"{{ l }}", "{{ d }}", "{{ tup }}", "x{{ l }}", "{{ numeric }}", "{{ list_text }}", "{{ json_text }}", "{{ as_bool }}", "{{ brace }}", "{{ empty }}", "{{ n }}\n", "{{ s }}\n\n", "\n{{ s }}", "{{ s }}\r\n",
		"{{ indirect }}", "{{ twice }}", "{{ to_list }}", "{{ to_list[0] }}", "{{ nested }}", "{{ nested.a }}", "{{ nested.b[0] }}", "{{ unsafe }}", "{{ unsafe_ref }}", "{{ unsafe }}{{ n }}", "{{ [unsafe] }}",
		"{{ 'True' }}", "{{ 'true' }}", "{{ '[1, 2' }}", "{{ '[1, 2]' }}", "{{ '{\"a\": null}' }}", "{{ '{1: 2}' }}", "[{{ n }}, {{ n }}]", "{'a': {{ l }}}", "{{ '[true, \"true\", null]' }}", "{{ '[a]' }}", "{ {{ n }} }", "{{ '{[1]: 2}' }}",
		// attributes, items, slices
		"{{ d.x }}", "{{ d['y'] }}", "{{ d.deep.list[1].k }}", "{{ d.deep['list'][0] }}", "{{ l[0] }}", "{{ l[-1] }}", "{{ l.0 }}", "{{ l[1:3] }}", "{{ l[::-1] }}", "{{ s[0] }}", "{{ s[:4] }}", "{{ s[-4:] }}", "{{ s[::2] }}", "{{ d['items'] }}", "{{ l[99] }}", "{{ d.missing }}", "{{ d.missing.more }}", "{{ s.missing }}", "{{ n.missing }}", "{{ l['0'] }}", "{{ d[n] }}", "{{ unicode[1] }}",
		"{{ missing }}", "{{ missing.attr }}", "{{ missing['x'] }}", "{{ bad }}", "{{ half.good }}", "{{ half }}", "{{ missing() }}", "{{ s() }}", "{{ d.x() }}",
		// undefined and defaults
		"{{ missing | default('x') }}", "{{ missing | default }}", "{{ missing | d(n) }}", "{{ empty | default('x', true) }}", "{{ empty | default('x') }}", "{{ bad | default('fallback') }}", "{{ d.missing | default(d.x) }}", "{{ missing | default(missing2) }}", "{{ missing.a.b | default('deep') }}", "{{ none_var | default('x') }}", "{{ missing | default([]) }}", "{{ missing | default(omitted | default('y')) }}",
		"{{ missing is defined }}", "{{ s is defined }}", "{{ missing is undefined }}", "{{ bad is defined }}", "{{ d.x is defined and d.x == 1 }}", "{{ 'a' if missing is defined else 'b' }}", "{{ missing and s }}", "{{ s or missing }}", "{{ not missing }}", "{{ missing == 1 }}", "{{ missing | mandatory }}", "{{ s | mandatory }}", "{{ missing ~ 'x' }}", "{{ missing + 1 }}", "{{ missing | upper }}", "{{ missing | length }}", "{{ 'x' in missing }}", "{{ missing in l }}", "{{ missing | bool }}", "{{ 'x' if s }}", "{{ 'x' if no }}", "{{ ('x' if no) | default('y') }}", "{{ [missing] }}",
		// operators
		"{{ 1 + 2 }}", "{{ n / 5 }}", "{{ n // 5 }}", "{{ -n // 5 }}", "{{ n % 5 }}", "{{ -n % 5 }}", "{{ 2 ** 10 }}", "{{ 2 ** -1 }}", "{{ 2.5 * 2 }}", "{{ 'a' * 3 }}", "{{ 3 * 'ab' }}", "{{ [1] * 2 }}", "{{ 'a' + 'b' }}", "{{ 'a' + 1 }}", "{{ l + nums }}", "{{ l + 'x' }}", "{{ 'a' ~ 1 ~ none_var ~ l }}", "{{ 1 / 0 }}", "{{ n - 2 * 20 }}", "{{ (n - 2) * 20 }}", "{{ -n }}", "{{ +n }}", "{{ - 2 ** 2 }}", "{{ 1 + 2 ~ 3 }}", "{{ 2 * 3 ~ 4 }}", "{{ 7.0 // 2 }}", "{{ -7.5 % 2 }}", "{{ 1e3 }}", "{{ 1_000 }}", "{{ 0x1f }}", "{{ 0o17 + 0b11 }}", "{{ 1.5e-7 }}", "{{ 1e16 }}", "{{ 10 / 3 }}", "{{ yes + 1 }}",
		"{{ 1 < 2 }}", "{{ 1 < 2 < 3 }}", "{{ 1 < 3 < 2 }}", "{{ 'a' < 'b' }}", "{{ 1 == 1.0 }}", "{{ 1 == true }}", "{{ '1' == 1 }}", "{{ [1] == (1,) }}", "{{ l == to_list }}", "{{ 'a' < 1 }}", "{{ 1 != 2 }}", "{{ 'b' in l }}", "{{ 'z' not in l }}", "{{ 'ex' in s }}", "{{ 'x' in d }}", "{{ 1 in d }}", "{{ 1 in s }}", "{{ not 1 }}", "{{ not not 1 }}", "{{ 1 and 2 }}", "{{ 0 or 'x' }}", "{{ '' and missing }}", "{{ not 'b' in l }}", "{{ 1 if 2 > 1 else 3 }}", "{{ 'a' if no else 'b' if no else 'c' }}", "{{ (1 if yes else 2) + 1 }}", "{{ [1 if no else 2] }}", "{{ s if yes and not no else n }}",
		// literals
		"{{ 'it' \"'s\" }}", "{{ \"a'b\" }}", "{{ 'a\"b' }}", `{{ 'a\nb' }}`, `{{ 'it\'s' }}`, `{{ "a\\b" }}`, "{{ [1, 'a', [2]] }}", "{{ [1,] }}", "{{ {'a': 1, 'b': [2]} }}", "{{ {'a': 1,} }}", "{{ {} }}", "{{ [] }}", "{{ () }}", "{{ (1,) }}", "{{ (1, 2)[0] }}", "{{ 1, 2 }}", "{{ none }}", "{{ None }}", "{{ true }}", "{{ False }}", "{{ {n: s} }}", "{{ {[1]: 2} }}", "{{ quotes }}", "{{ [quotes] }}", "{{ [unicode] }}", "{{ [f, yes, none_var, big] }}", "{{ ['a\tb'] }}", "{{ 'é' }}",
		// blocks
		"{% if yes %}a{% else %}b{% endif %}", "{% if no %}a{% elif n == 42 %}b{% endif %}", "{% if missing is defined %}a{% endif %}", "{% if s %}{{ s }}{% endif %}\n", "{% for x in l %}{{ x }},{% endfor %}", "{% for x in l %}{{ loop.index }}{{ x }}{% if not loop.last %}-{% endif %}{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for x in [] %}a{% else %}none{% endfor %}", "{% for x in nums if x > 1 %}{{ x }}{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in 'abc' %}{{ c }}.{% endfor %}", "{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for x in missing %}{% endfor %}", "{% for x in n %}{% endfor %}", "{% for x in l %}{{ loop.cycle('o', 'e') }}{{ loop.revindex0 }}{% endfor %}", "{% for x in l %}{% for y in nums %}{{ loop.depth }}{% endfor %}{% endfor %}", "{% for x in l %}{{ loop.previtem | default('-') }}{{ loop.nextitem | default('+') }}{% endfor %}", "{% for x in nums %}{{ loop.changed(x) }}{% endfor %}",
		"{% set x = 5 %}{{ x }}", "{% set x = 5 %}{{ x + 1 }}a", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set x %}in {{ s }}{% endset %}{{ x }}", "{% set x %}[1, 2]{% endset %}{{ x[0] }}", "{% set x = 1 %}{% for i in l %}{% set x = 2 %}{% endfor %}{{ x }}", "{% set ns = namespace(v=0) %}{% for i in nums %}{% set ns.v = ns.v + i %}{% endfor %}{{ ns.v }}", "{% with a = 1 %}{{ a }}{% endwith %}", "{% if yes %}{% set z = 1 %}{% endif %}{{ z }}", "{% set x = 'a' if yes else 'b' %}{{ x }}",
		"{# comment #}{{ s }}", "a{# {{ missing }} #}b", "{#- x -#} {{ s }}", "a {{- s -}} b", "a\n{%- if yes %}\nb\n{%- endif %}\nc", "{% if yes %}\na\n{% endif %}\nb", "{% raw %}{{ s }}{% endraw %}", "{% raw %}{{ s }}{% endraw %}{{ s }}", "{%- raw -%} {% x %} {%- endraw -%} a", "{{ '{{' }}", "{{ '{% x %}' }}", "{% if yes: %}a{% endif %}", "a{%+ if yes +%}\nb{% endif %}", "{{ s -}}\n\n a", "{% for x in l -%}\n {{ x }}\n{%- endfor %}",
		// not templates
		"{{", "{{ s", "a {{ b", "{{ }}", "{{}}", "{%", "{% x %}", "{% if %}a{% endif %}", "{% if yes %}", "{# a", "{{ a b }}", "{{ a ! b }}", "{{ @ }}", "{{ 'a }}", "{{ (1 }}", "{{ 1) }}", "{{ a. }}", "{{ a | }}", "{{ [1 2] }}", "{{ 1 = 2 }}", "{{ 010 }}", "{{ 5a }}", "{{ a..b }}", "{% endif %}", "{% for x %}{% endfor %}", "{% set 1 = 2 %}", "{{ a is }}", "{{ a is b is c }}", "{{ f(1, a=2, 3) }}", "{% raw %}a", "{{ {1} }}", "{% set none = 1 %}", "{{ -}}", "{{ a if b else }}", "pa{{ss$word}}x", "p{{a&b}}", `{{ "a\" }}`, "{% for x in l %}{% endif %}", "{{ not }}", "{{ 1 + }}", "{{ ; }}",
		// text filters
		"{{ s | upper }}", "{{ s | lower }}", "{{ 'hello WORLD' | capitalize }}", "{{ 'hello wORLD-foo bar' | title }}", "{{ '  x ' | trim }}", "{{ 'xxaxx' | trim('x') }}", "{{ s | replace('e', '3') }}", "{{ 'aaa' | replace('a', 'b', 2) }}", "{{ 'aaa' | replace('', '-') }}", "{{ s | length }}", "{{ n | string }}", "{{ l | string }}", "{{ list_text | string }}", "{{ n | upper }}", "{{ 'abc' | reverse }}", "{{ 'abc' | first }}", "{{ 'abc' | last }}", "{{ 'abc' | list }}", "{{ 'x' | center(7) }}|", "{{ 'xy' | center(7) }}|", "{{ multi | indent }}", "{{ multi | indent(2, true) }}", "{{ multi | indent(2, blank=true) }}", "{{ multi | indent('> ') }}", "{{ 'a b_c d-e' | wordcount }}", "{{ 'a,b,,c' | split(',') }}", "{{ ' a b  c ' | split }}", "{{ 'a b c' | split(None, 1) }}", "{{ '%s is %d' | format(s, n) }}", "{{ '%(a)s-%(b)05.1f' | format(a='x', b=2.25) }}", "{{ '%-5s|%5s|%+d|%x|%e|%%' | format('a', 'b', 3, 255, 1234.5) }}", "{{ '%s' | format(l) }}", "{{ '%d' | format('x') }}", "{{ '%s %s' | format(1) }}", "{{ '%s' % s }}", "{{ '%s-%s' % (1, 2) }}", "{{ '<a&\"\\'>' | escape }}", "{{ '<a>' | e }}", "{{ 'a b/ü?' | urlencode }}", "{{ \"it's\" | quote }}", "{{ 'plain-1.0' | quote }}", "{{ '' | quote }}", "{{ none_var | quote }}", "{{ path | basename }}", "{{ path | dirname }}", "{{ path | splitext }}", "{{ '.bashrc' | splitext }}", "{{ '/' | dirname }}", "{{ 'a' | dirname }}", "{{ ['/etc', 'x', 'y'] | path_join }}", "{{ ['a/', '/b'] | path_join }}", "{{ s | hash('sha256') }}", "{{ s | md5 }}", "{{ s | sha1 }}", "{{ s | hash }}", "{{ s | checksum }}",
		// numbers and booleans
		"{{ '42' | int }}", "{{ '42.7' | int }}", "{{ 'x' | int }}", "{{ 'x' | int(5) }}", "{{ '0x1f' | int(base=16) }}", "{{ '077' | int(base=8) }}", "{{ 2.9 | int }}", "{{ ' 7 ' | int }}", "{{ none_var | int }}", "{{ l | int }}", "{{ '2.5' | float }}", "{{ 'x' | float }}", "{{ 3 | float }}", "{{ '1e3' | float }}", "{{ 42.55 | round }}", "{{ 42.55 | round(1) }}", "{{ 0.5 | round }}", "{{ 1.5 | round }}", "{{ 7 | round }}", "{{ -3 | abs }}", "{{ -2.5 | abs }}", "{{ 'yes' | bool }}", "{{ 'True' | bool }}", "{{ 'off' | bool }}", "{{ 1 | bool }}", "{{ '1' | bool }}", "{{ 'x' | bool }}", "{{ none_var | bool }}", "{{ 2 | bool }}", "{{ 1.0 | bool }}", "{{ yes | ternary('a', 'b') }}", "{{ none_var | ternary('a', 'b', 'c') }}", "{{ 'x' | ternary('a', 'b') }}", "{{ none_var | ternary('a', 'b') }}",
		// lists
		"{{ l | first }}", "{{ l | last }}", "{{ [] | first }}", "{{ [] | first | default('x') }}", "{{ l | join(',') }}", "{{ nums | join }}", "{{ users | join(', ', attribute='name') }}", "{{ users | map(attribute='name') | join('+') }}", "{{ l | sort }}", "{{ l | sort(true) }}", "{{ l | sort(case_sensitive=true) }}", "{{ users | sort(attribute='age') | map(attribute='name') | list }}", "{{ users | sort(attribute='name') | map(attribute='age') | list }}", "{{ mixed | sort }}", "{{ l | reverse | list }}", "{{ l | reverse }}", "{{ nums | unique }}", "{{ l | unique }}", "{{ mixed | unique }}", "{{ [[1], [1]] | unique }}", "{{ nums | min }}", "{{ nums | max }}", "{{ l | min }}", "{{ users | max(attribute='age') }}", "{{ nums | sum }}", "{{ users | sum(attribute='age') }}", "{{ nums | sum(start=10) }}", "{{ l | sum }}", "{{ [[1], [2]] | sum(start=[]) }}", "{{ l | map('upper') | list }}", "{{ l | map('upper') }}", "{{ nums | map('string') | list }}", "{{ l | map('replace', 'a', 'x') | list }}", "{{ users | map(attribute='ok', default='?') | list }}", "{{ nums | select('odd') | list }}", "{{ nums | reject('odd') | list }}", "{{ nums | select('gt', 1) }}", "{{ mixed | select | list }}", "{{ users | selectattr('ok') | map(attribute='name') | list }}", "{{ users | selectattr('ok', 'defined') | map(attribute='name') | list }}", "{{ users | rejectattr('age', 'lt', 30) | map(attribute='name') | list }}", "{{ users | selectattr('name', 'equalto', 'Bob') | first }}", "{{ l | select('in', ['a', 'b']) | list }}", "{{ l | select('match', '[ab]') | list }}", "{{ [1, [2, [3, none]]] | flatten }}", "{{ [1, [2, [3]]] | flatten(levels=1) }}", "{{ [1, none, [2]] | flatten(skip_nulls=false) }}", "{{ l | zip(nums) | list }}", "{{ l | union(['z', 'a']) }}", "{{ l | intersect(['a', 'z']) }}", "{{ l | difference(['a']) }}", "{{ l | symmetric_difference(['a', 'z']) }}", "{{ l | length }}", "{{ d | length }}", "{{ n | length }}", "{{ l | list }}", "{{ d | list }}", "{{ range(5) | list }}", "{{ range(1, 10, 3) | list }}", "{{ range(5, 0, -2) | list }}", "{{ range(3) }}", "{{ range(0) | list }}", "{{ range(1, 2, 0) }}",
		// dictionaries
		"{{ d | combine({'x': 2, 'z': 3}) }}", "{{ {'a': {'b': 1, 'c': 2}} | combine({'a': {'b': 3}}, recursive=true) }}", "{{ {'a': {'b': 1}} | combine({'a': {'c': 3}}) }}", "{{ [{'a': 1}, {'b': 2}] | combine }}", "{{ {'a': 1} | combine }}", "{{ d | combine(l) }}", "{{ {'a': 1, 'b': 2} | dict2items }}", "{{ {'a': 1} | dict2items(key_name='k', value_name='v') }}", "{{ [{'key': 'a', 'value': 1}] | items2dict }}", "{{ [{'k': 'a'}] | items2dict }}", "{{ {'b': 1, 'A': 2} | dictsort }}", "{{ {'b': 1, 'a': 2} | dictsort(by='value') }}", "{{ d.items() | list | length }}", "{{ d.keys() | list }}", "{{ {'a': 1}.values() | list }}", "{{ d.get('x') }}", "{{ d.get('nope') }}", "{{ d.get('nope', 'dflt') }}", "{{ {'a': 1} | items | list }}", "{{ 'x' | extract(d) }}", "{{ ['x', 'y'] | map('extract', d) | list }}", "{{ 'deep' | extract(d, ['list', 0]) }}", "{{ dict(a=1, b=2) }}", "{{ dict([('a', 1)]) }}", "{{ dict(l | zip(nums)) }}", "{{ d | first }}",
		// encodings
		"{{ s | b64encode }}", "{{ 'U29tZQ==' | b64decode }}", "{{ s | b64encode | b64decode }}", "{{ 'x' | b64decode }}", "{{ 'U2 9tZQ=\n=' | b64decode }}", "{{ n | b64encode }}", "{{ d | to_json }}", "{{ unicode | to_json }}", "{{ d | to_json(indent=2) }}", "{{ d | to_nice_json }}", "{{ {'b': 1, 'a': 2} | to_json(sort_keys=true) }}", "{{ unicode | to_json(ensure_ascii=false) }}", "{{ as_json }}", "x{{ as_json }}", "{{ {1: 2, none: true} | to_json }}", "{{ json_text | from_json }}", "{{ (json_text | from_json).a[1] }}", "{{ 'x' | from_json }}", "{{ '{}' | from_json }}", "{{ quotes | to_json }}", "{{ [f, 1e100, none] | to_json }}", "{{ [] | to_nice_json }}",
		// regular expressions
		"{{ s | regex_replace('e', '3') }}", `{{ s | regex_replace('(\w+) (\w+)', '\2 \1') }}`, `{{ s | regex_replace('^(.*)$', 'x\1y') }}`, "{{ s | regex_replace('TEXT', 'x', ignorecase=true) }}", `{{ s | regex_replace('(?P<a>S)', '\g<a>\g<1>') }}`, "{{ s | regex_replace('nothing', 'x') }}", `{{ registry | regex_replace('/.*$') }}`, `{{ 'a.b' | regex_replace('\.', '-') }}`, "{{ s | regex_search('t..t') }}", `{{ s | regex_search('(\w+) (\w+)', '\2', '\1') }}`, "{{ s | regex_search('zzz') }}", `{{ 'a1b22' | regex_findall('\d+') }}`, `{{ 'a=1 b=2' | regex_findall('(\w)=(\d)') }}`, `{{ 'a=1 b=2' | regex_findall('(\w)=') }}`, "{{ 'a.b*c' | regex_escape }}", "{{ 'a.b*c' | regex_escape('posix_basic') }}", "{{ s is match('Some') }}", "{{ s is match('text') }}", "{{ s is search('text') }}", "{{ s is regex('^S') }}", "{{ s is search('TEXT', ignorecase=true) }}", "{{ s | regex_replace('(', 'x') }}", "{{ multi | regex_replace('^t', 'T', multiline=true) }}", `{{ s | regex_replace('(S)', '\9') }}`,
		// tests
		"{{ n is number }}", "{{ s is string }}", "{{ d is mapping }}", "{{ l is sequence }}", "{{ s is sequence }}", "{{ l is iterable }}", "{{ n is iterable }}", "{{ none_var is none }}", "{{ yes is boolean }}", "{{ yes is number }}", "{{ yes is integer }}", "{{ n is integer }}", "{{ f is float }}", "{{ n is even }}", "{{ 3 is odd }}", "{{ 9 is divisibleby 3 }}", "{{ 9 is divisibleby(2) }}", "{{ 'a' is lower }}", "{{ 'A1' is upper }}", "{{ 'b' is in l }}", "{{ 1 is not none }}", "{{ n is gt 41 }}", "{{ n is eq 42 }}", "{{ yes is true }}", "{{ 1 is true }}", "{{ no is false }}", "{{ missing is none }}", "{{ missing is string }}", "{{ l is all }}", "{{ [0, 1] is any }}", "{{ 'x' is truthy }}", "{{ '' is falsy }}", "{{ n is defined or missing }}", "{{ n is not defined }}", "{{ missing is sequence }}", "{{ missing is iterable }}", "{{ not n is defined }}", "{{ s is string and l is sequence }}", "{{ s | length is gt 3 }}", "{{ 'upper' is filter }}", "{{ (n is defined) | string }}",
		// methods
		"{{ 'a,b'.split(',') }}", "{{ 'a,b,c'.split(',', 1)[1] }}", "{{ 'a b'.split() }}", "{{ 'a,b,c'.rsplit(',', 1) }}", "{{ s.upper() }}", "{{ s.startswith('So') }}", "{{ s.endswith('x') }}", "{{ s.replace('e', 'E') }}", "{{ ','.join(l) }}", "{{ ' x '.strip() }}|", "{{ 'xax'.strip('x') }}", "{{ 'xax'.lstrip('x') }}", "{{ s.find('t') }}", "{{ s.index('zz') }}", "{{ s.count('e') }}", "{{ '5'.zfill(3) }}", "{{ '-5'.zfill(4) }}", "{{ 'a'.ljust(3, '.') }}", "{{ 'a'.rjust(3) }}", "{{ 'ab'.center(5, '*') }}", "{{ 'a-b-c'.partition('-') }}", "{{ 'a-b-c'.rpartition('-') }}", "{{ '123'.isdigit() }}", "{{ 'a1'.isalnum() }}", "{{ s.title() }}", "{{ 'aB'.swapcase() }}", "{{ multi.splitlines() }}", "{{ 'x{}y{}'.format(1, s) }}", "{{ '{0}{1}{0}'.format('a', 'b') }}", "{{ '{a:>5}|{b:05.1f}|{c:x}'.format(a='x', b=2.25, c=255) }}", "{{ '{{}}'.format() }}", "{{ '{}'.format() }}", "{{ '{:<5}|{:^7}|{:+d}'.format('a', 'b', 3) }}", "{{ 'prefix-x'.removeprefix('prefix-') }}", "{{ l.index('a') }}", "{{ nums.count(2) }}", "{{ s.nomethod() }}", "{{ dashes.split('-')[0].upper() }}",
		// lookups and globals
		"{{ lookup('env', 'OREG_TEST') }}", "{{ lookup('env', 'OREG_NOT_SET') }}|", "{{ lookup('env', 'OREG_NOT_SET', default='x') }}", "{{ query('env', 'OREG_TEST') }}", "{{ lookup('env', 'OREG_TEST', 'OREG_NOT_SET') }}", "{{ lookup('ansible.builtin.env', 'OREG_TEST') | upper }}", "{{ lookup('vars', 's') }}", "{{ lookup('vars', 'nope', default='x') }}", "{{ lookup('vars', 'nope') }}", "{{ lookup('vars', 'indirect') }}", "{{ lookup('env', ['OREG_TEST', 'OREG_NOT_SET']) }}",
		"{{ loop_a }}", "{{ self_ref }}", "{{ s | ansible.builtin.b64encode }}", "{{ undef() }}", "{{ undef() | default('x') }}",
		// combinations that inventories hold
		"{{ registry.split('/')[0] }}", "{{ registry | regex_replace('[$]{component}', 'pod') | regex_replace('[$]{version}', 'v3.11') }}", "{{ (s ~ ':' ~ numeric) | b64encode }}", "[{'host': '{{ s }}', 'password': '{{ quotes }}'}]", "{{ [{'host': s, 'password': quotes}] }}", "{{ users | selectattr('name', 'in', ['Bob', 'Carol']) | map(attribute='age') | map('int') | sum }}", "https://{{ s | lower | replace(' ', '.') }}:{{ n }}/v2/", "{{ {'a': numeric, 'b': n} }}", "{{ [numeric, n, f] }}",
	}
}
