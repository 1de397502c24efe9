package inventory

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes random inventories: mostly sensible ones with a trap here
// and there, as real ones are.
type generator struct {
	*rand.Rand
	// wild inventories hold what Ansible refuses.
	wild bool
}

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

// odd picks from what is accepted, or in a wild inventory also from what is not.
func (g generator) odd(accepted, refused []string) string {
	if g.wild && g.chance(50) {
		return g.pick(refused...)
	}
	return g.pick(accepted...)
}

func generate(r *rand.Rand) testCase {
	g := generator{r, r.IntN(100) < 30}
	c := testCase{files: map[string]string{}}
	c.files["hosts"] = g.ini()
	if g.chance(10) {
		c.files["hosts"] = g.yamlInventory()
	}
	if g.wild && g.chance(40) {
		c.files["hosts"] = g.mutate(c.files["hosts"])
	}
	near := ""
	if g.chance(15) {
		c.dir = "cwd"
		c.sources = []string{"../hosts"}
		g.varFiles(c.files, "cwd/")
		if g.chance(40) {
			c.files["more/second"] = g.ini()
			c.sources = append(c.sources, "../more/second")
			g.varFiles(c.files, "more/")
		}
	} else if g.chance(8) {
		c.files["dir/10-a"] = c.files["hosts"]
		c.files["dir/20-b"+g.pick("", "", ".yml", ".ini", ".bak", "~")] = g.ini()
		c.sources = []string{"dir"}
		near = "dir/"
	}
	if g.chance(60) {
		g.varFiles(c.files, near)
	}
	if g.chance(10) {
		c.extra = append(c.extra, g.extraVars())
	}
	return c
}

func (g generator) group() string {
	if g.chance(4) {
		return g.odd([]string{"g-x", "g.y", "3g", "G1", "é", "a#b", "g1,g2", "'q'", "ungrouped"}, []string{"all", "h1"})
	}
	return g.pick("g1", "g2", "g3", "g4", "g5", "g6")
}

