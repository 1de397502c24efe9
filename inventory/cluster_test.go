package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load reads an inventory of files below a folder of its own.
func load(t *testing.T, files map[string]string, extra ...string) *Inventory {
	t.Helper()
	inv, err := Load(t.Context(), testCase{files: files, extra: extra}.options(t, t.TempDir()))
	require.NoError(t, err)
	return inv
}

// cluster reads an INI inventory that must be good.
func cluster(t *testing.T, text string) (*Cluster, []string) {
	t.Helper()
	return clusterOf(t, iniFile(text))
}

// typed adds the deployment type, which decides the default registry, to what
// does not name it.
func typed(files map[string]string, extra []string) []string {
	for _, text := range files {
		if strings.Contains(text, "deployment_type") {
			return extra
		}
	}
	return append(extra, "openshift_deployment_type=origin")
}

func clusterOf(t *testing.T, files map[string]string, extra ...string) (*Cluster, []string) {
	t.Helper()
	inv := load(t, files, typed(files, extra)...)
	c, err := inv.Cluster(t.Context(), ClusterOptions{})
	require.NoError(t, err)
	return c, warnings(inv)
}

func warnings(inv *Inventory) []string {
	var list []string
	for _, w := range inv.Warnings() {
		list = append(list, w.String())
	}
	return list
}

// refusal is what is wrong with an inventory that loads but names no cluster.
func refusal(t *testing.T, files map[string]string) string {
	t.Helper()
	_, err := load(t, files, typed(files, nil)...).Cluster(t.Context(), ClusterOptions{})
	var problems Problems
	require.ErrorAs(t, err, &problems)
	return err.Error()
}

// withCredentials is an inventory with one node and variables of OSEv3.
func withCredentials(lines ...string) string {
	return "[OSEv3:children]\nnodes\n[nodes]\nn1\n[OSEv3:vars]\n" + strings.Join(lines, "\n") + "\n"
}

// revealed is user and password of each credential.
func revealed(c *Cluster) []string {
	var list []string
	for _, cred := range c.Credentials {
		list = append(list, cred.Host+" "+cred.User+" "+cred.Password.Reveal())
	}
	return list
}

func TestI1_HashOnHostLine(t *testing.T) {
	const at = "is cut off by a # without quotes"
	tests := []struct {
		line, password string
		warning        string
	}{
		{`n1 oreg_auth_user=u oreg_auth_password=ab#cd`, "ab", "hosts:2: oreg_auth_password " + at},
		{`n1 oreg_auth_user=u oreg_auth_password="ab#cd"`, "ab#cd", ""},
		{`n1 oreg_auth_user=u oreg_auth_password=ab\#cd`, "ab#cd", ""},
		{`n1 oreg_auth_user=u oreg_auth_password=ab # note`, "ab", "hosts:2: oreg_auth_password " + at},
		{`n1 oreg_auth_user=u oreg_auth_password=ab x=1 # note`, "ab", ""},
		{`n1 oreg_auth_user=u oreg_auth_password=ab x=1#2 y=3`, "ab", "hosts:2: the line that sets oreg_auth_user is cut off"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			c, warned := cluster(t, "[nodes]\n"+test.line+"\n")
			assert.Equal(t, []string{"quay.io u " + test.password}, revealed(c))
			if test.warning == "" {
				assert.Empty(t, warned)
				return
			}
			require.Len(t, warned, 1)
			assert.Contains(t, warned[0], test.warning)
		})
	}
	t.Run("credential in the comment", func(t *testing.T) {
		inv := load(t, iniFile("[nodes]\nn1 x=a#b oreg_auth_password=secret1\n"))
		require.Len(t, warnings(inv), 1)
		assert.Contains(t, warnings(inv)[0], "hosts:2: oreg_auth_password stands behind a # without quotes")
		assert.NotContains(t, warnings(inv)[0], "secret1")
	})
}

func TestI2_QuotesThatSurvive(t *testing.T) {
	tests := []struct{ vars, user, password string }{
		{`oreg_auth_password='"my###pw"'`, "u", `"my###pw"`},
		{`oreg_auth_password="'my###pw'"`, "u", `'my###pw'`},
		{`oreg_auth_password='my###pw'`, "u", `my###pw`},
		{`oreg_auth_password="a" b"`, "u", `"a" b"`},
	}
	for _, test := range tests {
		t.Run(test.vars, func(t *testing.T) {
			c, warned := cluster(t, withCredentials("oreg_auth_user=u", test.vars))
			assert.Equal(t, []string{"quay.io u " + test.password}, revealed(c))
			if strings.ContainsAny(test.password[:1], `"'`) {
				require.Len(t, warned, 1)
				assert.Contains(t, warned[0], "hosts:7: oreg_auth_password begins and ends with a quote")
			} else {
				assert.Empty(t, warned)
			}
		})
	}
}

