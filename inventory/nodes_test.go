package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/pattern"
	"oreg/inventory/secret"
)

func nodeNames(c *Cluster) []string {
	list := []string{}
	for _, n := range c.Nodes {
		list = append(list, n.Name)
	}
	return list
}

const fourGroups = "[new_nodes]\nn9\n[masters]\nm[1:2]\n[nodes]\nm1\nn[1:2]\n[new_masters]\nm3\n[etcd]\ne1\n"

func TestNodesAndFirstMaster(t *testing.T) {
	c, _ := cluster(t, fourGroups)
	assert.Equal(t, []string{"n9", "m1", "m2", "n1", "n2", "m3"}, nodeNames(c))
	var masters []string
	for _, n := range c.Nodes {
		if n.Master {
			masters = append(masters, n.Name)
		}
	}
	assert.Equal(t, []string{"m1", "m2", "m3"}, masters)
	require.NotNil(t, c.FirstMaster)
	assert.Equal(t, "m1", c.FirstMaster.Name)
	assert.False(t, c.FirstMasterLimited)

	c, _ = cluster(t, "[nodes:children]\nzone\n[zone]\nn1\n")
	assert.Equal(t, []string{"n1"}, nodeNames(c))
	assert.Nil(t, c.FirstMaster)
}

func TestLimit(t *testing.T) {
	tests := []struct {
		limit   string
		nodes   []string
		limited bool
	}{
		{"", []string{"n9", "m1", "m2", "n1", "n2", "m3"}, false},
		{"nodes", []string{"m1", "n1", "n2"}, false},
		{"n1,n2", []string{"n1", "n2"}, true},
		{"all:!masters", []string{"n9", "n1", "n2", "m3"}, true},
		{"masters[0]", []string{"m1"}, false},
		{"@keep", []string{"m2", "n2"}, true},
		{"e1", []string{}, true},
	}
	for _, test := range tests {
		t.Run(test.limit, func(t *testing.T) {
			inv := load(t, map[string]string{"hosts": fourGroups, "keep": "n2\nm2\n"})
			c, err := inv.Cluster(t.Context(), ClusterOptions{Limit: test.limit})
			require.NoError(t, err)
			assert.Equal(t, test.nodes, nodeNames(c))
			assert.Equal(t, "m1", c.FirstMaster.Name)
			assert.Equal(t, test.limited, c.FirstMasterLimited)
		})
	}
	inv := load(t, iniFile(fourGroups))
	_, err := inv.Cluster(t.Context(), ClusterOptions{Limit: "e1", RequireNodes: true})
	require.ErrorContains(t, err, "the limit leaves none of the 6 nodes")
	_, err = inv.Cluster(t.Context(), ClusterOptions{Limit: "nobody", RequireNodes: true})
	require.ErrorContains(t, err, pattern.ErrNoHosts.Error())
	assert.Contains(t, strings.Join(warnings(inv), "\n"), "nobody")
}

func TestRequireNodes(t *testing.T) {
	_, err := load(t, iniFile("[lb]\nh\n[masters]\n")).Cluster(t.Context(), ClusterOptions{RequireNodes: true})
	require.ErrorContains(t, err, "hosts: no hosts in the groups nodes, masters, new_nodes and new_masters")
	// Without nodes the credentials are those of OSEv3's hosts, of all hosts,
	// or of the groups as if they had one.
	for _, text := range []string{
		"[OSEv3]\nh\n[OSEv3:vars]\noreg_auth_user=u\noreg_auth_password=p\n",
		"h oreg_auth_user=u oreg_auth_password=p\n",
		"[OSEv3:children]\nnodes\n[nodes]\n[OSEv3:vars]\noreg_auth_user=u\noreg_auth_password=p\n",
		"[all:vars]\noreg_auth_user=u\noreg_auth_password=p\n",
		"[masters]\n[masters:vars]\noreg_auth_user=u\noreg_auth_password=p\n",
	} {
		c, _ := cluster(t, text)
		assert.Equal(t, []string{"quay.io u p"}, revealed(c), text)
		assert.Empty(t, c.Nodes)
	}
}

