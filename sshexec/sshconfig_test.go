package sshexec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configHome is a home with ~/.ssh/config, a system configuration, and the
// warnings that came.
type configHome struct {
	*Client
	home     string
	warnings []string
}

func newConfigHome(t *testing.T, user, system string, change ...func(*Options)) *configHome {
	t.Helper()
	h := &configHome{home: t.TempDir()}
	etc := filepath.Join(h.home, "etc")
	require.NoError(t, os.MkdirAll(filepath.Join(h.home, ".ssh"), 0o700))
	require.NoError(t, os.MkdirAll(etc, 0o700))
	h.write(t, ".ssh/config", user)
	h.write(t, "etc/ssh_config", system)
	o := Options{
		Home: h.home, LocalUser: "me", UID: 1000, Hostname: "controller.example.com",
		SystemConfigFile: filepath.Join(etc, "ssh_config"), SystemKnownHostsFile: filepath.Join(etc, "ssh_known_hosts"),
		Warn: func(text string) { h.warnings = append(h.warnings, text) },
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"KEYS": "/keys", "SOCK": "/run/agent"}[name]
			return v, ok
		},
	}
	for _, f := range change {
		f(&o)
	}
	h.Client = New(o)
	return h
}

func (h *configHome) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(h.home, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func (h *configHome) settings(t *testing.T, target Target) *settings {
	t.Helper()
	s, err := h.resolve(target)
	require.NoError(t, err)
	return s
}

func TestN4_UserConfigBeforeSystemAndFirstValueWins(t *testing.T) {
	h := newConfigHome(t, `
Host node1
  HostName 10.0.0.1
  User core
Host node*
	User late
	Port 2222
Host * !node9
  IdentityFile ~/.ssh/all
`, `
Host *
  Port 22
  User system
  ServerAliveInterval 1m30s
`)
	s := h.settings(t, Target{Name: "n1", Host: "node1"})
	assert.Equal(t, "10.0.0.1", s.host)
	assert.Equal(t, "core", s.user)
	assert.Equal(t, 2222, s.port)
	assert.Equal(t, []string{h.home + "/.ssh/all"}, s.identities)
	assert.Equal(t, 90*time.Second, s.aliveEvery)

	s = h.settings(t, Target{Name: "n9", Host: "node9"})
	assert.Equal(t, "node9", s.host)
	assert.Equal(t, "late", s.user)
	assert.Empty(t, s.identities)

	s = h.settings(t, Target{Name: "x", Host: "other"})
	assert.Equal(t, "system", s.user)
	assert.Equal(t, DefaultTimeout, s.timeout)
	assert.Empty(t, h.warnings)
}

func TestN4_ArgsThenInventoryThenFiles(t *testing.T) {
	h := newConfigHome(t, "Host *\nPort 1\nUser file\nIdentityFile /file\nConnectTimeout 3\n", "")
	s := h.settings(t, Target{Host: "h"})
	assert.Equal(t, 1, s.port)
	assert.Equal(t, 3*time.Second, s.timeout)
	h.o.Timeout = 20 * time.Second
	assert.Equal(t, 20*time.Second, h.settings(t, Target{Host: "h"}).timeout, "the flag, as Ansible passes it, is before the file")
	assert.Equal(t, time.Minute, h.settings(t, Target{Host: "h", Args: []string{"-o", "ConnectTimeout=1m"}}).timeout)
	s = h.settings(t, Target{Host: "h", Port: 2, User: "inventory", IdentityFile: "~/inv"})
	assert.Equal(t, 2, s.port)
	assert.Equal(t, "inventory", s.user)
	assert.Equal(t, []string{h.home + "/inv", "/file"}, s.identities)
	s = h.settings(t, Target{Host: "h", Port: 2, User: "inventory", Args: []string{"-p", "3", "-o", "User=args", "-i", "/arg"}})
	assert.Equal(t, 3, s.port)
	assert.Equal(t, "args", s.user)
	assert.Equal(t, []string{"/arg", "/file"}, s.identities)
}

func TestN4_SyntaxOfFiles(t *testing.T) {
	h := newConfigHome(t, `
# comment
  Host	tab1	"quoted" # and a comment
    HostName=10.0.0.2
    user = "two words"
    ProxyCommand   nc -X "a b" %h %p # not a comment here
    UserKnownHostsFile "~/my hosts" /two#not-a-comment
    IdentityFile ${KEYS}/%r@%h
    IdentityAgent $SOCK
    HostKeyAlias the-alias
Host only?one
    Port 99
`, "")
	s := h.settings(t, Target{Host: "quoted"})
	assert.Equal(t, "10.0.0.2", s.host)
	assert.Equal(t, "two words", s.user)
	assert.Equal(t, `nc -X "a b" 10.0.0.2 22 # not a comment here`, s.proxyCommand)
	assert.Equal(t, []string{h.home + "/my hosts", "/two#not-a-comment"}, s.userKnownHosts)
	assert.Equal(t, []string{"/keys/two words@10.0.0.2"}, s.identities)
	assert.Equal(t, "/run/agent", s.identityAgent)
	assert.Equal(t, "the-alias", s.hostKeyAlias)
	assert.Equal(t, "10.0.0.2", h.settings(t, Target{Host: "tab1"}).host)
	assert.Equal(t, 99, h.settings(t, Target{Host: "onlyXone"}).port)
	assert.Equal(t, 22, h.settings(t, Target{Host: "onlyone"}).port, "? is one character, not none")
}

func TestN4_Include(t *testing.T) {
	h := newConfigHome(t, `
Host inside
  Include conf.d/*.conf
Host *
  Include ~/elsewhere
  Include missing
`, "Include sys.d/*.conf\n")
	h.write(t, ".ssh/conf.d/10-a.conf", "User first\nHost inside other\nPort 10\n")
	h.write(t, ".ssh/conf.d/20-b.conf", "User second\n")
	h.write(t, "elsewhere", "HostKeyAlias everywhere\n")
	h.write(t, "etc/sys.d/x.conf", "GlobalKnownHostsFile /from/system\n")
	s := h.settings(t, Target{Host: "inside"})
	assert.Equal(t, "first", s.user)
	assert.Equal(t, 10, s.port)
	assert.Equal(t, "everywhere", s.hostKeyAlias)
	assert.Equal(t, []string{"/from/system"}, s.globalKnownHosts)
	s = h.settings(t, Target{Host: "other"})
	assert.Equal(t, "me", s.user, "an Include within Host is conditional")
	assert.Equal(t, 22, s.port)

	loop := newConfigHome(t, "Include config\n", "")
	_, err := loop.resolve(Target{Host: "h"})
	assert.ErrorContains(t, err, "16 levels of Include")
}

func TestMatchBlocksDoNotSpoilTheRest(t *testing.T) {
	h := newConfigHome(t, `
Match exec "test -f /tmp/x"
  User never
Match host 10.0.0.? user core
  Port 1000
Match originalhost web*,!web2
  Port 2000
Match !localuser me
  Port 3000
Host a
  HostName 10.0.0.7
  User core
Match host 10.0.0.? user core
  Port 4000
Match all
  User everyone
`, `
Match final all
  Include crypto.conf
  Port 5000
`)
	h.write(t, "etc/crypto.conf", "Ciphers aes256-ctr\n")
	assert.Equal(t, 4000, h.settings(t, Target{Host: "a"}).port)
	assert.Equal(t, 2000, h.settings(t, Target{Host: "web1"}).port)
	s := h.settings(t, Target{Host: "web2"})
	assert.Equal(t, 5000, s.port, "Match final is the second pass")
	assert.Equal(t, "aes256-ctr", s.ciphers)
	assert.Equal(t, "everyone", s.user)
	require.Len(t, h.warnings, 1)
	assert.Contains(t, h.warnings[0], h.home+"/.ssh/config:2: Match exec is not supported: the block is left out")
}

func TestN3_UnknownOptionInAFileIsAWarning(t *testing.T) {
	h := newConfigHome(t, `
IgnoreUnknown Use*,Funny
Host *
  UseWarp yes
  Bogus yes
  RevokedHostKeys /etc/revoked
  KnownHostsCommand none
  CanonicalizeHostname no
  ControlMaster auto
`, "")
	h.settings(t, Target{Host: "a"})
	h.settings(t, Target{Host: "b"})
	assert.Equal(t, []string{
		h.home + "/.ssh/config:5: option bogus is not known and left out",
		h.home + "/.ssh/config:6: option revokedhostkeys is not supported and left out",
	}, h.warnings, "each once")
}

func TestBrokenConfigIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"Host a\n  HostName\n":             "config:2: found \"HostName\", expected Keyword=value",
		"User \"x\n":                       "config:1: user: a quote",
		"Host *\nPort 0\n":                 "config:2: port: found \"0\", expected a number from 1 to 65535",
		"ProxyJump a,,b\n":                 "config:1: proxyjump: found \"\"",
		"HostName %x\n":                    "config:1: hostname: \"%x\": unknown token %x",
		"IdentityFile ${NOT_SET}/x\n":      "config:1: identityfile: environment variable NOT_SET is not set",
		"ConnectTimeout 5x\n":              "config:1: connecttimeout: found \"5x\"",
		"StrictHostKeyChecking sometimes ": "config:1: stricthostkeychecking: found \"sometimes\"",
	} {
		h := newConfigHome(t, text, "")
		_, err := h.resolve(Target{Host: "h"})
		assert.ErrorContains(t, err, want)
	}
}

