package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown is a listing as data.
func shown(t *testing.T, inv *Inventory, o ListOptions) (text string, hostvars map[string]map[string]any) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, inv.List(&out, o))
	var doc struct {
		Meta struct{ Hostvars map[string]map[string]any } `json:"_meta"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	return out.String(), doc.Meta.Hostvars
}

func TestListMasksSecrets(t *testing.T) {
	files := map[string]string{
		"hosts": "[OSEv3]\nh1 ansible_ssh_pass=hush01 ansible_ssh_private_key_file=/k\n[OSEv3:vars]\noreg_auth_user=shown\noreg_auth_password='hush02'\n" +
			additional + "=[{'host':'r.io','user':'shown','password':'hush03','test_image':'a/b','test_login':'False','tls_verify':True,'note':'hush04'},'hush05']\n" +
			"openshift_master_identity_providers=[{'name': 'ldap', 'bindPassword': 'hush06', 'url': 'ldap://shown'}]\n" +
			"openshift_http_proxy=http://u:hush07@proxy:3128\nplain='{\"token\": \"hush08\"}'\nmine=hush09\nhalf=hush10\ntext='shown'\nbecome_pass=hush11\n",
		"group_vars/all.yml": "v: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  68757368\nlist: [{a: !vault hush12, b: shown}]\napi_token: hush13\nuses_password: '{{ mine }}{{ other.half }}'\n" +
			"other: {half: 'x{{ half }}hush14'}\nnested: {client_secret: hush15, id: shown, deep: [{passwd: hush16}]}\nempty_password:\n",
		"host_vars/h1.yml": additional + "_x: hush17\n",
	}
	inv := load(t, files)
	text, vars := shown(t, inv, ListOptions{})
	assert.NotContains(t, text, "hush")
	assert.NotContains(t, text, "68757368")
	h1 := vars["h1"]
	assert.Equal(t, "[secret]", h1["ansible_ssh_pass"])
	assert.Equal(t, "/k", h1["ansible_ssh_private_key_file"])
	assert.Equal(t, "shown", h1["oreg_auth_user"])
	assert.Equal(t, []any{map[string]any{
		"host": "r.io", "user": "shown", "password": "[secret]", "test_image": "a/b", "test_login": "False", "tls_verify": true, "note": "[secret]",
	}, "[secret]"}, h1[additional])
	assert.Equal(t, []any{map[string]any{"name": "ldap", "bindPassword": "[secret]", "url": "ldap://shown"}}, h1["openshift_master_identity_providers"])
	assert.Equal(t, "shown", h1["text"])
	assert.Equal(t, "[secret]", h1["mine"], "a secret is made of it")
	assert.Equal(t, map[string]any{"client_secret": "[secret]", "id": "shown", "deep": []any{map[string]any{"passwd": "[secret]"}}}, h1["nested"])
	assert.Equal(t, "[secret]", h1["v"])

	text, vars = shown(t, inv, ListOptions{ShowSecrets: true})
	for _, secret := range []string{"hush01", "hush02", "hush03", "hush07", "hush09", "68757368"} {
		assert.Contains(t, text, secret)
	}
	assert.Equal(t, map[string]any{"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n68757368\n"}, vars["h1"]["v"])

	var out bytes.Buffer
	require.NoError(t, inv.Host(&out, "h1", ListOptions{}))
	assert.NotContains(t, out.String(), "hush")
	assert.Contains(t, out.String(), `"oreg_auth_password": "[secret]"`)
}

func TestListMasksBrokenCredentials(t *testing.T) {
	for _, value := range []string{`[{'host':'r.io','password':'hush1'`, `[{"host":"r.io","password":"hush1","tls_verify":true}]`, `hush1`, `{'host':'hush1'}`, `[['hush1']]`,
		`"{{ hush1 }}"`, `[{'host':{'a':'hush1'},'user':['hush1']}]`, `[{'host':'https://u:hush1@r.io'}]`} {
		text, vars := shown(t, load(t, iniFile(withCredentials(additional+"="+value))), ListOptions{})
		assert.NotContains(t, text, "hush1", value)
		if strings.Contains(value, "tls_verify") {
			assert.Equal(t, []any{map[string]any{"host": "r.io", "password": "[secret]", "tls_verify": true}}, vars["n1"][additional])
		}
	}
}

func TestHost(t *testing.T) {
	inv := load(t, iniFile("[g]\nh1 x=1\nh2\n"))
	var out bytes.Buffer
	require.NoError(t, inv.Host(&out, "h1", ListOptions{}))
	assert.Equal(t, "{\n    \"x\": 1\n}\n", out.String())
	out.Reset()
	require.NoError(t, inv.Host(&out, "h2", ListOptions{}))
	assert.Equal(t, "{}\n", out.String())
	for _, name := range []string{"g", "h3", "h*"} {
		require.ErrorIs(t, inv.Host(&out, name, ListOptions{}), ErrNotOneHost, name)
	}
	require.NoError(t, inv.Host(&out, "g[0]", ListOptions{}))
}

func TestListOfWhatCannotBePrinted(t *testing.T) {
	for _, value := range []string{"{1, 2}", "1j", "...", "[b'x']", "set()", "{(1, 2): 3}"} {
		err := load(t, iniFile("[g]\nh\n[g:vars]\nx="+value+"\n")).List(&bytes.Buffer{}, ListOptions{})
		require.ErrorContains(t, err, "hosts:4: x: ", value)
		require.ErrorContains(t, err, "has no JSON form", value)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestListReportsWriteErrors(t *testing.T) {
	inv := load(t, iniFile("h x=1\n"))
	require.ErrorIs(t, inv.List(fullDisk{}, ListOptions{}), errFull)
	require.ErrorIs(t, inv.Host(fullDisk{}, "h", ListOptions{}), errFull)
}

func TestLongLine(t *testing.T) {
	long := strings.Repeat("0123456789", 200_000)
	inv := load(t, iniFile("[g]\nh x='a"+long+"'\nh2\n[g:vars]\ny=b"+long+"\n"))
	_, vars := shown(t, inv, ListOptions{})
	assert.Equal(t, "a"+long, vars["h"]["x"])
	assert.Equal(t, "b"+long, vars["h2"]["y"])
}

func TestWarnsOfHostNamedLikeGroup(t *testing.T) {
	inv := load(t, iniFile("[etcd]\netcd x=1\n"))
	require.Len(t, warnings(inv), 1)
	assert.Contains(t, warnings(inv)[0], "etcd is a host and a group")
}

func script(t *testing.T, body string) Options {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "inv"), []byte("#!/bin/sh\n"+body), 0o700))
	return Options{Paths: []string{"inv"}, Dir: dir, AllowScripts: true}
}

func TestScripts(t *testing.T) {
	list := `{"g": {"hosts": ["h1", "h2"], "vars": {"x": 1, "y": 2.0}, "children": ["c"]}, "c": ["h3"], "h4": {"z": true}, "_meta": {"hostvars": {"h1": {"x": "own"}, "other": {"q": 1}}}}`
	o := script(t, "[ \"$1\" = --list ] && echo '"+list+"'\n")
	inv, err := Load(t.Context(), o)
	require.NoError(t, err)
	_, vars := shown(t, inv, ListOptions{})
	assert.Equal(t, map[string]map[string]any{
		"h1": {"x": "own", "y": 2.0}, "h2": {"x": 1.0, "y": 2.0}, "h3": {"x": 1.0, "y": 2.0}, "h4": {"z": true},
	}, vars)
	assert.Equal(t, []string{"h3"}, inv.GroupHosts("c"))

	// Without _meta each host is asked for.
	inv, err = Load(t.Context(), script(t, "if [ \"$1\" = --list ]; then echo '{\"g\": [\"h1\", \"h2\"]}'; elif [ $2 = h1 ]; then echo \"{\\\"name\\\": \\\"$2\\\"}\"; fi\n"))
	require.NoError(t, err)
	_, vars = shown(t, inv, ListOptions{})
	assert.Equal(t, map[string]map[string]any{"h1": {"name": "h1"}}, vars)

	o.AllowScripts = false
	_, err = Load(t.Context(), o)
	require.ErrorContains(t, err, "inv:1: is a script (--allow-inventory-scripts runs it)")
}

func TestBrokenScripts(t *testing.T) {
	for body, want := range map[string]string{
		"exit 3":                                         "inv: the script failed with exit status 3",
		"echo hush1":                                     "inv: line 1 of what the script printed is not valid JSON",
		"echo '[1]'":                                     "inv: the script printed a list, expected a mapping of groups",
		`echo '{"g": {"hosts": "hush1"}}'`:               "inv: hosts of group g are a string, expected a list",
		`echo '{"g": {"vars": ["hush1"]}}'`:              "inv: vars of group g are a list, expected a mapping",
		`echo '{"g": [1]}'`:                              "inv: a host of group g is a number, expected a string",
		`echo '{"g": [""]}'`:                             "inv: host: empty name",
		`echo '{"": []}'`:                                "inv: group: empty name",
		`echo '{"g": {"children": ["g"]}}'`:              "inv: group contains itself: g",
		`echo '{"g": {"children": 5}}'`:                  "inv: children of group g are a number, expected a list",
		`echo '{"g": ["h"], "_meta": {"hostvars": []}}'`: "inv: hostvars of _meta are a list, expected a mapping",
		`echo '{"g": ["h"], "_meta": {"hostvars": {"h": ["hush1"]}}}'`:        "inv: variables of host h are a list, expected a mapping",
		`if [ $1 = --list ]; then echo '{"g": ["h"]}'; else echo hush1; fi`:   "inv: variables of host h are a string, expected a mapping",
		`if [ $1 = --list ]; then echo '{"g": ["h"]}'; else exit 1; fi`:       "inv: the script failed with exit status 1",
		`if [ $1 = --list ]; then echo '{"g": ["h"]}'; else echo '{a: ['; fi`: "inv: what the script printed for host h is neither JSON nor YAML",
	} {
		_, err := Load(t.Context(), script(t, body+"\n"))
		require.ErrorContains(t, err, want, body)
		assert.NotContains(t, err.Error(), "hush1")
	}
}

// TestExecutableData: a file on a shared mount may be executable by accident.
func TestExecutableData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hosts")
	require.NoError(t, os.WriteFile(path, []byte("[g]\nh1\n"), 0o700))
	for _, allow := range []bool{false, true} {
		inv, err := Load(t.Context(), Options{Paths: []string{"hosts"}, Dir: dir, AllowScripts: allow})
		require.NoError(t, err)
		assert.Equal(t, []string{"h1"}, inv.Hosts())
	}
	require.NoError(t, os.WriteFile(path, []byte("\x7fELF not really\nh x\n"), 0o700))
	_, err := Load(t.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
	require.ErrorContains(t, err, "the file is executable and was read as data (--allow-inventory-scripts runs it)")
}

// TestOneTrapOnManyLines: the same warning names a few places and counts the
// rest.
func TestOneTrapOnManyLines(t *testing.T) {
	var b strings.Builder
	b.WriteString("[g]\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "h%d ansible_ssh_pass=a#b\n", i)
	}
	inv := load(t, iniFile(b.String()))
	const text = "ansible_ssh_pass is cut off by a # without quotes: the rest of the line is a comment"
	for range 2 {
		assert.Equal(t, []string{"hosts:2: " + text + "; the same in 999 more places", "hosts:3: " + text, "hosts:4: " + text}, warnings(inv))
	}
}