func (g generator) host() string {
	switch g.IntN(30) {
	case 0:
		return g.odd([]string{
			"h[1:3]", "h[01:03]", "h[a:c]", "h[1:9:4]", "[1:2].x", "h[1:2]-[a:b]", "h[y:B]", "h[3:1]", "h[0:3]", "h[:3]",
			"h[ab:cd]", "h[+1:3]", "h[1:1_0]", "h[3:1:-1]", "h[1:2]:33",
		}, []string{
			"h[", "h[1-3]", "h[1:]", "h[01:3]", "h[A:c]", "h[a:3]", "h[1:3:0]", "h|[1:2]", "h[1:2", "[a:c]:22", "h[c:a]",
			"h[1]", "h[]", "h[1:2:3:4]", "h[:]",
		})
	case 1:
		return g.odd([]string{
			"h1:22", "h2:0", "h3:0022", "h_:22", "h-:22", "u@h:22", "[h1]:22", "[::1]:22", "::1", "fe80::1",
			"2001:db8::[1:3]", "10.0.0.[1:3]", "10.0.0.1:22", "[10.0.0.1]:22", "h:x", "h.:22", "é:22", "---:22", "h:99999",
		}, []string{"h:", "h::", "2001:db8::", "[::1]", "[h.x]"})
	case 2:
		return g.odd([]string{
			`"h1"`, `'h 2'`, `h\ 3`, "h,k", "h#c", "h;c", "g1", "localhost", "a=b", "h]", "$x", "h|x", "{h}",
		}, []string{`""`, "---", "{{ x }}", "'h", `h\`, "h k"})
	}
	return g.pick("h1", "h2", "h3", "h4", "h5", "h6.example.com")
}

func (g generator) name() string {
	if g.chance(3) {
		return g.odd([]string{"ansible_port", "groups", "omit", "'k'", "a b", "", "k.x", "inventory_dir",
			"playbook_dir", "é", "ansible_facts"}, []string{"ansible_group_priority"})
	}
	return g.pick("a", "b", "c", "d", "ansible_host", "oreg_url", "ansible_group_priority_")
}

// literal is a Python expression, or nearly one.
func (g generator) literal(depth int) string {
	if depth > 0 && g.chance(35) {
		items := make([]string, g.IntN(4))
		for i := range items {
			items[i] = g.literal(depth - 1)
		}
		sep := g.pick(",", ", ", " , ")
		list := strings.Join(items, sep)
		if g.chance(10) && list != "" {
			list += ","
		}
		switch g.IntN(6) {
		case 0, 1:
			return "[" + list + "]"
		case 2:
			return "(" + list + ")"
		case 3:
			if g.wild && g.chance(30) {
				return "{" + list + "}"
			}
		}
		for i := range items {
			items[i] = g.pick("'a'", "'b'", "1", "'host'", "True", "1.0", "None", "\"k\"", g.odd([]string{"2"}, []string{"(1,2)", g.literal(0)})) +
				g.pick(":", ": ", " : ") + items[i]
		}
		return "{" + strings.Join(items, sep) + "}"
	}
	switch g.IntN(8) {
	case 0:
		return g.pick("1", "0", "00", "010", "0644", "08", "1_000", "0x1F", "0o17", "0b11", "1e3", "1.", ".5", "01.5", "+5",
			"-5", "-0.0", "1e999", "3.10", "3.11.0", "--1", "-True", "1__0", "0_0", "1e", "1if 1 else 2",
			"123456789012345678901234567890", "1.5e-7", "1e16", "123456789.123456789", "0x", "1_", "0b12", "5L", "1.e5",
			"- 5", "-(5)", "(5)", "0xg", "1.2.3", "1-2", "1 2", "0.1", "1e22", "1e15", "12345678901234567.0", "0e0")
	case 1:
		return g.pick("True", "False", "None", "true", "false", "yes", "null", "x", "Truex", "True2",
			"lambda: 1", "not 1", "a.b", "a[0]", "f(1)", "__x", "await x", "True if x else y")
	case 2:
		return g.pick(`'it''s'`, `"a" 'b'`, `u'x'`, `r'\d'`, `b'x'`, `f'x'`, `f'{x}'`, `f'{x'`, `f'}'`, `f'{{'`, `f'{x!r:>{w}}'`, `f'\x'`, `rb'\x41'`, `bR'x'`, `'\d'`, `'\x41\u00e9\101'`,
			`'\N{BULLET}'`, `"\u12"`, `'''a'''`, `"""a"b"""`, `''`, `""`, `'a`, `a'`, `'a' b`, `'C:\temp'`, `'\\'`, `'\'`,
			`'a' 'b' u'c'`, `'a' b'c'`, `'\x4'`, `'\U0001F600'`, `'\8'`, `b'é'`, `'é'`, `"#"`, `''''`, `'\0'`, `'\ud800'`)
	case 3:
		return g.odd([]string{
			"{{ x }}", "{{ x }}-y", "{{x}}{{y}}", "{% if x %}1{% endif %}", "{**a}", "[*a]", "{a, [2]}", "{1: 2, **a}",
			"[x for x in y]", "{{ 'x' | f('y') }}", "{{ 'x' }} y", "{{1}: a}", "{{ 'x' }}.y", "{{ 'x' }}{{ y }}",
		}, []string{
			"{{ 'x' }}", "{{ 1 }}", "{[1]: 2}", "{1, [2]}", "{[1], a}", "{{ ['a'] }}", "{{ 'a' }}, {{ b }}", "{{}}",
			"{(1,[2]): 3}", "{{ {'a': 1} }}", "{()}", "b'x', 1", "...", "1j", "{1}",
		})
	case 4:
		return g.pick("a,b", "443,8443", "1,", "'a','b'", "1 # c", "'a' # c", "[1] # c", "x # c", "# c", "a#b", "k;x", "a b",
			"1;", ",", "()", "[]", "{}", "(,)", "[,]", "{,}", "[1 2]", "{'a' 1}", "{'a': }", "(1", "1)", "[1]]", "'a','b' c")
	}
	return g.pick("'x'", "\"y z\"", "v1", "5", "text", "http://x/?a=b&c=d", "/a/b", "a:b", "10.0.0.1", "v3.11", "3.11", "x-y")
}

// hostValue quotes a value for a host line, mostly as one should.
func (g generator) hostValue() string {
	v := g.literal(2)
	switch g.IntN(6) {
	case 0:
		if g.wild || !strings.ContainsAny(v, " '\"\\") {
			return v
		}
	case 1:
		if g.wild || !strings.Contains(v, "'") {
			return "'" + v + "'"
		}
	case 2:
		if g.wild || !strings.ContainsAny(v, "\"\\") {
			return `"` + v + `"`
		}
	case 3:
		return `"` + strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `"`, `\"`) + `"`
	}
	return g.pick("1", "x", "'a b'", `"a b"`, "x#y", `x\#y`, "C:\\x", "'5'", `"'5'"`, "True", "a=b", "", "[1,2]", `" 5 "`, "{}")
}

func (g generator) line() string {
	var b strings.Builder
	b.WriteString(g.host())
	for g.chance(45) {
		b.WriteString(g.pick(" ", "  ", "\t") + strings.ReplaceAll(g.name(), " ", "") + "=" + g.hostValue())
	}
	if g.chance(6) {
		b.WriteString(g.odd([]string{" # c", " #c 'x", "#c", "  ", " =", " ;c=d"}, []string{" ; c", " \\", " 'x", " x", " x= y"}))
	}
	return b.String()
}

