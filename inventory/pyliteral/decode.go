package pyliteral

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/runenames"
)

type stringKind uint8

const (
	stringText stringKind = iota
	stringBytes
	stringFormat
)

// decodeString returns the content of one string token.
func decodeString(tok string) (text string, kind stringKind, ok bool) {
	quote := strings.IndexAny(tok, `'"`)
	prefix := strings.ToLower(tok[:quote])
	body := tok[quote:]
	if len(body) >= 6 && body[1] == body[0] && body[2] == body[0] {
		body = body[3 : len(body)-3]
	} else {
		body = body[1 : len(body)-1]
	}
	if strings.Contains(prefix, "f") {
		return "", stringFormat, validFormat(body, strings.Contains(prefix, "r"), 0)
	}
	if strings.Contains(prefix, "b") {
		kind = stringBytes
		for i := range len(body) {
			if body[i] >= utf8.RuneSelf {
				return "", kind, false
			}
		}
	}
	if strings.Contains(prefix, "r") || !strings.Contains(body, `\`) {
		return body, kind, true
	}
	var b strings.Builder
	for len(body) > 0 {
		i := strings.IndexByte(body, '\\')
		if i < 0 {
			b.WriteString(body)
			break
		}
		b.WriteString(body[:i])
		if body, ok = escape(&b, body[i+1:], kind == stringBytes); !ok {
			return "", kind, false
		}
	}
	return b.String(), kind, true
}

// escape decodes the escape that follows a backslash and returns what is left.
func escape(b *strings.Builder, s string, isBytes bool) (rest string, ok bool) {
	c := s[0]
	if at := strings.IndexByte(`\'"abfnrtv`, c); at >= 0 {
		b.WriteByte("\\'\"\a\b\f\n\r\t\v"[at])
		return s[1:], true
	}
	switch {
	case c == '\n':
		return s[1:], true
	case c >= '0' && c <= '7':
		n := 1
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		code, err := strconv.ParseUint(s[:n], 8, 16)
		if err != nil {
			return "", false
		}
		write(b, rune(code), isBytes)
		return s[n:], true
	case c == 'x':
		return hex(b, s[1:], 2, isBytes)
	case c == 'u' && !isBytes:
		return hex(b, s[1:], 4, false)
	case c == 'U' && !isBytes:
		return hex(b, s[1:], 8, false)
	case c == 'N' && !isBytes:
		end := strings.IndexByte(s, '}')
		if len(s) < 2 || s[1] != '{' || end < 0 {
			return "", false
		}
		r, ok := RuneNamed(s[2:end])
		write(b, r, false)
		return s[end+1:], ok
	}
	// An unknown escape stays, backslash and all.
	b.WriteByte('\\')
	return s, true
}

func hex(b *strings.Builder, s string, n int, isBytes bool) (rest string, ok bool) {
	if len(s) < n {
		return "", false
	}
	for i := range n {
		if !isDigitOf(s[i], 16) {
			return "", false
		}
	}
	code, err := strconv.ParseUint(s[:n], 16, 32)
	if err != nil || code > utf8.MaxRune {
		return "", false
	}
	write(b, rune(code), isBytes)
	return s[n:], true
}

// write appends r. A lone surrogate, which Python can hold, is written as
// three bytes, which is how Python would encode it if it did.
func write(b *strings.Builder, r rune, isBytes bool) {
	switch {
	case isBytes:
		b.WriteByte(byte(r))
	case r >= 0xd800 && r <= 0xdfff:
		b.Write([]byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6)&0x3f, 0x80 | byte(r)&0x3f})
	default:
		b.WriteRune(r)
	}
}

// runesByName is Unicode's table of names turned round. It is made when the
// first text asks for it, which hardly any does.
var runesByName = sync.OnceValue(func() map[string]rune {
	names := map[string]rune{}
	for r := rune(0); r <= utf8.MaxRune; r++ {
		// Ranges without names of their own have one in angle brackets.
		if name := runenames.Name(r); name != "" && name[0] != '<' {
			names[name] = r
		}
	}
	return names
})

// RuneNamed finds a character by its Unicode name, as Python's \N{...} does.
func RuneNamed(name string) (rune, bool) {
	r, ok := runesByName()[strings.ToUpper(name)]
	return r, ok
}