// TestNamesThatAShellWouldActOn: as ssh refuses them, since they end in the
// ProxyCommand's line.
func TestNamesThatAShellWouldActOn(t *testing.T) {
	h := newConfigHome(t, "", "")
	for _, target := range []Target{
		{Host: "a;reboot"}, {Host: "-oProxyCommand=x"}, {Host: "a b"}, {Host: "$(x)"}, {Host: "a\nb"}, {Host: ""},
		{Host: "a", User: "x;y"}, {Host: "a", User: "-x"}, {Host: "a", User: "x -y"}, {Host: "a", User: `x\`},
		{Host: "a", Args: []string{"-o", "HostName=b|c"}},
	} {
		_, err := h.resolve(target)
		require.ErrorContains(t, err, "a shell acts on", "%+v", target)
	}
	for _, target := range []Target{
		{Host: "fe80::1%eth0"}, {Host: "node_1.example.com"}, {Host: "a", User: `DOM\user`}, {Host: "a", User: "user@example.com"},
		{Host: "a", User: "machine$"}, {Host: "a", User: "first last"},
	} {
		h.settings(t, target)
	}
}

func TestConfigFileArgument(t *testing.T) {
	h := newConfigHome(t, "User fromdefault\n", "Port 77\n")
	h.write(t, "own", "User fromown\n")
	s := h.settings(t, Target{Host: "h", Args: []string{"-F", h.home + "/own"}})
	assert.Equal(t, "fromown", s.user)
	assert.Equal(t, 22, s.port, "-F leaves the system's file out too")
	s = h.settings(t, Target{Host: "h", Args: []string{"-F", "none"}})
	assert.Equal(t, "me", s.user)
	_, err := h.resolve(Target{Host: "h", Args: []string{"-F", "/does/not/exist"}})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestHostKeyCheckingPrecedence(t *testing.T) {
	off := []string{"-o", "StrictHostKeyChecking=no"}
	tests := []struct {
		name, file string
		flag       HostKeyChecking
		args       []string
		want       HostKeyChecking
		warned     bool
	}{
		{name: "nothing said", want: HostKeysStrict},
		{name: "file accept-new", file: "StrictHostKeyChecking accept-new", want: HostKeysAcceptNew},
		{name: "file no is not taken", file: "StrictHostKeyChecking no", want: HostKeysStrict, warned: true},
		{name: "file ask", file: "StrictHostKeyChecking ask", want: HostKeysStrict},
		{name: "flag over file", file: "StrictHostKeyChecking accept-new", flag: HostKeysStrict, want: HostKeysStrict},
		{name: "flag off", flag: HostKeysOff, want: HostKeysOff},
		{name: "argument off", args: off, want: HostKeysOff},
		{name: "argument over flag", flag: HostKeysStrict, args: off, want: HostKeysOff},
		{name: "argument strict over flag", flag: HostKeysOff, args: []string{"-oStrictHostKeyChecking=yes"}, want: HostKeysStrict},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newConfigHome(t, test.file, "", func(o *Options) { o.HostKeyChecking = test.flag })
			assert.Equal(t, test.want, h.settings(t, Target{Host: "h", Args: test.args}).checking)
			assert.Equal(t, test.warned, len(h.warnings) > 0)
		})
	}
}

func TestTokens(t *testing.T) {
	tok := tokens{
		original: "n", host: "h", remote: "r", jump: "j", port: 22,
		home: "/d", local: "u", hostname: "l.example.com", uid: 7,
	}
	out, err := tok.expand("%%|%d|%h|%i|%j|%k|%L|%l|%n|%p|%r|%u", tokensOfFiles)
	require.NoError(t, err)
	assert.Equal(t, "%|/d|h|7|j|n|l|l.example.com|n|22|r|u", out)
	_, err = tok.expand("%d", tokensOfProxy)
	require.ErrorContains(t, err, "unknown token %d")
	_, err = tok.expand("x%", tokensOfProxy)
	assert.ErrorContains(t, err, "single %")
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10": 10 * time.Second, "1m30s": 90 * time.Second, "1H": time.Hour, "0": 0, "2d": 48 * time.Hour, "1w": 168 * time.Hour,
	} {
		got, err := parseTime(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "x", "1x", "m", "9999999999", "999999999w", "-1"} {
		_, err := parseTime(text)
		assert.ErrorContains(t, err, fmt.Sprintf("found %q", text))
	}
}

// FuzzConfig: no text of a configuration makes us panic or hang, and one that
// is accepted gives usable settings.
func FuzzConfig(f *testing.F) {
	f.Add("Host *\n  Port 22\nMatch final all\n User x\n", "h")
	f.Add("Host a !b\nProxyJump c,d\nProxyCommand none\n", "a")
	f.Add("Match host=x user \"y\"\nInclude /nonexistent*\n", "x")
	f.Fuzz(func(t *testing.T, text, host string) {
		if strings.Contains(strings.ToLower(text), "include") || host == "" {
			return // no files here
		}
		c := New(Options{Home: "/home/u", LocalUser: "u", ConfigFile: "none"})
		r := configReader{c: c, base: "/x", warn: func(string) {}}
		file := r.parse("config", text, 0)
		if file.err != nil {
			return
		}
		res := &resolver{c: c, alias: host, first: map[string]option{}, multi: map[string][]option{}}
		res.file(file)
		res.final = true
		res.file(file)
		if s, err := res.settings(); err == nil {
			require.Positive(t, s.port)
			_, _ = jumpCommand(s.proxyCommand, s)
		}
	})
}

// FuzzMatchPattern: like a regular expression of the same meaning would, and
// in no time for any pattern.
func FuzzMatchPattern(f *testing.F) {
	f.Add("node1.example.com", "node*.*.com")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*a*c")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		got := matchPattern(text, pattern)
		if !strings.ContainsAny(pattern, "*?") {
			require.Equal(t, text == pattern, got)
		}
		require.True(t, matchPattern(text, "*"))
		require.True(t, matchPattern(text, "*"+text))
		if got {
			require.True(t, matchPattern("x"+text, "*"+pattern))
		}
	})
}
