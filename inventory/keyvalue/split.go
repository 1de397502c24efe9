package keyvalue

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"oreg/inventory/pyliteral"
	"oreg/inventory/value"
)

func strip(s string) string { return strings.TrimFunc(s, value.IsSpace) }

// splitter cuts a text at blanks and line ends, but not inside quotes or
// templates.
type splitter struct {
	words []string
	quote byte
	// depth counts open "{{", "{%" and "{#".
	depth [3]int
}

func (s *splitter) open() bool { return s.depth[0]+s.depth[1]+s.depth[2] > 0 }

func split(args string) ([]string, error) {
	var s splitter
	lines := strings.Split(args, "\n")
	for i, line := range lines {
		continued, ok := s.line(line)
		if !ok {
			return nil, ErrUnbalanced
		}
		if i < len(lines)-1 && !continued {
			if len(s.words) == 0 {
				return nil, ErrUnbalanced
			}
			s.words[len(s.words)-1] += "\n"
		}
	}
	if s.open() || s.quote != 0 {
		return nil, ErrUnbalanced
	}
	return s.words, nil
}

func (s *splitter) line(line string) (continued, ok bool) {
	tokens := strings.Split(line, " ")
	for i, token := range tokens {
		if token == "" && i > 0 {
			if len(s.words) == 0 {
				return false, false
			}
			s.words[len(s.words)-1] += " "
			continue
		}
		if token == `\` && s.quote == 0 {
			continued = true
			continue
		}
		if !s.token(token, i, len(tokens)) {
			return false, false
		}
	}
	return continued, true
}

// token takes one piece between blanks: the start of a new word, or more of
// the last one.
func (s *splitter) token(token string, i, count int) bool {
	quoted := s.quote != 0
	s.quote = quoteAfter(token, s.quote)
	placed := false
	switch {
	case s.quote != 0 && !quoted && !s.open():
		s.words = append(s.words, token)
		placed = true
	case s.open() || s.quote != 0 || quoted:
		if len(s.words) == 0 {
			return false
		}
		last := &s.words[len(s.words)-1]
		switch {
		case i == 0 && quoted:
			*last += token
		case count > 1 && i > 0:
			*last += " " + token
		case count > 1:
			*last += token
		default:
			*last += "\n" + token
		}
		placed = true
	}
	for kind, marks := range [3][2]string{{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}} {
		change := strings.Count(token, marks[0]) - strings.Count(token, marks[1])
		before := s.depth[kind]
		s.depth[kind] = max(before+change, 0)
		if s.depth[kind] != before && !placed {
			s.words = append(s.words, token)
			placed = true
		}
	}
	if !placed && !s.open() && s.quote == 0 && token != "" {
		s.words = append(s.words, token)
	}
	return true
}

// quoteAfter is the quote that is open after token, 0 for none.
func quoteAfter(token string, quote byte) byte {
	for i := range len(token) {
		c := token[i]
		if c != '"' && c != '\'' || i > 0 && token[i-1] == '\\' {
			continue
		}
		switch quote {
		case 0:
			quote = c
		case c:
			quote = 0
		}
	}
	return quote
}

// decode replaces escapes: \n and its like, \xHH, \uHHHH, \UHHHHHHHH, \N{name}. Others
// stay as they are; a code or name that Unicode does not have is an error.
func decode(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if at := strings.IndexByte(`\'"abfnrtv`, s[i+1]); at >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[at])
			i++
			continue
		}
		if named := s[i:]; strings.HasPrefix(named, `\N{`) {
			if end := strings.IndexByte(named, '}'); end > 3 {
				r, ok := pyliteral.RuneNamed(named[3:end])
				if !ok {
					return "", false
				}
				b.WriteRune(r)
				i += end
				continue
			}
		}
		n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i+1]]
		if n == 0 || i+2+n > len(s) {
			b.WriteByte(s[i])
			continue
		}
		code, err := strconv.ParseUint(s[i+2:i+2+n], 16, 32)
		switch {
		case err != nil:
			b.WriteByte(s[i])
			continue
		case code > utf8.MaxRune:
			return "", false
		}
		b.WriteRune(rune(code))
		i += 1 + n
	}
	return b.String(), true
}
