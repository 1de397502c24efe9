package template

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/nikolalohinski/gonja/v2/builtins/methods/pystring"

	"oreg/inventory/value"
)

// formatSyntax holds compiled expressions.
type formatSyntax struct {
	// spec is what follows ":" in "{0:>10}". Widths have four digits at most.
	spec *regexp.Regexp
	// directive is one of "%s", "%(name)-5.2f".
	directive *regexp.Regexp
}

func newFormatSyntax() *formatSyntax {
	return &formatSyntax{
		spec:      regexp.MustCompile(`^(?:[^{}]?[<>^=])?[+ -]?#?0?[0-9]{0,4}[,_]?(?:\.[0-9]{1,2})?[bdeEfFgGosxX%]?$`),
		directive: regexp.MustCompile(`^%(?:\(([^()]*)\))?([-+ 0#]*)([0-9]{0,4})(\.[0-9]{0,2})?([a-zA-Z%])`),
	}
}

// formatOne formats a value as Python's format(v, spec), with gonja's
// translation of that language.
func (f *frame) formatOne(v *value.Value, spec string) (string, error) {
	if spec == "" {
		s, err := str(v)
		if err != nil {
			return "", err
		}
		return s, f.run.grow(len(s), 0)
	}
	if !f.run.engine.format.spec.MatchString(spec) {
		return "", failf(ErrUnsupported, "this format is not supported")
	}
	if err := f.run.grow(len(v.Text)+10000, 0); err != nil {
		return "", err
	}
	var of any
	n, isNumber := toNumber(v)
	switch {
	case v.IsText():
		of = v.Text
	case v.Kind == value.Bool || !isNumber:
		return "", failf(ErrUnsupported, "a format of %s is not supported", v.TypeName())
	case n.isFloat:
		of = n.float
	case n.int.IsInt64():
		of = n.int.Int64()
	default:
		return "", failf(ErrUnsupported, "a format of a number that large is not supported")
	}
	parsed, err := pystring.NewDialect(3.11).NewFormatterSpecFromStr(spec)
	if err != nil {
		return "", failf(ErrEvaluate, "a format that does not fit %s", v.TypeName())
	}
	s, err := parsed.Format(of)
	if err != nil {
		return "", failf(ErrEvaluate, "a format that does not fit %s", v.TypeName())
	}
	return s, nil
}

// strFormat is str.format with fields "{}", "{0}", "{name}" and a format.
func strFormat(f *frame, v *value.Value, args arguments) (object, error) {
	var b strings.Builder
	next := 0
	for s := v.Text; s != ""; {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		if strings.HasPrefix(s[i+1:], s[i:i+1]) {
			b.WriteByte(s[i])
			s = s[i+2:]
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if s[i] == '}' || end < 0 {
			return nil, failf(ErrEvaluate, "a single brace in a format")
		}
		field := s[i+1 : i+end]
		s = s[i+end+1:]
		if strings.Contains(field, "{") {
			return nil, failf(ErrUnsupported, "a field in a field of a format is not supported")
		}
		name, spec, _ := strings.Cut(field, ":")
		o, err := args.field(name, &next)
		if err != nil {
			return nil, err
		}
		arg, err := plain(o)
		if err != nil {
			return nil, err
		}
		text, err := f.formatOne(arg, spec)
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	return pyStr(b.String()), f.run.grow(b.Len(), 0)
}

// field finds the argument of a field; next counts those without a name.
func (a arguments) field(name string, next *int) (object, error) {
	if strings.ContainsAny(name, ".[!") {
		return nil, failf(ErrUnsupported, "a field with attributes or a conversion is not supported in a format")
	}
	if o, ok := a.named[name]; ok {
		return o, nil
	}
	n := *next
	switch {
	case name == "" && n >= 0:
		*next++
	case name == "" || n > 0:
		return nil, failf(ErrEvaluate, "a format with and without numbers of its fields")
	default:
		var err error
		if n, err = strconv.Atoi(name); err != nil {
			return nil, failf(ErrEvaluate, "a format with a field that was not given")
		}
		*next = -1
	}
	if n < 0 || n >= len(a.positional) {
		return nil, failf(ErrEvaluate, "a format with more fields than values")
	}
	return a.positional[n], nil
}

// percent is Python's "text % values".
func (f *frame) percent(s string, values *value.Value) (object, error) {
	items := []*value.Value{values}
	if values.Kind == value.Tuple {
		items = values.Items
	}
	used := 0
	byName := false
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		m := f.run.engine.format.directive.FindStringSubmatch(s[i:])
		if m == nil {
			return nil, failf(ErrEvaluate, "a %% without a directive that is known")
		}
		s = s[i+len(m[0]):]
		if m[5] == "%" {
			b.WriteByte('%')
			continue
		}
		var item *value.Value
		if strings.HasPrefix(m[0], "%(") {
			byName = true
			found, ok := get(values, pyStr(m[1]))
			if values.Kind != value.Dict || !ok {
				return nil, failf(ErrEvaluate, "a format with a name that was not given")
			}
			item = found
		} else if used < len(items) {
			item = items[used]
			used++
		} else {
			return nil, failf(ErrEvaluate, "a format with more directives than values")
		}
		text, err := f.formatDirective(item, m[2], m[3], m[4], m[5])
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	b.WriteString(s)
	if !byName && used < len(items) && values.Kind != value.Dict && values.Kind != value.List {
		return nil, failf(ErrEvaluate, "a format with more values than directives")
	}
	return pyStr(b.String()), f.run.grow(b.Len(), 0)
}

// formatDirective says in the language of format() what a directive says.
func (f *frame) formatDirective(v *value.Value, flags, width, precision, kind string) (string, error) {
	has := func(flag string) bool { return strings.Contains(flags, flag) }
	align := ">"
	if has("-") {
		align = "<"
	}
	switch kind {
	case "s", "r":
		text, err := str(v)
		if kind == "r" {
			text, err = repr(v)
		}
		if err != nil || width == "" && precision == "" {
			return text, err
		}
		return f.formatOne(pyStr(text), align+width+precision)
	case "d", "i", "u":
		n, ok := toNumber(v)
		if !ok {
			return "", failf(ErrEvaluate, "%%%s of %s", kind, v.TypeName())
		}
		if n.isFloat {
			if v, ok = intOf(v); !ok {
				return "", failf(ErrEvaluate, "%%%s of infinity", kind)
			}
		} else {
			v = pyInt(n.int)
		}
		kind = "d"
	case "x", "X", "o":
		if v.Kind != value.Int {
			return "", failf(ErrEvaluate, "%%%s of %s", kind, v.TypeName())
		}
	case "e", "E", "f", "F", "g", "G":
		n, ok := toNumber(v)
		if !ok {
			return "", failf(ErrEvaluate, "%%%s of %s", kind, v.TypeName())
		}
		v = pyFloat(n.asFloat())
	default:
		return "", failf(ErrUnsupported, "%%%s is not supported", kind)
	}
	if precision != "" && strings.Contains("dxXo", kind) || has("#") {
		return "", failf(ErrUnsupported, "a precision of a whole number or an alternate form is not supported")
	}
	spec := ""
	switch {
	case has("+"):
		spec = "+"
	case has(" "):
		spec = " "
	}
	if has("0") && !has("-") {
		return f.formatOne(v, spec+"0"+width+precision+kind)
	}
	return f.formatOne(v, align+spec+width+precision+kind)
}

func intOf(v *value.Value) (*value.Value, bool) {
	n, ok := value.ToInt(v)
	if !ok {
		return nil, false
	}
	return pyInt(n), true
}
