package inventory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTemplatesInCredentials(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"REG_PASSWORD": `from "env'`}[name]
		return v, ok
	}
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"reference", iniFile(withCredentials("oreg_auth_user=u", `oreg_auth_password="{{ mine }}"`, "mine='p w'")), []string{"quay.io u p w"}},
		{"chain over files", map[string]string{
			"hosts": "[nodes]\nn1\n[nodes:vars]\noreg_auth_user={{ who }}\noreg_auth_password={{ creds.password }}\n", "group_vars/all.yml": "creds: {password: '{{ half }}-2'}\nhalf: a\n",
			"host_vars/n1.yml": "who: '{{ inventory_hostname }}-user'\n",
		}, []string{"quay.io n1-user a-2"}},
		{"environment", iniFile(withCredentials("oreg_auth_user=u", `oreg_auth_password="{{ lookup('env', 'REG_PASSWORD') }}"`)), []string{`quay.io u from "env'`}},
		{"file", map[string]string{"hosts": withCredentials("oreg_auth_user=u", `oreg_auth_password="{{ lookup('file', 'pw.txt') }}"`), "pw.txt": "from file\n"}, []string{"quay.io u from file"}},
		{"hostvars", iniFile("[nodes]\nn1\nn2\n[masters]\nm1 pw=there\n[nodes:vars]\noreg_auth_user=u\noreg_auth_password={{ hostvars['m1'].pw }}\n[masters:vars]\noreg_auth_user=u\noreg_auth_password={{ pw }}\n"), []string{"quay.io u there"}},
		{"in a list", iniFile(withCredentials(additional+`=[{'host':'{{ reg }}','user':'{{ reg | upper }}','password':"{{ lookup('env', 'REG_PASSWORD') }}"}]`, "reg=r.io")), []string{`r.io R.IO from "env'`}},
		{"in a list that only oreg reads", iniFile(withCredentials(additional+`=[{"host":"{{ reg }}","password":"{{ lookup('env', 'REG_PASSWORD') }}","tls_verify":true}]`, "reg=r.io")), []string{`r.io openshift from "env'`}},
		{"whole list", iniFile(withCredentials(additional+"={{ mine }}", "mine=[{'host':'r.io','password':'p'}]")), []string{"r.io openshift p"}},
		{"unsafe", map[string]string{"hosts": "[nodes]\nn1\n", "group_vars/all": "oreg_auth_user: u\noreg_auth_password: !unsafe 'a{{ b }}c'\n"}, []string{"quay.io u a{{ b }}c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := testCase{files: test.files, extra: typed(test.files, nil)}.options(t, t.TempDir())
			o.Env = env
			inv, err := Load(t.Context(), o)
			require.NoError(t, err)
			c, err := inv.Cluster(t.Context(), ClusterOptions{})
			require.NoError(t, err)
			assert.Equal(t, test.want, revealed(c))
		})
	}
}

func TestTemplatesInSettings(t *testing.T) {
	c, _ := cluster(t, "[nodes]\nn[1:2].example.com openshift_kubelet_name_override={{inventory_hostname_short}} ansible_host=10.0.0.{{nr}} ansible_port=\"{{ 2200 + 22 }}\"\n"+
		"[nodes:vars]\nnr=7\nopenshift_node_data_dir=/data/{{ group_names[0] }}\n")
	assert.Equal(t, "n1", c.Nodes[0].KubeletName)
	assert.Equal(t, "n2", c.Nodes[1].KubeletName)
	assert.Equal(t, "10.0.0.7", c.Nodes[0].Connection.Address)
	assert.Equal(t, 2222, c.Nodes[0].Connection.Port)
	assert.Equal(t, "/data/nodes/.docker/config.json", c.Nodes[1].ConfigPaths[0])
}

func TestTemplatesThatFail(t *testing.T) {
	tests := []struct{ line, want string }{
		{`oreg_auth_password="{{ nowhere }}hush1"`, "hosts:7: oreg_auth_password: "},
		{`oreg_auth_password={{ a }}`, "nowhere"},
		{`oreg_auth_password="{{ lookup('pipe', 'cat /etc/hush1') }}"`, "pipe"},
		{`oreg_auth_password="{{ lookup('file', '/does/not/exist') }}"`, "hosts:7: oreg_auth_password: "},
		{`oreg_auth_password={{ oreg_auth_password }}`, "recursive"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			message := refusal(t, iniFile(withCredentials("oreg_auth_user=u", test.line, "a={{ nowhere }}hush1")))
			assert.Contains(t, message, "hosts:7: oreg_auth_password: ")
			assert.Contains(t, message, test.want)
			assert.NotContains(t, message, "hush1")
			assert.NotContains(t, strings.SplitN(message, ": ", 3)[2], "oreg_auth_password: hosts:7")
		})
	}
}

func TestBracesThatAreNoTemplate(t *testing.T) {
	for _, password := range []string{"a{{b", "{{", "a{%b", "}}{{", "{{ 'x }}"} {
		c, warned := cluster(t, withCredentials("oreg_auth_user=u", "oreg_auth_password="+password))
		assert.Equal(t, []string{"quay.io u " + password}, revealed(c))
		require.Len(t, warned, 1, password)
		assert.Contains(t, warned[0], "hosts:7: oreg_auth_password holds braces that are no template; they are taken as they are")
	}
}
