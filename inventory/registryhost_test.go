package inventory

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRegistryHost(t *testing.T) {
	tests := []struct{ text, host, scope string }{
		{"registry.example.com", "registry.example.com", ""},
		{"Registry.Example.COM:5000", "registry.example.com:5000", ""},
		{"https://registry.example.com/", "registry.example.com", ""},
		{"HTTP://registry.example.com:80", "registry.example.com:80", ""},
		{"registry.example.com/team/sub/", "registry.example.com/team/sub", "team/sub"},
		{"registry.example.com/v2/", "registry.example.com", ""},
		{"localhost", "localhost", ""},
		{"localhost:5000", "localhost:5000", ""},
		{"10.0.0.1:5000", "10.0.0.1:5000", ""},
		{"[2001:db8::1]:5000", "[2001:db8::1]:5000", ""},
		{"[2001:DB8::1]", "[2001:db8::1]", ""},
		{"2001:db8::1", "[2001:db8::1]", ""},
		{"my_registry.svc", "my_registry.svc", ""},
	}
	for _, test := range tests {
		got, err := ParseRegistryHost(test.text)
		require.NoError(t, err, test.text)
		if test.scope != "" {
			test.host = "registry.example.com"
		}
		assert.Equal(t, test.host, got.Host, test.text)
		assert.Equal(t, test.scope, got.Scope, test.text)
	}
}

func TestR5_Wildcards(t *testing.T) {
	for _, text := range []string{"*.example.com", "r?.example.com", "https://*.example.com/x"} {
		_, err := ParseRegistryHost(text)
		require.ErrorContains(t, err, "wildcard", text)
	}
	assert.Contains(t, refusal(t, iniFile(withCredentials(additional+"=[{'host':'*.example.com','password':'p'}]"))),
		"hosts:6: "+additional+"[0].host holds a wildcard")
}

func TestR6_NamesOfDockerHub(t *testing.T) {
	for _, text := range []string{
		"docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/", "https://index.docker.io/v1", "Docker.IO",
		"registry.hub.docker.com", "docker.io:443",
	} {
		got, err := ParseRegistryHost(text)
		require.NoError(t, err, text)
		assert.Equal(t, RegistryHost{Host: DockerHub, Scheme: got.Scheme}, got, text)
	}
	// Two names of one registry are one registry.
	assert.Contains(t, refusal(t, iniFile(withCredentials(additional+"=[{'host':'docker.io','password':'p'},{'host':'https://index.docker.io/v1/','password':'q'}]"))),
		"a second, different login for docker.io")
}

func TestR7_DefaultPort(t *testing.T) {
	c, warned := cluster(t, withCredentials("oreg_url=r.io:443/x/y:1\noreg_auth_user=u\noreg_auth_password=p", additional+"=[{'host':'s.io:443','password':'p'}]"))
	assert.Equal(t, "r.io:443", c.Credentials[0].Host)
	assert.Equal(t, "s.io:443", c.Credentials[1].Host)
	require.Len(t, warned, 2)
	assert.Contains(t, warned[0], "hosts:6: oreg_url: the registry is named with its default port")
	assert.Contains(t, warned[1], "hosts:9: "+additional+"[0].host: the registry is named with its default port")
}

func TestR8_Logins(t *testing.T) {
	for _, line := range []string{"oreg_auth_user=a:b", "oreg_auth_user=", "oreg_auth_user='a\\nb'"} {
		assert.Contains(t, refusal(t, iniFile(withCredentials(line, "oreg_auth_password=p"))), "hosts:6: oreg_auth_user ", line)
	}
	assert.Contains(t, refusal(t, iniFile(withCredentials("oreg_auth_user=u", "oreg_auth_password="))), "hosts:7: oreg_auth_password is empty")
	c, _ := cluster(t, withCredentials("oreg_auth_user='1234|svc'", "oreg_auth_password=\"p$'\\\"`\\\\ ;& ü\""))
	assert.Equal(t, []string{"quay.io 1234|svc p$'\"`\\ ;& ü"}, revealed(c))
}

func TestBrokenRegistryHosts(t *testing.T) {
	for _, text := range []string{
		"", "/", "https://", "ftp://r.io", "r.io:", "r.io:x", "r.io:0", "r.io:65536", "r.io:-1", "user:hush1@r.io", "hush1 r.io", "r..io", ".r.io",
		"-r.io", "r-.io", "r.io/Team", "r.io/te am", "r.io/a//b", "[::1", "::1]", "[r.io]", "[::1]:x", "r.io/team:tag", "r.io:5000:1", "é.io", "r.io\n",
	} {
		_, err := ParseRegistryHost(text)
		require.ErrorContains(t, err, "expected", text)
		assert.NotContains(t, err.Error(), "hush1", text)
	}
}
