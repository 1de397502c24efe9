package inventory

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type invalidCase struct {
	text string
	// line is where Ansible's parser stood.
	line int
}

// invalidCases are INI inventories that Ansible refuses.
func invalidCases() []invalidCase {
	return []invalidCase{
		{"[g]\nh a", 2},
		{"h a\n", 1},
		{"[g]\nh a = b", 2},
		{"[g]\nh a= b", 2},
		{"[g]\nh a=[1, 2]", 2},
		{"[g]\nh a={'x': 'y'}", 2},
		{"[g]\nh x=1 ; note", 2},
		{"[g]\nh, k", 2},
		{"[g]\nh x='open", 2},
		{"[g]\nh x=\"open", 2},
		{"[g]\nh x=1 \\", 2},
		{"[g]\nh\\", 2},
		{"[g]\n\"\"", 2},
		{"[g]\n\"\" x=1", 2},
		{"[g]\n---", 2},
		{"[g]\nh:", 2},
		{"[g]\n2001:db8::", 2},
		{"[g]\n[::1]", 2},
		{"[g]\n[::1] x=1", 2},
		{"[g]\nh[1", 2},
		{"[g]\nh[1:2", 2},
		{"[g]\nh[1-3]", 2},
		{"[g]\nh[1]", 2},
		{"[g]\nh[]", 2},
		{"[g]\nh[1:2:3:4]", 2},
		{"[g]\nh[1:]", 2},
		{"[g]\nh[:]", 2},
		{"[g]\nh[01:3]", 2},
		{"[g]\nh[00:3]", 2},
		{"[g]\nh[1:3:0]", 2},
		{"[g]\nh[a:c:0]", 2},
		{"[g]\nh[c:a]", 2},
		{"[g]\nh[A:c]", 2},
		{"[g]\nh[a:3]", 2},
		{"[g]\nh[1:c]", 2},
		{"[g]\nh[aa:cc]", 2},
		{"[g]\nh|[1:2]", 2},
		{"[g]\nh[1:2]-[3", 2},
		{"[g]\nh[1:x]", 2},
		{"[g]\nh[1:2:x]", 2},
		{"[g] ; c\nh", 1},
		{"[g]x\nh", 1},
		{"[all:vars] x=1", 1},
		{"[g\nh", 1},
		{"[ g ]\nh", 1},
		{"[a b]\nh", 1},
		{"[]\nh", 1},
		{"[g:]\nh", 1},
		{"[g: vars]\nx=1", 1},
		{"[a:b:vars]\nx=1", 1},
		{"[[g]]\nh", 1},
		{"[g:foo]\nh", 1},
		{"[g:VARS]\nx=1", 1},
		{"[g:Children]\nh", 1},
		{"[g:var]\nx=1", 1},
		{"[a:c]\nh", 1},
		{"[2001:db8::1]\nh", 1},
		{"h\n[g]\nh\n[g:vars\nx=1", 4},
		{"[g:vars]\nx=1", 1},
		{"[g]\nh\n[g2:vars]\nx=1", 3},
		{"[g]\n[g:vars]\nk", 3},
		{"[g]\n[g:vars]\nk: v", 3},
		{"[g]\n[g:vars]\nk v", 3},
		{"[g]\n[g:vars]\na=1\n\n# c\nb", 6},
		{"[g]\n[g:vars]\n[h\nx=1", 3},
		{"[g]\n[g:vars]\nx={{ 'y' }}", 3},
		{"[g]\n[g:vars]\nx={{ 1 }}", 3},
		{"[g]\n[g:vars]\nx={[1]: 2}", 3},
		{"[g]\n[g:vars]\nx={{}}", 3},
		{"[g]\n[g:vars]\nx=[{[1]}]", 3},
		{"[g]\n[g:vars]\nx={1, {2: 3}}", 3},
		{"[g]\n[g:vars]\nx={(1, [2]): 3}", 3},
		{"[g]\n[g:vars]\nx=[\n1,\n2]", 4},
		{"[g]\n[g:vars]\nx={\n'a': 1\n}", 4},
		{"[g]\n[g:vars]\ny=1\nx=!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3733", 5},
		{"[g]\n[g:vars]\nansible_group_priority=x", 3},
		{"[g]\n[g:vars]\nansible_group_priority=", 3},
		{"[g]\n[g:vars]\nansible_group_priority=None", 3},
		{"[g]\n[g:vars]\nansible_group_priority=[1]", 3},
		{"[g]\n[g:vars]\nansible_group_priority=1.5.2", 3},
		{"[g]\n[g:vars]\nansible_group_priority='1.5'", 3},
		{"[g]\n[g:vars]\nansible_group_priority={}", 3},
		{"[g]\n[g:vars]\nansible_group_priority=1e999", 3},
		{"[g]\ng ansible_group_priority=x", 2},
		{"[g]\nh x=\"{{ 'y' }}\"", 2},
		{"[g]\nh x=\"{[1]: 2}\"", 2},
		{"[p:children]\nc", 2},
		{"[p:children]\nc\n[c:vars]\nx=1", 2},
		{"[p]\n[q:children]\np\nr\n[s]", 4},
		{"[p:children]\na ; c", 2},
		{"[p:children]\na x=1", 2},
		{"[p:children]\na:22", 2},
		{"[p:children]\na b", 2},
		{"[p:children]\n:a", 2},
		{"[p:children]\n]a", 2},
		{"[p:children]\na]", 2},
		{"[c]\n[p:children]\nc\n\nd e", 5},
		{"[p:children]\np", 2},
		{"[a:children]\nb\n[b:children]\na", 4},
		{"[a:children]\nb\n[b:children]\nc\n[c:children]\na", 6},
		{"[a:children]\na", 2},
		{"[g]\nh1\nh2 x=1 y\nh3", 3},
		{"h1\nh2 'x\n[g]", 2},
		{"# c\n; c\n\n   # c\n[g]\n  h  =\n h x", 7},
		{"[g]\r\nh x\r\n", 2},
		{"[g]\rh1\rh x", 3},
		{"[g]\u000bh1\fh x", 3},
		{"[g]\u2028h x", 2},
		{"\ufeff[masters]\nh", 1},
		{"[g]\nh x=1 =\nh y", 3},
		{"h1 x=1\nh2: y=2", 2},
		{"[g]\n'h x=1", 2},
		{"[g]\nh \"x=1", 2},
		{"[g]\nh[1:3] x", 2},
		{"[g]\nh\n[g:hosts:vars]\nx=1", 3},
		{"[g]\n[g:vars]\nnot a variable line at all", 3},
		{"plain text that is no inventory", 1},
		{"[g]\nh x=1\n[g2]\nh\n[g3:children]\ng\ng4", 7},
		{"[ungrouped:children]\nx y", 2},
		{"[all:children]\na\n[b]", 2},
		{"[g]\nh ansible_port=22 'a b'", 2},
		{"[g]\n[g:vars]\nx=1\n[g:children]\nx=1", 5},
		{"[g]\nh[0:999999999999999999999999]", 2},
	}
}

// TestInvalidInventories: each is refused, the first mistake is in the line
// where Ansible stopped, and no message shows anything of the line itself.
func TestInvalidInventories(t *testing.T) {
	cases := invalidCases()
	require.GreaterOrEqual(t, len(cases), 100)
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "hosts"), []byte(c.text), 0o600))
			_, err := Load(t.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
			var problems Problems
			require.ErrorAs(t, err, &problems)
			assert.Equal(t, Position{File: "hosts", Line: c.line}, problems[0].Pos)
			var one *Problem
			assert.ErrorAs(t, err, &one, "a single problem is reached")
		})
	}
}
