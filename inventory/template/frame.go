package template

import (
	"errors"
	"slices"

	"oreg/inventory/value"
)

// frame is where names are looked up: the locals of loops and of "set", then
// the variables of the host, then Jinja's and Ansible's functions.
type frame struct {
	run    *run
	scope  hostScope
	out    *output
	locals map[string]object
	parent *frame
}

// inner is the frame of a loop's body: what it sets is gone afterwards.
func (f *frame) inner() *frame {
	return &frame{run: f.run, scope: f.scope, out: f.out, parent: f, locals: map[string]object{}}
}

func (f *frame) set(name string, o object) {
	if f.locals == nil {
		f.locals = map[string]object{}
	}
	f.locals[name] = o
}

func (f *frame) lookup(name string) (object, error) {
	for in := f; in != nil; in = in.parent {
		if o, ok := in.locals[name]; ok {
			return o, nil
		}
	}
	return f.scope.variable(f.run, name)
}

// hostScope is the variables of a host: of the one that Render was called for,
// whose host is "", or of hostvars[host].
type hostScope struct {
	host  string
	scope Scope
}

func (s hostScope) lookup(r *run, name string) (*value.Value, bool) {
	if s.scope == nil {
		return nil, false
	}
	return s.scope.Lookup(name)
}

// variable renders a variable, once in a run (AnsibleJ2Vars.__getitem__). One
// that needs something undefined is undefined itself, so that a default helps.
func (s hostScope) variable(r *run, name string) (object, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	id := variable{s.host, name}
	if k, ok := r.known[id]; ok {
		return k.value, k.err
	}
	v, ok := s.lookup(r, name)
	if !ok {
		return s.builtin(r, name)
	}
	r.uses[name] = true
	if at := slices.Index(r.stack, id); at >= 0 {
		return nil, r.loop(at, name)
	}
	if len(r.stack) >= maxVariables {
		return nil, failf(ErrLimit, "variables refer to one another more than %d deep", maxVariables)
	}
	r.stack, r.places = append(r.stack, id), append(r.places, v.Pos)
	o, err := r.template(v, s)
	r.stack, r.places = r.stack[:len(r.stack)-1], r.places[:len(r.places)-1]

	if failed := (*Error)(nil); errors.As(err, &failed) {
		through := *failed
		if !errors.Is(failed.Kind, ErrLoop) {
			through.Through = append([]Step{{name, v.Pos}}, failed.Through...)
		}
		err = &through
		if errors.Is(failed.Kind, ErrUndefined) {
			o, err = &undefined{what: quoteName(name), cause: &through}, nil
		}
	}
	r.known[id] = known{o, err}
	return o, err
}

// loop names the variables of a loop, from the first one that is met again.
func (r *run) loop(at int, name string) error {
	what := ""
	for i := at; i < len(r.stack); i++ {
		what += r.stack[i].name
		if pos := r.places[i].String(); pos != "" {
			what += " (" + pos + ")"
		}
		what += " needs "
	}
	return &Error{Kind: ErrLoop, What: what + name}
}

// builtin is a name that is no variable.
func (s hostScope) builtin(r *run, name string) (object, error) {
	switch name {
	case "hostvars":
		r.uses[name] = true
		return &hostVars{}, nil
	case "omit":
		return nil, failf(ErrUnsupported, "omit has no meaning outside of a task")
	}
	if o, ok := r.engine.globals[name]; ok {
		return o, nil
	}
	return &undefined{what: quoteName(name)}, nil
}

func quoteName(name string) string { return `"` + name + `"` }

