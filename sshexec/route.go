package sshexec

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// jumpSpec is one element of ProxyJump, or the destination of a ProxyCommand
// that is nothing but "ssh -W %h:%p ...".
type jumpSpec struct {
	user, host string
	port       int
	// args are that ssh's own flags.
	args sshArgs
}

// parseJumps reads "[user@]host[:port],ssh://user@host:port,...".
func parseJumps(text string) ([]jumpSpec, error) {
	var jumps []jumpSpec
	for word := range strings.SplitSeq(text, ",") {
		j, err := parseDestination(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		jumps = append(jumps, j)
	}
	return jumps, nil
}

func parseDestination(text string) (jumpSpec, error) {
	wrong := fmt.Errorf("found %q, expected [user@]host[:port]", text)
	if strings.HasPrefix(text, "ssh://") {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return jumpSpec{}, wrong
		}
		j := jumpSpec{user: u.User.Username(), host: u.Hostname()}
		if u.Port() != "" {
			if j.port, err = strconv.Atoi(u.Port()); err != nil {
				return jumpSpec{}, wrong
			}
		}
		return j, nil
	}
	var j jumpSpec
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		j.user, text = text[:at], text[at+1:]
		if j.user == "" {
			return jumpSpec{}, wrong
		}
	}
	host, port := text, ""
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return jumpSpec{}, wrong
		}
		host, port = text[1:end], text[end+1:]
		if port != "" && port[0] != ':' {
			return jumpSpec{}, wrong
		}
		port = strings.TrimPrefix(port, ":")
	} else if strings.Count(text, ":") == 1 {
		host, port, _ = strings.Cut(text, ":")
		if port == "" {
			return jumpSpec{}, wrong
		}
	}
	if host == "" || strings.ContainsAny(host, " \t") || host[0] == '-' {
		return jumpSpec{}, wrong
	}
	j.host = host
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return jumpSpec{}, wrong
		}
		j.port = n
	}
	return j, nil
}

// jumpCommand recognises a ProxyCommand that is ssh's own way of jumping,
// `ssh [flags] -W host:port [flags] [user@]bastion`, with the tokens already
// expanded to the target's address. Anything that a shell would act on, and
// any flag that we do not know, leaves the command to the shell.
func jumpCommand(command string, s *settings) (jumpSpec, bool) {
	if strings.ContainsAny(command, "$`;|&<>(){}*?#!\n") {
		return jumpSpec{}, false
	}
	words, err := splitWords(command)
	if err != nil || len(words) < 2 {
		return jumpSpec{}, false
	}
	if filepath.Base(words[0]) != "ssh" {
		return jumpSpec{}, false
	}
	args, err := parseArgs(words[1:])
	if err != nil || len(args.rest) != 1 {
		return jumpSpec{}, false
	}
	host, port, err := net.SplitHostPort(args.forward)
	if err != nil && args.forward == s.host+":"+strconv.Itoa(s.port) {
		host, port, err = s.host, strconv.Itoa(s.port), nil // an IPv6 address without brackets
	}
	if err != nil || host != s.host || port != strconv.Itoa(s.port) {
		return jumpSpec{}, false
	}
	for _, o := range args.options {
		if kind := kindOfKeyword(canonicalKeyword(o.key)); kind != keywordUsed && kind != keywordHarmless {
			return jumpSpec{}, false
		}
	}
	j, err := parseDestination(args.rest[0])
	if err != nil {
		return jumpSpec{}, false
	}
	j.args = args
	return j, true
}
