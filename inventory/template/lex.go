package template

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokData
	tokVariableBegin
	tokVariableEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOperator
	// tokIgnored are blanks, comments and the marks of raw blocks.
	tokIgnored
)

// token is a piece of a template. text is as it stands there, without what
// whitespace control strips from data.
type token struct {
	kind tokenKind
	text string
}

// errSyntax is Jinja's TemplateSyntaxError. It says nothing more, as the text
// around the error may be a password.
var errSyntax = errors.New("not a template")

// syntax holds the compiled expressions of Jinja's lexer.
type syntax struct {
	rawBegin, rawEnd, float, integer *regexp.Regexp
}

func newSyntax() *syntax {
	return &syntax{
		rawBegin: regexp.MustCompile(`^\{%[-+]?` + blank + `*raw` + blank + `*(?:-%\}` + blank + `*|%\})`),
		rawEnd:   regexp.MustCompile(`\{%([-+]?)` + blank + `*endraw` + blank + `*(?:\+%\}|-%\}` + blank + `*|%\}\n?)`),
		float:    regexp.MustCompile(`^(?i)(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?e[+-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)`),
		integer:  regexp.MustCompile(`^(?i)(?:0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[0-9a-f])+|[1-9](?:_?[0-9])*|0(?:_?0)*)`),
	}
}

// blank is Python's \s.
const blank = `[\s\v\x{1c}-\x{1f}\x{85}\p{Z}]`

func isBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// normalize does to line ends what Jinja does before it reads a template, the
// loss of the last one included.
func normalize(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimSuffix(s, "\n")
}

// lexer is Jinja's with Ansible's settings: the usual delimiters, trim_blocks
// on, lstrip_blocks off.
type lexer struct {
	syntax *syntax
	src    string
	tokens []token
}

func (s *syntax) lex(src string) ([]token, error) {
	l := &lexer{syntax: s, src: src}
	for l.src != "" {
		if err := l.root(); err != nil {
			return nil, err
		}
	}
	return l.tokens, nil
}

func (l *lexer) emit(kind tokenKind, length int) {
	l.tokens = append(l.tokens, token{kind, l.src[:length]})
	l.src = l.src[length:]
}

// data emits text that a tag follows, whose "-" strips blanks from it.
func (l *lexer) data(length int, strip bool) {
	text := l.src[:length]
	l.src = l.src[length:]
	if strip {
		text = strings.TrimRightFunc(text, isBlank)
	}
	if text != "" {
		l.tokens = append(l.tokens, token{tokData, text})
	}
}

// root reads data and the tag after it.
func (l *lexer) root() error {
	at := 0
	for {
		next := strings.IndexByte(l.src[at:], '{')
		if next < 0 || at+next+1 >= len(l.src) {
			l.data(len(l.src), false)
			return nil
		}
		at += next
		if strings.IndexByte("{%#", l.src[at+1]) >= 0 {
			break
		}
		at++
	}
	tag := l.src[at+1]
	size := 2
	strip := false
	if len(l.src) > at+2 && (l.src[at+2] == '-' || l.src[at+2] == '+') {
		size, strip = 3, l.src[at+2] == '-'
	}
	l.data(at, strip)
	switch {
	case tag == '{':
		l.emit(tokVariableBegin, size)
		return l.expression(tokVariableEnd)
	case tag == '#':
		end := strings.Index(l.src[size:], "#}")
		if end < 0 {
			// Jinja misses the end of a comment only if something stands in it.
			if len(l.src) > size {
				return errSyntax
			}
			l.emit(tokIgnored, size)
			return nil
		}
		end += size
		control := l.src[end-1]
		if end == size {
			control = 0
		}
		l.emit(tokIgnored, end+2)
		l.afterBlock(control)
		return nil
	}
	if raw := l.syntax.rawBegin.FindString(l.src); raw != "" {
		l.emit(tokIgnored, len(raw))
		end := l.syntax.rawEnd.FindStringSubmatchIndex(l.src)
		if end == nil {
			return errSyntax
		}
		l.data(end[0], l.src[end[2]:end[3]] == "-")
		l.emit(tokIgnored, end[1]-end[0])
		return nil
	}
	l.emit(tokBlockBegin, size)
	return l.expression(tokBlockEnd)
}

