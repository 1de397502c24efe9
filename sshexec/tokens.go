package sshexec

import (
	"crypto/sha1" // %C is defined as SHA-1; it names sockets.
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// tokens expands the %-sequences of ssh_config(5).
type tokens struct {
	// original is the destination as given (%n), host the name or address to
	// connect to (%h), remote the user there (%r), alias the HostKeyAlias (%k).
	original, host, remote, alias, jump string
	port                                int
	// home (%d), local user (%u), uid (%i), this machine's name (%l, %L).
	home, local, hostname string
	uid                   int
}

// The sets of tokens that ssh_config(5) allows.
const (
	tokensOfHostName = "%h"
	tokensOfProxy    = "%hnpr"
	tokensOfFiles    = "%CdhijkLlnpru"
)

// expand replaces the tokens in text that allowed names; any other is an
// error, as in OpenSSH.
func (t *tokens) expand(text, allowed string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", fmt.Errorf("%q ends in a single %%", text)
		}
		if strings.IndexByte(allowed, text[i]) < 0 {
			return "", fmt.Errorf("%q: unknown token %%%c", text, text[i])
		}
		b.WriteString(t.value(text[i]))
	}
	return b.String(), nil
}

func (t *tokens) value(token byte) string {
	switch token {
	case 'C':
		sum := sha1.Sum([]byte(t.hostname + t.host + strconv.Itoa(t.port) + t.remote + t.jump))
		return hex.EncodeToString(sum[:])
	case 'd':
		return t.home
	case 'h':
		return t.host
	case 'i':
		return strconv.Itoa(t.uid)
	case 'j':
		return t.jump
	case 'k':
		if t.alias != "" {
			return t.alias
		}
		return t.original
	case 'L':
		short, _, _ := strings.Cut(t.hostname, ".")
		return short
	case 'l':
		return t.hostname
	case 'n':
		return t.original
	case 'p':
		return strconv.Itoa(t.port)
	case 'r':
		return t.remote
	case 'u':
		return t.local
	}
	return "%"
}

// expandEnv replaces ${NAME}; a variable that is not set is an error.
func expandEnv(text string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return "", fmt.Errorf("%q: ${ is not closed", text)
		}
		name := text[start+2 : start+end]
		value, ok := env(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		b.WriteString(text[:start])
		b.WriteString(value)
		text = text[start+end+1:]
	}
}
