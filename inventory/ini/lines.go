package ini

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"oreg/inventory/value"
)

// nextLine cuts the first line off, as Python's splitlines does: also at a
// lone CR, at VT, FF, the separators 0x1c to 0x1e, NEL and U+2028/2029.
func nextLine(data string) (line, rest string) {
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\r' && i+1 < len(data) && data[i+1] == '\n':
			return data[:i], data[i+2:]
		case c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e:
			return data[:i], data[i+1:]
		case c == 0xc2 && i+1 < len(data) && data[i+1] == 0x85:
			return data[:i], data[i+2:]
		case c == 0xe2 && i+2 < len(data) && data[i+1] == 0x80 && (data[i+2] == 0xa8 || data[i+2] == 0xa9):
			return data[:i], data[i+3:]
		}
	}
	return data, ""
}

// strip is Python's str.strip.
func strip(s string) string { return strings.TrimFunc(s, value.IsSpace) }

// header is what a section line says.
type header struct{ name, kind string }

// section matches "[name]" or "[name:kind]", and after it only blanks and a
// comment.
func section(line string) (h header, ok bool) {
	if line[0] != '[' {
		return h, false
	}
	name := nameRun(line[1:])
	rest := line[1+len(name):]
	if name == "" || rest == "" {
		return h, false
	}
	h.name = name
	if rest[0] == ':' {
		end := 1
		for end < len(rest) {
			r, size := utf8.DecodeRuneInString(rest[end:])
			if !isWord(r) {
				break
			}
			end += size
		}
		if h.kind = rest[1:end]; h.kind == "" {
			return h, false
		}
		rest = rest[end:]
	}
	if rest == "" || rest[0] != ']' {
		return h, false
	}
	return h, onlyComment(rest[1:])
}

// nameRun is the longest start of s without colon, bracket or blank.
func nameRun(s string) string {
	for i, r := range s {
		if r == ':' || r == ']' || value.IsSpace(r) {
			return s[:i]
		}
	}
	return s
}

func onlyComment(s string) bool {
	s = strings.TrimLeftFunc(s, value.IsSpace)
	return s == "" || s[0] == '#'
}

func isWord(r rune) bool {
	return r == '_' || r != utf8.RuneError &&
		(unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.In(r, unicode.Nl, unicode.No))
}

// groupName matches a line of a children section. A "#" belongs to the name
// unless what follows could not: "a#b" is a name, "a#b c" is "a" and a comment.
func groupName(line string) (string, bool) {
	name := nameRun(line)
	if name == "" {
		return "", false
	}
	if onlyComment(line[len(name):]) {
		return name, true
	}
	if i := strings.LastIndexByte(name, '#'); i > 0 {
		return name[:i], true
	}
	return "", false
}
