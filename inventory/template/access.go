package template

import (
	"errors"
	"strings"
	"unicode/utf8"

	"oreg/inventory/value"
)

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
		if m, ok := f.run.engine.methods[v.Kind][name]; ok {
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

// eval names what is undefined only if its name stands in the template: a
// computed one is a value, and may be a secret.
func (e *itemExpr) eval(f *frame) (object, error) {
	of, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	o, err := e.item(f, of)
	if _, isName := e.index.(*constExpr); isName {
		return o, err
	}
	return anonymous(of, o, err)
}

// anonymous takes the name of a missing item out of a result.
func anonymous(of, o object, err error) (object, error) {
	failed := (*Error)(nil)
	u, missing := o.(*undefined)
	switch {
	case err != nil && errors.As(err, &failed) && errors.Is(failed.Kind, ErrUnsupported) && len(failed.Through) == 0:
		return nil, failf(ErrUnsupported, "an item of %s is not supported", typeName(of))
	case err == nil && missing && u.cause == nil && of != o:
		return &undefined{what: "an item of " + typeName(of)}, nil
	}
	return o, err
}

func (e *itemExpr) item(f *frame, o object) (object, error) {
	if err := f.run.step(); err != nil {
		return nil, err
	}
	if u, ok := o.(*undefined); ok {
		if _, slices := e.index.(*sliceExpr); !slices {
			if _, err := e.index.eval(f); err != nil {
				return nil, err
			}
		}
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
