package template

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

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
		spec:      regexp.MustCompile(`^(?:([^{}])?([<>^=]))?([-+ ])?(0)?([0-9]{0,4})(?:\.([0-9]{1,2}))?([bdeEfFgGosxX%]?)$`),
		directive: regexp.MustCompile(`^%(?:\(([^()]*)\))?([-+ 0#]*)([0-9]{0,4})(\.[0-9]{0,2})?([a-zA-Z%])`),
	}
}

// layout is how a value is to be formatted.
type layout struct {
	fill  string
	align byte // '<', '>', '^', '=' or 0 for the type's own
	sign  byte // '+', ' ' or 0
	width int
	// precision is -1 where none is given.
	precision int
	// kind is that of Python's format(), 0 for the type's own.
	kind byte
}

// formatOne formats a value as Python's format(v, spec).
func (f *frame) formatOne(v *value.Value, spec string) (string, error) {
	m := f.run.engine.format.spec.FindStringSubmatch(spec)
	if m == nil {
		return "", failf(ErrUnsupported, "this format is not supported")
	}
	l := layout{fill: " ", precision: -1}
	if m[4] != "" {
		l.fill = "0"
		if m[2] == "" && !v.IsText() {
			l.align = '='
		}
	}
	if m[1] != "" {
		l.fill = m[1]
	}
	if m[2] != "" {
		l.align = m[2][0]
	}
	if m[3] != "" && m[3] != "-" {
		l.sign = m[3][0]
	}
	if m[7] != "" {
		l.kind = m[7][0]
	}
	l.width, _ = strconv.Atoi(m[5]) // digits, or nothing
	if m[6] != "" {
		l.precision, _ = strconv.Atoi(m[6])
	}
	if v.IsText() && (m[3] != "" || l.align == '=') {
		return "", failf(ErrEvaluate, "a format with a sign for %s", v.TypeName())
	}
	return f.lay(v, l)
}

func (f *frame) lay(v *value.Value, l layout) (string, error) {
	if err := f.run.grow(len(v.Text)+l.width*len(l.fill)+400, 0); err != nil {
		return "", err
	}
	misfit := failf(ErrEvaluate, "a format that does not fit %s", v.TypeName())
	if v.IsText() {
		if l.kind != 0 && l.kind != 's' {
			return "", misfit
		}
		text := []rune(v.Text)
		if l.precision >= 0 {
			text = text[:min(l.precision, len(text))]
		}
		return l.pad("", string(text), '<'), nil
	}
	n, isNumber := toNumber(v)
	if !isNumber || v.Kind == value.Bool {
		if l == (layout{fill: " ", precision: -1}) {
			return str(v)
		}
		return "", failf(ErrUnsupported, "a format of %s is not supported", v.TypeName())
	}
	if n.isFloat && (math.IsInf(n.float, 0) || math.IsNaN(n.float)) {
		return "", failf(ErrUnsupported, "a format of infinity is not supported")
	}
	var digits string
	switch {
	case strings.IndexByte("eEfFgG%", l.kind) >= 0 && l.kind != 0:
		digits = l.float(n.asFloat())
	case n.isFloat && l.kind == 0 && l.precision < 0:
		text, err := str(v)
		if err != nil {
			return "", err
		}
		digits = strings.TrimPrefix(text, "-")
	case n.isFloat && l.kind == 0:
		return "", failf(ErrUnsupported, "a precision without a kind of format is not supported")
	case n.isFloat || l.precision >= 0 || l.kind == 's':
		return "", misfit
	default:
		base := map[byte]int{0: 10, 'd': 10, 'b': 2, 'o': 8, 'x': 16, 'X': 16}[l.kind]
		digits = new(big.Int).Abs(n.int).Text(base)
		if l.kind == 'X' {
			digits = strings.ToUpper(digits)
		}
	}
	sign := ""
	switch {
	case n.isFloat && math.Signbit(n.float) || !n.isFloat && n.int.Sign() < 0:
		sign = "-"
	case l.sign != 0:
		sign = string(l.sign)
	}
	return l.pad(sign, digits, '>'), nil
}

// float formats the absolute value.
func (l layout) float(x float64) string {
	x = math.Abs(x)
	precision := l.precision
	if precision < 0 {
		precision = 6
	}
	switch l.kind {
	case '%':
		return strconv.FormatFloat(x*100, 'f', precision, 64) + "%"
	case 'g', 'G':
		precision = max(precision, 1)
	}
	text := strconv.FormatFloat(x, l.kind|0x20, precision, 64)
	if l.kind < 'a' {
		return strings.ToUpper(text)
	}
	return text
}

func (l layout) pad(sign, text string, own byte) string {
	n := max(l.width-len(sign)-utf8.RuneCountInString(text), 0)
	align := l.align
	if align == 0 {
		align = own
	}
	before, between, after := 0, 0, 0
	switch align {
	case '<':
		after = n
	case '>':
		before = n
	case '=':
		between = n
	default:
		before, after = n/2, n-n/2
	}
	return strings.Repeat(l.fill, before) + sign + strings.Repeat(l.fill, between) + text + strings.Repeat(l.fill, after)
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

// formatDirective formats as one of the directives of "%".
func (f *frame) formatDirective(v *value.Value, flags, width, precision, kind string) (string, error) {
	has := func(flag string) bool { return strings.Contains(flags, flag) }
	l := layout{fill: " ", align: '>', precision: -1, kind: kind[0]}
	l.width, _ = strconv.Atoi(width) // digits, or nothing
	if precision != "" {
		l.precision, _ = strconv.Atoi(precision[1:])
	}
	switch {
	case has("+"):
		l.sign = '+'
	case has(" "):
		l.sign = ' '
	}
	switch kind {
	case "s", "r":
		text, err := str(v)
		if kind == "r" {
			text, err = repr(v)
		}
		if err != nil {
			return "", err
		}
		v, l.kind, l.sign = pyStr(text), 's', 0
	default:
		if has("0") {
			l.fill, l.align = "0", '='
		}
		var err error
		if v, err = operand(v, kind); err != nil {
			return "", err
		}
		if strings.Contains("iu", kind) {
			l.kind = 'd'
		}
		if l.precision >= 0 && strings.Contains("diuxXo", kind) || has("#") {
			return "", failf(ErrUnsupported, "a precision of a whole number or an alternate form is not supported")
		}
	}
	if has("-") {
		l.fill, l.align = " ", '<'
	}
	return f.lay(v, l)
}

// operand is the number that a directive formats.
func operand(v *value.Value, kind string) (*value.Value, error) {
	n, ok := toNumber(v)
	switch {
	case !strings.Contains("diuxXoeEfFgG", kind):
		return nil, failf(ErrUnsupported, "%%%s is not supported", kind)
	case !ok || n.isFloat && strings.Contains("xXo", kind):
		return nil, failf(ErrEvaluate, "%%%s of %s", kind, v.TypeName())
	case strings.Contains("eEfFgG", kind):
		return pyFloat(n.asFloat()), nil
	case !n.isFloat:
		return pyInt(n.int), nil
	}
	whole, ok := value.ToInt(v)
	if !ok {
		return nil, failf(ErrEvaluate, "%%%s of infinity", kind)
	}
	return pyInt(whole), nil
}
