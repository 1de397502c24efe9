package template

import (
	"slices"
	"strings"
	"unicode/utf8"

	"oreg/inventory/problem"
	"oreg/inventory/value"
	"oreg/inventory/vault"
)

// hostVars is the variable hostvars: the variables of every host.
type hostVars struct{}

// host is the scope of another host.
func (r *run) host(name string) (Scope, bool) {
	if r.engine.opts.Host == nil {
		return nil, false
	}
	return r.engine.opts.Host(name)
}

// hostVars is hostvars[name].
func (r *run) hostVars(name string) (object, error) {
	scope, ok := r.host(name)
	if !ok {
		return &undefined{what: "hostvars[" + quoteName(name) + "]"}, nil
	}
	return &hostScope{host: name, scope: scope}, nil
}

// member is hostvars[host][name], rendered with the variables of that host.
func (s *hostScope) member(r *run, name string) (object, error) {
	if _, ok := s.lookup(r, name); !ok {
		return &undefined{what: "hostvars[" + quoteName(s.host) + "]." + name}, nil
	}
	return s.variable(r, name)
}

// get is hostvars[host].get(name, default).
func (s *hostScope) get(f *frame, args arguments) (object, error) {
	p, err := args.bind("get", "key", "default=")
	if err != nil {
		return nil, err
	}
	name, err := p.text("key", "")
	if err != nil {
		return nil, err
	}
	o, err := s.member(f.run, name)
	if _, missing := o.(*undefined); missing && err == nil {
		if p["default"] != nil {
			return p["default"], nil
		}
		return pyNone(), nil
	}
	return o, err
}

// refusals says of the lookups that Ansible knows why oreg does not do them.
func refusals() map[string]string {
	const (
		runs    = "it runs a command on this machine"
		network = "it asks the network"
		writes  = "it writes a file or draws at random"
		reads   = "oreg reads files with lookup('file') only"
	)
	return map[string]string{
		"pipe": runs, "lines": runs, "url": network, "password": writes, "random_choice": writes,
		"template": reads, "csvfile": reads, "ini": reads, "unvault": reads, "fileglob": reads, "first_found": reads, "config": reads,
	}
}

