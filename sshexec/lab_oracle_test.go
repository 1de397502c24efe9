//go:build lab

package sshexec

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConfigOracle: for random configurations, hosts and arguments the
// settings are those of `ssh -G`.
func TestN4_ConfigOracle(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	require.NoError(t, err, "this test needs ssh: apt-get install openssh-client")
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 8))
	const rounds = 300
	refused := 0
	for round := range rounds {
		g := &generator{random: random, dir: dir, round: round}
		config := filepath.Join(dir, fmt.Sprintf("config%d", round))
		require.NoError(t, os.WriteFile(config, []byte(g.text(t, 3)), 0o600))
		host := g.pick("node1", "node2", "db.example.com", "10.0.0.7", "other")
		args := []string{"-F", config}
		for range random.IntN(3) {
			args = append(args, g.pick("-p2201", "-4", "-lcore", "-oUser=opt", "-oPort=2300", "-oHostKeyAlias=%n-x", "-J b@jump:99", "-oIdentitiesOnly=yes", "-oServerAliveInterval=2m"))
		}
		var words []string
		for _, a := range args {
			words = append(words, strings.Fields(a)...)
		}
		out, err := exec.Command(ssh, append(append([]string{"-G"}, words...), host)...).CombinedOutput()
		c := New(Options{Home: "/root", LocalUser: "root"})
		s, ourErr := c.resolve(Target{Host: host, Args: words})
		text, readErr := os.ReadFile(config)
		require.NoError(t, readErr)
		about := fmt.Sprintf("ssh -G %s %s\n%s", strings.Join(words, " "), host, text)
		included, globErr := filepath.Glob(filepath.Join(dir, fmt.Sprintf("inc%d-*", round)))
		require.NoError(t, globErr)
		for _, name := range included {
			text, readErr := os.ReadFile(name)
			require.NoError(t, readErr)
			about += "--- " + name + "\n" + string(text)
		}
		if err != nil {
			refused++ // for example two -J; we may be milder
			continue
		}
		require.NoErrorf(t, ourErr, "%s", about)
		want := parseDump(string(out))
		got := map[string][]string{
			"hostname":     {strings.ToLower(s.host)},
			"port":         {strconv.Itoa(s.port)},
			"user":         {s.user},
			"proxyjump":    nil,
			"hostkeyalias": nil,
		}
		var jumps []string
		for _, j := range s.jumps {
			jump := j.host
			if j.user != "" {
				jump = j.user + "@" + jump
			}
			if j.port != 0 {
				jump += ":" + strconv.Itoa(j.port)
			}
			jumps = append(jumps, jump)
		}
		if jumps != nil {
			got["proxyjump"] = []string{strings.Join(jumps, ",")}
		}
		if s.hostKeyAlias != "" {
			got["hostkeyalias"] = []string{s.hostKeyAlias}
		}
		if s.identitiesOnly {
			assert.Equal(t, []string{"yes"}, want["identitiesonly"], about)
		}
		for key, value := range got {
			assert.Equalf(t, want[key], value, "%s\n%s", key, about)
		}
		if _, set := want["serveraliveinterval"]; set && want["serveraliveinterval"][0] != "0" {
			assert.Equalf(t, want["serveraliveinterval"][0], strconv.Itoa(int(s.aliveEvery.Seconds())), "%s", about)
		}
		if len(s.identities) > 0 {
			// ssh -G shows identity files before their tokens are expanded, and
			// again for the second pass.
			distinct := map[string]bool{}
			for _, file := range want["identityfile"] {
				if file != "none" {
					distinct[file] = true
				}
			}
			assert.Lenf(t, s.identities, len(distinct), "%s", about)
		}
		if t.Failed() {
			return
		}
	}
	assert.Less(t, refused, rounds/4, "most of the corpus is valid")
}

func parseDump(text string) map[string][]string {
	dump := map[string][]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		dump[key] = append(dump[key], value)
	}
	return dump
}

// generator writes configurations with the parts that people use.
type generator struct {
	random *rand.Rand
	dir    string
	round  int
	files  int
}

func (g *generator) pick(choices ...string) string { return choices[g.random.IntN(len(choices))] }

func (g *generator) text(t *testing.T, depth int) string {
	var b strings.Builder
	for range 1 + g.random.IntN(6) {
		switch g.random.IntN(4) {
		case 0:
			b.WriteString(g.pick("Host", "host", " HOST") + g.pick(" ", "\t", "=", " = ") +
				g.pick("node*", "node1", "!node2 node*", "*.example.com", "10.0.0.?", "* !other", `"node1" db*`, "NODE1", "*") + "\n")
		case 1:
			b.WriteString("Match " + g.pick("all", "host node1", "host=10.0.0.*", "originalhost node*,!node2", "user core", "!user core",
				"host *.example.com user root", "localuser root", "final", "final host real*", `host "node1,node2"`) + "\n")
		case 2:
			if depth > 0 {
				g.files++
				name := filepath.Join(g.dir, fmt.Sprintf("inc%d-%d-%d", g.round, depth, g.files))
				require.NoError(t, os.WriteFile(name, []byte(g.text(t, depth-1)), 0o600))
				b.WriteString("Include " + g.pick(name, name+"*", name+" /does/not/exist") + "\n")
			}
		}
		for range g.random.IntN(4) {
			b.WriteString(g.pick("  ", "\t", "") + g.pick(
				"HostName real-%h", "HostName 10.9.8.7", "Port 2222", "Port=2022 # comment", "User core", `User "core"`, "User=other",
				"IdentityFile /k/one", "IdentityFile /k/%r@%h", "IdentityFile none", "ProxyJump jump1,u@jump2:2200", "ProxyJump none",
				"HostKeyAlias fixed", "IdentitiesOnly yes", "ServerAliveInterval 1m30s", "ServerAliveInterval 15", "# comment", "",
				"ControlMaster auto", "SendEnv LANG LC_*", "ForwardAgent no", "Compression yes", "LogLevel ERROR") + "\n")
		}
	}
	return b.String()
}
