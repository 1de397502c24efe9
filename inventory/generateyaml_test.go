package inventory

import (
	"fmt"
	"strings"
)

func (g generator) yamlVars() string {
	switch g.IntN(25) {
	case 0:
		return g.odd([]string{"", "---\n", "false\n", "a: 1\n...\n", "{}\n", "%YAML 1.1\n---\na: 1\n", "# c\n", "\ufeffa: 1\n"},
			[]string{"[1, 2]\n", "text\n", "a: 1\n---\nb: 2\n", "a: !x 1\n", "\ta: 1\n", "a: [1\n", "- a\n", "a: *x\n",
				"a: &x [*x]\n", "a: b: c\n"})
	case 1, 2:
		return g.json(3) + "\n"
	}
	text := g.yamlMap(3, "")
	if g.wild && g.chance(25) {
		text = g.mutate(text)
	}
	return g.pick("", "", "---\n") + text
}

func (g generator) json(depth int) string {
	if depth == 3 || depth > 0 && g.chance(40) {
		var items []string
		if depth < 3 && g.chance(50) {
			for range g.IntN(4) {
				items = append(items, g.json(depth-1))
			}
			return "[" + strings.Join(items, ", ") + "]"
		}
		for range g.IntN(4) {
			if depth < 3 && g.chance(4) {
				items = append(items, `"__ansible_vault": `+g.json(0))
				continue
			}
			items = append(items, g.pick(`"a"`, `"b"`, `"c"`, `"d"`, `"é"`, `"__ansible_unsafe"`)+": "+g.json(depth-1))
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	return g.pick("1", "-0", "0", "1.5", "1e3", "1E+2", "-1.0", "NaN", "Infinity", "-Infinity", "true", "false", "null", `"x"`,
		`"\u00e9\n"`, `"\ud83d\ude00"`, `""`, "12345678901234567890", `"{{ x }}"`, "0.1e-10", `"a\tb"`, "1E400",
		g.odd([]string{"0.0"}, []string{"01", "1.", ".5", "'x'", "tru", `"\x"`}))
}

func (g generator) yamlKey() string {
	if g.chance(8) {
		return g.odd([]string{"1", "yes", "~", "1.5", "'q'", `"x y"`, "=", "0x10", "é", "a b", "k#x", "true", "null", "0644",
			// Not '1' as well: JSON then has the key 1 twice.
			"groups", "ansible_group_priority"}, []string{"? [1]\n", "2020-01-02", "-", "<<", "[1]"})
	}
	return g.pick("a", "b", "c", "d", "ansible_host", "oreg_url")
}

func (g generator) yamlMap(depth int, indent string) string {
	var b strings.Builder
	for i := range 1 + g.IntN(4) {
		key := g.yamlKey()
		b.WriteString(indent + key + ":")
		switch {
		case depth > 0 && g.chance(15):
			b.WriteString(g.pick("", "", fmt.Sprintf(" &m%d", g.IntN(1+i*i*i))) + "\n" + g.yamlMap(depth-1, indent+g.pick("  ", "    ", " ")))
		case depth > 0 && g.chance(12):
			b.WriteString("\n")
			for range 1 + g.IntN(3) {
				b.WriteString(indent + g.pick("- ", "  - ", "-   ") + g.yamlScalar() + "\n")
			}
		case g.chance(6):
			b.WriteString(g.pick(" |\n", " >\n", " |-\n", " >-\n", " |+\n", " !unsafe |\n", " |2\n", " !vault |\n"))
			b.WriteString(indent + "  text\n")
			for range g.IntN(3) {
				b.WriteString(indent + "  " + g.pick("text", "a # b", "  more", "x: y", "", "- z") + "\n")
			}
		case i > 0 && (g.wild && g.chance(4) || strings.Contains(b.String(), "&m0") && g.chance(40)):
			b.WriteString(g.pick(" *m0\n", " {<<: *m0, z: 1}\n", " [*m0, *m0]\n", "\n"+indent+"  <<: *m0\n"+indent+"  a: 2\n",
				"\n"+indent+"  <<: [*m0, {b: 3, c: 4}]\n"))
		default:
			b.WriteString(" " + g.yamlScalar() + g.pick("", "", "", "", " # c", "#c", "  ") + "\n")
		}
	}
	return b.String()
}

func (g generator) yamlScalar() string {
	switch g.IntN(5) {
	case 0:
		return g.odd([]string{
			"yes", "No", "ON", "off", "y", "n", "True", "TRUE", "tRue", "~", "null", "Null", "NULL", "nULL", "", "'yes'",
			"\"5\"", ".inf", "-.Inf", ".nan", "+.inf", ".NaN", "'='",
		}, []string{"=", "<<"})
	case 1:
		return g.odd([]string{
			"0644", "0o644", "08", "1e3", "1.0e3", "1.0e+3", "-.5", ".5", "12:30", "1:2:3.5", "2020-01-02", "2020-1-2",
			"2020-01-02 03:04:05", "2020-01-02T03:04:05Z", "2020-01-02 03:04:05.123456789 +02:00", "2020-1-2 3:04:05 -5",
			"1_000", "0x1F", "0xg", "0b11", "0b12", "-0", "+5", "0_", "1_", "1.", "1._5", "3.10", "12345678901234567890",
			"190:20:30", "1:60", "-1:30", "-0x1f", "-0644", "+0b1", "00", "0.0", "-0.0", "1e5.0", "1.5e3", "0:0", "1:2.",
			"2001-12-14t21:59:43.10-05:00", "2020-01-02 03:04:05 -00:30", "2020-01-02 03:04:05.1", "0o", "1__0", "-", "+",
			"1e-3", "1.e+3", "1_0.5_0", "0_7", "-.inf", "1:2:3", "99:99", "1.0E+3", ".5e-3", "._5", "+.5", "0b1_0", "0x_F",
		}, []string{"2020-13-45", "0b_", "0x_", "2020-01-02T24:00:00", "0000-01-01", "2020-01-02 03:04:05 +24:00"})
	case 2:
		return g.odd([]string{
			"!!str 5", "!!int '5'", "!!float 5", "!!bool yes", "!!null x", "!!timestamp 2020-01-02", "!unsafe x", "!unsafe 5",
			"!unsafe {a: b}", "!unsafe [a, [b]]", "!vault x", "!vault-encrypted x", "!!omap [a: 1]", "!!pairs [a: 1]",
			"!!str", "!!map {a: 1}", "!!seq [1]", "!!int 0x1F", "!!str yes", "!!float 1e3", "!unsafe", "!!int 0644", "!!int 1:30",
			"!!float 1:30.5", "!unsafe {a: {b: c}, d: [e]}", "!unsafe [a, 1, yes, ~]", "!!bool ON", "!!float .inf", "!!pairs [a: [1]]",
		}, []string{
			"!!binary aGk=", "!!set {a, b}", "!!int x", "!foo x", "!!bool x", "!!float x", "!!python/tuple [1]", "!!merge <<", "!!int",
			"!!map [a]", "!!seq {a: 1}", "!!str [a]", "!vault [a]", "!!timestamp x", "!!omap {a: 1}", "!!pairs [a]",
		})
	case 3:
		return g.odd([]string{
			"{a: 1}", "[1, 2]", "[]", "{}", "[a, b: c]", "{a, b}", "{a: {b: [c]}}", "[1, [2, [3]]]", "{'a':1}", "{\"a\":1}",
			"{a:1}", "[a,b]", "[ a, ]", "{a: 1, a: 2}", "{1: a, true: b}", "[? a : b]", "{1: a, 1.0: b, b: c}", "{b: 1, a: 2}",
			"{2: a, 10: b}", "{1.5: a, 1: b}", "{~: a}", "[a: b, c: d]", "{a: , b: }", "[1,2,]", "{a: [b, {c: d}]}",
		}, []string{"{[1]: 2}", "{{a: b}: c}", "[a", "{a: 1", "[,]", "{2020-01-02: a}"})
	}
	return g.odd([]string{
		"x", "text with blanks", "a:b", "'it''s'", `"a\nb\x41\u00e9"`, "\"a\\\n  b\"", "-x", "a#b", "a #b", "\"{{ x }}\"", "é",
		"http://x/?a=b", "v3.11", "a\n  b", "'a\n\n  b'", ":x", "?x", "x\t# c", "\"a\tb\"", "\"a\n   b\"", "a, b", "a]b", "a{b",
		`"\e\_\N\L\P\0\a\v"`, "x'y", "x\"y", "a: ", "--", "---x", "a;b", "$x", "~x", "<<x", "0.1.2", "1.2.3.4", "x!y", "!", "! x", "! 'yes'", "! \"5\"",
	}, []string{
		"- x", "@x", "`x", "%x", "'open", "{{ x }}", "x: y", "[x", "&a x", "*a", "\"\\d\"", ",x", "? x", "|x", ">x", "]", "}", "x:",
		"\"a\"b", "'a' b", "&a &b x", "!x!y z", "\x01", "\u0085", "\ufffe",
	})
}

func (g generator) yamlInventory() string {
	var b strings.Builder
	b.WriteString(g.pick("", "---\n"))
	for range 1 + g.IntN(3) {
		g.yamlGroup(&b, "", 2)
	}
	return b.String()
}

func (g generator) yamlGroup(b *strings.Builder, indent string, depth int) {
	name := g.group()
	if g.chance(4) {
		name = g.odd([]string{"\"a b\"", "'q'", "all"}, []string{"1", "true", "~", "''", "plugin"})
	}
	b.WriteString(indent + name + ":")
	if g.chance(10) {
		b.WriteString(g.odd([]string{"", " {}", " ~"}, []string{" x", " [1]", " 5"}) + "\n")
		return
	}
	b.WriteString("\n")
	in := indent + "  "
	sections := g.Perm(4)
	for _, section := range sections[:1+g.IntN(3)] {
		switch section {
		case 0:
			if g.chance(20) {
				b.WriteString(in + "hosts:" + g.odd([]string{" h1", " ~", "", " {h1: {a: 1}, h2: }"}, []string{" [h1]", " 5"}) + "\n")
				continue
			}
			b.WriteString(in + "hosts:\n")
			for _, name := range g.Perm(5)[:g.IntN(4)] {
				host := []string{"h1", "h2", "h3:22", "h[1:3]", "\"[::1]:22\""}[name]
				if g.wild && g.chance(10) {
					host = g.pick("5", "h[1:", "'h4'", "h5:", "~", "''")
				}
				b.WriteString(in + "  " + host + ":")
				if g.chance(40) {
					b.WriteString("\n" + g.yamlMap(1, in+"    "))
				} else {
					b.WriteString(g.odd([]string{"", "", " {}", " ~", " {a: 1}", " 0", " []", " no"}, []string{" x", " [1]", " 5"}) + "\n")
				}
			}
		case 1:
			b.WriteString(in + "vars:\n" + g.yamlMap(2, in+"  "))
		case 2:
			if depth == 0 {
				continue
			}
			if g.chance(20) {
				b.WriteString(in + "children:" + g.odd([]string{" g1", " ~", "", " {g1: {}}"}, []string{" [g1]", " 5"}) + "\n")
				continue
			}
			b.WriteString(in + "children:\n")
			for range 1 + g.IntN(2) {
				g.yamlGroup(b, in+"  ", depth-1)
			}
		default:
			b.WriteString(in + g.pick("other: 1\n", "x: {}\n", "x: {a: 1}\n", "1: 2\n", "y: ~\n"))
		}
	}
}
