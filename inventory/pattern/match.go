package pattern

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// matcher compiles a pattern without subscript (_match_list): a regular
// expression, which needs to match at the start only, or a glob.
func matcher(p string) (func(string) bool, error) {
	if p[0] == '~' {
		source, err := TranslateRegexp(p[1:])
		switch {
		case errors.Is(err, errAnchor):
			return nil, &Error{Pattern: p, Kind: ErrInvalid, Err: err}
		case err != nil:
			return nil, &Error{Pattern: p, Kind: ErrUnsupported, Err: err}
		}
		// Alone first: ")a(" is balanced by the group around it.
		if _, err := compile(p, source); err != nil {
			return nil, err
		}
		return compile(p, `\A(?:`+source+`)`)
	}
	if !strings.ContainsAny(p, "*?[") {
		return func(name string) bool { return name == p }, nil
	}
	return compile(p, `(?s)\A(?:`+translateGlob([]rune(p))+`)\z`)
}

func compile(p, source string) (func(string) bool, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, &Error{Pattern: p, Kind: ErrInvalid, Err: codeOf(err)}
	}
	return re.MatchString, nil
}

// neverMatch is a class without members.
const neverMatch = `[^\x{0}-\x{10FFFF}]`

// translateGlob is fnmatch.translate of Python 3.11. An open bracket without
// its partner is itself, "[]a]" holds a bracket, and a range whose ends are the
// wrong way round is empty.
func translateGlob(p []rune) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			j := i + 1
			if j < len(p) && p[j] == '!' {
				j++
			}
			if j < len(p) && p[j] == ']' {
				j++
			}
			for j < len(p) && p[j] != ']' {
				j++
			}
			if j >= len(p) {
				b.WriteString(`\[`)
				break
			}
			b.WriteString(translateClass(p[i+1 : j]))
			i = j
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

// translateClass turns what stands between the brackets of a glob into a class.
func translateClass(stuff []rune) string {
	negated := stuff[0] == '!'
	if negated {
		stuff = stuff[1:]
	}
	var members strings.Builder
	for i := 0; i < len(stuff); {
		lo, hi := stuff[i], stuff[i]
		if i+2 < len(stuff) && stuff[i+1] == '-' {
			hi = stuff[i+2]
			i += 3
		} else {
			i++
		}
		if lo > hi {
			continue
		}
		members.WriteString(quoteMember(lo))
		if hi != lo {
			members.WriteString("-" + quoteMember(hi))
		}
	}
	switch {
	case members.Len() > 0 && negated:
		return "[^" + members.String() + "]"
	case members.Len() > 0:
		return "[" + members.String() + "]"
	case negated:
		return "."
	}
	return neverMatch
}

