package template

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"oreg/inventory/value"
)

// filter is what stands behind "|".
type filter func(f *frame, in object, args arguments) (object, error)

// filters are those of Jinja and of ansible.builtin that make sense for a
// variable of an inventory.
func filters() map[string]filter {
	all := map[string]filter{
		"default": filterDefault, "d": filterDefault, "mandatory": filterMandatory,
		"bool": onValue(toBool), "int": filterInt, "float": filterFloat, "string": filterString, "list": filterList,
		"length": filterLength, "count": filterLength, "abs": filterAbs, "round": filterRound,
		"ternary": filterTernary,
	}
	for _, more := range []map[string]filter{textFilters(), listFilters(), dictFilters(), encodeFilters(), regexpFilters()} {
		for name, fn := range more {
			all[name] = fn
		}
	}
	return all
}

// unsupportedFilters are known to Ansible or Jinja, with the reason where oreg
// will never have them.
func unsupportedFilters() map[string]string {
	const (
		changes = "a value must not change between two runs"
		looks   = "it looks at the files of this machine"
	)
	known := map[string]string{
		"random": changes, "shuffle": changes, "password_hash": changes, "strftime": changes,
		"fileglob": looks, "realpath": looks, "expanduser": looks, "expandvars": looks, "relpath": looks,
	}
	for name := range strings.FieldsSeq(`attr batch filesizeformat forceescape groupby pprint slice striptags tojson truncate urlize
		wordwrap xmlattr to_uuid to_yaml to_nice_yaml from_yaml from_yaml_all win_basename win_dirname win_splitdrive to_datetime comment
		subelements log pow root product permutations combinations human_readable human_to_bytes rekey_on_member zip_longest urlsplit
		vault unvault ipaddr ipwrap`) {
		known[name] = ""
	}
	return known
}

func (e *filterExpr) eval(f *frame) (object, error) {
	in, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	return f.filter(e.name, in, args)
}

func builtinName(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "ansible.builtin."), "ansible.legacy.")
}

func (f *frame) filter(name string, in object, args arguments) (object, error) {
	if err := f.run.step(); err != nil {
		return nil, err
	}
	if err := f.run.engine.hasFilter(name); err != nil {
		return nil, err
	}
	return f.run.engine.filters[builtinName(name)](f, in, args)
}

// hasFilter says why a filter cannot be used. Like Jinja, the parser asks
// already, so that a misspelt name is found wherever it stands.
func (e *Engine) hasFilter(name string) error {
	name = builtinName(name)
	if e.filters[name] != nil {
		return nil
	}
	switch why, known := unsupportedFilters()[name]; {
	case why != "":
		return failf(ErrRefused, "filter %s is refused: %s", name, why)
	case known:
		return failf(ErrUnsupported, "filter %s is not supported", name)
	}
	return failf(ErrUnsupported, "filter %s is not known", name)
}

// onValue is a filter without parameters of something that is defined.
func onValue(fn func(v *value.Value) (*value.Value, error)) filter {
	return func(_ *frame, in object, args arguments) (object, error) {
		_, v, err := args.bindValue(in, "the filter")
		if err != nil {
			return nil, err
		}
		return fn(v)
	}
}

// textOf is str() of an object.
func textOf(o object) (string, error) {
	v, err := plain(o)
	if err != nil {
		return "", err
	}
	return str(v)
}

func filterDefault(_ *frame, in object, args arguments) (object, error) {
	p, err := args.bind("default", "default_value=", "boolean=")
	if err != nil {
		return nil, err
	}
	instead := p["default_value"]
	if instead == nil {
		instead = pyStr("")
	}
	if _, missing := in.(*undefined); missing {
		return instead, nil
	}
	whenFalse, err := p.truth("boolean")
	if err != nil || !whenFalse {
		return in, err
	}
	yes, err := isTrue(in)
	if err != nil || yes {
		return in, err
	}
	return instead, nil
}

func filterMandatory(_ *frame, in object, args arguments) (object, error) {
	if _, err := args.bind("mandatory", "msg="); err != nil {
		return nil, err
	}
	if u, missing := in.(*undefined); missing {
		return nil, u.err()
	}
	return in, nil
}

func toBool(v *value.Value) (*value.Value, error) {
	if v.Kind == value.Null || v.Kind == value.Bool {
		return v, nil
	}
	if v.IsText() {
		return pyBool(slices.Contains([]string{"yes", "on", "1", "true"}, strings.ToLower(v.Text))), nil
	}
	return pyBool(equal(v, pySmall(1))), nil
}

