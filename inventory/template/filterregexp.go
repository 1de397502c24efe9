package template

import (
	"regexp"
	"strconv"
	"strings"

	"oreg/inventory/pattern"
	"oreg/inventory/value"
)

func regexpFilters() map[string]filter {
	return map[string]filter{
		"regex_replace": filterRegexReplace, "regex_search": filterRegexSearch, "regex_findall": filterRegexFindAll,
		"regex_escape": filterRegexEscape,
	}
}

// compileRegexp translates a Python regular expression.
func compileRegexp(source string, ignoreCase, multiline bool) (*regexp.Regexp, error) {
	translated, err := pattern.TranslateRegexp(source)
	if err != nil {
		return nil, failf(ErrUnsupported, "%s", err.Error())
	}
	flags := ""
	if ignoreCase {
		flags += "i"
	}
	if multiline {
		flags += "m"
	}
	if _, err := regexp.Compile(translated); err != nil {
		return nil, failf(ErrEvaluate, "not a regular expression")
	}
	if flags != "" {
		translated = "(?" + flags + ":" + translated + ")"
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return nil, failf(ErrEvaluate, "not a regular expression")
	}
	return re, nil
}

// regexpFor compiles the parameter called name, with the flags that the filters
// know, to be used on text.
func (p params) regexpFor(name, text string) (*regexp.Regexp, error) {
	source, err := p.text(name, "")
	if err != nil {
		return nil, err
	}
	ignoreCase, err := p.truth("ignorecase")
	if err != nil {
		return nil, err
	}
	multiline, err := p.truth("multiline")
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(text, "\n") && strings.Contains(source, "$") {
		// Python's matches in front of the line end, too.
		return nil, failf(ErrUnsupported, "$ in a regular expression is not supported for text that ends in a line end")
	}
	return compileRegexp(source, ignoreCase, multiline)
}

// regexpForAll is regexpFor for all matches. It refuses what Python and Go
// repeat differently: an expression that can match nothing right behind a match.
func (p params) regexpForAll(name, text string) (*regexp.Regexp, error) {
	re, err := p.regexpFor(name, text)
	if err != nil {
		return nil, err
	}
	source, err := p.text(name, "")
	if err != nil {
		return nil, err
	}
	multiline, err := p.truth("multiline")
	if err != nil {
		return nil, err
	}
	if re.MatchString("") && (multiline || !strings.HasPrefix(source, "^") && !strings.HasPrefix(source, `\A`)) {
		return nil, failf(ErrUnsupported, "replacing or finding all with an expression that can match nothing is not supported; begin it with ^")
	}
	return re, nil
}

func filterRegexReplace(f *frame, in object, args arguments) (object, error) {
	p, s, err := args.bindText(in, "regex_replace", "pattern=", "replacement=", "ignorecase=", "multiline=")
	if err != nil {
		return nil, err
	}
	re, err := p.regexpForAll("pattern", s)
	if err != nil {
		return nil, err
	}
	with, err := p.text("replacement", "")
	if err != nil {
		return nil, err
	}
	parts, err := replacement(re, with)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:m[0]])
		for _, part := range parts {
			b.WriteString(part.text)
			if part.group >= 0 && m[2*part.group] >= 0 {
				b.WriteString(s[m[2*part.group]:m[2*part.group+1]])
			}
		}
		last = m[1]
		if b.Len() > maxBytes {
			return nil, f.run.grow(b.Len(), 0)
		}
	}
	b.WriteString(s[last:])
	return pyStr(b.String()), f.run.grow(b.Len(), 0)
}

// part is a text of a replacement and the group that follows it, or -1.
type part struct {
	text  string
	group int
}