func quoteMember(r rune) string {
	if strings.ContainsRune(`\]^-[&~|`, r) {
		return `\` + string(r)
	}
	return string(r)
}

// errRE2 says what a regular expression needs that RE2 does not have.
type errRE2 string

func (e errRE2) Error() string {
	return string(e) + " in a regular expression: oreg uses RE2 syntax, which does not have it"
}

// TranslateRegexp turns a regular expression of Python's into one of RE2's
// that means the same, or says what stands in the way; the text of its error
// does not hold the expression. What Python refuses too may pass, for
// regexp.Compile to refuse. Where both accept a
// text and read it differently, it is translated ("\w" is Unicode, "{,3}"
// repeats, "[[:alpha:]]" is no POSIX class) or refused.
func TranslateRegexp(p string) (string, error) {
	var b strings.Builder
	inClass, classStart := false, 0
	for i := 0; i < len(p); i++ {
		rest := p[i:]
		switch c := p[i]; {
		case c == '\\':
			text, length, err := translateEscape(rest, inClass)
			if err != nil {
				return "", err
			}
			if !inClass && len(rest) > 1 && strings.IndexByte("AZbB", rest[1]) >= 0 && repeats(rest[2:]) {
				return "", errAnchor
			}
			b.WriteString(text)
			i += length - 1
		case inClass && c == ']' && i > classStart:
			inClass = false
			b.WriteByte(c)
		case inClass && (c == '[' || c == ']'):
			b.WriteString(`\` + string(c))
		case inClass:
			b.WriteByte(c)
		case c == '[':
			inClass = true
			b.WriteByte(c)
			if strings.HasPrefix(rest, "[^") {
				b.WriteByte('^')
				i++
			}
			classStart = i + 1
		case strings.HasPrefix(rest, "(?"):
			if err := checkGroup(rest, i == 0); err != nil {
				return "", err
			}
			b.WriteByte(c)
		case strings.HasPrefix(rest, "{,"):
			b.WriteByte(c)
			if digits := strings.TrimLeft(rest[2:], "0123456789"); strings.HasPrefix(digits, "}") && len(digits) < len(rest)-2 {
				b.WriteByte('0')
			} else if strings.HasPrefix(digits, "}") {
				return "", errRE2(`"{,}"`)
			}
		case strings.ContainsRune("*+?}", rune(c)) && strings.HasPrefix(rest[1:], "+"):
			return "", errRE2("a possessive quantifier")
		case (c == '^' || c == '$') && repeats(rest[1:]):
			return "", errAnchor
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// errAnchor is Python's "nothing to repeat"; RE2 repeats an anchor.
var errAnchor = errors.New("a repeated anchor")

// repeats says whether s starts with a quantifier.
func repeats(s string) bool {
	if s == "" || s[0] != '{' {
		return s != "" && strings.IndexByte("*+?", s[0]) >= 0
	}
	bounds, _, closed := strings.Cut(s[1:], "}")
	return closed && bounds != "" && strings.Trim(bounds, "0123456789,") == "" && strings.Count(bounds, ",") < 2
}

// checkGroup refuses the extensions that RE2 lacks or reads differently.
// Python takes flags for the whole expression at its start only.
func checkGroup(s string, atStart bool) error {
	for _, known := range []struct{ prefix, what string }{
		{"(?=", "look-ahead (?=...)"}, {"(?!", "negative look-ahead (?!...)"},
		{"(?<=", "look-behind (?<=...)"}, {"(?<!", "negative look-behind (?<!...)"},
		{"(?P=", "a back-reference (?P=...)"}, {"(?P>", "(?P>...)"}, {"(?#", "a comment (?#...)"},
		{"(?(", "a conditional (?(...)...)"}, {"(?>", "an atomic group (?>...)"}, {"(?<", "(?<name>...)"},
	} {
		if strings.HasPrefix(s, known.prefix) {
			return errRE2(known.what)
		}
	}
	if strings.HasPrefix(s, "(?P<") || strings.HasPrefix(s, "(?:") {
		return nil
	}
	flags := strings.TrimLeft(s[2:], "ims")
	if strings.HasPrefix(flags, ")") && atStart {
		return nil
	}
	if scoped := strings.TrimLeft(flags, "-ims"); strings.HasPrefix(scoped, ":") {
		return nil
	}
	return errRE2("a flag other than i, m and s, or a flag in the middle")
}

// translateEscape translates the escape at the start of s and returns its
// length.
func translateEscape(s string, inClass bool) (text string, length int, err error) {
	if len(s) < 2 {
		return s, len(s), nil // RE2 refuses it as Python does
	}
	classes := map[byte]string{'d': `\p{Nd}`, 'w': `\p{L}\p{N}_`, 's': `\s\v\x{1c}-\x{1f}\x{85}\p{Z}`}
	c := s[1]
	class, isClass := classes[c|0x20]
	lower := c >= 'a'
	switch {
	case isClass && lower && inClass:
		return class, 2, nil
	case isClass && lower:
		return "[" + class + "]", 2, nil
	case isClass && inClass:
		return "", 0, errRE2(`\` + string(c) + " in a class")
	case isClass:
		return "[^" + class + "]", 2, nil
	case c == 'Z' && !inClass:
		return `\z`, 2, nil
	case c >= '0' && c <= '9':
		return "", 0, errRE2("a back-reference or octal escape")
	case strings.IndexByte("NuUpPQECz", c) >= 0 || inClass && c == 'b':
		return "", 0, errRE2(`the escape \` + string(c))
	}
	return s[:2], 2, nil
}

// codeOf is what Go's regexp says without the expression, in which the
// translation would show.
func codeOf(err error) error {
	syntaxErr := (*syntax.Error)(nil)
	if errors.As(err, &syntaxErr) {
		return errors.New(syntaxErr.Code.String())
	}
	return err
}