func (f *frame) execAll(body []stmt) error {
	for _, s := range body {
		if err := f.run.step(); err != nil {
			return err
		}
		if err := s.exec(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *dataStmt) exec(f *frame) error { return f.out.add(pyStr(s.text)) }

// exec writes what an expression yields; None is written as nothing, and a
// view as a list (_ansible_finalize).
func (s *outputStmt) exec(f *frame) error {
	o, err := s.of.eval(f)
	if err != nil {
		return err
	}
	switch written := o.(type) {
	case nativeText:
		return f.out.add(written)
	case markup:
		o = pyStr(string(written))
	}
	v, err := plain(unrolled(o))
	if err != nil {
		return err
	}
	if v.Kind == value.Null {
		v = pyStr("")
	}
	return f.out.add(v)
}

func (s *ifStmt) exec(f *frame) error {
	for i, test := range s.tests {
		o, err := test.eval(f)
		if err != nil {
			return err
		}
		yes, err := isTrue(o)
		if err != nil {
			return err
		}
		if yes {
			return f.execAll(s.bodies[i])
		}
	}
	return f.execAll(s.otherwise)
}

func (s *setStmt) exec(f *frame) error {
	if s.value == nil {
		capture := &frame{run: f.run, scope: f.scope, out: &output{run: f.run}, parent: f}
		if err := capture.execAll(s.body); err != nil {
			return err
		}
		o, err := capture.out.finish(f.run.places[len(f.run.places)-1])
		if err != nil {
			return err
		}
		return f.assign(s.targets, s.isTuple, o)
	}
	o, err := s.value.eval(f)
	if err != nil {
		return err
	}
	if s.attr == "" {
		return f.assign(s.targets, s.isTuple, o)
	}
	target, err := f.lookup(s.targets[0])
	if err != nil {
		return err
	}
	ns, ok := target.(*namespace)
	if !ok {
		return failf(ErrEvaluate, "an attribute can be set of a namespace only")
	}
	ns.attrs[s.attr] = o
	return nil
}

func (f *frame) assign(targets []string, isTuple bool, o object) error {
	if !isTuple {
		f.set(targets[0], o)
		return nil
	}
	items, err := f.iterate(o)
	if err != nil {
		return err
	}
	if len(items) != len(targets) {
		return failf(ErrEvaluate, "%d values for %d names", len(items), len(targets))
	}
	for i, name := range targets {
		f.set(name, items[i])
	}
	return nil
}

func (s *withStmt) exec(f *frame) error {
	body := f.inner()
	for i, e := range s.values {
		o, err := e.eval(f)
		if err != nil {
			return err
		}
		body.set(s.names[i], o)
	}
	return body.execAll(s.body)
}

// loop is the variable of that name inside of a loop.
type loop struct {
	items []*value.Value
	at    int
	// changed holds what the last call of loop.changed was given.
	changed *value.Value
}

func (s *forStmt) exec(f *frame) error {
	over, err := s.in.eval(f)
	if err != nil {
		return err
	}
	items, err := f.iterate(over)
	if err != nil {
		return err
	}
	if s.filter != nil {
		if items, err = s.keep(f, items); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		return f.execAll(s.otherwise)
	}
	l := &loop{items: items}
	for i, item := range items {
		if err := f.run.step(); err != nil {
			return err
		}
		l.at = i
		body := f.inner()
		body.set("loop", l)
		if err := body.assign(s.targets, s.isTuple, item); err != nil {
			return err
		}
		if err := body.execAll(s.body); err != nil {
			return err
		}
	}
	return nil
}

// keep applies the "if" of a loop.
func (s *forStmt) keep(f *frame, items []*value.Value) ([]*value.Value, error) {
	var kept []*value.Value
	for _, item := range items {
		body := f.inner()
		if err := body.assign(s.targets, s.isTuple, item); err != nil {
			return nil, err
		}
		o, err := s.filter.eval(body)
		if err != nil {
			return nil, err
		}
		yes, err := isTrue(o)
		if err != nil {
			return nil, err
		}
		if yes {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// iterate is Python's iter(): items of a list, keys of a dictionary,
// characters of a string.
func (f *frame) iterate(o object) ([]*value.Value, error) {
	if _, ok := o.(*hostVars); ok && f.run.engine.opts.Hosts != nil {
		return pyStrings(f.run.engine.opts.Hosts()).Items, nil
	}
	v, err := plain(unrolled(o))
	if err != nil {
		return nil, err
	}
	switch v.Kind {
	case value.List, value.Tuple, value.Set:
		return v.Items, f.run.grow(0, len(v.Items))
	case value.Dict:
		keys := make([]*value.Value, len(v.Entries))
		for i, e := range v.Entries {
			keys[i] = e.Key
		}
		return keys, f.run.grow(0, len(keys))
	case value.String, value.Unsafe:
		if err := f.run.grow(0, len(v.Text)); err != nil {
			return nil, err
		}
		var chars []*value.Value
		for _, r := range v.Text {
			chars = append(chars, pyStr(string(r)))
		}
		return chars, nil
	}
	return nil, failf(ErrEvaluate, "%s cannot be iterated over", v.TypeName())
}