func TestValuesThatDifferBetweenNodes(t *testing.T) {
	message := refusal(t, map[string]string{
		"hosts":           "[nodes]\nn1 oreg_auth_password=hush1\nn2\n[nodes:vars]\noreg_auth_user=u\noreg_auth_password=hush2\n",
		"host_vars/n2":    additional + ": [{host: r.io, password: hush3}]\n",
		"group_vars/all":  additional + ": [{host: r.io, password: hush4}]\n",
		"group_vars/none": "[",
	})
	assert.Contains(t, message, "hosts:6: oreg_auth_password of n2 differs from that of n1 at hosts:2")
	assert.Contains(t, message, "host_vars/n2:1: "+additional+" of n2 differs from that of n1 at group_vars/all:1")
	assert.NotContains(t, message, "hush")

	message = refusal(t, iniFile("[masters]\nm1\n[nodes]\nn1\n[masters:vars]\noreg_auth_user=u\noreg_auth_password=hush1\n"))
	assert.Contains(t, message, "hosts:6: oreg_auth_user is set for m1 but not for n1")
	assert.Contains(t, message, "hosts:7: oreg_auth_password is set for m1 but not for n1")

	// The same value from two places is no difference, and hosts that are no
	// nodes do not count.
	c, _ := cluster(t, "[nodes]\nn1 oreg_auth_password=p\nn2 oreg_auth_password='p'\n[nodes:vars]\noreg_auth_user=u\n[lb]\nl oreg_auth_password=other\n")
	assert.Equal(t, []string{"quay.io u p"}, revealed(c))

	// What is not a credential may be said for some of them only.
	c, _ = cluster(t, "[masters]\nm1\n[nodes]\nn1\n[masters:vars]\nopenshift_image_tag=v3.11\nopenshift_restart_nodes_serial=2\n")
	assert.Equal(t, "2", c.RestartSerial)
}

func TestR4_TwoLoginsForOneRegistry(t *testing.T) {
	message := refusal(t, iniFile(withCredentials(additional+"=[{'host':'r.io','password':'hush1'},{'host':'https://R.io/team','password':'hush2'}]")))
	assert.Contains(t, message, "hosts:6 "+additional+"[1]: a second, different login for r.io, which hosts:6 "+additional+"[0] has as well")
	assert.NotContains(t, message, "hush")
	message = refusal(t, iniFile(withCredentials("oreg_url=r.io/a:1", "oreg_auth_user=u", "oreg_auth_password=p", additional+"=[{'host':'r.io','user':'other','password':'p'}]")))
	assert.Contains(t, message, "which hosts:7 oreg_auth_user has as well")

	// One login with several images is several checks; the same line twice is one.
	c, _ := cluster(t, withCredentials(additional+"=[{'host':'r.io','password':'p','test_image':'a'},{'host':'r.io','password':'p','test_image':'b'},"+
		"{'host':'r.io','password':'p','test_image':'a'}]"))
	require.Len(t, c.Credentials, 2)
	assert.Equal(t, "r.io/b", c.Credentials[1].Image)
}

func TestConfigPathsAndService(t *testing.T) {
	tests := []struct {
		vars    string
		paths   []string
		unit    string
		kubelet string
	}{
		{"", []string{"/var/lib/origin/.docker/config.json", "/root/.docker/config.json"}, "origin-node", ""},
		{"openshift_deployment_type=openshift-enterprise oreg_auth_user=u oreg_auth_password=p", []string{"/var/lib/origin/.docker/config.json", "/root/.docker/config.json"}, "atomic-openshift-node", ""},
		{"openshift_service_type=atomic-openshift", []string{"/var/lib/origin/.docker/config.json", "/root/.docker/config.json"}, "atomic-openshift-node", ""},
		{"openshift_data_dir=/data/", []string{"/data/.docker/config.json", "/root/.docker/config.json"}, "origin-node", ""},
		{"openshift_data_dir=/data openshift_node_data_dir=/node", []string{"/node/.docker/config.json", "/root/.docker/config.json"}, "origin-node", ""},
		{"docker_auth_credentials_path=/etc/reg", []string{"/var/lib/origin/.docker/config.json", "/etc/reg/config.json"}, "origin-node", ""},
		{"docker_auth_credentials_path=/etc/reg/config.json", []string{"/var/lib/origin/.docker/config.json", "/etc/reg/config.json"}, "origin-node", ""},
		{"docker_auth_credentials_path=/var/lib/origin/.docker/", []string{"/var/lib/origin/.docker/config.json"}, "origin-node", ""},
		{"openshift_kubelet_name_override=k8s-1", []string{"/var/lib/origin/.docker/config.json", "/root/.docker/config.json"}, "origin-node", "k8s-1"},
	}
	for _, test := range tests {
		t.Run(test.vars, func(t *testing.T) {
			c, _ := cluster(t, "[nodes]\nn1 "+test.vars+"\n")
			assert.Equal(t, test.paths, c.Nodes[0].ConfigPaths)
			assert.Equal(t, test.unit, c.Nodes[0].ServiceUnit)
			assert.Equal(t, test.kubelet, c.Nodes[0].KubeletName)
		})
	}
	c, _ := cluster(t, "[nodes]\nn1 openshift_node_data_dir=/a\nn2\n")
	assert.Equal(t, "/a/.docker/config.json", c.Nodes[0].ConfigPaths[0])
	assert.Equal(t, "/var/lib/origin/.docker/config.json", c.Nodes[1].ConfigPaths[0])
}

