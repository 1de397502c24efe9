package pattern_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/pattern"
)

// inventory is groups in order, each with its hosts.
type inventory struct {
	groups []string
	hosts  map[string][]string
	// order is that of Hosts; nil: the group all's.
	order []string
}

func (i inventory) Groups() []string             { return i.groups }
func (i inventory) GroupHosts(g string) []string { return i.hosts[g] }
func (i inventory) Hosts() []string {
	if i.order != nil {
		return i.order
	}
	return i.hosts["all"]
}

// newInventory reads "group: host host" lines; "all" is all of them in the
// order of first mention.
func newInventory(lines ...string) inventory {
	inv := inventory{groups: []string{"all", "ungrouped"}, hosts: map[string][]string{}}
	for _, line := range lines {
		group, hosts, _ := strings.Cut(line, ": ")
		if group != "ungrouped" {
			inv.groups = append(inv.groups, group)
		}
		inv.hosts[group] = strings.Fields(hosts)
		for _, h := range inv.hosts[group] {
			if !slices.Contains(inv.hosts["all"], h) {
				inv.hosts["all"] = append(inv.hosts["all"], h)
			}
		}
	}
	return inv
}

func cluster() inventory {
	return newInventory(
		"masters: m1 m2 m3", "etcd: m1 m2", "nodes: m1 m2 m3 n1.example.com n2.example.com n10.example.com",
		"empty: ", "dual: 2001:db8::1 10.0.0.1", "n1: other", "ungrouped: lonely UPPER",
	)
}

func noFile(string) ([]byte, error) { return nil, os.ErrNotExist }

func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"":                   {},
		" , ,":               {},
		"a":                  {"a"},
		"a:b":                {"a", "b"},
		"a,b":                {"a", "b"},
		"a:b,c":              {"a:b", "c"}, // one comma, and colons no longer separate
		" a , b ":            {"a", "b"},
		"a b":                {"a", "b"},
		"a:!b:&c":            {"a", "!b", "&c"},
		"a:22":               {"a:22"}, // a name with a port, whatever was meant
		"a:2b":               {"a", "2b"},
		"g[0:2]":             {"g[0:2]"},
		"g[0:2]:h":           {"g[0:2]", "h"},
		"g[0]":               {"g[0]"},
		"g[1:]:h[0]":         {"g[1:]", "h[0]"},
		"g[0":                {"g", "0"},
		"g]0":                {"g", "0"},
		"::1":                {"::1"},
		"2001:db8::1":        {"2001:db8::1"},
		"2001:db8::1,::1":    {"2001:db8::1", "::1"},
		"[2001:db8::1]:22":   {"[2001:db8::1]:22"},
		"10.0.0.1:10.0.0.2":  {"10.0.0.1", "10.0.0.2"},
		"~^n[0-9]+":          {"~^n[0-9]+"},
		"~(a|b):c":           {"~(a|b)", "c"},
		"*.example.com:!n1*": {"*.example.com", "!n1*"},
		"@/tmp/x.retry":      {"@/tmp/x.retry"},
		"ü:é\u00a0b":         {"ü", "é", "b"},
	} {
		assert.Equal(t, want, append([]string{}, pattern.Split(in)...), "%q", in)
	}
}