// afterBlock strips what a block's or comment's end strips: every blank after
// "-", one line end after neither "-" nor "+" (trim_blocks).
func (l *lexer) afterBlock(control byte) {
	rest := l.src
	switch control {
	case '-':
		rest = strings.TrimLeftFunc(rest, isBlank)
	case '+':
	default:
		rest = strings.TrimPrefix(rest, "\n")
	}
	if n := len(l.src) - len(rest); n > 0 {
		l.emit(tokIgnored, n)
	}
}

// expression reads what is inside of a tag and its end.
func (l *lexer) expression(end tokenKind) error {
	closing := "%}"
	if end == tokVariableEnd {
		closing = "}}"
	}
	var open []byte
	for l.src != "" {
		if len(open) == 0 {
			control := byte(0)
			if (l.src[0] == '-' || l.src[0] == '+' && end == tokBlockEnd) && strings.HasPrefix(l.src[1:], closing) {
				control = l.src[0]
				l.emit(tokIgnored, 1)
			}
			if strings.HasPrefix(l.src, closing) {
				l.emit(end, 2)
				if end == tokBlockEnd || control == '-' {
					l.afterBlock(control)
				}
				return nil
			}
		}
		kind, length := l.piece()
		if length == 0 {
			return errSyntax
		}
		if kind == tokOperator {
			switch c := l.src[0]; c {
			case '(', '[', '{':
				open = append(open, map[byte]byte{'(': ')', '[': ']', '{': '}'}[c])
			case ')', ']', '}':
				if len(open) == 0 || open[len(open)-1] != c {
					return errSyntax
				}
				open = open[:len(open)-1]
			}
		}
		l.emit(kind, length)
	}
	return nil // the parser misses the end
}

// piece finds the kind and length of the next token inside of a tag; a length
// of 0 is a character that Jinja does not know.
func (l *lexer) piece() (tokenKind, int) {
	if rest := strings.TrimLeftFunc(l.src, isBlank); len(rest) < len(l.src) {
		return tokIgnored, len(l.src) - len(rest)
	}
	c := l.src[0]
	if c >= '0' && c <= '9' {
		// "x.0.5" is twice an item, not a float.
		last := len(l.tokens) - 1
		if f := l.syntax.float.FindString(l.src); f != "" && (last < 0 || l.tokens[last].text != ".") {
			return tokFloat, len(f)
		}
		return tokInt, len(l.syntax.integer.FindString(l.src))
	}
	if c == '"' || c == '\'' {
		return tokString, stringLength(l.src)
	}
	if n := nameLength(l.src); n > 0 {
		return tokName, n
	}
	for _, op := range []string{"//", "**", "==", "!=", ">=", "<="} {
		if strings.HasPrefix(l.src, op) {
			return tokOperator, len(op)
		}
	}
	if strings.IndexByte("+-/*%~[](){}><=.:|,;", c) >= 0 {
		return tokOperator, 1
	}
	return tokOperator, 0
}

// stringLength is that of a literal with its quotes, 0 if it has no end.
func stringLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return 0
}

// nameLength is that of a Python identifier.
func nameLength(s string) int {
	for i, r := range s {
		letter := r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
		if r == utf8.RuneError || !letter && (i == 0 || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)) {
			return i
		}
	}
	return len(s)
}

// doubleBackslashes is Ansible's _escape_backslashes: in string literals
// between "{{" and "}}" a backslash means itself. It works on the text, so that
// "\'" ends a literal there.
func doubleBackslashes(tokens []token) (string, bool) {
	var b strings.Builder
	inVariable, changed := false, false
	for _, t := range tokens {
		switch t.kind {
		case tokVariableBegin:
			inVariable = true
		case tokVariableEnd:
			inVariable = false
		case tokString:
			if inVariable && strings.Contains(t.text, `\`) {
				b.WriteString(strings.ReplaceAll(t.text, `\`, `\\`))
				changed = true
				continue
			}
		}
		b.WriteString(t.text)
	}
	return b.String(), changed
}

// tokenize lexes a template as Ansible hands it to Jinja.
func (s *syntax) tokenize(src string) ([]token, error) {
	tokens, err := s.lex(normalize(src))
	if err != nil {
		return nil, err
	}
	if strings.Contains(src, `\`) && strings.Contains(src, "{{") {
		if doubled, changed := doubleBackslashes(tokens); changed {
			if tokens, err = s.lex(normalize(doubled)); err != nil {
				return nil, err
			}
		}
	}
	kept := tokens[:0]
	for _, t := range tokens {
		if t.kind != tokIgnored {
			kept = append(kept, t)
		}
	}
	return kept, nil
}