func TestProxyAndSerial(t *testing.T) {
	c, _ := cluster(t, withCredentials("openshift_http_proxy=http://u:p@proxy:3128", "openshift_https_proxy='http://proxy:3129'", "openshift_no_proxy='.a.b,10.0.0.0/8'",
		`openshift_restart_nodes_serial="20%"`))
	assert.Equal(t, "http://u:p@proxy:3128", c.Proxy.HTTP.Reveal())
	assert.Equal(t, "http://proxy:3129", c.Proxy.HTTPS.Reveal())
	assert.Equal(t, ".a.b,10.0.0.0/8", c.Proxy.NoProxy)
	assert.Equal(t, "20%", c.RestartSerial)
	c, _ = cluster(t, withCredentials("openshift_no_proxy=['.a.b', 'c']", "openshift_restart_nodes_serial=3"))
	assert.Equal(t, ".a.b,c", c.Proxy.NoProxy)
	assert.Equal(t, "3", c.RestartSerial)
}

func TestConnectionVariables(t *testing.T) {
	defaults := ConnectionDefaults{
		User: "flag", Port: 2222, PrivateKeyFile: "~/.ssh/flag", Password: secret.New("flagpw"), SSHCommonArgs: "-o A=b", SSHExtraArgs: "-v",
		BecomeUser: "flagroot", BecomePassword: secret.New("flagsudo"),
	}
	tests := []struct {
		vars string
		want Connection
	}{
		{"", Connection{Address: "n1", Port: 2222, User: "flag", PrivateKeyFile: "~/.ssh/flag", Password: secret.New("flagpw"), SSHArgs: []string{"-o", "A=b", "-v"}}},
		{
			"ansible_host=10.0.0.1 ansible_port=22 ansible_user=u ansible_ssh_private_key_file=/k ansible_password=p ansible_ssh_common_args='-J b' ansible_ssh_extra_args=''",
			Connection{Address: "10.0.0.1", Port: 22, User: "u", PrivateKeyFile: "/k", Password: secret.New("p"), SSHArgs: []string{"-J", "b"}},
		},
		{
			"ansible_host=x ansible_ssh_host=y ansible_port=1 ansible_ssh_port=2 ansible_user=u ansible_ssh_user=v ansible_private_key_file=/k ansible_ssh_private_key_file=/l " +
				"ansible_password=p ansible_ssh_pass=q ansible_ssh_password=r ansible_ssh_args='-F none'",
			Connection{Address: "y", Port: 2, User: "v", PrivateKeyFile: "/l", Password: secret.New("r"), SSHArgs: []string{"-F", "none", "-o", "A=b", "-v"}},
		},
		{
			`ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q jump" -o X=y' ansible_user=007 ansible_ssh_pass=0777 ansible_connection=local`,
			Connection{
				Local: true, Address: "n1", Port: 2222, User: "007", PrivateKeyFile: "~/.ssh/flag", Password: secret.New("0777"),
				SSHArgs: []string{"-o", "ProxyCommand=ssh -W %h:%p -q jump", "-o", "X=y", "-v"},
			},
		},
		{
			"ansible_become=yes ansible_become_user=admin ansible_become_pass=s ansible_become_method=sudo ansible_connection=smart",
			Connection{
				Address: "n1", Port: 2222, User: "flag", PrivateKeyFile: "~/.ssh/flag", Password: secret.New("flagpw"), SSHArgs: []string{"-o", "A=b", "-v"},
				Become: &Become{User: "admin", Password: secret.New("s")},
			},
		},
		{
			"ansible_sudo=true ansible_become_user=a ansible_sudo_user=b ansible_become_password=1 ansible_become_pass=2 ansible_sudo_pass=3",
			Connection{
				Address: "n1", Port: 2222, User: "flag", PrivateKeyFile: "~/.ssh/flag", Password: secret.New("flagpw"), SSHArgs: []string{"-o", "A=b", "-v"},
				Become: &Become{User: "b", Password: secret.New("3")},
			},
		},
		{
			"ansible_become=1",
			Connection{
				Address: "n1", Port: 2222, User: "flag", PrivateKeyFile: "~/.ssh/flag", Password: secret.New("flagpw"), SSHArgs: []string{"-o", "A=b", "-v"},
				Become: &Become{User: "flagroot", Password: secret.New("flagsudo")},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.vars, func(t *testing.T) {
			c, err := load(t, iniFile("[nodes]\nn1 "+test.vars+"\n")).Cluster(t.Context(), ClusterOptions{Defaults: defaults})
			require.NoError(t, err)
			assert.Equal(t, test.want, c.Nodes[0].Connection)
		})
	}
	t.Run("become by flag", func(t *testing.T) {
		d := ConnectionDefaults{Become: true}
		c, err := load(t, iniFile("[nodes]\nn1\nn2 ansible_become=no\nn3:2200\n")).Cluster(t.Context(), ClusterOptions{Defaults: d})
		require.NoError(t, err)
		assert.Equal(t, &Become{User: "root"}, c.Nodes[0].Connection.Become)
		assert.Nil(t, c.Nodes[1].Connection.Become)
		assert.Equal(t, 2200, c.Nodes[2].Connection.Port)
	})
}

func TestBrokenSettings(t *testing.T) {
	tests := []struct{ vars, want string }{
		{"ansible_port=x", "hosts:2: ansible_port is no port"},
		{"ansible_port=0", "hosts:2: ansible_port is no port"},
		{"ansible_ssh_port=65536", "hosts:2: ansible_ssh_port is no port"},
		{"ansible_port=True", "hosts:2: ansible_port is no port"},
		{"ansible_user=[1]", "hosts:2: ansible_user is a list, expected text"},
		{"ansible_connection=docker", "hosts:2: ansible_connection is neither ssh nor local"},
		{"ansible_become=maybe", "hosts:2: ansible_become is neither true nor false"},
		{"ansible_become=yes ansible_become_method=su", "hosts:2: ansible_become_method is not sudo"},
		{`ansible_ssh_common_args="-o 'x"`, "hosts:2: ansible_ssh_common_args: quote without an end"},
		{"ansible_ssh_pass=''", "hosts:2: ansible_ssh_pass is empty"},
		{"openshift_node_data_dir=data", "hosts:2: openshift_node_data_dir is no absolute path"},
		{"openshift_service_type=other", "hosts:2: openshift_service_type is neither origin nor atomic-openshift"},
		{"openshift_deployment_type=other", "hosts:2: openshift_deployment_type is neither origin nor openshift-enterprise"},
		{"openshift_restart_nodes_serial=all", "hosts:2: openshift_restart_nodes_serial is a string, expected a number of nodes or a percentage"},
		{"openshift_restart_nodes_serial=0", "expected a number of nodes or a percentage"},
		{"oreg_url='*.io/a:b' oreg_auth_user=u oreg_auth_password=p", "hosts:2: registry of oreg_url holds a wildcard"},
	}
	for _, test := range tests {
		t.Run(test.vars, func(t *testing.T) {
			assert.Contains(t, refusal(t, iniFile("[nodes]\nn1 "+test.vars+"\n")), test.want)
		})
	}
	t.Run("all together, each once", func(t *testing.T) {
		message := refusal(t, iniFile("[nodes]\nn[1:50]\n[nodes:vars]\nansible_port=x\nansible_become=maybe\noreg_auth_user=u\n"))
		assert.Equal(t, 3, strings.Count(message, "\n")+1, message)
	})
	_, warned := cluster(t, "[nodes]\nn1 ansible_ssh_host_key_checking=False\n")
	assert.Contains(t, strings.Join(warned, ""), "hosts:2: ansible_ssh_host_key_checking is ignored (--host-key-checking decides)")
}

// TestNoSecretInMessages breaks inventories that are full of one marker in
// every way that the invalid table knows, and looks for it in what is said.
func TestNoSecretInMessages(t *testing.T) {
	const marker = "m4rkerS3cret"
	lines := []string{
		marker, "h " + marker, "h x='" + marker, "[" + marker + " x]", "[g:vars]\n" + marker, "[g]\n[g:vars]\nx={{ '" + marker + "' }}", "[g:children]\n" + marker + " y",
		"h[" + marker + "]", "[g]\n[g:vars]\nansible_group_priority=" + marker, "h ansible_port=" + marker + " y", "x: [" + marker, "h:\n  hosts: " + marker + ": x\n",
		"---\nall:\n  hosts: [" + marker + "]\n", "{\"a\": \"" + marker + "\"", "all: *" + marker, "all: !" + marker + " x", "all: {vars: {a: &" + marker + " 1, b: &" + marker + " 2}}",
	}
	for _, text := range lines {
		t.Run(text, func(t *testing.T) {
			inv, err := Load(t.Context(), testCase{files: iniFile(text + "\n")}.options(t, t.TempDir()))
			if err != nil {
				assert.NotContains(t, err.Error(), marker)
				return
			}
			assert.NotContains(t, strings.Join(warnings(inv), "\n"), marker)
		})
	}
	for _, text := range []string{"a: *" + marker, "a: '" + marker, "a: " + marker + ": x", "a: !" + marker + " b", "\t" + marker, "- " + marker, marker, "a: {" + marker, "? [" + marker + "]\n: b"} {
		t.Run("variables "+text, func(t *testing.T) {
			_, err := Load(t.Context(), testCase{files: map[string]string{"hosts": "h\n", "group_vars/all": text}}.options(t, t.TempDir()))
			require.ErrorContains(t, err, "group_vars/all")
			assert.NotContains(t, err.Error(), marker)
		})
	}
	for _, arg := range []string{"x='" + marker, "{a: " + marker, "[" + marker + "]", "/" + marker, "a={{ " + marker} {
		_, err := Load(t.Context(), testCase{files: iniFile("h\n"), extra: []string{arg}}.options(t, t.TempDir()))
		require.ErrorContains(t, err, "--extra-vars", arg)
		assert.NotContains(t, err.Error(), marker)
	}
}

func TestUnreadableInventories(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin.yml"), []byte("plugin: aws_ec2\nregions: [x]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "inv.toml"), []byte("[all.vars]\nx = false\n[g]\nchildren = [\"a\"]\n"), 0o600))
	for path, want := range map[string]string{
		"missing":    "missing: cannot be read: no such file or directory",
		"empty":      "empty: the folder holds no inventory",
		"plugin.yml": "plugin.yml:1: configuration of an inventory plugin",
		"inv.toml":   "inv.toml: TOML inventories are not read",
	} {
		_, err := Load(t.Context(), Options{Paths: []string{path}, Dir: dir})
		require.ErrorContains(t, err, want)
	}
	_, err := Load(t.Context(), Options{Paths: []string{"missing", "empty"}, Dir: dir})
	require.ErrorContains(t, err, "missing: ")
	require.ErrorContains(t, err, "empty: ")

	inv, err := Load(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	c, err := inv.Cluster(t.Context(), ClusterOptions{})
	require.NoError(t, err)
	assert.Empty(t, c.Credentials)
	_, err = inv.Cluster(t.Context(), ClusterOptions{RequireNodes: true})
	require.ErrorContains(t, err, "no hosts in the groups")
}