func TestLimit(t *testing.T) {
	for _, tc := range []struct {
		name, limit, want string
		warning           string
	}{
		{"nothing is everything", "", "m1 m2 m3 n1.example.com n2.example.com n10.example.com 2001:db8::1 10.0.0.1 other lonely UPPER", ""},
		{"all", "all", "m1 m2 m3 n1.example.com n2.example.com n10.example.com 2001:db8::1 10.0.0.1 other lonely UPPER", ""},
		{"a host", "m2", "m2", ""},
		{"a group", "etcd", "m1 m2", ""},
		{"two, each host once", "etcd:masters", "m1 m2 m3", ""},
		{"order of the pattern", "m3,m1", "m3 m1", ""},
		{"without", "nodes:!masters", "n1.example.com n2.example.com n10.example.com", ""},
		{"without, written first", "!masters:nodes", "n1.example.com n2.example.com n10.example.com", ""},
		{"and", "nodes:&etcd", "m1 m2", ""},
		{"and before without", "!m1:&etcd:nodes", "m2", ""},
		{"only without", "!nodes:!dual", "other lonely UPPER", ""},
		{"only and", "&dual", "2001:db8::1 10.0.0.1", ""},
		{"a group hides a host of its prefix", "n1", "other", ""},
		{"glob of hosts", "n?.example.com", "n1.example.com n2.example.com", ""},
		{"glob of groups and hosts", "m*", "m1 m2 m3", ""},
		{"class", "m[13]*", "m1 m3", ""},
		{"negated class", "m[!13a]*", "m2", ""},
		{"a bracketed letter range", "[l-m]*", "m1 m2 m3 lonely", ""},
		{"a range that is none", "[m-l]*,m1", "m1", "could not match supplied host pattern, ignoring: [m-l]*"},
		{"case matters", "upper,UPPER", "UPPER", "could not match supplied host pattern, ignoring: upper"},
		{"regular expression", "~m[12]$", "m1 m2", ""},
		{"regular expression is anchored in front only", "~n1", "other n1.example.com n10.example.com", ""},
		{"regular expression, groups too", "~(etc|dua)", "m1 m2 2001:db8::1 10.0.0.1", ""},
		{"first", "nodes[0]", "m1", ""},
		{"last", "nodes[-1]", "n10.example.com", ""},
		{"inclusive", "nodes[0:2]", "m1 m2 m3", ""},
		{"to the end", "nodes[4:]", "n2.example.com n10.example.com", ""},
		{"beyond the end", "nodes[4:99]", "n2.example.com n10.example.com", ""},
		{"an end of zero is none", "nodes[3:0]", "n1.example.com", ""},
		{"old subscript", "nodes[0-1]", "m1 m2", "use [x:y] inclusive subscripts instead of [x-y] which has been removed: nodes[0-1]"},
		{"subscript of a glob", "n*.com[1]", "n2.example.com", ""},
		{"subscript of nothing", "empty[7],m1", "m1", ""},
		{"without one of a group", "masters:!masters[0]", "m2 m3", ""},
		{"an IPv6 address", "2001:db8::1", "2001:db8::1", ""},
		{"an empty group is no mismatch", "empty,m1", "m1", ""},
		{"unknown", "gone,m1", "m1", "could not match supplied host pattern, ignoring: gone"},
		{"unknown twice, one warning", "gone,m1,!gone", "m1", "could not match supplied host pattern, ignoring: gone"},
		{"the implicit localhost", "localhost,m1", "m1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := pattern.Limit(cluster(), tc.limit, noFile)
			require.NoError(t, err)
			assert.Equal(t, tc.want, strings.Join(got.Hosts, " "))
			assert.Equal(t, tc.warning, strings.Join(got.Warnings, "; "))
		})
	}
}

func TestLimitErrors(t *testing.T) {
	for _, tc := range []struct {
		limit   string
		kind    error
		message string
	}{
		{"gone", pattern.ErrNoHosts, "specified hosts and/or --limit does not match any hosts: gone"},
		{"empty", pattern.ErrNoHosts, ""},
		{"m1:!m1", pattern.ErrNoHosts, ""},
		{"localhost", pattern.ErrNoHosts, ""},
		{"etcd[2]", pattern.ErrSubscript, "no hosts matched the subscripted pattern: etcd[2]"},
		{"etcd[-3]", pattern.ErrSubscript, ""},
		{"etcd[99999999999999999999]", pattern.ErrSubscript, ""},
		{"nodes[9:],etcd[9]", pattern.ErrSubscript, ""},
		{"m1,!", pattern.ErrInvalid, "nothing follows"},
		{"~(m1", pattern.ErrInvalid, "missing closing )"},
		{"~)m(", pattern.ErrInvalid, "unexpected )"},
		{"~m$?", pattern.ErrInvalid, "a repeated anchor"},
		{`~\bm\b*`, pattern.ErrInvalid, "a repeated anchor"},
		{"localhost[1]", pattern.ErrSubscript, ""},
		{"~m++", pattern.ErrUnsupported, "a possessive quantifier"},
		{"~(?!m)", pattern.ErrUnsupported, "negative look-ahead (?!...)"},
		{"~(?<=m)1", pattern.ErrUnsupported, "look-behind (?<=...)"},
		{`~(m)\1`, pattern.ErrUnsupported, "a back-reference"},
		{`~(?x) m`, pattern.ErrUnsupported, "a flag other than"},
		{"@/gone", pattern.ErrFile, "unable to read the limit file: /gone"},
	} {
		t.Run(tc.limit, func(t *testing.T) {
			_, err := pattern.Limit(cluster(), tc.limit, noFile)
			require.ErrorIs(t, err, tc.kind)
			var patternErr *pattern.Error
			require.ErrorAs(t, err, &patternErr)
			assert.ErrorContains(t, err, tc.message)
		})
	}
}