func filterInt(_ *frame, in object, args arguments) (object, error) {
	p, err := args.bind("int", "default=", "base=")
	if err != nil {
		return nil, err
	}
	base, err := p.number("base", 10)
	if err != nil {
		return nil, err
	}
	v, err := strict(in)
	if err != nil {
		return nil, err
	}
	if n, ok := toInt(v, base); ok {
		return pyInt(n), nil
	}
	if p["default"] != nil {
		return p["default"], nil
	}
	return pySmall(0), nil
}

func toInt(v *value.Value, base int) (*big.Int, bool) {
	if !v.IsText() {
		return value.ToInt(v)
	}
	if base != 10 {
		s := strings.TrimFunc(strings.ToLower(v.Text), value.IsSpace)
		prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]
		if base >= 2 && base <= 36 && len(s) <= maxIntDigits {
			if n, ok := new(big.Int).SetString(strings.TrimPrefix(s, prefix), base); ok {
				return n, true
			}
		}
	} else if n, ok := value.ParseInt(v.Text); ok {
		return n, true
	}
	f, ok := parseFloat(v.Text)
	if !ok {
		return nil, false
	}
	return value.ToInt(pyFloat(f))
}

func filterFloat(_ *frame, in object, args arguments) (object, error) {
	p, v, err := args.bindStrict(in, "float", "default=")
	if err != nil {
		return nil, err
	}
	if n, ok := toNumber(v); ok {
		return pyFloat(n.asFloat()), nil
	}
	if v.IsText() {
		if f, ok := parseFloat(v.Text); ok {
			return pyFloat(f), nil
		}
	}
	if p["default"] != nil {
		return p["default"], nil
	}
	return pyFloat(0), nil
}

func filterString(f *frame, in object, args arguments) (object, error) {
	_, s, err := args.bindText(in, "string")
	if err != nil {
		return nil, err
	}
	return nativeText(s), f.run.grow(len(s), 0)
}

func filterList(f *frame, in object, args arguments) (object, error) {
	_, items, err := args.bindItems(f, in, "list")
	if err != nil {
		return nil, err
	}
	return pyList(items), nil
}

func filterLength(f *frame, in object, args arguments) (object, error) {
	_, items, err := args.bindItems(f, in, "length")
	if err != nil {
		return nil, err
	}
	return pySmall(len(items)), nil
}

func filterAbs(_ *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindStrict(in, "abs")
	if err != nil {
		return nil, err
	}
	n, ok := toNumber(v)
	switch {
	case !ok:
		return nil, failf(ErrEvaluate, "abs of %s", v.TypeName())
	case n.isFloat:
		return pyFloat(max(n.float, -n.float)), nil
	}
	return pyInt(n.int.Abs(n.int)), nil
}

func filterRound(_ *frame, in object, args arguments) (object, error) {
	p, err := args.bind("round", "precision=", "method=")
	if err != nil {
		return nil, err
	}
	digits, err := p.number("precision", 0)
	if err != nil {
		return nil, err
	}
	method, err := p.text("method", "common")
	if err != nil {
		return nil, err
	}
	v, err := strict(in)
	if err != nil {
		return nil, err
	}
	n, ok := toNumber(v)
	switch {
	case !ok:
		return nil, failf(ErrEvaluate, "round of %s", v.TypeName())
	case method != "common" || digits < 0 || digits > 300:
		return nil, failf(ErrUnsupported, "round with this method or precision is not supported")
	case !n.isFloat:
		return n.value(), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(n.float, 'f', digits, 64), 64)
	if err != nil {
		return nil, failf(ErrEvaluate, "round of infinity")
	}
	return pyFloat(rounded), nil
}

func filterTernary(_ *frame, in object, args arguments) (object, error) {
	p, err := args.bind("ternary", "true_val", "false_val", "none_val=")
	if err != nil {
		return nil, err
	}
	if v, ok := in.(*value.Value); ok && v.Kind == value.Null && p["none_val"] != nil {
		if none, ok := p["none_val"].(*value.Value); !ok || none.Kind != value.Null {
			return p["none_val"], nil
		}
	}
	yes, err := isTrue(in)
	if err != nil {
		return nil, err
	}
	if yes {
		return p["true_val"], nil
	}
	return p["false_val"], nil
}
