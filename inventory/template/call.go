package template

import (
	"math/big"
	"slices"
	"strings"

	"oreg/inventory/value"
)

// arguments are those of a call, evaluated. What is undefined stays so, for
// functions that ask.
type arguments struct {
	positional []object
	named      map[string]object
	// order are the names in named.
	order []string
}

func (a callArgs) eval(f *frame) (arguments, error) {
	var args arguments
	for _, e := range a.positional {
		o, err := e.eval(f)
		if err != nil {
			return args, err
		}
		args.positional = append(args.positional, o)
	}
	for i, e := range a.named {
		o, err := e.eval(f)
		if err != nil {
			return args, err
		}
		if args.named == nil {
			args.named = map[string]object{}
		}
		args.named[a.names[i]] = o
		args.order = append(args.order, a.names[i])
	}
	return args, nil
}

func (e *callExpr) eval(f *frame) (object, error) {
	o, err := e.of.eval(f)
	if err != nil {
		return nil, err
	}
	if err := f.run.step(); err != nil {
		return nil, err
	}
	fn, ok := o.(*function)
	if !ok {
		if u, isUndefined := o.(*undefined); isUndefined {
			return nil, u.err()
		}
		return nil, failf(ErrEvaluate, "%s cannot be called", typeName(o))
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	return fn.call(f, args)
}

// params are arguments by the names of parameters; one that was left out is
// nil.
type params map[string]object

// bind gives arguments the names of parameters as Python does; those from
// "name=" on have defaults.
func (a arguments) bind(function string, names ...string) (params, error) {
	p := params{}
	if len(a.positional) > len(names) {
		return nil, failf(ErrEvaluate, "%s takes at most %d arguments", function, len(names))
	}
	for i, name := range names {
		key := strings.TrimSuffix(name, "=")
		if i < len(a.positional) {
			p[key] = a.positional[i]
		}
		if o, ok := a.named[key]; ok {
			if p[key] != nil {
				return nil, failf(ErrEvaluate, "%s got %s twice", function, key)
			}
			p[key] = o
		}
		if p[key] == nil && key == name {
			return nil, failf(ErrEvaluate, "%s needs %s", function, key)
		}
	}
	for name := range a.named {
		if !slices.Contains(names, name) && !slices.Contains(names, name+"=") {
			return nil, failf(ErrEvaluate, "%s has no parameter %s", function, name)
		}
	}
	return p, nil
}

// bindValue binds the arguments of a filter or test, and takes what it is
// applied to for a value; bindStrict, bindText and bindItems do so for what
// must be no kind of undefined, for its str(), and for its items.
func (a arguments) bindValue(in object, function string, names ...string) (params, *value.Value, error) {
	p, err := a.bind(function, names...)
	if err != nil {
		return nil, nil, err
	}
	v, err := plain(in)
	return p, v, err
}

func (a arguments) bindStrict(in object, function string, names ...string) (params, *value.Value, error) {
	p, err := a.bind(function, names...)
	if err != nil {
		return nil, nil, err
	}
	v, err := strict(in)
	return p, v, err
}

func (a arguments) bindText(in object, function string, names ...string) (params, string, error) {
	p, v, err := a.bindValue(in, function, names...)
	if err != nil {
		return nil, "", err
	}
	s, err := str(v)
	return p, s, err
}

func (a arguments) bindItems(f *frame, in object, function string, names ...string) (params, []*value.Value, error) {
	p, err := a.bind(function, names...)
	if err != nil {
		return nil, nil, err
	}
	items, err := f.iterate(in)
	return p, items, err
}

// value is a parameter's value, or nil where it was left out.
func (p params) value(name string) (*value.Value, error) {
	if p[name] == nil {
		return nil, nil
	}
	return plain(p[name])
}

// text is a parameter that has to be a string.
func (p params) text(name, missing string) (string, error) {
	v, err := p.value(name)
	switch {
	case err != nil:
		return "", err
	case v == nil:
		return missing, nil
	case !v.IsText():
		return "", failf(ErrEvaluate, "%s is %s, expected a string", name, v.TypeName())
	}
	return v.Text, nil
}

// truth is a parameter taken for true or false.
func (p params) truth(name string) (bool, error) {
	if p[name] == nil {
		return false, nil
	}
	return isTrue(p[name])
}

// number is a parameter that has to be a whole number.
func (p params) number(name string, missing int) (int, error) {
	v, err := p.value(name)
	switch {
	case err != nil:
		return 0, err
	case v == nil:
		return missing, nil
	}
	n, ok := small(v)
	if !ok {
		return 0, failf(ErrEvaluate, "%s is no whole number in reach", name)
	}
	return n, nil
}

func globals() map[string]object {
	all := map[string]object{}
	add := func(name string, call func(*frame, arguments) (object, error)) {
		all[name] = &function{name, call}
	}
	add("range", pyRange)
	add("dict", pyDictOf)
	add("namespace", func(_ *frame, args arguments) (object, error) {
		if len(args.positional) > 0 {
			return nil, failf(ErrUnsupported, "namespace of a dictionary is not supported")
		}
		ns := &namespace{attrs: map[string]object{}}
		for name, o := range args.named {
			ns.attrs[name] = o
		}
		return ns, nil
	})
	add("lookup", func(f *frame, args arguments) (object, error) { return f.lookupPlugin(args, false) })
	add("query", func(f *frame, args arguments) (object, error) { return f.lookupPlugin(args, true) })
	all["q"] = all["query"]
	add("now", now)
	add("undef", func(_ *frame, args arguments) (object, error) {
		return &undefined{what: "a mandatory variable"}, nil
	})
	for _, name := range []string{"lipsum", "cycler", "joiner"} {
		add(name, func(*frame, arguments) (object, error) {
			return nil, failf(ErrUnsupported, "%s() is not supported", name)
		})
	}
	return all
}

// pyRange is Python's range, made at once and therefore not longer than a
// list may be.
func pyRange(f *frame, args arguments) (object, error) {
	p, err := args.bind("range", "start", "stop=", "step=")
	if err != nil {
		return nil, err
	}
	bounds := [3]*big.Int{nil, nil, big.NewInt(1)}
	for i, name := range []string{"start", "stop", "step"} {
		v, err := p.value(name)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		n, ok := toNumber(v)
		if !ok || n.isFloat {
			return nil, failf(ErrEvaluate, "range of %s", v.TypeName())
		}
		bounds[i] = n.int
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if stop == nil {
		start, stop = new(big.Int), start
	}
	if step.Sign() == 0 {
		return nil, failf(ErrEvaluate, "the step of a range is zero")
	}
	count := new(big.Int).Sub(stop, start)
	count.Add(count, step).Sub(count, big.NewInt(int64(step.Sign())))
	count.Quo(count, step)
	if count.Sign() <= 0 {
		return &view{"range", pyList(nil)}, nil
	}
	if !count.IsInt64() || count.Int64() > maxItems {
		return nil, failf(ErrLimit, "a range is longer than %d", maxItems)
	}
	if err := f.run.grow(0, int(count.Int64())); err != nil {
		return nil, err
	}
	items := make([]*value.Value, count.Int64())
	n := new(big.Int).Set(start)
	for i := range items {
		items[i] = pyInt(n)
		n.Add(n, step)
	}
	return &view{"range", pyList(items)}, nil
}

func pyDictOf(f *frame, args arguments) (object, error) {
	var dict value.DictBuilder
	if len(args.positional) > 1 {
		return nil, failf(ErrEvaluate, "dict takes one argument")
	}
	if len(args.positional) == 1 {
		v, err := plain(args.positional[0])
		if err != nil {
			return nil, err
		}
		for _, e := range v.Entries {
			dict.Add(e.Key, e.Value)
		}
		if v.Kind != value.Dict {
			pairs, err := f.iterate(v)
			if err != nil {
				return nil, err
			}
			for _, pair := range pairs {
				kv, err := f.iterate(pair)
				if err != nil {
					return nil, err
				}
				if len(kv) != 2 || !value.Hashable(kv[0]) {
					return nil, failf(ErrEvaluate, "dict needs pairs")
				}
				dict.Add(kv[0], kv[1])
			}
		}
	}
	for _, name := range args.order {
		v, err := plain(args.named[name])
		if err != nil {
			return nil, err
		}
		dict.Add(pyStr(name), v)
	}
	return pyDict(dict.Entries()), nil
}

func now(f *frame, args arguments) (object, error) {
	if f.run.engine.opts.Now == nil {
		return nil, failf(ErrRefused, "now() is refused: a value must not change between two runs")
	}
	p, err := args.bind("now", "utc=", "fmt=")
	if err != nil {
		return nil, err
	}
	if p["fmt"] != nil {
		return nil, failf(ErrUnsupported, "now() with a format is not supported")
	}
	utc, err := p.truth("utc")
	if err != nil {
		return nil, err
	}
	t := f.run.engine.opts.Now()
	if utc {
		t = t.UTC()
	}
	return pyStr(t.Format("2006-01-02 15:04:05.000000")), nil
}

// attribute is what Jinja's loop variable knows.
func (l *loop) attribute(name string) (object, error) {
	n := len(l.items)
	switch name {
	case "index":
		return pySmall(l.at + 1), nil
	case "index0":
		return pySmall(l.at), nil
	case "revindex":
		return pySmall(n - l.at), nil
	case "revindex0":
		return pySmall(n - l.at - 1), nil
	case "first":
		return pyBool(l.at == 0), nil
	case "last":
		return pyBool(l.at == n-1), nil
	case "length":
		return pySmall(n), nil
	case "depth":
		return pySmall(1), nil // counts recursive loops only
	case "depth0":
		return pySmall(0), nil
	case "previtem":
		if l.at > 0 {
			return l.items[l.at-1], nil
		}
		return &undefined{what: "the item before the first"}, nil
	case "nextitem":
		if l.at+1 < n {
			return l.items[l.at+1], nil
		}
		return &undefined{what: "the item after the last"}, nil
	case "cycle":
		return &function{name, func(_ *frame, args arguments) (object, error) {
			if len(args.positional) == 0 {
				return nil, failf(ErrEvaluate, "loop.cycle needs items")
			}
			return args.positional[l.at%len(args.positional)], nil
		}}, nil
	case "changed":
		return &function{name, func(_ *frame, args arguments) (object, error) {
			items := make([]*value.Value, len(args.positional))
			for i, o := range args.positional {
				v, err := plain(o)
				if err != nil {
					return nil, err
				}
				items[i] = v
			}
			given := pyTuple(items...)
			changed := l.changed == nil || !equal(l.changed, given)
			l.changed = given
			return pyBool(changed), nil
		}}, nil
	}
	return &undefined{what: quoteName(name) + " of loop"}, nil
}
