package ini

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/graph"
	"oreg/inventory/problem"
)

func parseText(text string) (*graph.Inventory, problem.Problems, []string) {
	inv := graph.New()
	var warned []string
	problems := Parse(inv, text, Options{
		File: "hosts", Sensitive: func(name string) bool { return name == "pw" },
		Warn: func(p *problem.Problem) { warned = append(warned, p.String()) },
	})
	return inv, problems, warned
}

func TestWords(t *testing.T) {
	tests := []struct{ line, words string }{
		{`a b`, "a|b"},
		{`a  "b c"  d`, "a|b c|d"},
		{`a'b c'd`, "ab cd"},
		{`"a\"b\\c\d"`, `a"b\c\d`},
		{`'a\'`, `a\`},
		{`a\ b\#c`, "a b#c"},
		{`a#b c`, "a"},
		{`a "" ''`, "a||"},
		{`# c`, ""},
		{`a # it's`, "a"},
	}
	for _, test := range tests {
		w, err := split(test.line, true)
		require.NoError(t, err, test.line)
		assert.Equal(t, test.words, strings.Join(w.list, "|"), test.line)
	}
	for _, line := range []string{`a'b`, `a"b`, `a "b\"`} {
		_, err := split(line, true)
		require.ErrorIs(t, err, errOpenQuote, line)
	}
	for _, line := range []string{`a\`, `"a\`} {
		_, err := split(line, true)
		require.ErrorIs(t, err, errBackslash, line)
	}
	args, err := SplitWords(`-o ProxyCommand="ssh -W %h:%p x" -o A=#b`)
	require.NoError(t, err)
	assert.Equal(t, []string{"-o", "ProxyCommand=ssh -W %h:%p x", "-o", "A=#b"}, args)
}

// TestSeveralMistakes: what follows from a mistake is not a mistake.
func TestSeveralMistakes(t *testing.T) {
	_, problems, _ := parseText("[g]\nh x\nh2 'y\n[g:foo]\nanything at all\nand = more\n[g:vars]\nk\nl=1\n[ g ]\nx y z\n[p:children]\nmissing\n")
	var at []string
	for _, p := range problems {
		at = append(at, p.Pos.String())
	}
	assert.Equal(t, []string{"hosts:2", "hosts:3", "hosts:4", "hosts:8", "hosts:10", "hosts:13"}, at)

	_, problems, _ = parseText("[g]\n" + strings.Repeat("h x\n", 1000))
	assert.Len(t, problems, maxProblems)
}

func TestCommentTraps(t *testing.T) {
	for line, want := range map[string]string{
		"h pw=a#b":       "hosts:2: pw is cut off by a # without quotes: the rest of the line is a comment",
		"h pw=a x=1#2":   "hosts:2: the line that sets pw is cut off by a # without quotes: the rest is a comment",
		"h x=1 # pw=a":   "hosts:2: pw stands behind a # without quotes: the rest of the line is a comment",
		"h pw=a x=1 # c": "",
		"h x=a#b":        "",
		"h#pw":           "",
	} {
		_, problems, warned := parseText("[g]\n" + line + "\n")
		assert.Empty(t, problems)
		assert.Equal(t, want, strings.Join(warned, "\n"), line)
	}
}

func TestPositions(t *testing.T) {
	inv, problems, _ := parseText("[g]\nh a=1\n\n[g:vars]\n# c\nb=[1, {'c': 2}]\n")
	require.Empty(t, problems)
	assert.Equal(t, "hosts:2", inv.Host("h").Vars["a"].Pos.String())
	b := inv.Group("g").Vars["b"]
	assert.Equal(t, "hosts:6", b.Pos.String())
	assert.Equal(t, "hosts:6", b.Items[1].Get("c").Pos.String())
	assert.Equal(t, "2", b.Items[1].Get("c").Raw)
}

func TestTooManyHosts(t *testing.T) {
	_, problems, _ := parseText("[g]\na[0:124999]\nb[0:124999]\nc\n")
	require.Len(t, problems, 1)
	assert.Equal(t, "hosts:4: host: more than 250000 hosts", problems[0].String())
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"[g]\nh x=1 y='a b' # c\n[g:vars]\nk={'a': [1, 2]}\n[p:children]\ng\n", "h[1:3]:22 a=\"[1]\"\n", "[a:vars]\nansible_group_priority=5\n[a]\n", "[x:children]\nall\n",
		"\ufeff# c\r\n[g]\u2028h\n", "[g]#c\nh#c\n", "[p:children]\na#b c\n[a]\n", "[g]\ng ansible_group_priority=x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inv, problems, _ := parseText(text)
		lines := 0
		for rest := text; rest != ""; lines++ {
			_, rest = nextLine(rest)
		}
		for _, p := range problems {
			if p.Pos.Line < 1 || p.Pos.Line > lines {
				t.Fatalf("%v: there are %d lines", p, lines)
			}
		}
		if len(problems) > 0 {
			return
		}
		// What was read once reads the same again on top of it.
		groups, hosts := len(inv.Groups), len(inv.Hosts)
		if again := Parse(inv, text, Options{Sensitive: func(string) bool { return false }}); len(again) > 0 {
			t.Fatalf("second time: %v", again)
		}
		if len(inv.Groups) != groups || len(inv.Hosts) != hosts {
			t.Fatal("the second time gave more hosts or groups")
		}
		// Cycles through "all" show only here; they are refused, not followed.
		_ = inv.Reconcile()
	})
}

// FuzzHostLine: words that are quoted come back as they were.
func FuzzHostLine(f *testing.F) {
	f.Add("a b", "c#d", `e"f\g`)
	f.Add("", " ", "'")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if strings.ContainsAny(a+b+c, "'") {
			a, b, c = strings.ReplaceAll(a, "'", ""), strings.ReplaceAll(b, "'", ""), strings.ReplaceAll(c, "'", "")
		}
		w, err := split(fmt.Sprintf("'%s' x='%s' \"y=\"'%s' # it's", a, b, c), true)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{a, "x=" + b, "y=" + c}
		if fmt.Sprintf("%q", w.list) != fmt.Sprintf("%q", want) {
			t.Fatalf("%q became %q", want, w.list)
		}
		// Any line at all must end.
		_, _ = split(a+b+c, true)
	})
}
