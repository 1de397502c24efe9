package template

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"

	"oreg/inventory/value"
)

func textFilters() map[string]filter {
	return map[string]filter{
		"lower": onText(strings.ToLower), "upper": onText(strings.ToUpper), "capitalize": onText(capitalize), "title": onText(titleFilter),
		"trim": filterTrim, "replace": filterReplace, "center": filterCenter, "indent": filterIndent, "wordcount": filterWordCount,
		"split": filterSplit, "format": filterFormat, "safe": markedUp(func(s string) string { return s }),
		"escape": markedUp(escapeHTML), "e": markedUp(escapeHTML), "urlencode": filterURLEncode,
		"quote": filterQuote, "basename": onPath(basename), "dirname": onPath(dirname), "splitext": filterSplitExt, "path_join": filterPathJoin,
	}
}

// onText is a filter of str(value) without parameters.
func onText(fn func(string) string) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		_, s, err := args.bindText(in, "the filter")
		if err != nil {
			return nil, err
		}
		s = fn(s)
		return pyStr(s), f.run.grow(len(s), 0)
	}
}

// markedUp is onText with a result that can only be written.
func markedUp(fn func(string) string) filter {
	text := onText(fn)
	return func(f *frame, in object, args arguments) (object, error) {
		o, err := text(f, in, args)
		if err != nil {
			return nil, err
		}
		return markup(o.(*value.Value).Text), nil
	}
}

// capitalize is str.capitalize.
func capitalize(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[size:])
}