// What Python and RE2 both accept and read differently.
func TestRegexpMeansWhatPythonMeans(t *testing.T) {
	inv := newInventory("g: aé1 a_2 aaa a4 [x] :x a\u0663 a{,}b a]")
	for regexp, want := range map[string]string{
		`~a\w\d$`:      "aé1 a_2",
		`~a\d$`:        "a4 a\u0663",
		`~a[\w]\d$`:    "aé1 a_2",
		`~a{,3}$`:      "aaa",
		`~[[:alpha:]]`: "a]",
		`~[[]x`:        "[x]",
		`~[]:[]x`:      "[x] :x",
		`~a4\Z`:        "a4",
		`~(?i)A4`:      "a4",
		`~(?P<n>a)4`:   "a4",
		`~a\W`:         "a{,}b a]",
		`~(?s-i:a)4`:   "a4",
	} {
		read := func(string) ([]byte, error) { return []byte(regexp), nil }
		got, err := pattern.Limit(inv, "@f", read) // not cut at colons
		require.NoError(t, err, regexp)
		assert.Equal(t, want, strings.Join(got.Hosts, " "), regexp)
	}
}

func TestLimitFile(t *testing.T) {
	files := map[string]string{
		"f.retry": "m1\r\n n1.example.com \n\nm1:m2\nm3", "empty": "", "only-without": "!nodes\n!dual\n",
	}
	read := func(path string) ([]byte, error) {
		if content, ok := files[path]; ok {
			return []byte(content), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	for _, tc := range []struct{ limit, want, warning string }{
		{"@f.retry", "m1 n1.example.com m3", "could not match supplied host pattern, ignoring: m1:m2"},
		{"@f.retry:!m3", "m1 n1.example.com", "could not match supplied host pattern, ignoring: m1:m2"},
		{"lonely,@only-without", "lonely", ""},
		{"@empty", strings.Join(cluster().Hosts(), " "), ""},
	} {
		got, err := pattern.Limit(cluster(), tc.limit, read)
		require.NoError(t, err)
		assert.Equal(t, tc.want, strings.Join(got.Hosts, " "), tc.limit)
		assert.Equal(t, tc.warning, strings.Join(got.Warnings, "; "), tc.limit)
	}
	_, err := pattern.Limit(cluster(), "m1,@gone", read)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, err, pattern.ErrFile)
}

func TestEmptyInventoryHasNothingToMiss(t *testing.T) {
	got, err := pattern.Limit(newInventory(), "gone", noFile)
	require.NoError(t, err)
	assert.Empty(t, got.Hosts)
}

func TestHostNamedLikeAnOperator(t *testing.T) {
	got, err := pattern.Limit(newInventory("g: !a a &b b"), "a,b,!a,&b", noFile)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "&b", "!a"}, got.Hosts)
}

// A retry file of every host is linear in hosts.
func BenchmarkRetryFile(b *testing.B) {
	var names []string
	for i := range 5000 {
		names = append(names, "node"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+strings.Repeat("y", i/26%11)+strings.Repeat("z", i/286))
	}
	inv := newInventory("nodes: " + strings.Join(names, " "))
	read := func(string) ([]byte, error) { return []byte(strings.Join(names, "\n")), nil }
	for b.Loop() {
		if _, err := pattern.Limit(inv, "@f", read); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzLimit: a pattern selects hosts of the inventory only, each once, the
// same ones each time, and what it does not accept is a typed error.
func FuzzLimit(f *testing.F) {
	for _, s := range []string{
		"a:b", "!m1,&nodes", "nodes[0:2]", "~n.*", "m[!a-z]*", "[[]*", "~[[:alpha:]]{,3}", "@f", "::1", "g[9999999999999999999:]", `~\w\`, "~(?i)M", "[", "[!]", "![]",
	} {
		f.Add(s, "m1\n!m2")
	}
	f.Fuzz(func(t *testing.T, limit, file string) {
		inv := cluster()
		read := func(string) ([]byte, error) { return []byte(file), nil }
		got, err := pattern.Limit(inv, limit, read)
		if err != nil {
			var patternErr *pattern.Error
			require.ErrorAs(t, err, &patternErr)
			require.NotErrorIs(t, err, pattern.ErrFile)
			return
		}
		seen := map[string]bool{}
		for _, h := range got.Hosts {
			require.Contains(t, inv.Hosts(), h)
			require.False(t, seen[h], "%s twice", h)
			seen[h] = true
		}
		again, err := pattern.Limit(inv, limit, read)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