// TestI3_VerbatimCredentials: what Ansible would make a number of is taken as
// it stands in the source, wherever it stands.
func TestI3_VerbatimCredentials(t *testing.T) {
	numbers := []string{"0777", "123456.", "123_456", "1e5", "0x1F", "1.10", "00", "+5", "-0.0", "56", "1_000", ".5"}
	for _, n := range numbers {
		t.Run("vars "+n, func(t *testing.T) {
			c, warned := cluster(t, withCredentials("oreg_auth_user=007", "oreg_auth_password="+n))
			assert.Equal(t, []string{"quay.io 007 " + n}, revealed(c))
			for _, w := range warned {
				assert.Contains(t, w, "Ansible would have read it as a number")
			}
		})
		t.Run("host line "+n, func(t *testing.T) {
			c, _ := cluster(t, "[nodes]\nn1 oreg_auth_user=u oreg_auth_password='"+n+"'\n")
			assert.Equal(t, []string{"quay.io u " + n}, revealed(c))
		})
		t.Run("list "+n, func(t *testing.T) {
			c, _ := cluster(t, withCredentials(additional+"=[{'host': 'r.io', 'user': "+strings.TrimLeft(n, "0")+"1, 'password': "+
				map[bool]string{true: "'" + n + "'", false: n}[n == "0777"]+"}]"))
			assert.Equal(t, "r.io "+strings.TrimLeft(n, "0")+"1 "+n, revealed(c)[0])
		})
		t.Run("yaml "+n, func(t *testing.T) {
			c, _ := clusterOf(t, map[string]string{
				"hosts": "[nodes]\nn1\n", "group_vars/all.yml": "oreg_auth_user: u\noreg_auth_password: " + n + "\n" +
					additional + ":\n- host: r.io\n  password: " + n + "\n",
			})
			assert.Equal(t, []string{"quay.io u " + n, "r.io openshift " + n}, revealed(c))
		})
	}
	t.Run("warned once with place and name", func(t *testing.T) {
		_, warned := cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password=0x1F")+"[masters]\nm1\n[OSEv3:children]\nmasters\n")
		require.Len(t, warned, 1)
		assert.Contains(t, warned[0], "hosts:7: oreg_auth_password is taken as it is written; Ansible would have read it as a number")
		assert.NotContains(t, warned[0], "0x1F")
	})
	for value, kind := range map[string]string{"True": "a boolean", "[1,2]": "a list", "{'a': 1}": "a mapping", "1,2": "a list", "2j": "a number"} {
		t.Run(value, func(t *testing.T) {
			c, warned := cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password="+value))
			assert.Equal(t, []string{"quay.io u " + value}, revealed(c))
			require.Len(t, warned, 1)
			assert.Contains(t, warned[0], kind)
		})
	}
	t.Run("yaml words", func(t *testing.T) {
		for _, word := range []string{"yes", "2020-01-02", "12:30", "0o17", "1e3", "~x", "'~'"} {
			c, _ := clusterOf(t, map[string]string{
				"hosts": "[nodes]\nn1\n", "group_vars/all.yml": "oreg_auth_user: u\noreg_auth_password: " + word + "\n",
			})
			assert.Equal(t, []string{"quay.io u " + strings.Trim(word, "'")}, revealed(c))
		}
	})
	t.Run("not even text", func(t *testing.T) {
		assert.Contains(t, refusal(t, map[string]string{
			"hosts": "[nodes]\nn1\n", "group_vars/all.yml": "oreg_auth_user: u\noreg_auth_password: [a, b]\n",
		}), "group_vars/all.yml:2: oreg_auth_password is a list, expected text")
	})
}

