package dockerconfig_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/tasks/dockerconfig"
)

// TestR1_R6_R7_Keys: the spellings that mean one registry, and those that do
// not.
func TestR1_R6_R7_Keys(t *testing.T) {
	for spelling, key := range map[string]string{
		"reg.io":                      "reg.io",
		"REG.io":                      "reg.io",
		"Reg.IO:5000":                 "reg.io:5000",
		"reg.io/":                     "reg.io",
		"http://reg.io":               "reg.io",
		"https://reg.io":              "reg.io",
		"HTTPS://reg.io/":             "reg.io",
		"https://reg.io/v1/":          "reg.io",
		"https://reg.io/v1":           "reg.io",
		"https://reg.io/v2/":          "reg.io",
		"reg.io/v1/":                  "reg.io",
		"reg.io/v2/":                  "reg.io",
		"reg.io/v1":                   "reg.io/v1",
		"reg.io/v2/team":              "reg.io/team",
		"https://reg.io/team/":        "reg.io/team",
		"REG.io/Team":                 "reg.io/Team",
		"reg.io:443":                  "reg.io:443",
		"docker.io":                   dockerconfig.HubKey,
		"https://docker.io":           dockerconfig.HubKey,
		"index.docker.io":             dockerconfig.HubKey,
		"https://index.docker.io/v1":  dockerconfig.HubKey,
		"https://index.docker.io/v1/": dockerconfig.HubKey,
		"registry-1.docker.io":        dockerconfig.HubKey,
		"https://index.docker.io/v1/access-token": "docker.io/access-token",
		"docker.io/org": "docker.io/org",
		"[::1]:5000":    "[::1]:5000",
	} {
		assert.Equal(t, key, dockerconfig.Key(spelling), spelling)
		assert.Equal(t, key, dockerconfig.Key(key), "a key is its own canonical form")
		assert.True(t, dockerconfig.SameRegistry(spelling, key))
	}
	for a, b := range map[string]string{
		"reg.io": "reg.io:443", "reg.io:5000": "reg.io", "reg.io/team": "reg.io", "a.reg.io": "*.reg.io", "ftp://reg.io": "reg.io", "docker.io.example.com": "docker.io",
	} {
		assert.False(t, dockerconfig.SameRegistry(a, b), "%s %s", a, b)
	}
}

// TestS1_KeysCannotCarrySecretsOut: somebody wrote a login into the key itself.
func TestS1_KeysCannotCarrySecretsOut(t *testing.T) {
	existing := []byte(`{"auths":{"https://user:c4nary@reg.io\n":{"auth":"%"},"` + strings.Repeat("x", 5000) + `":{"auth":"%"}}}`)
	_, err := dockerconfig.Merge(existing, nil, dockerconfig.Options{})
	var malformed *dockerconfig.MalformedError
	if assert.ErrorAs(t, err, &malformed) {
		assert.ErrorContains(t, err, "https://...@reg.io?: auth is not")
		assert.NotContains(t, err.Error(), "c4nary")
		assert.Less(t, len(err.Error()), 1000)
	}
}
