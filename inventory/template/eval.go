package template

import (
	"slices"
	"strings"

	"oreg/inventory/value"
)

func (e *constExpr) eval(*frame) (object, error) { return e.value, nil }

func (e *nameExpr) eval(f *frame) (object, error) { return f.lookup(e.name) }

func evalAll(f *frame, exprs []expr) ([]*value.Value, error) {
	values := make([]*value.Value, len(exprs))
	for i, e := range exprs {
		v, err := evalStrict(f, e)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func evalStrict(f *frame, e expr) (*value.Value, error) {
	o, err := e.eval(f)
	if err != nil {
		return nil, err
	}
	return strict(o)
}

func evalPlain(f *frame, e expr) (*value.Value, error) {
	o, err := e.eval(f)
	if err != nil {
		return nil, err
	}
	return plain(o)
}

func (e *listExpr) eval(f *frame) (object, error) {
	items, err := evalAll(f, e.items)
	if err != nil {
		return nil, err
	}
	return pyList(items), f.run.step()
}

func (e *tupleExpr) eval(f *frame) (object, error) {
	items, err := evalAll(f, e.items)
	if err != nil {
		return nil, err
	}
	return pyTuple(items...), f.run.step()
}

func (e *dictExpr) eval(f *frame) (object, error) {
	var dict value.DictBuilder
	for i, k := range e.keys {
		key, err := evalStrict(f, k)
		if err != nil {
			return nil, err
		}
		v, err := evalStrict(f, e.values[i])
		if err != nil {
			return nil, err
		}
		if !value.Hashable(key) {
			return nil, failf(ErrEvaluate, "%s cannot be a key", key.TypeName())
		}
		dict.Add(key, v)
	}
	return pyDict(dict.Entries()), f.run.step()
}

func pyDict(entries []value.Entry) *value.Value {
	return &value.Value{Kind: value.Dict, Entries: entries}
}

func (e *condExpr) eval(f *frame) (object, error) {
	o, err := e.test.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := isTrue(o)
	switch {
	case err != nil:
		return nil, err
	case yes:
		return e.then.eval(f)
	case e.otherwise == nil:
		return &undefined{what: "the value of an if without else", lenient: true}, nil
	}
	return e.otherwise.eval(f)
}

func (e *notExpr) eval(f *frame) (object, error) {
	o, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := isTrue(o)
	return pyBool(!yes), err
}

// eval yields one of the operands, as in Python.
func (e *logicExpr) eval(f *frame) (object, error) {
	left, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := isTrue(left)
	if err != nil || yes == e.isOr {
		return left, err
	}
	return e.right.eval(f)
}

func (e *signExpr) eval(f *frame) (object, error) {
	v, err := evalStrict(f, e.of)
	if err != nil {
		return nil, err
	}
	n, ok := toNumber(v)
	if !ok {
		return nil, failf(ErrEvaluate, "%s has no sign", v.TypeName())
	}
	if e.negative {
		n.float = -n.float
		if !n.isFloat {
			n.int.Neg(n.int)
		}
	}
	return n.value(), nil
}

func (e *concatExpr) eval(f *frame) (object, error) {
	var b strings.Builder
	for _, part := range e.parts {
		v, err := evalPlain(f, part)
		if err != nil {
			return nil, err
		}
		s, err := str(v)
		if err != nil {
			return nil, err
		}
		if err := f.run.grow(len(s), 0); err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return pyStr(b.String()), nil
}

func (e *mathExpr) eval(f *frame) (object, error) {
	a, err := evalStrict(f, e.left)
	if err != nil {
		return nil, err
	}
	b, err := evalStrict(f, e.right)
	if err != nil {
		return nil, err
	}
	if err := f.run.step(); err != nil {
		return nil, err
	}
	x, xOK := toNumber(a)
	y, yOK := toNumber(b)
	switch {
	case xOK && yOK:
		return arithmetic(e.op, x, y)
	case e.op == "+" && a.IsText() && b.IsText():
		return pyStr(a.Text + b.Text), f.run.grow(len(a.Text)+len(b.Text), 0)
	case e.op == "+" && a.Kind == b.Kind && (a.Kind == value.List || a.Kind == value.Tuple):
		if err := f.run.grow(0, len(a.Items)+len(b.Items)); err != nil {
			return nil, err
		}
		return &value.Value{Kind: a.Kind, Items: slices.Concat(a.Items, b.Items)}, nil
	case e.op == "*" && xOK:
		return f.repeat(b, a)
	case e.op == "*":
		return f.repeat(a, b)
	case e.op == "%" && a.IsText():
		return f.percent(a.Text, b)
	}
	return nil, failf(ErrEvaluate, "%s %s %s", a.TypeName(), e.op, b.TypeName())
}

// repeat is text or a list times a number.
func (f *frame) repeat(v, times *value.Value) (object, error) {
	n, ok := small(times)
	if !ok && times.Kind == value.Int && (v.IsText() || v.Kind == value.List || v.Kind == value.Tuple) {
		return nil, failf(ErrLimit, "a repetition is too long")
	}
	if ok {
		n = max(n, 0)
		switch {
		case v.IsText():
			if n > maxBytes || f.run.grow(n*len(v.Text), 0) != nil {
				return nil, failf(ErrLimit, "a repetition is too long")
			}
			return pyStr(strings.Repeat(v.Text, n)), nil
		case v.Kind == value.List || v.Kind == value.Tuple:
			if n > maxItems || f.run.grow(0, n*len(v.Items)) != nil {
				return nil, failf(ErrLimit, "a repetition is too long")
			}
			return &value.Value{Kind: v.Kind, Items: slices.Repeat(v.Items, n)}, nil
		}
	}
	return nil, failf(ErrEvaluate, "%s * %s", v.TypeName(), times.TypeName())
}

func (e *compareExpr) eval(f *frame) (object, error) {
	left, err := e.first.eval(f)
	if err != nil {
		return nil, err
	}
	for i, op := range e.ops {
		right, err := e.rest[i].eval(f)
		if err != nil {
			return nil, err
		}
		yes, err := f.compare(op, left, right)
		if err != nil || !yes {
			return pyBool(false), err
		}
		left = right
	}
	return pyBool(true), nil
}

func (f *frame) compare(op string, a, b object) (bool, error) {
	if op == "==" || op == "!=" {
		x, y := isLenient(a), isLenient(b)
		if x || y {
			return (x && y) == (op == "=="), nil
		}
	}
	defined := plain
	if strings.ContainsAny(op, "<>") {
		defined = strict
	}
	left, err := defined(a)
	if err != nil {
		return false, err
	}
	if op == "in" || op == "not in" {
		found, err := f.contains(b, left)
		return found == (op == "in"), err
	}
	right, err := defined(b)
	if err != nil {
		return false, err
	}
	switch op {
	case "==":
		return equal(left, right), nil
	case "!=":
		return !equal(left, right), nil
	}
	c, ok := order(left, right)
	if !ok {
		if a, isNumber := toNumber(left); isNumber {
			if b, isNumber := toNumber(right); isNumber && (a.isFloat || b.isFloat) {
				return false, nil // NaN
			}
		}
		return false, failf(ErrEvaluate, "%s %s %s", left.TypeName(), op, right.TypeName())
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

// contains is Python's "in".
func (f *frame) contains(o object, item *value.Value) (bool, error) {
	if _, ok := o.(*hostVars); ok && item.IsText() {
		_, found := f.run.host(item.Text)
		return found, nil
	}
	if host, ok := o.(*hostScope); ok && item.IsText() {
		_, found := host.lookup(f.run, item.Text)
		return found, nil
	}
	v, err := plain(unrolled(o))
	if err != nil {
		return false, err
	}
	if err := f.run.work(len(v.Items)); err != nil {
		return false, err
	}
	switch {
	case v.Kind == value.List || v.Kind == value.Tuple || v.Kind == value.Set:
		return slices.ContainsFunc(v.Items, func(e *value.Value) bool { return equal(e, item) }), nil
	case v.Kind == value.Dict && value.Hashable(item):
		_, found := get(v, item)
		return found, nil
	case v.IsText() && item.IsText():
		return strings.Contains(v.Text, item.Text), nil
	}
	return false, failf(ErrEvaluate, "%s in %s", item.TypeName(), v.TypeName())
}

func get(dict, key *value.Value) (*value.Value, bool) {
	id := value.KeyID(key)
	for _, e := range dict.Entries {
		if value.KeyID(e.Key) == id {
			return e.Value, true
		}
	}
	return nil, false
}

// equal is Python's "==": numbers by value whatever their type, a list never
// a tuple.
func equal(a, b *value.Value) bool {
	x, xOK := toNumber(a)
	y, yOK := toNumber(b)
	if xOK && yOK {
		c, ok := x.cmp(y)
		return ok && c == 0
	}
	if a.IsText() && b.IsText() {
		return a.Text == b.Text
	}
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) || len(a.Entries) != len(b.Entries) {
		return false
	}
	switch a.Kind {
	case value.List, value.Tuple:
		for i := range a.Items {
			if !equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	case value.Dict:
		for _, e := range a.Entries {
			if other, ok := get(b, e.Key); !ok || !equal(e.Value, other) {
				return false
			}
		}
		return true
	}
	return a.Text == b.Text
}

// order compares what Python can order; ok is false where it raises.
func order(a, b *value.Value) (c int, ok bool) {
	x, xOK := toNumber(a)
	y, yOK := toNumber(b)
	switch {
	case xOK && yOK:
		return x.cmp(y)
	case a.IsText() && b.IsText():
		// UTF-8 sorts as its characters do.
		return strings.Compare(a.Text, b.Text), true
	case a.Kind == b.Kind && (a.Kind == value.List || a.Kind == value.Tuple):
		for i := range min(len(a.Items), len(b.Items)) {
			if !equal(a.Items[i], b.Items[i]) {
				return order(a.Items[i], b.Items[i])
			}
		}
		return len(a.Items) - len(b.Items), true
	}
	return 0, false
}