func TestI4_Booleans(t *testing.T) {
	list := func(v string) string {
		return withCredentials(additional + "=[{'host':'r.io','password':'p','test_login':" + v + ",'tls_verify':" + v + "}]")
	}
	for _, no := range []string{"False", "'False'", "'false'", "'no'", "'NO'", "'off'", "0", "'0'", "'FALSE'", "'n'", "0.0"} {
		c, _ := cluster(t, list(no))
		assert.False(t, c.Credentials[0].TestLogin, no)
		assert.False(t, c.Credentials[0].TLSVerify, no)
	}
	for _, yes := range []string{"True", "'True'", "'true'", "'yes'", "'YES'", "'on'", "1", "'1'", "'t'"} {
		c, _ := cluster(t, list(yes))
		assert.True(t, c.Credentials[0].TestLogin, yes)
		assert.True(t, c.Credentials[0].TLSVerify, yes)
	}
	for _, bad := range []string{"'maybe'", "2", "''", "[]", "'falsee'"} {
		message := refusal(t, iniFile(list(bad)))
		assert.Contains(t, message, "hosts:6: "+additional+"[0].test_login is neither true nor false", bad)
		assert.Contains(t, message, "hosts:6: "+additional+"[0].tls_verify is neither true nor false", bad)
	}
	for word, want := range map[string]bool{"False": false, "no": false, "off": false, "false": false, "0": false, "True": true, "yes": true} {
		c, _ := cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password=p", "oreg_test_login="+word, "oreg_tls_verify="+word))
		assert.Equal(t, want, c.Credentials[0].TestLogin, word)
		assert.Equal(t, want, c.Credentials[0].TLSVerify, word)
	}
	assert.Contains(t, refusal(t, iniFile(withCredentials("oreg_auth_user=u", "oreg_auth_password=p", "oreg_tls_verify=nope"))),
		"hosts:8: oreg_tls_verify is neither true nor false")
}

// TestI5_SameStructureEverywhere: one list, written in each of the places
// where users write it.
func TestI5_SameStructureEverywhere(t *testing.T) {
	python := `[{'host':'r.io','user':'a|b','password':'p w','test_login':'False'},{'host':'s.io:5000','password':'q','tls_verify':False}]`
	json := `[{"host":"r.io","user":"a|b","password":"p w","test_login":"False"},{"host":"s.io:5000","password":"q","tls_verify":false}]`
	yaml := "\n- {host: r.io, user: a|b, password: p w, test_login: 'False'}\n- host: s.io:5000\n  password: q\n  tls_verify: no\n"
	places := map[string]map[string]string{
		"vars":            iniFile(withCredentials(additional + "=" + python)),
		"vars, quoted":    iniFile(withCredentials(additional + `="` + python + `"`)),
		"vars, json":      iniFile(withCredentials(additional + "=" + json)),
		"vars, json text": iniFile(withCredentials(additional + "='" + json + "'")),
		"host line":       iniFile("[nodes]\nn1 " + additional + `="` + python + "\"\n"),
		"host line, json": iniFile("[nodes]\nn1 " + additional + `='` + json + "'\n"),
		"yaml":            {"hosts": "[nodes]\nn1\n", "group_vars/nodes.yml": additional + ":" + yaml},
		"yaml text":       {"hosts": "[nodes]\nn1\n", "host_vars/n1": additional + ": \"" + strings.ReplaceAll(python, `"`, `\"`) + "\"\n"},
		"json":            {"hosts": "[nodes]\nn1\n", "group_vars/all.json": `{"` + additional + `": ` + json + "}"},
		"yaml inventory":  iniFile("nodes:\n  hosts: {n1: }\n  vars:\n    " + additional + ": " + json + "\n"),
		"mixed":           iniFile(withCredentials(additional + "=" + `[{'host':'r.io','user':'a|b','password':'p w','test_login':false},{host: 's.io:5000', "password":q,'tls_verify':no}]`)),
	}
	for name, files := range places {
		t.Run(name, func(t *testing.T) {
			c, _ := clusterOf(t, files)
			assert.Equal(t, []string{"r.io a|b p w", "s.io:5000 openshift q"}, revealed(c))
			require.Len(t, c.Credentials, 2)
			assert.False(t, c.Credentials[0].TestLogin)
			assert.True(t, c.Credentials[0].TLSVerify)
			assert.True(t, c.Credentials[1].TestLogin)
			assert.False(t, c.Credentials[1].TLSVerify)
		})
	}
}

