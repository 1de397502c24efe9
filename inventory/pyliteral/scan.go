package pyliteral

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokNumber
	tokString
	tokOp
)

// token is one token of Python source; start and end are byte offsets.
type token struct {
	kind       tokenKind
	text       string
	start, end int
}

// maxBrackets is the nesting at which Python's tokenizer gives up.
const maxBrackets = 200

type scanner struct {
	src   string
	pos   int
	depth int
}

// next returns the next token; false is a SyntaxError.
func (s *scanner) next() (token, bool) {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t' || s.src[s.pos] == '\f' ||
		s.depth > 0 && s.src[s.pos] == '\n') {
		s.pos++
	}
	start := s.pos
	if start == len(s.src) {
		return token{kind: tokEnd, start: start, end: start}, s.depth == 0
	}
	switch c := s.src[start]; {
	case c == '#':
		end := strings.IndexByte(s.src[start:], '\n')
		if end < 0 {
			s.pos = len(s.src)
		} else {
			s.pos += end
		}
		return s.next()
	case c == '\n':
		// Only line ends and comments may follow a whole expression.
		for line := range strings.Lines(s.src[start:]) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				return token{}, false
			}
		}
		return token{kind: tokEnd, start: start, end: start}, true
	case isDigit(c) || c == '.' && start+1 < len(s.src) && isDigit(s.src[start+1]):
		return s.number()
	case c == '\'' || c == '"':
		return s.str(start)
	case c < utf8.RuneSelf && !isNameByte(c):
		return s.operator()
	}
	return s.name()
}

func (s *scanner) emit(kind tokenKind, start int) (token, bool) {
	return token{kind: kind, text: s.src[start:s.pos], start: start, end: s.pos}, true
}

func (s *scanner) name() (token, bool) {
	start := s.pos
	for s.pos < len(s.src) {
		r, size := utf8.DecodeRuneInString(s.src[s.pos:])
		if !isNameRune(r, s.pos == start) || r == utf8.RuneError && size <= 1 {
			break
		}
		s.pos += size
	}
	if s.pos == start {
		return token{}, false
	}
	if s.pos < len(s.src) && (s.src[s.pos] == '\'' || s.src[s.pos] == '"') && isStringPrefix(s.src[start:s.pos]) {
		return s.str(start)
	}
	return s.emit(tokName, start)
}

func isStringPrefix(p string) bool {
	switch strings.ToLower(p) {
	case "r", "u", "b", "f", "br", "rb", "fr", "rf":
		return true
	}
	return false
}

// str scans a string whose prefix, if any, starts at start; s.pos stands on
// the quote.
func (s *scanner) str(start int) (token, bool) {
	quote := s.src[s.pos]
	if rest := s.src[s.pos:]; len(rest) >= 3 && rest[1] == quote && rest[2] == quote {
		s.pos += 3
		for s.pos < len(s.src) {
			switch {
			case s.src[s.pos] == '\\':
				s.pos++
			case strings.HasPrefix(s.src[s.pos:], rest[:3]):
				s.pos += 3
				return s.emit(tokString, start)
			}
			s.pos++
		}
		return token{}, false
	}
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '\\':
			s.pos++
		case '\n':
			return token{}, false
		case quote:
			s.pos++
			return s.emit(tokString, start)
		}
	}
	return token{}, false
}

func (s *scanner) operator() (token, bool) {
	start := s.pos
	for _, op := range []string{
		"**=", "//=", "<<=", ">>=", "...", "!=", "->", ":=", "**", "//", "<<", ">>", "<=", ">=", "==",
		"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", "<>",
	} {
		if strings.HasPrefix(s.src[start:], op) {
			s.pos += len(op)
			return s.emit(tokOp, start)
		}
	}
	switch c := s.src[start]; {
	case strings.IndexByte("([{", c) >= 0:
		if s.depth++; s.depth > maxBrackets {
			return token{}, false
		}
	case strings.IndexByte(")]}", c) >= 0:
		s.depth--
	case strings.IndexByte("+-*/%@&|^~<>=.,:;", c) < 0:
		return token{}, false
	}
	s.pos++
	return s.emit(tokOp, start)
}

func (s *scanner) number() (token, bool) {
	start := s.pos
	if s.src[start] == '0' && start+1 < len(s.src) {
		base := 0
		switch s.src[start+1] {
		case 'x', 'X':
			base = 16
		case 'o', 'O':
			base = 8
		case 'b', 'B':
			base = 2
		}
		if base > 0 {
			s.pos += 2
			if s.peek() == '_' {
				s.pos++
			}
			if !s.digits(base) {
				return token{}, false
			}
			return s.endNumber(start)
		}
	}
	zeros := false
	if s.src[s.pos] != '.' {
		if !s.digits(10) {
			return token{}, false
		}
		text := s.src[start:s.pos]
		zeros = text[0] == '0' && strings.Trim(text, "0_") != ""
	}
	float := false
	if s.peek() == '.' {
		float = true
		s.pos++
		if isDigit(s.peek()) && !s.digits(10) {
			return token{}, false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		mark := s.pos
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if isDigit(s.peek()) {
			float = true
			if !s.digits(10) {
				return token{}, false
			}
		} else {
			s.pos = mark
		}
	}
	if c := s.peek(); c == 'j' || c == 'J' {
		float = true
		s.pos++
	}
	// "010" is an error so that nobody takes it for octal; "010.5" is not.
	if zeros && !float {
		return token{}, false
	}
	return s.endNumber(start)
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// digits takes digits with single underscores between them.
func (s *scanner) digits(base int) bool {
	for {
		start := s.pos
		for isDigitOf(s.peek(), base) {
			s.pos++
		}
		if s.pos == start {
			return false
		}
		if s.peek() != '_' {
			return true
		}
		s.pos++
	}
}

// endNumber refuses a name that runs into the number, unless it is one of the
// operators that Python still lets stand there ("1if x else 2").
func (s *scanner) endNumber(start int) (token, bool) {
	rest := s.src[s.pos:]
	for _, word := range []string{"and", "else", "for", "if", "in", "is", "not", "or"} {
		if strings.HasPrefix(rest, word) {
			return s.emit(tokNumber, start)
		}
	}
	if r, _ := utf8.DecodeRuneInString(rest); rest != "" && isNameRune(r, false) {
		return token{}, false
	}
	return s.emit(tokNumber, start)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isDigitOf(c byte, base int) bool {
	switch {
	case base <= 10:
		return c >= '0' && c < '0'+byte(base)
	case isDigit(c):
		return true
	}
	c |= 0x20
	return c >= 'a' && c <= 'f'
}

func isNameByte(c byte) bool {
	return c == '_' || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func isNameRune(r rune, first bool) bool {
	switch {
	case r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_ID_Start, r):
		return true
	case first:
		return false
	}
	return unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue)
}
