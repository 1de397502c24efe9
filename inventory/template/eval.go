package template

import (
	"slices"
	"strings"
	"unicode/utf8"

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
	v, err := plain(o)
	if err != nil {
		return false, err
	}
	if err := f.run.grow(0, len(v.Items)); err != nil {
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

func (e *attrExpr) eval(f *frame) (object, error) {
	o, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	if err := f.run.step(); err != nil {
		return nil, err
	}
	return f.attribute(o, e.name)
}

// attribute is Environment.getattr: what Python knows by that name comes
// first, and so "d.items" is a method even where d has a key "items".
func (f *frame) attribute(o object, name string) (object, error) {
	switch o := o.(type) {
	case *undefined:
		if o.lenient {
			return nil, o.err()
		}
		return o, nil
	case *namespace:
		if v, ok := o.attrs[name]; ok {
			return v, nil
		}
	case *loop:
		return o.attribute(name)
	case *hostVars:
		return f.run.hostVars(name)
	case *hostScope:
		if name == "get" {
			return &function{name, o.get}, nil
		}
		return o.member(f.run, name)
	case *function:
		return nil, failf(ErrUnsupported, "an attribute of a function is not supported")
	case *value.Value, nativeText:
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		if m, ok := methods(v)[name]; ok {
			return &function{name: name, call: func(f *frame, args arguments) (object, error) { return m(f, v, args) }}, nil
		}
		if isPythonAttribute(v, name) {
			return nil, failf(ErrUnsupported, "%q of %s is not supported", name, v.TypeName())
		}
		if item, ok := f.index(v, pyStr(name)); ok {
			return item, nil
		}
	}
	return &undefined{what: quoteName(name) + " of " + typeName(o)}, nil
}

func (e *itemExpr) eval(f *frame) (object, error) {
	o, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	if err := f.run.step(); err != nil {
		return nil, err
	}
	if u, ok := o.(*undefined); ok {
		return f.attribute(u, "")
	}
	if s, ok := e.index.(*sliceExpr); ok {
		v, isValue := o.(*value.Value)
		if text, ok := o.(nativeText); ok {
			v, isValue = pyStr(string(text)), true
		}
		if !isValue || !v.IsText() && v.Kind != value.List && v.Kind != value.Tuple {
			return nil, failf(ErrEvaluate, "%s cannot be sliced", typeName(o))
		}
		return s.of(f, v)
	}
	index, err := evalPlain(f, e.index)
	if err != nil {
		return nil, err
	}
	switch o := o.(type) {
	case *hostVars:
		if index.IsText() {
			return f.run.hostVars(index.Text)
		}
	case *hostScope:
		if index.IsText() {
			return o.member(f.run, index.Text)
		}
	case *value.Value, nativeText:
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		if item, ok := f.index(v, index); ok {
			return item, nil
		}
	}
	if index.IsText() {
		// Environment.getitem falls back to an attribute.
		return f.attribute(o, index.Text)
	}
	return &undefined{what: "an item of " + typeName(o)}, nil
}

// index is v[index] of a list, a string or a dictionary.
func (f *frame) index(v, index *value.Value) (*value.Value, bool) {
	if v.Kind == value.Dict {
		return get(v, index)
	}
	i, ok := small(index)
	if !ok {
		return nil, false
	}
	switch {
	case v.Kind == value.List || v.Kind == value.Tuple:
		if i < 0 {
			i += len(v.Items)
		}
		if i >= 0 && i < len(v.Items) {
			return v.Items[i], true
		}
	case v.IsText():
		if i < 0 {
			i += utf8.RuneCountInString(v.Text)
		}
		if runes := []rune(v.Text); i >= 0 && i < len(runes) {
			return pyStr(string(runes[i])), true
		}
	}
	return nil, false
}

func (e *sliceExpr) eval(*frame) (object, error) {
	return nil, failf(ErrUnsupported, "several slices are not supported")
}

// of is Python's v[start:stop:step] of text, a list or a tuple.
func (e *sliceExpr) of(f *frame, v *value.Value) (object, error) {
	var bounds [3]*int
	for i, part := range []expr{e.start, e.stop, e.step} {
		if part == nil {
			continue
		}
		b, err := evalPlain(f, part)
		if err != nil {
			return nil, err
		}
		if b.Kind == value.Null {
			continue
		}
		n, ok := small(b)
		if !ok {
			return nil, failf(ErrEvaluate, "%s as a bound of a slice", b.TypeName())
		}
		bounds[i] = &n
	}
	step := 1
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, failf(ErrEvaluate, "the step of a slice is zero")
	}
	if v.IsText() {
		runes := []rune(v.Text)
		var b strings.Builder
		for _, i := range sliceIndices(len(runes), bounds[0], bounds[1], step) {
			b.WriteRune(runes[i])
		}
		return pyStr(b.String()), f.run.grow(b.Len(), 0)
	}
	var items []*value.Value
	for _, i := range sliceIndices(len(v.Items), bounds[0], bounds[1], step) {
		items = append(items, v.Items[i])
	}
	return &value.Value{Kind: v.Kind, Items: items}, f.run.grow(0, len(items))
}

// sliceIndices is Python's slice.indices.
func sliceIndices(n int, start, stop *int, step int) []int {
	lower, upper := 0, n
	if step < 0 {
		lower, upper = -1, n-1
	}
	clamp := func(bound *int, missing int) int {
		if bound == nil {
			return missing
		}
		i := *bound
		if i < 0 {
			i += n
		}
		return min(max(i, lower), upper)
	}
	from, to := clamp(start, lower), clamp(stop, upper)
	if step < 0 {
		from, to = clamp(start, upper), clamp(stop, lower)
	}
	var indices []int
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		indices = append(indices, i)
	}
	return indices
}