func (g generator) ini() string {
	var b strings.Builder
	end := "\n"
	if g.chance(5) {
		end = g.odd([]string{"\r\n", "\r", "\v", "\u2028", "\u0085", "\x1c"}, []string{"\x85"})
	}
	write := func(s string) { b.WriteString(s + end) }
	for range g.IntN(3) {
		write(g.line())
	}
	for range 1 + g.IntN(7) {
		name := g.group()
		switch g.IntN(5) {
		case 0, 1:
			write("[" + name + g.pick("", "", "", ":hosts") + "]" + g.odd([]string{"", "", "", " # c", "#c"}, []string{" ; c", "", ""}))
			for range g.IntN(5) {
				write(g.line())
			}
		case 2, 3:
			if !g.wild {
				write("[" + name + "]")
			}
			write("[" + name + ":vars]")
			for range g.IntN(4) {
				write(g.name() + g.pick("=", "=", " = ") + g.literal(3))
			}
			if g.chance(5) {
				write("ansible_group_priority=" + g.odd([]string{"5", "'7'", "1.9", "True", "-2", "' 3 '", "1_0", "0", "2"},
					[]string{"x", "None", "", "[1]"}))
			}
		default:
			g.children(write)
		}
		if g.chance(3) {
			write(g.odd([]string{"", "; c", "  # c", "\u00a0", "\t"},
				[]string{"[x", "[g1:foo]", "[ g1 ]", "[]", "[g1:]", "[a:c].x", "[a:c] v=1", "[[g]]", "é", "[g1:VARS]", "x y"}))
		}
	}
	text := b.String()
	if !g.wild || g.chance(60) {
		// Names that are only mentioned would refuse most of what is made.
		for i := 1; i <= 6; i++ {
			text += fmt.Sprintf("[g%d]%s", i, end)
		}
	}
	return text
}

// children are groups of a higher number, so that there is no cycle, unless
// the inventory is wild.
func (g generator) children(write func(string)) {
	parent := 1 + g.IntN(5)
	write(fmt.Sprintf("[g%d:children]", parent))
	for range 1 + g.IntN(3) {
		child := fmt.Sprintf("g%d", parent+1+g.IntN(6-parent))
		if g.wild && g.chance(20) {
			child = g.group() + g.pick("", "", ":x", " y", "#c", ":22")
		}
		write(child + g.pick("", "", "", "", "", " # c", "# c"))
	}
}

// mutate breaks a text in a few places.
func (g generator) mutate(s string) string {
	b := []byte(s)
	for range 1 + g.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := g.IntN(len(b))
		switch g.IntN(4) {
		case 0:
			b = append(b[:at], b[at+1:]...)
		case 1:
			const marks = "[]:='\"#;\\ \n{}(),0a-_.|!*&%@`"
			b[at] = marks[g.IntN(len(marks))]
		case 2:
			b = append(b[:at:at], append([]byte(g.pick("[", "]", ":", "=", "'", "\"", "#", "\\", " ", "\n", "\t", "\r", "\xff", "\u00a0")), b[at:]...)...)
		default:
			end := at + g.IntN(min(20, len(b)-at)+1)
			b = append(b[:at:at], b[end:]...)
		}
	}
	return string(b)
}

func (g generator) varFiles(files map[string]string, under string) {
	for range 1 + g.IntN(3) {
		kind, name := "group_vars", g.group()
		if g.chance(25) {
			name = "all"
		}
		if g.chance(30) {
			kind, name = "host_vars", g.pick("h1", "h2", "h3", "h6.example.com", "::1")
		}
		path := under + kind + "/" + name + g.pick("", ".yml", ".yaml", ".json", "/main.yml", "/b.yml", "/.x.yml", "/x.txt", "/sub/a", "/s.d/a")
		clash := false
		for have := range files {
			clash = clash || have == path || strings.HasPrefix(have, path+"/") || strings.HasPrefix(path, have+"/")
		}
		if clash || strings.ContainsAny(name, "'") {
			continue
		}
		files[path] = g.yamlVars()
	}
}

func (g generator) extraVars() string {
	return g.odd([]string{
		"a=1", "a=x b='y z'", `{"a": [1, 2.50], "b": null}`, "{a: yes, b: 0644}", "a='5'", "a", "x a=1", `a="q\"x" b=\x41`,
		"a={{ b c }} d=1", "a=b=c", "='x'", `a=x\=y`, "a=  x", "a=\n b=2", `a\=b`, `a="x y"z`, "a=1  b=2", "a=\u00e9",
	}, []string{"[1]", "@hosts", "a='x", "/x", "{a: 1", "./x", "a={{ b", " a=1"})
}
