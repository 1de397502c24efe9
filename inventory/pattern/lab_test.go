//go:build lab

package pattern_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/pattern"
)

type reply struct {
	Groups   [][2]json.RawMessage
	Hosts    []string
	Warnings []string
	Error    string
}

func ask(t *testing.T, o *oracle.Oracle, key, text string) reply {
	t.Helper()
	var r reply
	o.Exchange(t, map[string]string{key: text}, &r)
	return r
}

func load(t *testing.T, o *oracle.Oracle, ini string) inventory {
	t.Helper()
	r := ask(t, o, "ini", ini)
	require.Empty(t, r.Error)
	inv := inventory{hosts: map[string][]string{}}
	for _, pair := range r.Groups {
		var name string
		var hosts []string
		require.NoError(t, json.Unmarshal(pair[0], &name))
		require.NoError(t, json.Unmarshal(pair[1], &hosts))
		inv.groups = append(inv.groups, name)
		inv.hosts[name] = hosts
	}
	// The order of the hosts themselves, not of the group "all".
	inv.order = r.Hosts
	return inv
}

const labInventory = `
lonely
2001:db8::1
[web]
w[1:4].example.com
aa ab ab=1
A-1
[db]
d1
d2
w2.example.com
[etcd]
d1
m_x
[empty]
[both:children]
db
web
[grand:children]
both
etcd
[127]
127.0.0.2
[ünï]
hösté
`

// compare checks one limit: same hosts in the same order, same warnings, and
// an error where Ansible has one. What RE2 cannot do is allowed to fail.
func compare(t *testing.T, o *oracle.Oracle, inv inventory, limit string) {
	t.Helper()
	want := ask(t, o, "limit", limit)
	got, err := pattern.Limit(inv, limit, os.ReadFile)
	switch {
	case errors.Is(err, pattern.ErrUnsupported):
		return
	case errors.Is(err, pattern.ErrNoHosts):
		assert.Empty(t, want.Error, "%q", limit)
		assert.Empty(t, want.Hosts, "%q", limit)
	case err != nil:
		assert.NotEmpty(t, want.Error, "%q: %v", limit, err)
		return
	default:
		assert.Empty(t, want.Error, "%q", limit)
		assert.Equal(t, append([]string{}, want.Hosts...), append([]string{}, got.Hosts...), "%q", limit)
	}
	var warned []string
	for _, w := range got.Warnings {
		// The text of ours says in lower case, once, and what about.
		w, _, _ = strings.Cut(w, " removed: ")
		warned = append(warned, w)
	}
	var expected []string
	for _, w := range want.Warnings {
		expected = append(expected, strings.TrimSuffix(strings.ToLower(w[:1])+w[1:], " removed"))
	}
	assert.Equal(t, expected, warned, "%q", limit)
}

func TestLabTableAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	inv := load(t, o, labInventory)
	retry := filepath.Join(t.TempDir(), "x.retry")
	require.NoError(t, os.WriteFile(retry, []byte("d1\r\n w1.example.com \n\n!d2\nd1:d2\n~a[ab]\n"), 0o600))
	for _, limit := range []string{
		"", " ", ",", "all", "*", "web", "grand", "both[0]", "both[-1]", "both[1:2]", "both[1:]", "both[2-3]", "both[9]", "both[9:]",
		"both[2:0]", "both[0:0]", "empty", "empty[3]", "!web", "&web", "web:&db", "web:!db", "!db:web", "web,db", "web:db:etcd",
		"w?.example.com", "w[12].*", "w[!12].*", "w[3-1]*", "[a-z]*", "[]a]*", "[!]a]*", "a[-b]", "a[b-]", "a[a-a]", "*[", "[", "a[", "A-1",
		"~w", "~W", "~.*[13]", "~(d|m_)", "~(?i)A-1", "~a(?=a)", "~^$", "~[", "~a{,2}", `~\w+$`, `~h\wst\w`, "~[[:alpha:]]", "~a++", "~$?", "~^*", `~\A{2}`, `~\bw`, `~\b+`, "~a$|{1}", "~{1}",
		"ünï", "h?st?", "2001:db8::1", "2001:db8::2", "::1", "localhost", "127.0.0.1", "127", "127.0.0.2", "gone", "gone,gone", "gone[0]",
		"!", "&", "web:!", "@" + retry, "@" + retry + ",!d1", "@/does/not/exist", "w[1:2].example.com", "d1:22", "[d1]:22", "d1:d2", "m_x:d1",
		"both[0]:both[1]", "all[0]", "all[-1]", "ungrouped", "un*", "all:!all", "*:!*.com", "aa,aa,aa",
	} {
		compare(t, o, inv, limit)
	}
}

func TestLabRandomAgainstAnsible(t *testing.T) {
	o := oracle.Start(t, "testdata/oracle.py")
	inv := load(t, o, labInventory)
	r := oracle.Random(t)
	atoms := []string{
		"web", "db", "etcd", "empty", "both", "grand", "127", "ünï", "all", "ungrouped", "lonely", "2001:db8::1", "w1.example.com",
		"aa", "ab", "A-1", "d1", "d2", "m_x", "hösté", "gone", "localhost", "*", "?", "w", "d", "a", "[ab]", "[!a]", "[a-d]", "[d-a]", ".",
		"~", "~w", "~.*[0-9]", "~(a|d)", `\w`, "[0]", "[-1]", "[1:2]", "[1:]", "[0-1]", "[3:0]", "!", "&", ":", ",", " ", "-", "[", "]", "1", "$", "^", "+", "{,2}", "(", ")", "|",
	}
	joints := []string{":", ",", ":!", ",!", ":&", ",&", "", "", " "}
	for range 4000 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(atoms[r.IntN(len(atoms))])
			if r.IntN(2) == 0 {
				b.WriteString(atoms[r.IntN(len(atoms))])
			}
			b.WriteString(joints[r.IntN(len(joints))])
		}
		compare(t, o, inv, b.String())
		if t.Failed() {
			t.FailNow()
		}
	}
}
