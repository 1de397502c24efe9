package sshexec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestN3_ArgsAreReadAsGetoptDoes(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		options string // key=value,...
		file    string
	}{
		{"option in two words", []string{"-o", "Port=2222"}, "port=2222", ""},
		{"option in one word", []string{"-oUser=core"}, "user=core", ""},
		{"option with a space", []string{"-o", "StrictHostKeyChecking no"}, "stricthostkeychecking=no", ""},
		{"option with spaces around =", []string{"-o", "Port = 22"}, "port=22", ""},
		{"quoted value", []string{"-o", `ProxyCommand="ssh -W %h:%p b"`}, "proxycommand=ssh -W %h:%p b", ""},
		{"value with =", []string{"-o", "ProxyCommand=nc --a=b %h"}, "proxycommand=nc --a=b %h", ""},
		{"joined value", []string{"-p2222"}, "port=2222", ""},
		{"flags bundled before a value", []string{"-4qp", "22"}, "addressfamily=inet,port=22", ""},
		{"jump", []string{"-J", "a,b@c:22"}, "proxyjump=a,b@c:22", ""},
		{"identity and login", []string{"-i", "~/k", "-l", "root"}, "identityfile=~/k,user=root", ""},
		{"configuration file", []string{"-F", "/etc/x"}, "", "/etc/x"},
		{"harmless ones", []string{"-C", "-tt", "-q", "-S", "/tmp/s", "-E", "log", "-o", "ControlMaster=auto"}, "controlmaster=auto", ""},
		{"none", nil, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parsed, err := parseArgs(test.args)
			require.NoError(t, err)
			var got []string
			for _, o := range parsed.options {
				got = append(got, o.key+"="+o.value)
			}
			assert.Equal(t, test.options, strings.Join(got, ","))
			assert.Equal(t, test.file, parsed.configFile)
		})
	}
}

func TestN3_ArgsThatAreRefused(t *testing.T) {
	tests := []struct {
		args []string
		text string
	}{
		{[]string{"-p"}, "-p has no value"},
		{[]string{"-o", "Port"}, `found "Port", expected Keyword=value`},
		{[]string{"-o", "=x"}, "expected Keyword=value"},
		{[]string{"-L", "80:a:80"}, "-L is not supported"},
		{[]string{"-w", "0"}, "-w is not supported"},
	}
	for _, test := range tests {
		_, err := parseArgs(test.args)
		require.ErrorContains(t, err, test.text)
	}
	for _, test := range []struct {
		args []string
		text string
	}{
		{[]string{"-o", "Prot=22"}, "option prot is not known"},
		{[]string{"-o", "RevokedHostKeys=/etc/x"}, "option revokedhostkeys is not supported"},
		{[]string{"otherhost"}, "no destination"},
		{[]string{"-W", "a:22"}, "no destination"},
		{[]string{"-o", "Port=many"}, `ssh argument -o port: port: found "many"`},
		{[]string{"-o", "StrictHostKeyChecking=maybe"}, `found "maybe"`},
		{[]string{"-o", "IdentitiesOnly=1"}, "expected yes or no"},
		{[]string{"-o", "ConnectTimeout=soon"}, "expected seconds"},
		{[]string{"-o", "IdentityFile=%Q"}, "unknown token %Q"},
		{[]string{"-o", "BindAddress=eth0"}, `found "eth0", expected an IP address`},
		{[]string{"-o", "CanonicalizeHostname=yes"}, "option canonicalizehostname is not supported"},
		{[]string{"-o", "CanonicalizeHostname=no"}, ""},
		{[]string{"-J", "a:b:c:"}, ""},
		{[]string{"-J", ":22"}, "expected [user@]host[:port]"},
	} {
		err := New(Options{ConfigFile: "none"}).Check(Target{Name: "n", Host: "n", Args: test.args})
		var e *Error
		if test.text == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorAs(t, err, &e, "%q", test.args)
		assert.True(t, e.Unreachable)
		assert.Contains(t, e.Message, test.text)
		assert.NotEmpty(t, e.Hint)
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		`a b`:             {"a", "b"},
		` a	b `:           {"a", "b"},
		`"a b" c`:         {"a b", "c"},
		`'a "b' c`:        {`a "b`, "c"},
		`a\ b`:            {"a b"},
		`"a\"b"`:          {`a"b`},
		`x"y z"`:          {"xy z"},
		`""`:              {""},
		`\a`:              {`\a`},
		`ProxyJump="a,b"`: {"ProxyJump=a,b"},
		``:                nil,
	} {
		words, err := splitWords(line)
		require.NoError(t, err)
		assert.Equal(t, want, words, line)
	}
	_, err := splitWords(`"open`)
	assert.ErrorContains(t, err, "not closed")
}

// FuzzSplitWords: words that were joined come apart again as they were.
func FuzzSplitWords(f *testing.F) {
	f.Add("a", "b c")
	f.Add(`"`, `\`)
	f.Add("'", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsAny(a+b, "\r\n\x00") {
			return // one line only
		}
		words, err := splitWords(joinWords([]string{a, b}))
		require.NoError(t, err)
		require.Equal(t, []string{a, b}, words)
	})
}

// FuzzArgs: no panic, and an accepted list does not depend on how a flag and
// its value are spaced.
func FuzzArgs(f *testing.F) {
	f.Add("-o", "Port=22", "-p")
	f.Add("-4qJ", "a,b", "--")
	f.Add("-o", "ProxyCommand=ssh -W %h:%p b", "x")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		client := New(Options{ConfigFile: "none", Home: "/home/u", LocalUser: "u"})
		parsed, err := parseArgs([]string{a, b, c})
		if err != nil {
			return
		}
		for _, o := range parsed.options {
			again, err := parseArgs([]string{"-o", o.key + "=" + `"` + o.value + `"`})
			if err == nil && !strings.ContainsAny(o.value, "\"\\ \t") && o.value != "" {
				require.Equal(t, o.value, again.options[0].value)
			}
		}
		s, err := client.resolveArgs("host", parsed, Target{})
		if err == nil {
			require.NotEmpty(t, s.host)
			require.Positive(t, s.port)
		}
	})
}

// FuzzTokens: without a percent sign nothing changes, and an expansion never
// leaves a token behind.
func FuzzTokens(f *testing.F) {
	f.Add("%h:%p")
	f.Add("100%%")
	f.Add("%d/.ssh/%r@%n-%C")
	f.Fuzz(func(t *testing.T, text string) {
		tok := tokens{original: "o", host: "h", remote: "r", home: "/d", local: "u", hostname: "l.x", port: 22, uid: 1}
		out, err := tok.expand(text, tokensOfFiles)
		if !strings.Contains(text, "%") {
			require.NoError(t, err)
			require.Equal(t, text, out)
		}
		if err == nil {
			require.LessOrEqual(t, strings.Count(out, "%"), strings.Count(text, "%%"))
		}
		if out, err := expandEnv(text, func(string) (string, bool) { return "v", true }); err == nil {
			require.NotContains(t, out, "${")
		}
	})
}
