package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestI10_ImageNameAndUnknownKeys(t *testing.T) {
	c, warned := cluster(t, withCredentials(additional+"=[{'host':'r.io','password':'p','image_name':'a/b:1'}]"))
	assert.Equal(t, "r.io/a/b:1", c.Credentials[0].Image)
	assert.True(t, c.Credentials[0].ImageNamed)
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], "hosts:6: "+additional+"[0].image_name is an old name of test_image (write test_image)")

	for key, want := range map[string]string{
		"pasword": "did you mean password?", "username": "did you mean", "Host": "did you mean host?", "test-login": "did you mean test_login?",
		"tls_verfy": "did you mean tls_verify?", "zzz": "known keys are host, user, password",
	} {
		message := refusal(t, iniFile(withCredentials(additional+"=[{'host':'r.io','password':'p','"+key+"':'hush1'}]")))
		assert.Contains(t, message, "hosts:6: "+additional+"[0] has an unknown key", key)
		if key != "username" {
			assert.Contains(t, message, want, key)
		}
		assert.NotContains(t, message, "hush1")
	}
	assert.Contains(t, refusal(t, iniFile(withCredentials(additional+"=[{'host':'r.io','password':'p','image_name':'a','test_image':'b'}]"))),
		"has both image_name and test_image")
}

func TestI11_DefaultUser(t *testing.T) {
	for _, entry := range []string{"{'host':'r.io','password':'p'}", "{'host':'r.io','password':'p','user':None}"} {
		c, _ := cluster(t, withCredentials(additional+"=["+entry+"]"))
		assert.Equal(t, []string{"r.io openshift p"}, revealed(c))
	}
}

func TestI12_RegistryOfOreg(t *testing.T) {
	auth := []string{"oreg_auth_user=u", "oreg_auth_password=p"}
	tests := []struct {
		lines []string
		host  string
	}{
		{auth, "quay.io"},
		{append([]string{"openshift_deployment_type=openshift-enterprise"}, auth...), "registry.redhat.io"},
		{append([]string{"deployment_type=openshift-enterprise"}, auth...), "registry.redhat.io"},
		{append([]string{"oreg_url=r.io:5000/openshift3/ose-${component}:${version}"}, auth...), "r.io:5000"},
		{append([]string{"oreg_url=openshift3/ose-${component}:${version}"}, auth...), "quay.io"},
		{append([]string{"oreg_url=localhost/openshift3/ose-${component}:${version}"}, auth...), "localhost"},
		{append([]string{"oreg_url=https://R.io/openshift3/ose-${component}:${version}"}, auth...), "r.io"},
	}
	for _, test := range tests {
		c, _ := cluster(t, withCredentials(test.lines...))
		require.Len(t, c.Credentials, 1)
		assert.Equal(t, test.host, c.Credentials[0].Host, "%q", test.lines)
		assert.Equal(t, test.host, c.OregHost)
	}
	assert.Contains(t, refusal(t, iniFile(withCredentials("oreg_auth_user=u"))), "hosts:6: oreg_auth_user is set but oreg_auth_password is not")
	assert.Contains(t, refusal(t, iniFile(withCredentials("oreg_auth_password=p"))), "hosts:6: oreg_auth_password is set but oreg_auth_user is not")
	unreadable := refusal(t, iniFile(withCredentials("oreg_auth_user=u\noreg_auth_password={{ nobody }}")))
	assert.Contains(t, unreadable, `oreg_auth_password: "nobody" is undefined`)
	assert.NotContains(t, unreadable, "oreg_auth_password is not", "it is set, only not readable")
	_, err := load(t, iniFile(withCredentials(auth...))).Cluster(t.Context(), ClusterOptions{})
	require.ErrorContains(t, err, "hosts:6: openshift_deployment_type is not set, so the registry of oreg_auth_user is not known "+
		"(set it to openshift-enterprise or origin, or name a registry in oreg_url)")
	for _, line := range []string{
		"openshift_deployment_type=openshift-enterprise", "oreg_url=registry.redhat.io/openshift3/ose-${component}:${version}",
		"openshift_examples_registryurl=registry.redhat.io", "openshift_examples_registryurl=registry.redhat.io/openshift3/ose-${component}",
	} {
		assert.Contains(t, refusal(t, iniFile(withCredentials(line))), "oreg_auth_user and oreg_auth_password are not set", line)
	}
	c, _ := cluster(t, withCredentials("openshift_deployment_type=openshift-enterprise", additional+"=[{'host':'registry.redhat.io','password':'p'}]"))
	assert.Len(t, c.Credentials, 1, "another login for it serves as well")

	_, warned := cluster(t, withCredentials("oreg_auth_credentials_replace=True", "oreg_url_master=r.io/x", "oreg_auth_pasword=x"))
	all := strings.Join(warned, "\n")
	assert.Contains(t, all, "hosts:6: oreg_auth_credentials_replace has no effect any more")
	assert.Contains(t, all, "hosts:7: oreg_url_master has no effect any more (use oreg_url)")
	assert.Contains(t, all, "hosts:8: unknown variable oreg_auth_pasword, did you mean oreg_auth_password?")
}

func TestI13_QuotesOfHostsExample(t *testing.T) {
	c, warned := cluster(t, withCredentials("oreg_url=example.com/openshift3/ose-${component}:${version}", "oreg_auth_user=some_user", "oreg_auth_password='my-pass'"))
	assert.Equal(t, []string{"example.com some_user my-pass"}, revealed(c))
	assert.Empty(t, warned)
}

func TestS6_ReadableByOthers(t *testing.T) {
	files := iniFile(withCredentials("oreg_auth_user=u", "oreg_auth_password=p", "openshift_deployment_type=origin"))
	dir := t.TempDir()
	o := testCase{files: files}.options(t, dir)
	require.NoError(t, os.Chmod(filepath.Join(dir, "hosts"), 0o644))
	inv, err := Load(t.Context(), o)
	require.NoError(t, err)
	_, err = inv.Cluster(t.Context(), ClusterOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"hosts: holds oreg_auth_password in clear and can be read by the group or by others (chmod 600, or encrypt it with ansible-vault)"}, warnings(inv))

	list := "=[{'host':'r.io','password':'p'}]"
	for lines, warned := range map[string][]string{
		additional + list: {"hosts: holds " + additional + " in clear and can be read by the group or by others (chmod 600, or encrypt it with ansible-vault)"},
		"pw=p\n" + additional + strings.ReplaceAll(list, "'p'", "'{{ pw }}'"): {},
		additional + "=[]": {},
	} {
		dir := t.TempDir()
		o := testCase{files: iniFile(withCredentials(lines))}.options(t, dir)
		require.NoError(t, os.Chmod(filepath.Join(dir, "hosts"), 0o640))
		inv, err := Load(t.Context(), o)
		require.NoError(t, err)
		_, err = inv.Cluster(t.Context(), ClusterOptions{})
		require.NoError(t, err)
		assert.ElementsMatch(t, warned, warnings(inv), lines)
	}
	for _, arg := range []string{"oreg_auth_password=hush1", `{"oreg_auth_password": "hush1"}`} {
		inv = load(t, files, arg)
		require.Len(t, warnings(inv), 1)
		assert.Contains(t, warnings(inv)[0], "oreg_auth_password is given on the command line")
		assert.Contains(t, warnings(inv)[0], "-e @file")
		assert.NotContains(t, warnings(inv)[0], "hush1")
	}
	assert.Empty(t, warnings(load(t, map[string]string{"hosts": files["hosts"], "x.yml": "oreg_auth_password: p\n"}, "@x.yml")))
}
