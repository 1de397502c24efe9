package sshexec_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/inventory/secret"
	"oreg/sshexec"
)

// logText is a log that many goroutines write to.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) lines(message string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, `msg="`+message+`"`) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func logger(level slog.Level) (*slog.Logger, *logText) {
	text := &logText{}
	return slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: level})), text
}

// TestN5_LogOfAConnection: who, where, which way, by which key, to which host
// key: what a user of `ssh -v` looks for; one line for each connection at -v.
func TestN5_LogOfAConnection(t *testing.T) {
	bastion, node := startServer(t), startServer(t)
	h := newUser(t)
	h.withKey()
	h.write("known_hosts", bastion.known()+node.known())
	log, text := logger(slog.LevelInfo)
	h.options.Log = log
	target := node.target()
	target.Args = []string{"-J", "hop@" + bastion.addr()}
	connect(t, h.client(), target)
	lines := text.lines("ssh connected")
	require.Len(t, lines, 2)
	for i, want := range [][]string{
		{"host=127.0.0.1 user=hop address=" + bastion.addr(), "via=direct", ssh.FingerprintSHA256(bastion.hostKeys[0].PublicKey())},
		{"host=node user=core address=" + node.addr(), `via="jump host hop@` + bastion.addr(), ssh.FingerprintSHA256(node.hostKeys[0].PublicKey())},
	} {
		for _, part := range want {
			assert.Contains(t, lines[i], part)
		}
		assert.Contains(t, lines[i], `auth="publickey ssh-ed25519 `)
		seen := []*server{bastion, node}[i].seen()
		require.NotEmpty(t, seen)
		assert.Contains(t, lines[i], seen[0])
	}
	assert.Empty(t, text.lines("ssh setting"))
}

// TestS2_LogHoldsNoSecret: passwords and the words of a ProxyCommand, which may
// hold one, are in no line at any level; where a setting comes from is.
func TestS2_LogHoldsNoSecret(t *testing.T) {
	s, h := ready(t, func(s *server) {
		s.configure = func(c *ssh.ServerConfig) {
			c.PublicKeyCallback = nil
			c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }
		}
	})
	log, text := logger(slog.LevelDebug)
	h.options.Log = log
	h.write("config", "Host *\nServerAliveInterval 20\nProxyCommand nc -x user:geheim@proxy %h %p\nUser core\n")
	target := sshexec.Target{Name: "node", Host: "127.0.0.1", Port: s.port(), Password: secret.New("horse"), Args: []string{"-o", "ProxyCommand=none"}}
	connect(t, h.client(), target)
	require.Len(t, text.lines("ssh connected"), 1)
	assert.Contains(t, text.lines("ssh connected")[0], "auth=password")
	assert.Len(t, text.lines("ssh algorithms"), 1)
	assert.Len(t, text.lines("ssh offers"), 1)
	settings := strings.Join(text.lines("ssh setting"), "\n")
	assert.Contains(t, settings, "config:4 value=core")
	assert.Contains(t, settings, `option=proxycommand`)

	target.Args = nil
	h.options.Timeout = 1
	_, err := h.client().Connect(t.Context(), target)
	require.Error(t, err)
	all := text.b.String()
	assert.NotContains(t, all, "horse")
	assert.NotContains(t, all, "geheim")
}