// lookupPlugin is lookup('name', term...) and query (Templar._lookup).
func (f *frame) lookupPlugin(args arguments, wantList bool) (object, error) {
	if len(args.positional) == 0 {
		return nil, failf(ErrEvaluate, "lookup needs a name")
	}
	nameValue, err := plain(args.positional[0])
	if err != nil {
		return nil, err
	}
	if !nameValue.IsText() {
		return nil, failf(ErrEvaluate, "lookup of %s", nameValue.TypeName())
	}
	name := strings.TrimPrefix(strings.TrimPrefix(nameValue.Text, "ansible.builtin."), "ansible.legacy.")
	options := map[string]object{}
	for option, o := range args.named {
		options[option] = o
	}
	if options["wantlist"] != nil {
		if wantList, err = isTrue(options["wantlist"]); err != nil {
			return nil, err
		}
	}
	delete(options, "wantlist")
	delete(options, "allow_unsafe") // what a lookup returns is never rendered

	var find func(term string, options map[string]object) (object, error)
	switch name {
	case "env":
		find = f.lookupEnv
	case "file":
		find = f.lookupFile
	case "vars":
		find = f.lookupVars
	default:
		if why, known := refusals()[name]; known {
			return nil, failf(ErrRefused, "lookup('%s') is refused: %s", name, why)
		}
		return nil, failf(ErrUnsupported, "this lookup is not supported, only env, file and vars are")
	}
	terms, err := f.terms(args.positional[1:])
	if err != nil {
		return nil, err
	}
	var found []*value.Value
	for _, term := range terms {
		o, err := find(term, options)
		if err != nil {
			return nil, err
		}
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return joinFound(found, wantList)
}

// joinFound makes one text of what a lookup found, unless it is no text or a
// list is wanted.
func joinFound(found []*value.Value, wantList bool) (object, error) {
	if wantList {
		return pyList(found), nil
	}
	texts := make([]string, len(found))
	for i, v := range found {
		if !v.IsText() {
			if len(found) == 1 {
				return v, nil
			}
			return pyList(found), nil
		}
		texts[i] = v.Text
	}
	if len(found) == 0 {
		return pyList(nil), nil
	}
	return &value.Value{Kind: value.Unsafe, Text: strings.Join(texts, ",")}, nil
}

// terms are the arguments of a lookup, which have to be text.
func (f *frame) terms(args []object) ([]string, error) {
	terms := make([]string, len(args))
	for i, o := range args {
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		if !v.IsText() {
			return nil, failf(ErrEvaluate, "lookup of %s", v.TypeName())
		}
		terms[i] = v.Text
	}
	return terms, nil
}

// onlyOptions refuses the options of a lookup that are not known.
func onlyOptions(lookup string, options map[string]object, known ...string) error {
	for name := range options {
		if !slices.Contains(known, name) {
			return failf(ErrUnsupported, "option %s of lookup('%s') is not supported", name, lookup)
		}
	}
	return nil
}

func (f *frame) lookupEnv(term string, options map[string]object) (object, error) {
	if err := onlyOptions("env", options, "default"); err != nil {
		return nil, err
	}
	fields := strings.Fields(term)
	if len(fields) == 0 {
		return nil, failf(ErrEvaluate, "lookup('env') needs a name")
	}
	if f.run.engine.opts.Env != nil {
		if text, ok := f.run.engine.opts.Env(fields[0]); ok {
			return &value.Value{Kind: value.Unsafe, Text: text}, nil
		}
	}
	if options["default"] != nil {
		return options["default"], nil
	}
	return pyStr(""), nil
}

func (f *frame) lookupFile(path string, options map[string]object) (object, error) {
	o := params(options)
	left, err := o.truth("lstrip")
	if err != nil {
		return nil, err
	}
	right, err := o.truth("rstrip")
	if err != nil {
		return nil, err
	}
	right = right || o["rstrip"] == nil
	if err := onlyOptions("file", options, "lstrip", "rstrip"); err != nil {
		return nil, err
	}
	if f.run.engine.opts.ReadFile == nil {
		return nil, failf(ErrRefused, "lookup('file') is refused here")
	}
	data, err := f.run.engine.opts.ReadFile(f.run.ctx, path)
	if err != nil {
		return nil, &Error{Kind: ErrEvaluate, What: "lookup('file') fails", Err: err}
	}
	if vault.IsEncrypted(data) {
		at := problem.Position{File: path}
		o, err := f.run.decrypt(&value.Value{Kind: value.Vault, Text: string(data), Pos: at})
		if err != nil {
			return nil, err
		}
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		data = []byte(v.Text)
	}
	if err := f.run.grow(len(data), 0); err != nil {
		return nil, err
	}
	text := string(data)
	if !utf8.ValidString(text) {
		return nil, failf(ErrUnsupported, "lookup('file') of a file that is no UTF-8 text is not supported")
	}
	if left {
		text = strings.TrimLeftFunc(text, isBlank)
	}
	if right {
		text = strings.TrimRightFunc(text, isBlank)
	}
	return &value.Value{Kind: value.Unsafe, Text: text}, nil
}

// lookupVars is a variable by its name.
func (f *frame) lookupVars(name string, options map[string]object) (object, error) {
	if err := onlyOptions("vars", options, "default"); err != nil {
		return nil, err
	}
	if _, ok := f.scope.lookup(f.run, name); !ok {
		if options["default"] != nil {
			return options["default"], nil
		}
		return &undefined{what: "the variable that lookup('vars') names"}, nil
	}
	return f.scope.variable(f.run, name)
}
