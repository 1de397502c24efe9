package inventory

func valueCases() []testCase {
	return []testCase{
		{name: "I3-numbers-in-vars", files: variables(
			"5", "3.10", "-3.11", "3.11.0", "v3.11", "010", "0644", "08", "1+1", "--1", "00", "0x1F", "0o17", "0b11", "1_000",
			"1e3", "1.", ".5", "01.5", "+5", "-0.0", "123456789012345678901234567890", "1__0", "1_", "0_0", "- 5", "-(5)", "(5)",
			"1if 1 else 2", "5L", "56L", "123_456", "1e5", "0777", "123456.", "1.5e-7", "1e16", "1e15", "1e22", "123456789.123456789",
			"0xg", "0b12", "1.2.3", "1 2", "1-2", "0.1", "5e-324", "1.7976931348623157e308", "0.0001", "0.00001", "1e1_0", "-0", "+0.0",
		)},
		{name: "I3-words-in-vars", files: variables(
			"True", "False", "None", "true", "false", "yes", "no", "null", "None;", "NONE", "Truex", "not True", "x", "a.b", "f(1)",
			"lambda: 1", "await x", "True if x else y", "", "a", "-True", "~1", "True, False", "None,", "set", "setx",
		)},
		{name: "I2-quotes-in-vars", files: variables(
			`"5"`, `'3.10'`, `'it''s'`, `"a" 'b'`, `'a' 'b'`, `"a" b`, `u'x'`, `r'\d'`, `b'x'`, `f'x'`, `rb'\x41'`, `bR'x'`, `'\d'`,
			`"C:\temp"`, `C:\temp`, `'\x41\u00e9\101'`, `'\N{BULLET}'`, `'\N{bullet}'`, `"\u12"`, `'''a'''`, `"""a"b"""`, `''`, `""`, `'a`, `a'`,
			`'\\'`, `'\'`, `'a' b'c'`, `'\x4'`, `'\U0001F600'`, `'\8'`, `b'é'`, `'é'`, `'"my###pw"'`, `"'x'"`, `''''`, `'\0'`, `b'\xff'`,
			`'\N{NO SUCH}'`, `'\400'`, `'a\`, `"a'b"`, `'\''`, `"\""`, `'\e'`, `ur'x'`, `'x' # c`, `f'{x'`, `f'}'`, `f'{x!r:>{w}}' 'y'`,
		)},
		{name: "I7-comments-in-vars", files: variables(
			"v # c", "1 # c", "'a' # c", "[1] # c", `"a"#b`, "# c", "a;b", "a#b", "1;", "1 ; c", "'a' ; c", "{} #", "(1 # c", "True#x",
		)},
		{name: "I5-collections-in-vars", files: variables(
			"{'a': 1}", "{'a': 1,}", "{'a': 1, 'a': 2}", "{1: 2, True: 3, 1.0: 4}", `{"a": true}`, `{"a": null}`, `{"a": "b"}`, `'{"a": 1}'`,
			"{'a': 1", "{a: 1}", "['a', b]", "[1, 2]", "[1, 2,]", "[]", "{}", "()", "(1)", "(1,)", "(1, 2)", "[[1], [2, [3]]]", "443,8443",
			"1,", "'a','b'", "a,b", ",", "[,]", "{,}", "(,)", "[1 2]", "{'a' 1}", "{'a': }", "[1]]", "{None: 1, False: 2}",
			"{'b': 1, 'a': {'d': 1, 'c': [True, None]}}", "{2: 'a', 10: 'b'}", "{1.5: 'a', 1: 'b'}", "[x for x in y]", "[*a]", "{**a}",
			"[{'host':'r.example.com','user':'name','password':'pass1','test_login':'False'},{'host':'r2.io','password':'p','tls_verify':False}]",
			`[{"host":"r.example.com","password":"p","tls_verify":true}]`, "{'a': [1, (2, 3)], 'b': ('x', {'y': 0x10})}",
		)},
		{name: "templates-in-vars", files: variables(
			"{{ x }}", "{{ x }}-y", "{{x}}{{y}}", "{% if x %}1{% endif %}", "{{ 'x' | f('y') }}", "{{ 'x' }} y", "{{ 'x' }}.y",
			"{{ 'x' }}{{ y }}", "{{1}: a}", "{a, [2]}", "{{ x, 'y' }}", "{# c #}", "{{ lookup('env', 'X') }}", "{{ a[0].b }}",
			"{{ 'x' }} if y else z", "{{ 'x' }} + 1", "[{{ 'x' }} + 1]", "{[1]: x}", "{{ 'a' }}, {{ b | c(' }}",
		)},
		{name: "keys-in-vars", files: iniFile("[g]\nh\n[g:vars]\na b = c\nk==v\n=v\n'k'=v\nurl: http://x?a=b\nk.x=1\né=1\n  s  =  t  \nx=\ny =\n")},
		{name: "I2-I3-host-line-quotes", files: hostWords(
			`"5"`, `'3.10'`, `"'5'"`, `"True"`, `" 5 "`, `" a "`, `"1 # 2"`, `{'a':'b'}`, `['a','b']`, `"{'a':'b'}"`, `[1,2]`, `"a\nb"`, `C:\temp`,
			`'C:\temp'`, `"C:\temp"`, ``, `a=b`, `"a"b'c'`, `'"my###pw"'`, `"a\"b"`, `"a\\b"`, `a\ b`, `\"a`, `''`, `'' y=1`, `"x y" y='z w'`, `True`,
			`None`, `010`, `v3.11`, `3.11`, `1,2`, `"(1, 2)"`, `'[1, "a"]'`, `a;b`, `;c`, `é`, `"é ü"`, `0x10 ;c=d`, `"{{ y }}"`, `{{y}}`, `"[{\"a\": true}]"`,
		)},
		{name: "I1-host-line-comments", files: iniFile("[g]\nh1 x=a#b y=1\nh2 x=\"a#b\" y=1\nh3 x=a\\#b y=1\nh4 x=\"a\"#b\nh5#c x=1\nh6 x=1 # it's\n" +
			"h7 x=1 #\nh8 # x=1\nh9 ;c=d\nh10 x=1;y=2\nh11 x='#'\nh12 x=# y=1\n")},
		{name: "host-line-keys", files: iniFile("[g]\nh1 =v\nh2 \"a b=c d\"\nh3 x=1 x=2\nh4 x=1\nh4 y=2\nh4 x=3\nkey=value\n\"h x\" y=1\nh,k\nh;c x=1\n" +
			"h5 x={} x=[]\nh6 'x'=1\n")},
		{name: "yaml-scalars", files: yamlValues(
			"yes", "No", "ON", "off", "y", "n", "True", "tRue", "~", "null", "nULL", "", "'yes'", `"5"`, "0644", "0o644", "08", "1e3",
			"1.0e3", "1.0e+3", "-.5", ".5", "12:30", "1:2:3.5", "2020-01-02", "2020-1-2", "2020-01-02 03:04:05", "2020-01-02T03:04:05Z",
			"2020-01-02 03:04:05.123456789 +02:00", "2020-1-2 3:04:05 -5", "2020-01-02 03:04:05 -00:30", "1_000", "0x1F", "0xg", "0b11",
			"0b12", "-0", "+5", "0_", "1_", "1.", "1._5", "3.10", "12345678901234567890", "190:20:30", "1:60", "-1:30", "-0x1f", "-0644",
			"00", "0.0", "-0.0", "1e5.0", "0:0", "1:2.", "2001-12-14t21:59:43.10-05:00", "1__0", "+", "._5", "+.5", "0x_F", "1e-3",
			"2020-01-02 24:00", "0123456789", "09.5", "1,000", "0.1.2", "=x", "<<x", "! x", "!", "! 'yes'",
		)},
		{name: "yaml-infinities", files: yamlValues(".inf", "-.Inf", "+.inf", ".nan", ".NaN", "-.nan", "!!float .inf")},
		{name: "yaml-tags", files: yamlValues(
			"!!str 5", "!!int '5'", "!!float 5", "!!bool yes", "!!null x", "!!timestamp 2020-01-02", "!unsafe x", "!unsafe 5",
			"!unsafe {a: b}", "!unsafe [a, [b]]", "!vault x", "!vault-encrypted x", "!!omap [a: 1]", "!!pairs [a: 1]", "!!str",
			"!!map {a: 1}", "!!seq [1]", "!!int 0x1F", "!!str yes", "!!float 1e3", "!unsafe", "!unsafe {a: {b: c}, d: [e]}",
			"!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61626364\n", "!unsafe |\n  {{ x }}\n",
		)},
		{name: "yaml-collections", files: yamlValues(
			"{a: 1}", "[1, 2]", "[]", "{}", "[a, b: c]", "{a, b}", "{'a':1}", "{\"a\":1}", "{a:1}", "[ a, ]", "{a: 1, a: 2}",
			"{1: a, true: b}", "[? a : b]", "{2: a, 10: b}", "{1.5: a, 1: b}", "{~: a}", "{b: 1, a: 2}", "{=: 1}", "{0644: a}",
			"\n  - a\n  - b: 1\n    c: 2\n  -\n    - x\n", "\n- a\n- b\n", "|\n  a\n   b\n\n  c # d\n", ">\n  a\n  b\n\n  c\n", "|-\n  a\n",
			"|+\n  a\n\n", ">-\n  a\n", "|2\n    a\n", "\"a\\nb\\x41\\u00e9\\e\\_\\N\\L\\P\\0\"", "'it''s'", "a\n  b", "'a\n\n  b'", "http://x/?a=b",
			"a #b", "a#b", "\"a\\\n  b\"",
		)},
		{name: "yaml-merge-and-anchors", files: map[string]string{"hosts": "h\n", "group_vars/all.yml": "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n" +
			"c: {y: 3, <<: *a}\nd: {<<: [*a, {x: 9, w: 8}]}\ne: [*a, *a]\nf: &f 5\ng: *f\nh: {<<: *a, <<: {x: 7}}\ni: {'<<': *a}\n? j\n: k\n<<: {l: m}\nyes: n\n5: o\n"}},
	}
}