// replacement reads Python's: "\1", "\g<1>", "\g<name>", and escapes.
func replacement(re *regexp.Regexp, s string) ([]part, error) {
	var parts []part
	var text strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			text.WriteString(s)
			break
		}
		text.WriteString(s[:i])
		s = s[i+1:]
		if s == "" {
			return nil, failf(ErrEvaluate, `a replacement ends in \`)
		}
		c := s[0]
		s = s[1:]
		escape := map[byte]string{'\\': `\`, 'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v"}
		if literal, ok := escape[c]; ok {
			text.WriteString(literal)
			continue
		}
		group := ""
		switch {
		case c >= '1' && c <= '9':
			group = string(c)
			if s != "" && s[0] >= '0' && s[0] <= '9' {
				if len(s) > 1 && c <= '3' && s[0] <= '7' && s[1] >= '0' && s[1] <= '7' {
					return nil, failf(ErrUnsupported, "an octal escape in a replacement is not supported")
				}
				group, s = group+s[:1], s[1:]
			}
		case c == 'g' && strings.HasPrefix(s, "<") && strings.Contains(s, ">"):
			group, s, _ = strings.Cut(s[1:], ">")
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '0':
			return nil, failf(ErrEvaluate, "an escape that a replacement does not know")
		default:
			text.WriteString(`\` + string(c))
			continue
		}
		n, err := groupIndex(re, group)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{text.String(), n})
		text.Reset()
	}
	return append(parts, part{text.String(), -1}), nil
}

func groupIndex(re *regexp.Regexp, name string) (int, error) {
	n, err := strconv.Atoi(name)
	if err != nil {
		n = re.SubexpIndex(name)
	}
	if n < 0 || n > re.NumSubexp() {
		return 0, failf(ErrEvaluate, "a group that the regular expression does not have")
	}
	return n, nil
}

func filterRegexSearch(_ *frame, in object, args arguments) (object, error) {
	if len(args.positional) == 0 {
		if args.named["regex"] == nil {
			return nil, failf(ErrEvaluate, "regex_search needs a regular expression")
		}
		args.positional = []object{args.named["regex"]}
	}
	p := params{"regex": args.positional[0], "ignorecase": args.named["ignorecase"], "multiline": args.named["multiline"]}
	for name := range p {
		if p[name] == nil {
			delete(p, name)
		}
	}
	s, err := textOf(in)
	if err != nil {
		return nil, err
	}
	re, err := p.regexpFor("regex", s)
	if err != nil {
		return nil, err
	}
	var groups []int
	for _, o := range args.positional[1:] {
		text, err := params{"group": o}.text("group", "")
		if err != nil {
			return nil, err
		}
		name, isGroup := strings.CutPrefix(text, `\g<`)
		if isGroup {
			name, _, isGroup = strings.Cut(name, ">")
		} else {
			name, isGroup = strings.CutPrefix(text, `\`)
		}
		if !isGroup {
			return nil, failf(ErrEvaluate, `regex_search takes groups as "\\1" or "\\g<name>"`)
		}
		n, err := groupIndex(re, name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, n)
	}
	m := re.FindStringSubmatchIndex(s)
	if m == nil {
		return pyNone(), nil
	}
	if len(groups) == 0 {
		return pyStr(s[m[0]:m[1]]), nil
	}
	items := make([]*value.Value, len(groups))
	for i, n := range groups {
		items[i] = pyNone()
		if m[2*n] >= 0 {
			items[i] = pyStr(s[m[2*n]:m[2*n+1]])
		}
	}
	return pyList(items), nil
}

func filterRegexFindAll(f *frame, in object, args arguments) (object, error) {
	p, s, err := args.bindText(in, "regex_findall", "regex", "multiline=", "ignorecase=")
	if err != nil {
		return nil, err
	}
	re, err := p.regexpForAll("regex", s)
	if err != nil {
		return nil, err
	}
	var items []*value.Value
	for _, m := range re.FindAllStringSubmatch(s, maxItems) {
		switch re.NumSubexp() {
		case 0:
			items = append(items, pyStr(m[0]))
		case 1:
			items = append(items, pyStr(m[1]))
		default:
			items = append(items, pyTuple(pyStrings(m[1:]).Items...))
		}
	}
	return pyList(items), f.run.grow(len(s), len(items))
}

func filterRegexEscape(f *frame, in object, args arguments) (object, error) {
	p, err := args.bind("regex_escape", "re_type=")
	if err != nil {
		return nil, err
	}
	kind, err := p.text("re_type", "python")
	if err != nil {
		return nil, err
	}
	special := "()[]{}?*+-|^$\\.&~# \t\n\r\v\f"
	switch kind {
	case "python":
	case "posix_basic":
		special = `[].^$*\`
	default:
		return nil, failf(ErrEvaluate, "regex_escape knows python and posix_basic")
	}
	s, err := textOf(in)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return pyStr(b.String()), f.run.grow(b.Len(), 0)
}

type regexpMode uint8

const (
	anywhere regexpMode = iota
	atStart
)

// testRegexp is "is match", "is search" and "is regex".
func testRegexp(mode regexpMode) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		names := []string{"pattern=", "ignorecase=", "multiline="}
		p, s, err := args.bindText(in, "the test", names...)
		if err != nil {
			return false, err
		}
		re, err := p.regexpFor("pattern", s)
		if err != nil {
			return false, err
		}
		if mode == anywhere {
			return re.MatchString(s), nil
		}
		anchored, err := regexp.Compile(`\A(?:` + re.String() + `)`)
		if err != nil {
			return false, failf(ErrEvaluate, "not a regular expression")
		}
		return anchored.MatchString(s), nil
	}
}