// titleFilter begins a word after each of "-({[<" and blanks.
func titleFilter(s string) string {
	var b strings.Builder
	start := true
	for _, r := range s {
		if start {
			b.WriteRune(unicode.ToUpper(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		start = isBlank(r) || strings.ContainsRune("-({[<", r)
	}
	return b.String()
}

func filterTrim(_ *frame, in object, args arguments) (object, error) {
	p, s, err := args.bindText(in, "trim", "chars=")
	if err != nil {
		return nil, err
	}
	chars, given, err := p.optionalText("chars")
	if err != nil {
		return nil, err
	}
	return pyStr(stripChars(s, chars, given, true, true)), nil
}

// stripChars is str.strip: of blanks, or of any of chars.
func stripChars(s, chars string, given, left, right bool) string {
	drop := isBlank
	if given {
		drop = func(r rune) bool { return strings.ContainsRune(chars, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, drop)
	}
	if right {
		s = strings.TrimRightFunc(s, drop)
	}
	return s
}

// optionalText is a parameter that may be left out or None.
func (p params) optionalText(name string) (text string, given bool, err error) {
	v, err := p.value(name)
	if err != nil || v == nil || v.Kind == value.Null {
		return "", false, err
	}
	text, err = p.text(name, "")
	return text, true, err
}

func filterReplace(f *frame, in object, args arguments) (object, error) {
	p, err := args.bind("replace", "old", "new", "count=")
	if err != nil {
		return nil, err
	}
	var texts [3]string
	for i, o := range []object{in, p["old"], p["new"]} {
		if texts[i], err = textOf(o); err != nil {
			return nil, err
		}
	}
	count := -1
	if v, ok := p["count"].(*value.Value); ok && v.Kind != value.Null {
		if count, err = p.number("count", -1); err != nil {
			return nil, err
		}
	}
	return f.replace(texts[0], texts[1], texts[2], count)
}

func (f *frame) replace(s, old, with string, count int) (object, error) {
	n := strings.Count(s, old)
	if count >= 0 {
		n = min(n, count)
	}
	if err := f.run.grow(len(s)+n*len(with), 0); err != nil {
		return nil, err
	}
	return pyStr(strings.Replace(s, old, with, n)), nil
}

func filterCenter(f *frame, in object, args arguments) (object, error) {
	p, s, err := args.bindText(in, "center", "width=")
	if err != nil {
		return nil, err
	}
	width, err := p.number("width", 80)
	if err != nil {
		return nil, err
	}
	return f.pad(s, width, " ", func(n int) int { return n/2 + n&width&1 })
}

// pad fills up to a width; left says how much of the filling goes before s.
func (f *frame) pad(s string, width int, fill string, left func(n int) int) (object, error) {
	n := width - len([]rune(s))
	if n <= 0 {
		return pyStr(s), nil
	}
	if len([]rune(fill)) != 1 {
		return nil, failf(ErrEvaluate, "the filling has to be one character")
	}
	if n > maxBytes {
		return nil, failf(ErrLimit, "a width is too large")
	}
	if err := f.run.grow(len(s)+n*len(fill), 0); err != nil {
		return nil, err
	}
	before := left(n)
	return pyStr(strings.Repeat(fill, before) + s + strings.Repeat(fill, n-before)), nil
}

func filterIndent(f *frame, in object, args arguments) (object, error) {
	p, v, err := args.bindStrict(in, "indent", "width=", "first=", "blank=")
	if err != nil {
		return nil, err
	}
	if !v.IsText() {
		return nil, failf(ErrEvaluate, "indent of %s", v.TypeName())
	}
	indention := "    "
	if w, err := p.value("width"); err != nil {
		return nil, err
	} else if w != nil && w.IsText() {
		indention = w.Text
	} else if w != nil {
		n, err := p.number("width", 4)
		if err != nil {
			return nil, err
		}
		if n > maxItems {
			return nil, failf(ErrLimit, "a width is too large")
		}
		indention = strings.Repeat(" ", max(n, 0))
	}
	first, err := p.truth("first")
	if err != nil {
		return nil, err
	}
	blankLines, err := p.truth("blank")
	if err != nil {
		return nil, err
	}
	lines := splitLines(v.Text + "\n")
	if err := f.run.grow(len(v.Text)+len(lines)*(len(indention)+1), 0); err != nil {
		return nil, err
	}
	for i, line := range lines {
		if i > 0 && (blankLines || line != "") {
			lines[i] = indention + line
		}
	}
	text := strings.Join(lines, "\n")
	if first {
		text = indention + text
	}
	return pyStr(text), nil
}

func filterWordCount(_ *frame, in object, args arguments) (object, error) {
	_, s, err := args.bindText(in, "wordcount")
	if err != nil {
		return nil, err
	}
	isWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }
	return pySmall(len(strings.FieldsFunc(s, func(r rune) bool { return !isWord(r) }))), nil
}

func filterSplit(f *frame, in object, args arguments) (object, error) {
	v, err := strict(in)
	if err != nil {
		return nil, err
	}
	if !v.IsText() {
		return nil, failf(ErrEvaluate, "split of %s", v.TypeName())
	}
	return strSplit(f, v, args)
}

func filterFormat(f *frame, in object, args arguments) (object, error) {
	s, err := textOf(in)
	if err != nil {
		return nil, err
	}
	if len(args.named) > 0 {
		if len(args.positional) > 0 {
			return nil, failf(ErrEvaluate, "format takes values or names, not both")
		}
		named, err := pyDictOf(f, args)
		if err != nil {
			return nil, err
		}
		v, err := plain(named)
		if err != nil {
			return nil, err
		}
		return f.percent(s, v)
	}
	values := make([]*value.Value, len(args.positional))
	for i, o := range args.positional {
		if values[i], err = plain(o); err != nil {
			return nil, err
		}
	}
	return f.percent(s, pyTuple(values...))
}

// escapeHTML is markupsafe.escape.
func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

// filterURLEncode quotes a string as urllib.parse.quote does, with "/" safe.
func filterURLEncode(f *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindValue(in, "urlencode")
	if err != nil {
		return nil, err
	}
	if v.Kind == value.Dict || v.Kind == value.List || v.Kind == value.Tuple {
		return nil, failf(ErrUnsupported, "urlencode of %s is not supported", v.TypeName())
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_.-~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(escapeRune(rune(c))[2:]))
		}
	}
	return pyStr(b.String()), f.run.grow(b.Len(), 0)
}

func filterQuote(_ *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindValue(in, "quote")
	if err != nil {
		return nil, err
	}
	if v.Kind == value.Null {
		v = pyStr("")
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	return pyStr(shellescape.Quote(s)), nil
}

// onPath is a filter of a path.
func onPath(fn func(string) string) filter {
	return func(_ *frame, in object, args arguments) (object, error) {
		_, v, err := args.bindStrict(in, "the filter")
		if err != nil {
			return nil, err
		}
		if !v.IsText() {
			return nil, failf(ErrEvaluate, "a path that is %s", v.TypeName())
		}
		return pyStr(fn(v.Text)), nil
	}
}

func basename(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

func dirname(p string) string {
	head := p[:strings.LastIndexByte(p, '/')+1]
	if trimmed := strings.TrimRight(head, "/"); trimmed != "" {
		return trimmed
	}
	return head
}

func filterSplitExt(_ *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindStrict(in, "splitext")
	if err != nil {
		return nil, err
	}
	if !v.IsText() {
		return nil, failf(ErrEvaluate, "a path that is %s", v.TypeName())
	}
	// Dots in front of a name do not begin an extension.
	name := strings.TrimLeft(basename(v.Text), ".")
	ext := path.Ext(name)
	return pyTuple(pyStr(strings.TrimSuffix(v.Text, ext)), pyStr(ext)), nil
}

func filterPathJoin(f *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindStrict(in, "path_join")
	if err != nil {
		return nil, err
	}
	if v.IsText() {
		// What to_json yields stays text.
		return in, nil
	}
	joined := ""
	for i, item := range v.Items {
		switch {
		case !item.IsText():
			return nil, failf(ErrEvaluate, "a path that is %s", item.TypeName())
		case i == 0 || strings.HasPrefix(item.Text, "/"):
			joined = item.Text
		case joined == "" || strings.HasSuffix(joined, "/"):
			joined += item.Text
		default:
			joined += "/" + item.Text
		}
	}
	if len(v.Items) == 0 {
		return nil, failf(ErrEvaluate, "path_join of nothing")
	}
	return pyStr(joined), f.run.grow(len(joined), 0)
}
