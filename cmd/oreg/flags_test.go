package main

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

// flag is what scripts and fingers rely on.
type flag struct{ name, shorthand, value string }

// TestO4_FlagsThatScriptsRelyOn: names, letters and defaults are a contract.
// The first group is on every command, and does nothing where there is nothing
// to do.
func TestO4_FlagsThatScriptsRelyOn(t *testing.T) {
	everywhere := []flag{
		{"inventory", "i", "[]"}, {"limit", "l", ""}, {"extra-vars", "e", "[]"},
		{"vault-password-file", "", "[]"}, {"vault-id", "", "[]"}, {"ask-vault-pass", "", "false"},
		{"forks", "f", "64"}, {"timeout", "T", ""}, {"user", "u", ""}, {"private-key", "", ""}, {"ask-pass", "k", "false"},
		{"become", "b", "false"}, {"become-user", "", ""}, {"ask-become-pass", "K", "false"},
		{"host-key-checking", "", "strict"}, {"ssh-common-args", "", ""},
		{"kubeconfig", "", ""}, {"context", "", ""}, {"namespace", "n", ""}, {"secret-name", "", "imagestreamsecret"},
		{"allow-other-cluster", "", "false"},
		{"check-timeout", "", "1m0s"}, {"certs-dir", "", "[]"}, {"allow-realm", "", "[]"}, {"strict", "", "false"},
		{"from", "", "controller"}, {"authfile", "", "[]"},
		{"registry", "", ""}, {"username", "", ""}, {"password-stdin", "", "false"}, {"image", "", ""},
		{"check", "C", "false"}, {"dry-run", "", "false"}, {"diff", "D", "false"}, {"yes", "", "false"},
		{"output", "o", "text"}, {"log-file", "", ""}, {"verbose", "v", "0"}, {"color", "", "auto"}, {"help", "h", "false"},
	}
	writing := []flag{
		{"prune", "", "false"}, {"repair", "", "false"}, {"recreate", "", "false"}, {"reimport", "", "false"},
		{"retry-failed", "", "false"}, {"keep-backups", "", "1"}, {"platform", "", "3"},
	}
	own := map[string][]flag{
		"install": append([]flag{{"only", "", ""}}, writing...),
		"rotate": append([]flag{
			{"restart", "", "changed"}, {"serial", "", ""}, {"canary", "", "1"}, {"max-fail-percentage", "", "0"},
			{"rollback-on-failure", "", "false"}, {"allow-unproven", "", "false"}, {"ready-timeout", "", "5m0s"},
		}, writing...),
		"verify":      {{"live", "", "false"}, {"only", "", ""}},
		"rollback":    {{"run", "", ""}, {"force", "", "false"}},
		"inventory":   {{"list", "", "false"}, {"host", "", ""}, {"show-secrets", "", "false"}},
		"pull-secret": {{"to", "", ""}, {"raw", "", "false"}, {"from-file", "", ""}, {"settle", "", ""}, {"wait", "", ""}},
		"secret":      {{"from-file", "", ""}, {"delegated", "", "false"}, {"link", "", "[]"}, {"for", "", "[]"}, {"wait", "", ""}},
		"puller":      {{"to", "", ""}, {"in", "", ""}, {"wait", "", ""}},
	}
	for _, c := range commands() {
		mine, common := flagsOf(c)
		defined := map[string]*pflag.Flag{}
		for _, f := range append(mine, common...) {
			defined[f.Name] = f
		}
		for _, want := range append(own[c.name], everywhere...) {
			f := defined[want.name]
			require.NotNil(t, f, "%s has no --%s", c.name, want.name)
			assert.Equal(t, want, flag{f.Name, f.Shorthand, f.Value.String()}, c.name)
		}
	}
	assert.Equal(t, 10*time.Second, sshexec.DefaultTimeout, "-T where nobody says another")
}

// TestSecondsTakesAnsiblesForm: 30s, 2m, or a bare number of seconds.
func TestSecondsTakesAnsiblesForm(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "2m": 2 * time.Minute, "10": 10 * time.Second, "0.5": 500 * time.Millisecond,
	} {
		var s seconds
		require.NoError(t, s.Set(text), text)
		assert.Equal(t, want, time.Duration(s), text)
	}
	for _, text := range []string{"", "0", "-1", "-5s", "nan", "inf", "1e9", "10 s", "soon"} {
		var s seconds
		assert.ErrorContains(t, s.Set(text), "expected", text)
	}
}
