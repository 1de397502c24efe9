package template

import (
	"slices"
	"strings"
	"unicode/utf8"

	"oreg/inventory/value"
)

// splitArgs are those of split and rsplit; blanks says that no separator was
// given.
func splitArgs(args arguments) (separator string, blanks bool, limit int, err error) {
	p, err := args.bind("split", "sep=", "maxsplit=")
	if err != nil {
		return "", false, 0, err
	}
	separator, given, err := p.optionalText("sep")
	if err != nil {
		return "", false, 0, err
	}
	if given && separator == "" {
		return "", false, 0, failf(ErrEvaluate, "an empty separator")
	}
	limit, err = p.number("maxsplit", -1)
	return separator, !given, limit, err
}

func (f *frame) strings(texts []string) (object, error) {
	return pyStrings(texts), f.run.grow(0, len(texts))
}

func strSplit(f *frame, v *value.Value, args arguments) (object, error) {
	separator, blanks, limit, err := splitArgs(args)
	if err != nil {
		return nil, err
	}
	if !blanks {
		n := -1
		if limit >= 0 {
			n = limit + 1
		}
		return f.strings(strings.SplitN(v.Text, separator, n))
	}
	var fields []string
	rest := strings.TrimLeftFunc(v.Text, value.IsSpace)
	for rest != "" {
		end := strings.IndexFunc(rest, value.IsSpace)
		if end < 0 || limit >= 0 && len(fields) == limit {
			if limit >= 0 && len(fields) == limit {
				rest = strings.TrimRightFunc(rest, value.IsSpace)
			}
			fields = append(fields, rest)
			break
		}
		fields = append(fields, rest[:end])
		rest = strings.TrimLeftFunc(rest[end:], value.IsSpace)
	}
	return f.strings(fields)
}

// strSplit2 is rsplit.
func strSplit2(f *frame, v *value.Value, args arguments) (object, error) {
	separator, blanks, limit, err := splitArgs(args)
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		return strSplit(f, v, args)
	}
	if blanks {
		return nil, failf(ErrUnsupported, "rsplit at blanks with a limit is not supported")
	}
	var fields []string
	rest := v.Text
	for len(fields) < limit {
		at := strings.LastIndex(rest, separator)
		if at < 0 {
			break
		}
		fields = append(fields, rest[at+len(separator):])
		rest = rest[:at]
	}
	fields = append(fields, rest)
	slices.Reverse(fields)
	return f.strings(fields)
}

// splitLines is str.splitlines without line ends.
func splitLines(s string) []string {
	var lines []string
	for s != "" {
		at := strings.IndexFunc(s, func(r rune) bool {
			return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
		})
		if at < 0 {
			return append(lines, s)
		}
		lines = append(lines, s[:at])
		_, size := utf8.DecodeRuneInString(s[at:])
		if strings.HasPrefix(s[at:], "\r\n") {
			size = 2
		}
		s = s[at+size:]
	}
	return lines
}

func strSplitLines(f *frame, v *value.Value, args arguments) (object, error) {
	if _, err := args.bind("splitlines"); err != nil {
		return nil, failf(ErrUnsupported, "splitlines with keepends is not supported")
	}
	return f.strings(splitLines(v.Text))
}

func strJoin(f *frame, v *value.Value, args arguments) (object, error) {
	p, err := args.bind("join", "iterable")
	if err != nil {
		return nil, err
	}
	items, err := f.iterate(p["iterable"])
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if !item.IsText() {
			return nil, failf(ErrEvaluate, "join of %s", item.TypeName())
		}
		texts[i] = item.Text
		if err := f.run.grow(len(item.Text)+len(v.Text), 0); err != nil {
			return nil, err
		}
	}
	return pyStr(strings.Join(texts, v.Text)), nil
}

