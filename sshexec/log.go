package sshexec

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// login is what the log tells of how a connection came to be.
type login struct {
	// method is that which the server accepted, with the key's name and
	// fingerprint; empty where it asked for none.
	method  string
	hostKey ssh.PublicKey
}

// plainOptions are those whose values the log may show: a ProxyCommand, for
// one, may hold a password.
func plainOptions() []string {
	return []string{
		"user", "port", "hostname", "hostkeyalias", "identityfile", "certificatefile", "identitiesonly", "identityagent",
		"proxyjump", "stricthostkeychecking", "userknownhostsfile", "globalknownhostsfile", "connecttimeout",
	}
}

// logSettings tells where the settings of a connection come from, as `ssh -v`
// does, before it is made.
func (c *Client) logSettings(ctx context.Context, s *settings, via passage) {
	if !c.o.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	all := slices.Collect(maps.Values(s.given))
	for _, options := range s.files {
		all = append(all, options...)
	}
	slices.SortFunc(all, func(a, b option) int { return strings.Compare(a.key+" "+a.value, b.key+" "+b.value) })
	for _, o := range all {
		line := []any{"host", s.name, "option", o.key, "from", strings.TrimPrefix(o.source, "explicit ")}
		if slices.Contains(plainOptions(), o.key) {
			line = append(line, "value", o.value)
		}
		c.o.Log.DebugContext(ctx, "ssh setting", line...)
	}
	c.o.Log.DebugContext(ctx, "ssh connecting", "host", s.name, "user", s.user, "address", s.addr(), "via", via.describe(), "timeout", s.timeout)
}

// logConnected is the one line of a connection that stands.
func (c *Client) logConnected(ctx context.Context, s *settings, via passage, l *link) {
	if !c.o.Log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	method := l.login.method
	if method == "" {
		method = "none"
	}
	hostKey := ""
	if key := l.login.hostKey; key != nil {
		hostKey = key.Type() + " " + ssh.FingerprintSHA256(key)
	}
	c.o.Log.InfoContext(ctx, "ssh connected", "host", s.name, "user", s.user, "address", s.addr(), "via", via.describe(),
		"auth", method, "hostkey", hostKey, "server", string(l.client.ServerVersion()))
	if negotiated, ok := l.client.Conn.(ssh.AlgorithmsConnMetadata); ok {
		a := negotiated.Algorithms()
		c.o.Log.DebugContext(ctx, "ssh algorithms", "host", s.name, "kex", a.KeyExchange, "hostkey", a.HostKey,
			"cipher", a.Read.Cipher, "mac", a.Read.MAC)
	}
}

// logOffer tells of a key or password on its way to the server.
func (c *Client) logOffer(ctx context.Context, s *settings, what string) {
	c.o.Log.DebugContext(ctx, "ssh offers", "host", s.name, "user", s.user, "auth", what)
}

// describe says which way it is, without the words of a ProxyCommand.
func (p passage) describe() string {
	switch {
	case p.hop != nil:
		return "jump host " + p.hop.s.user + "@" + p.hop.s.addr()
	case p.command != "":
		return "ProxyCommand"
	}
	return "direct"
}

// keyText is a key's name with its fingerprint, which the name of an agent's
// key has already.
func keyText(name string, key ssh.PublicKey) string {
	fingerprint := ssh.FingerprintSHA256(key)
	if strings.Contains(name, fingerprint) {
		return "publickey " + key.Type() + " " + name
	}
	return "publickey " + key.Type() + " " + name + " " + fingerprint
}
