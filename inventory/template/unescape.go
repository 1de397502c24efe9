package template

import (
	"strconv"
	"strings"
)

// maxIntDigits is Python's limit for reading an int.
const maxIntDigits = 4300

// unescape is Python's unicode-escape.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		simple := map[byte]string{
			'\n': "", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
		}
		if text, ok := simple[s[1]]; ok {
			b.WriteString(text)
			s = s[2:]
			continue
		}
		digits, base, atLeast := 0, 16, 0
		switch c := s[1]; {
		case c == 'x':
			digits, atLeast = 2, 2
		case c == 'u':
			digits, atLeast = 4, 4
		case c == 'U':
			digits, atLeast = 8, 8
		case c >= '0' && c <= '7':
			digits, base, atLeast = 3, 8, 1
		case c == 'N':
			return "", false // names of characters are not worth a table
		default:
			b.WriteString(s[:1])
			s = s[1:]
			continue
		}
		start := 2
		if base == 8 {
			start = 1
		}
		n := start
		for n < len(s) && n < start+digits && isDigit(s[n], base) {
			n++
		}
		if n-start < atLeast {
			return "", false
		}
		code, err := strconv.ParseUint(s[start:n], base, 32)
		if err != nil || code > 0x10ffff {
			return "", false
		}
		b.WriteRune(rune(code))
		s = s[n:]
	}
	return b.String(), true
}

func isDigit(c byte, base int) bool {
	if base == 8 {
		return c >= '0' && c <= '7'
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
