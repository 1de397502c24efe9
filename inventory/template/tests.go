package template

import (
	"math/big"
	"strings"
	"unicode"

	"oreg/inventory/value"
)

// test is what stands behind "is".
type test func(f *frame, in object, args arguments) (bool, error)

func (e *testExpr) eval(f *frame) (object, error) {
	in, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := f.test(e.name, in, args)
	return pyBool(yes), err
}

func (f *frame) test(name string, in object, args arguments) (bool, error) {
	if err := f.run.step(); err != nil {
		return false, err
	}
	if err := f.run.engine.hasTest(name); err != nil {
		return false, err
	}
	return f.run.engine.tests[builtinName(name)](f, in, args)
}

// hasTest is hasFilter for tests.
func (e *Engine) hasTest(name string) error {
	if e.tests[builtinName(name)] == nil {
		return failf(ErrUnsupported, "test %s is not supported", name)
	}
	return nil
}

func tests() map[string]test {
	all := map[string]test{
		"defined": func(_ *frame, in object, args arguments) (bool, error) {
			_, missing := in.(*undefined)
			_, err := args.bind("defined")
			return !missing, err
		},
		"undefined": func(_ *frame, in object, args arguments) (bool, error) {
			_, missing := in.(*undefined)
			_, err := args.bind("undefined")
			return missing, err
		},
		"none":     ofKind(value.Null),
		"boolean":  ofKind(value.Bool),
		"integer":  ofKind(value.Int),
		"float":    ofKind(value.Float),
		"number":   ofKind(value.Int, value.Float, value.Bool),
		"string":   ofKind(value.String, value.Unsafe),
		"mapping":  ofKind(value.Dict),
		"sequence": ofKind(value.List, value.Tuple, value.Dict, value.String, value.Unsafe),
		"iterable": onPlain(func(v *value.Value) bool {
			return v.IsText() || v.Kind == value.List || v.Kind == value.Tuple || v.Kind == value.Dict || v.Kind == value.Set
		}),
		"true":  isBool("true"),
		"false": isBool("false"),
		"lower": onString(func(s string) bool { return isCase(s, unicode.IsLower, unicode.IsUpper) }),
		"upper": onString(func(s string) bool { return isCase(s, unicode.IsUpper, unicode.IsLower) }),
		"even":  divides(2, 0), "odd": divides(2, 1),
		"divisibleby": testDivisible,
		"in":          testIn,
		"truthy":      testTruthy(true), "falsy": testTruthy(false),
		"all": everyItem(true), "any": everyItem(false),
		"match": testRegexp(atStart), "search": testRegexp(anywhere), "regex": testRegexp(anywhere),
		"filter": testFilter,
	}
	for names, op := range map[string]string{
		"== eq equalto": "==", "!= ne": "!=", "< lt lessthan": "<", "<= le": "<=", "> gt greaterthan": ">", ">= ge": ">=",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = comparison(op)
		}
	}
	return all
}

func onPlain(fn func(*value.Value) bool) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		_, v, err := args.bindValue(in, "the test")
		if err != nil {
			return false, err
		}
		return fn(v), nil
	}
}

// ofKind tests for types; Jinja asks isinstance, which nothing undefined is.
func ofKind(kinds ...value.Kind) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		if _, err := args.bind("the test"); err != nil {
			return false, err
		}
		if _, missing := in.(*undefined); missing {
			return false, nil
		}
		v, err := plain(in)
		if err != nil {
			return false, err
		}
		for _, kind := range kinds {
			if v.Kind == kind {
				return true, nil
			}
		}
		return false, nil
	}
}

// isBool is "is true" and "is false", which nothing undefined is.
func isBool(text string) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		v, ok := in.(*value.Value)
		_, err := args.bind("the test")
		return ok && v.Kind == value.Bool && v.Text == text, err
	}
}

func onString(fn func(string) bool) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		if _, err := args.bind("the test"); err != nil {
			return false, err
		}
		s, err := textOf(in)
		return err == nil && fn(s), err
	}
}

// isCase is str.islower or str.isupper: one letter of that case, none of the
// other.
func isCase(s string, wanted, other func(rune) bool) bool {
	found := false
	for _, r := range s {
		if other(r) || unicode.IsTitle(r) {
			return false
		}
		found = found || wanted(r)
	}
	return found
}

func divides(by, rest int64) test {
	return onPlainError(func(v *value.Value) (bool, error) { return remainder(v, number{int: big.NewInt(by)}, rest) })
}

func onPlainError(fn func(*value.Value) (bool, error)) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		_, v, err := args.bindValue(in, "the test")
		if err != nil {
			return false, err
		}
		return fn(v)
	}
}

func remainder(v *value.Value, by number, rest int64) (bool, error) {
	n, ok := toNumber(v)
	if !ok {
		return false, failf(ErrEvaluate, "the remainder of %s", v.TypeName())
	}
	left, err := arithmetic("%", n, by)
	return err == nil && equal(left, pyInt(big.NewInt(rest))), err
}

func testDivisible(_ *frame, in object, args arguments) (bool, error) {
	p, err := args.bind("divisibleby", "num")
	if err != nil {
		return false, err
	}
	by, err := p.value("num")
	if err != nil {
		return false, err
	}
	n, ok := toNumber(by)
	if !ok {
		return false, failf(ErrEvaluate, "divisible by %s", by.TypeName())
	}
	v, err := plain(in)
	if err != nil {
		return false, err
	}
	return remainder(v, n, 0)
}

func comparison(op string) test {
	return func(f *frame, in object, args arguments) (bool, error) {
		p, err := args.bind("the test", "b")
		if err != nil {
			return false, err
		}
		return f.compare(op, in, p["b"])
	}
}

func testIn(f *frame, in object, args arguments) (bool, error) {
	p, v, err := args.bindValue(in, "in", "seq")
	if err != nil {
		return false, err
	}
	return f.contains(p["seq"], v)
}

func testTruthy(wanted bool) test {
	return func(_ *frame, in object, args arguments) (bool, error) {
		p, err := args.bind("the test", "convert_bool=")
		if err != nil {
			return false, err
		}
		if convert, err := p.truth("convert_bool"); err != nil || convert {
			return false, failf(ErrUnsupported, "convert_bool is not supported")
		}
		yes, err := isTrue(in)
		return yes == wanted, err
	}
}

// everyItem is all() and any().
func everyItem(all bool) test {
	return func(f *frame, in object, args arguments) (bool, error) {
		_, items, err := args.bindItems(f, in, "the test")
		if err != nil {
			return false, err
		}
		for _, item := range items {
			if item.IsTrue() != all {
				return !all, nil
			}
		}
		return all, nil
	}
}

func testFilter(f *frame, in object, args arguments) (bool, error) {
	_, name, err := args.bindText(in, "filter")
	if err != nil {
		return false, err
	}
	_, known := f.run.engine.filters[builtinName(name)]
	if _, other := unsupportedFilters()[builtinName(name)]; !known && other {
		return true, nil
	}
	return known, nil
}
