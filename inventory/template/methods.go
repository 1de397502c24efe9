package template

import (
	"slices"
	"strings"
	"unicode"

	"oreg/inventory/value"
)

// method is a method of a Python object.
type method func(f *frame, v *value.Value, args arguments) (object, error)

// methods are those of each kind that do not change the value.
func methods() map[value.Kind]map[string]method {
	text, items := strMethods(), listMethods()
	return map[value.Kind]map[string]method{
		value.String: text, value.Unsafe: text, value.Dict: dictMethods(), value.List: items, value.Tuple: items,
	}
}

// isPythonAttribute says whether Python knows an attribute that oreg does not.
// It must not be taken for something undefined.
func isPythonAttribute(v *value.Value, name string) bool {
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return true
	}
	var names string
	switch v.Kind {
	case value.String, value.Unsafe:
		names = "encode expandtabs format_map isascii isidentifier isprintable maketrans translate data"
	case value.Dict:
		names = "clear copy fromkeys pop popitem setdefault update"
	case value.List:
		names = "append clear copy extend insert pop remove reverse sort"
	case value.Int, value.Bool:
		names = "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes"
	case value.Float:
		names = "as_integer_ratio conjugate fromhex hex imag is_integer real"
	case value.Date:
		return true
	}
	return slices.Contains(strings.Fields(names), name)
}

func dictMethods() map[string]method {
	none := func(name string, fn func(*value.Value) []*value.Value) method {
		return func(f *frame, v *value.Value, args arguments) (object, error) {
			if _, err := args.bind("the method"); err != nil {
				return nil, err
			}
			items := fn(v)
			return &view{name, pyList(items)}, f.run.grow(0, len(items))
		}
	}
	return map[string]method{
		"items": none("dict_items", pairs),
		"keys": none("dict_keys", func(v *value.Value) []*value.Value {
			keys := make([]*value.Value, len(v.Entries))
			for i, e := range v.Entries {
				keys[i] = e.Key
			}
			return keys
		}),
		"values": none("dict_values", func(v *value.Value) []*value.Value {
			values := make([]*value.Value, len(v.Entries))
			for i, e := range v.Entries {
				values[i] = e.Value
			}
			return values
		}),
		"get": func(_ *frame, v *value.Value, args arguments) (object, error) {
			p, err := args.bind("get", "key", "default=")
			if err != nil {
				return nil, err
			}
			key, err := p.value("key")
			if err != nil {
				return nil, err
			}
			if found, ok := get(v, key); ok {
				return found, nil
			}
			if p["default"] != nil {
				return p["default"], nil
			}
			return pyNone(), nil
		},
	}
}

func listMethods() map[string]method {
	item := func(args arguments) (*value.Value, error) {
		p, err := args.bind("the method", "value")
		if err != nil {
			return nil, err
		}
		return p.value("value")
	}
	return map[string]method{
		"count": func(f *frame, v *value.Value, args arguments) (object, error) {
			wanted, err := item(args)
			if err != nil {
				return nil, err
			}
			n := 0
			for _, have := range v.Items {
				if equal(have, wanted) {
					n++
				}
			}
			return pySmall(n), f.run.work(len(v.Items))
		},
		"index": func(f *frame, v *value.Value, args arguments) (object, error) {
			wanted, err := item(args)
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(v.Items, func(have *value.Value) bool { return equal(have, wanted) })
			if at < 0 {
				return nil, failf(ErrEvaluate, "index of what is not in the list")
			}
			return pySmall(at), f.run.work(len(v.Items))
		},
	}
}

func strMethods() map[string]method {
	all := map[string]method{
		"split": strSplit, "rsplit": strSplit2, "splitlines": strSplitLines, "join": strJoin, "replace": strReplace, "format": strFormat,
		"strip": strStrip(true, true), "lstrip": strStrip(true, false), "rstrip": strStrip(false, true),
		"startswith": strAffix(strings.HasPrefix), "endswith": strAffix(strings.HasSuffix),
		"find": strFind(strings.Index, false), "rfind": strFind(strings.LastIndex, false),
		"index": strFind(strings.Index, true), "rindex": strFind(strings.LastIndex, true),
		"count": strCount, "partition": strPartition(strings.Index, false), "rpartition": strPartition(strings.LastIndex, true),
		"removeprefix": strRemove(strings.TrimPrefix), "removesuffix": strRemove(strings.TrimSuffix),
		"zfill":  strPad(func(n, _ int) int { return n }, "0"),
		"ljust":  strPad(func(int, int) int { return 0 }, " "),
		"rjust":  strPad(func(n, _ int) int { return n }, " "),
		"center": strPad(func(n, width int) int { return n/2 + n&width&1 }, " "),
	}
	for name, fn := range map[string]func(string) string{
		"lower": strings.ToLower, "upper": strings.ToUpper, "capitalize": capitalize, "title": strTitle, "swapcase": swapCase,
		"casefold": strings.ToLower,
	} {
		filter := onText(fn)
		all[name] = func(f *frame, v *value.Value, args arguments) (object, error) { return filter(f, v, args) }
	}
	letter := func(r rune) bool { return unicode.IsLetter(r) }
	decimal := func(r rune) bool { return unicode.Is(unicode.Nd, r) }
	for name, is := range map[string]func(rune) bool{
		"isalpha": letter, "isdecimal": decimal, "isdigit": decimal, "isspace": value.IsSpace, "isnumeric": unicode.IsNumber,
		"isalnum": func(r rune) bool { return letter(r) || unicode.IsNumber(r) },
	} {
		all[name] = strIs(func(s string) bool { return s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0 })
	}
	all["islower"] = strIs(func(s string) bool { return isCase(s, unicode.IsLower, unicode.IsUpper) })
	all["isupper"] = strIs(func(s string) bool { return isCase(s, unicode.IsUpper, unicode.IsLower) })
	all["istitle"] = strIs(func(s string) bool { return strTitle(s) == s && strings.IndexFunc(s, unicode.IsLetter) >= 0 })
	return all
}

func strIs(is func(string) bool) method {
	return func(_ *frame, v *value.Value, args arguments) (object, error) {
		if _, err := args.bind("the method"); err != nil {
			return nil, err
		}
		return pyBool(is(v.Text)), nil
	}
}

// strTitle begins a word after everything that is no letter.
func strTitle(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteRune(unicode.ToTitle(r))
		}
		inWord = unicode.IsLetter(r)
	}
	return b.String()
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}