func TestExampleClusters(t *testing.T) {
	example := func(name string) *Cluster {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("testdata", "examples", name))
		require.NoError(t, err)
		c, err := load(t, iniFile(string(text))).Cluster(t.Context(), ClusterOptions{RequireNodes: true})
		require.NoError(t, err)
		return c
	}
	c := example("production")
	assert.Equal(t, []string{
		"registry.redhat.io 1234567|installer not-a-real-password", "mirror.example.net puller also-not-real", "lab.example.net:5000 openshift nor-this",
	}, revealed(c))
	assert.Equal(t, "registry.redhat.io/openshift3/ose-pod:v3.11.219", c.Credentials[0].Image)
	assert.Equal(t, "lab.example.net:5000/tools/pause:3", c.Credentials[2].Image)
	assert.Equal(t, "10%", c.RestartSerial)
	assert.Equal(t, "atomic-openshift-node", c.Nodes[0].ServiceUnit)
	assert.Equal(t, []string{"-o", "ControlMaster=auto", "-o", "ProxyCommand=ssh -W %h:%p -q jump.example.net"}, c.FirstMaster.Connection.SSHArgs)
	assert.Len(t, c.Nodes, 7)

	c = example("single")
	require.Len(t, c.Nodes, 1)
	assert.True(t, c.Nodes[0].Connection.Local)
	assert.Empty(t, c.Credentials)

	c = example("storage-native")
	assert.Equal(t, []string{"boss", "n0", "n1", "n2", "n3"}, nodeNames(c))
	assert.Equal(t, "root", c.Nodes[0].Connection.User)
	for _, name := range []string{"storage-external", "monitoring"} {
		assert.Equal(t, "boss", example(name).FirstMaster.Name)
	}

	// openshift-enterprise without a login for registry.redhat.io.
	text, err := os.ReadFile("testdata/examples/cloud")
	require.NoError(t, err)
	assert.Contains(t, refusal(t, iniFile(string(text))), "oreg_auth_user and oreg_auth_password are not set")
	c, _ = clusterOf(t, iniFile(string(text)), "oreg_auth_user=u oreg_auth_password=p")
	assert.Equal(t, "n2", c.Nodes[2].KubeletName)
}