func TestI6_BrokenList(t *testing.T) {
	tests := []struct{ value, want string }{
		{`[{'host':'r.io','password':'hush1','tls_verify': true]`, "it goes wrong at character 54 of the value"},
		{`[{"host":"r.io","password":"hush1","tls_verify": true]`, "it goes wrong at character 54 of the value"},
		{`[{host: r.io, password: hush1, tls_verify: false]`, "it goes wrong at character 49 of the value"},
		{`[{"host":"r.io","password":"hush1\u12"}]`, "it goes wrong at character 36 of the value"},
		{`[{'host':'r.io' 'password':'hush1'}]`, "it goes wrong at character"},
		{`[{'host':'r.io','password':'hush1'`, "it goes wrong at character"},
		{`'text hush1'`, "is neither a Python literal nor JSON nor YAML"},
		{`hush1`, "is neither a Python literal nor JSON nor YAML"},
		{`{'host':'r.io','password':'hush1'}`, "is a mapping, expected a list of mappings (write [ and ] around it)"},
		{`5`, "is a number, expected a list of mappings"},
		{`['hush1']`, "[0] is a string, expected a mapping with host, user and password"},
		{`[{'host':['hush1'],'password':'p'}]`, "[0].host is no IPv6 address"},
		{`[{'host':'r.io'}]`, "[0] has no password"},
		{`[{'password':'hush1'}]`, "[0] has no host"},
		{`[{'host':'r.io','password':''}]`, "[0].password is empty"},
		{`[{'host':'','password':'hush1'}]`, "[0].host is empty"},
		{`[{'host':'r.io','password':None}]`, "[0] has no password"},
		{`[{'host':'r.io','password':'hush1','user':''}]`, "[0].user is empty"},
		{`[{'host':'r.io','password':'hush1','user':'a:b'}]`, "[0].user holds a colon"},
		{`[{'host':'r.io','password':'hush1','test_image':['a']}]`, "[0].test_image is a list, expected text"},
		{`[{'host':'r.io','password':'hush1'},{'host':'s.io'}]`, "[1] has no password"},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			message := refusal(t, iniFile(withCredentials(additional+"="+test.value)))
			assert.Contains(t, message, "hosts:6: "+additional)
			assert.Contains(t, message, test.want)
			assert.NotContains(t, message, "hush1")
		})
	}
}

func TestI7_CommentInVars(t *testing.T) {
	c, warned := cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password=pw # rotated in May", "x=1 # fine", "y=z # fine"))
	assert.Equal(t, []string{"quay.io u pw # rotated in May"}, revealed(c))
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], `hosts:7: oreg_auth_password contains " #"`)
	assert.NotContains(t, warned[0], "May")

	c, warned = cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password='pw' # rotated in May"))
	assert.Equal(t, []string{"quay.io u pw"}, revealed(c))
	assert.Empty(t, warned)
}

func TestI8_VaultInINI(t *testing.T) {
	assert.Contains(t, refusal(t, iniFile(withCredentials("oreg_auth_user=u", "oreg_auth_password=!vault |"))),
		"hosts:7: oreg_auth_password begins with !vault, which works only in YAML (move the variable to a YAML file in group_vars)")

	dir := t.TempDir()
	o := testCase{files: iniFile(withCredentials("oreg_auth_password=!vault |", "  $ANSIBLE_VAULT;1.1;AES256", "  36623863"))}.options(t, dir)
	_, err := Load(t.Context(), o)
	require.ErrorContains(t, err, "hosts:7: expected key=value (an INI inventory cannot hold !vault values: move the variable to a YAML file in group_vars)")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "hosts"), []byte("$ANSIBLE_VAULT;1.1;AES256\n3662386334\n"), 0o600))
	_, err = Load(t.Context(), o)
	require.ErrorContains(t, err, "hosts: no vault password")

	assert.Contains(t, refusal(t, map[string]string{
		"hosts": "[nodes]\nn1\n", "group_vars/all": "oreg_auth_user: u\noreg_auth_password: |\n  $ANSIBLE_VAULT;1.1;AES256\n  3662\n",
	}), "group_vars/all:2: oreg_auth_password is an encrypted text without the tag !vault")
}

func TestI9_RangeInValue(t *testing.T) {
	c, warned := cluster(t, "[nodes]\nn[1:2] ansible_host=10.0.0.[31:32]\n")
	assert.Equal(t, "10.0.0.[31:32]", c.Nodes[0].Connection.Address)
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], "hosts:2: ansible_host holds a range; ranges work in host names only")

	_, err := Load(t.Context(), testCase{files: iniFile("[nodes]\n[1:3]\n")}.options(t, t.TempDir()))
	require.ErrorContains(t, err, "hosts:2: section of unknown type, expected [group], [group:vars] or [group:children] (a line that is nothing but a host range reads as a section)")
}