func strReplace(f *frame, v *value.Value, args arguments) (object, error) {
	p, err := args.bind("replace", "old", "new", "count=")
	if err != nil {
		return nil, err
	}
	old, err := p.text("old", "")
	if err != nil {
		return nil, err
	}
	with, err := p.text("new", "")
	if err != nil {
		return nil, err
	}
	count, err := p.number("count", -1)
	if err != nil {
		return nil, err
	}
	return f.replace(v.Text, old, with, count)
}

func strStrip(left, right bool) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("strip", "chars=")
		if err != nil {
			return nil, err
		}
		chars, given, err := p.optionalText("chars")
		if err != nil {
			return nil, err
		}
		return pyStr(stripChars(v.Text, chars, given, left, right)), nil
	}
}

// strAffix is startswith and endswith, of one or of several texts.
func strAffix(has func(s, affix string) bool) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("the method", "affix")
		if err != nil {
			return nil, err
		}
		affix, err := p.value("affix")
		if err != nil {
			return nil, err
		}
		affixes := []*value.Value{affix}
		if affix.Kind == value.Tuple {
			affixes = affix.Items
		}
		for _, a := range affixes {
			if !a.IsText() {
				return nil, failf(ErrEvaluate, "the method needs text, not %s", a.TypeName())
			}
			if has(v.Text, a.Text) {
				return pyBool(true), nil
			}
		}
		return pyBool(false), nil
	}
}

// strFind counts in characters.
func strFind(index func(s, sub string) int, mustFind bool) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("the method", "sub")
		if err != nil {
			return nil, err
		}
		sub, err := p.text("sub", "")
		if err != nil {
			return nil, err
		}
		at := index(v.Text, sub)
		if at < 0 && mustFind {
			return nil, failf(ErrEvaluate, "index of what is not in the text")
		}
		if at > 0 {
			at = utf8.RuneCountInString(v.Text[:at])
		}
		return pySmall(at), nil
	}
}

func strCount(_ *frame, v *value.Value, args arguments) (object, error) {
	p, err := args.bind("count", "sub")
	if err != nil {
		return nil, err
	}
	sub, err := p.text("sub", "")
	if err != nil {
		return nil, err
	}
	return pySmall(strings.Count(v.Text, sub)), nil
}

func strPartition(index func(s, sub string) int, atEnd bool) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("partition", "sep")
		if err != nil {
			return nil, err
		}
		separator, err := p.text("sep", "")
		if err != nil {
			return nil, err
		}
		if separator == "" {
			return nil, failf(ErrEvaluate, "an empty separator")
		}
		at := index(v.Text, separator)
		switch {
		case at >= 0:
			return pyTuple(pyStr(v.Text[:at]), pyStr(separator), pyStr(v.Text[at+len(separator):])), nil
		case atEnd:
			return pyTuple(pyStr(""), pyStr(""), pyStr(v.Text)), nil
		}
		return pyTuple(pyStr(v.Text), pyStr(""), pyStr("")), nil
	}
}

func strRemove(trim func(s, affix string) string) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("the method", "affix")
		if err != nil {
			return nil, err
		}
		affix, err := p.text("affix", "")
		if err != nil {
			return nil, err
		}
		return pyStr(trim(v.Text, affix)), nil
	}
}

// strPad is zfill, ljust, rjust and center.
func strPad(left func(n, width int) int, fill string) method {
	return func(f *frame, v *value.Value, args arguments) (object, error) {
		p, err := args.bind("the method", "width", "fillchar=")
		if err != nil {
			return nil, err
		}
		width, err := p.number("width", 0)
		if err != nil {
			return nil, err
		}
		fill, err := p.text("fillchar", fill)
		if err != nil {
			return nil, err
		}
		if fill == "0" && p["fillchar"] == nil && v.Text != "" && strings.Contains("+-", v.Text[:1]) {
			// zfill fills behind the sign.
			padded, err := f.pad(v.Text[1:], width-1, fill, func(n int) int { return n })
			if err != nil {
				return nil, err
			}
			text, err := textOf(padded)
			return pyStr(v.Text[:1] + text), err
		}
		return f.pad(v.Text, width, fill, func(n int) int { return left(n, width) })
	}
}
