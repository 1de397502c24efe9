// Package hostrange reads the host part of an inventory line: a name, perhaps
// with a port, perhaps with ranges that stand for many names.
//
// What surprised us: a port is split off only when what is left is a valid
// name, so "h_:22" and "u@h:22" are host names; an address with "::" counts as
// valid whatever follows it; letters are looked up in "a..zA..Z", so "[y:B]"
// is a range and "[A:c]" is not; a backwards range of numbers is no host and
// no error.
package hostrange

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ipv4Pattern and ipv6Pattern are the language that Ansible accepts as an
// address, ranges included. All but the last IPv6 form are only anchored at
// their start, as there.
func ipv4Pattern() string {
	octet := `(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|\[[0-9]+:[0-9]+(?::[0-9]+)?\])`
	return `(?i)^(?:` + octet + `\.){3}` + octet + `$`
}

func ipv6Pattern() string {
	part := `(?:[0-9a-f]{1,4}|\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\])`
	prefixes := []string{
		`(?:` + part + `:){7}` + part,
		`(?:` + part + `:){1,6}:`,
		part + `:(?::` + part + `){1,6}`,
		`:(?::` + part + `){1,6}`,
		part + `?::`,
		`(?:0:){6}(?:` + part + `\.){3}` + part,
		`::(?:ffff:)?(?:` + part + `\.){3}` + part,
	}
	return `(?i)^(?:` + strings.Join(prefixes, "|") + `|(?:0:){5}ffff:(?:` + part + `\.){3}` + part + `$)`
}

var (
	ipv4 = regexp.MustCompile(ipv4Pattern())
	ipv6 = regexp.MustCompile(ipv6Pattern())
)

// IsAddress says whether name is an IPv4 or IPv6 address, ranges included,
// for which Ansible does not cut a short name at the first dot.
func IsAddress(name string) bool { return ipv4.MatchString(name) || ipv6.MatchString(name) }

// Split takes a port off a host pattern. The port is decimal digits without
// leading zeros, or empty; ok is false where the pattern is no valid address or
// host name, and then nothing was taken off.
func Split(pattern string) (host, port string, ok bool) {
	host = pattern
	if h, p, found := bracketed(host); found {
		host, port = h, p
	}
	if h, p, found := hostPort(host); found {
		host, port = h, p
	}
	if !ipv4.MatchString(host) && !ipv6.MatchString(host) && !isHostname(host) {
		return pattern, "", false
	}
	return host, port, true
}

// bracketed matches "[anything]:port".
func bracketed(s string) (host, port string, ok bool) {
	i := strings.LastIndex(s, "]:")
	if i < 2 || s[0] != '[' || !allDigits(s[i+2:]) {
		return "", "", false
	}
	return s[1:i], trimZeros(s[i+2:]), true
}

// hostPort matches "name:port", where colons in the name stand in brackets.
func hostPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || !allDigits(s[i+1:]) {
		return "", "", false
	}
	for rest := s[:i]; rest != ""; {
		switch rest[0] {
		case ':', ']':
			return "", "", false
		case '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return "", "", false
			}
			rest = rest[end:]
		}
		rest = rest[1:]
	}
	return s[:i], trimZeros(s[i+1:]), true
}

func trimZeros(port string) string {
	if port = strings.TrimLeft(port, "0"); port == "" {
		return "0"
	}
	return port
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isHostname matches labels of word characters, dashes and ranges.
func isHostname(s string) bool {
	start := true
	last := rune(0)
	for s != "" {
		if n := rangeLen(s); n > 0 {
			s, start, last = s[n:], false, ']'
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case r == '.':
			if start || last == '-' || last == '_' {
				return false
			}
			start = true
		case isWord(r) && (r != utf8.RuneError || size > 1), r == '-' && !start:
			start = false
		default:
			return false
		}
		last = r
	}
	return !start && last != '-' && last != '_'
}

// isWord is Python's \w.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.In(r, unicode.Nl, unicode.No)
}

// rangeLen is the length of the "[a:z]", "[1:3]" or "[1:9:2]" that s starts
// with, or 0.
func rangeLen(s string) int {
	if s == "" || s[0] != '[' {
		return 0
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return 0
	}
	parts := strings.Split(s[1:end], ":")
	if len(parts) == 3 && !allDigits(parts[2]) || len(parts) < 2 || len(parts) > 3 {
		return 0
	}
	if allDigits(parts[0]) && allDigits(parts[1]) || isCased(parts[0]) && isCased(parts[1]) {
		return end + 1
	}
	return 0
}

// isCased is one letter of a case-insensitive [a-z], which in Unicode also
// holds the Kelvin sign, the long s and the Turkish i's.
func isCased(s string) bool {
	switch s {
	case "\u212a", "\u017f", "\u0130", "\u0131":
		return true
	}
	return len(s) == 1 && s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z'
}
