package template

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"sort"
	"strings"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

const (
	// maxSteps bounds the work of one rendering: about a second.
	maxSteps = 1_000_000
	// maxBytes bounds all text that one rendering makes, and maxItems a list.
	maxBytes = 8 << 20
	maxItems = 100_000
	// maxVariables bounds how deep variables may refer to one another.
	maxVariables = 100
)

// Engine renders templates. It is safe for concurrent use.
type Engine struct {
	opts      Options
	syntax    *syntax
	singleVar *regexp.Regexp
	format    *formatSyntax
	filters   map[string]filter
	tests     map[string]test
	globals   map[string]object
	methods   map[value.Kind]map[string]method
}

// New returns an engine.
func New(opts Options) *Engine {
	return &Engine{
		opts: opts, syntax: newSyntax(),
		// Templar.SINGLE_VAR
		singleVar: regexp.MustCompile(`^\{\{` + blank + `*([\pL\p{N}_]*)` + blank + `*\}\}\n?$`),
		format:    newFormatSyntax(),
		filters:   filters(), tests: tests(), globals: globals(), methods: methods(),
	}
}

// Render replaces the templates in v, the value of the variable called name,
// as Ansible's Templar.template does. It stops with ctx, and in any case after
// bounded work and output. Errors are of type *[Error], or wrap the context's.
func (e *Engine) Render(ctx context.Context, name string, v *value.Value, scope Scope) (Result, error) {
	r := &run{ctx: ctx, engine: e, known: map[variable]known{}, uses: map[string]bool{}}
	home := hostScope{scope: scope}
	r.stack = []variable{{name: name}}
	r.places = []problem.Position{v.Pos}
	o, err := r.template(v, home)
	if err == nil {
		v, err = plain(o)
	}
	if err != nil {
		return Result{}, err
	}
	uses := make([]string, 0, len(r.uses))
	for use := range r.uses {
		uses = append(uses, use)
	}
	sort.Strings(uses)
	return Result{Value: rendered(v), Uses: uses, Vaulted: r.vaulted, NotTemplates: r.notTemplates}, nil
}

// rendered marks text with braces in it as unsafe, so that nobody renders it a
// second time. What needs no mark is returned as it is.
func rendered(v *value.Value) *value.Value {
	marked := *v
	changed := false
	if v.Kind == value.String && HasTemplate(v.Text) {
		marked.Kind, changed = value.Unsafe, true
	}
	for i, item := range v.Items {
		if m := rendered(item); m != item {
			if &marked.Items[0] == &v.Items[0] {
				marked.Items = slices.Clone(v.Items)
			}
			marked.Items[i], changed = m, true
		}
	}
	for i, e := range v.Entries {
		if m := rendered(e.Value); m != e.Value {
			if &marked.Entries[0] == &v.Entries[0] {
				marked.Entries = slices.Clone(v.Entries)
			}
			marked.Entries[i].Value, changed = m, true
		}
	}
	if !changed {
		return v
	}
	return &marked
}

// HasTemplate says whether s may be a template: it holds "{{", "{%" or "{#".
func HasTemplate(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// variable names a variable of a host; the host "" is the one that Render was
// called for.
type variable struct{ host, name string }

type known struct {
	value object
	err   error
}

// run is one call of Render.
type run struct {
	ctx     context.Context
	engine  *Engine
	steps   int
	written int
	// stack are the variables being rendered, places where they were set.
	stack        []variable
	places       []problem.Position
	known        map[variable]known
	uses         map[string]bool
	vaulted      bool
	notTemplates []*NotATemplate
}

// step is called for every piece of work.
func (r *run) step() error {
	r.steps++
	if r.steps > maxSteps {
		return failf(ErrLimit, "it takes more than %d steps", maxSteps)
	}
	if r.steps%256 == 1 && r.ctx.Err() != nil {
		return &Error{Kind: ErrLimit, What: "interrupted", Err: r.ctx.Err()}
	}
	return nil
}

// work is called for comparing n items.
func (r *run) work(n int) error {
	r.steps += n / 64
	return r.step()
}

// grow is called before text or a list is made.
func (r *run) grow(bytes, items int) error {
	r.written += bytes + 16*items
	if bytes < 0 || items < 0 || items > maxItems || r.written > maxBytes {
		return failf(ErrLimit, "it makes more than %d MiB of text or a list of more than %d", maxBytes>>20, maxItems)
	}
	r.steps += items / 16
	return r.step()
}

// template is Templar.template: strings are rendered, collections through and
// through but for their keys, all else is taken as it is.
func (r *run) template(v *value.Value, scope hostScope) (object, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	switch v.Kind {
	case value.String:
		if !HasTemplate(v.Text) {
			return v, nil
		}
		return r.text(v, scope)
	case value.Vault:
		return r.decrypt(v)
	case value.List, value.Tuple:
		return r.items(v, scope)
	case value.Dict:
		return r.entries(v, scope)
	}
	return v, nil
}

func (r *run) items(v *value.Value, scope hostScope) (object, error) {
	changed := &value.Value{Kind: value.List, Raw: v.Raw, Pos: v.Pos, Items: make([]*value.Value, len(v.Items))}
	same := v.Kind == value.List
	for i, item := range v.Items {
		rendered, err := r.item(item, scope)
		if err != nil {
			return nil, err
		}
		changed.Items[i] = rendered
		same = same && rendered == item
	}
	if same {
		return v, nil
	}
	return changed, nil
}

func (r *run) entries(v *value.Value, scope hostScope) (object, error) {
	changed := &value.Value{Kind: value.Dict, Raw: v.Raw, Pos: v.Pos, Entries: make([]value.Entry, len(v.Entries))}
	same := true
	for i, entry := range v.Entries {
		rendered, err := r.item(entry.Value, scope)
		if err != nil {
			return nil, err
		}
		changed.Entries[i] = value.Entry{Key: entry.Key, Value: rendered}
		same = same && rendered == entry.Value
	}
	if same {
		return v, nil
	}
	return changed, nil
}

func (r *run) item(v *value.Value, scope hostScope) (*value.Value, error) {
	o, err := r.template(v, scope)
	if err != nil {
		return nil, err
	}
	return plain(o)
}

func (r *run) decrypt(v *value.Value) (object, error) {
	if r.engine.opts.Decrypt == nil {
		return nil, failf(ErrRefused, "a vault-encrypted value cannot be opened here")
	}
	text, err := r.engine.opts.Decrypt(r.ctx, v)
	if err != nil {
		return nil, &Error{Kind: ErrEvaluate, What: "its vault cannot be opened", Err: err}
	}
	r.vaulted = true
	return &value.Value{Kind: value.Unsafe, Text: text, Pos: v.Pos}, nil
}

// text is Templar.template and do_template for a string with braces.
func (r *run) text(v *value.Value, scope hostScope) (object, error) {
	if m := r.engine.singleVar.FindStringSubmatch(v.Text); m != nil {
		if whole, ok := scope.lookup(r, m[1]); ok {
			switch whole.Kind {
			case value.Null, value.Bool, value.Int, value.Float:
				r.uses[m[1]] = true
				return whole, nil
			}
		}
	}
	if strings.HasPrefix(v.Text, "#jinja2:") {
		return nil, failf(ErrUnsupported, "a #jinja2: header is not supported")
	}
	tokens, err := r.engine.syntax.tokenize(v.Text)
	var body []stmt
	if err == nil {
		body, err = r.engine.parse(tokens)
	}
	if errors.Is(err, errSyntax) {
		// Ansible fails here. A password may hold anything.
		r.notTemplates = append(r.notTemplates, &NotATemplate{Variable: r.stack[len(r.stack)-1].name, Pos: v.Pos})
		return &value.Value{Kind: value.Unsafe, Text: v.Text, Pos: v.Pos}, nil
	}
	if err != nil {
		return nil, err
	}
	f := &frame{run: r, scope: scope, out: &output{run: r}}
	if err := f.execAll(body); err != nil {
		return nil, err
	}
	o, err := f.out.finish(v.Pos)
	if err != nil {
		return nil, err
	}
	return keepLineEnds(v, o), nil
}

// keepLineEnds adds the line ends that a template loses at its end.
func keepLineEnds(source *value.Value, o object) object {
	var text string
	switch rendered := o.(type) {
	case nativeText:
		text = string(rendered)
	case *value.Value:
		if !rendered.IsText() {
			return o
		}
		text = rendered.Text
	default:
		return o
	}
	count := func(s string) int { return len(s) - len(strings.TrimRight(s, "\n")) }
	lost := count(source.Text) - count(text)
	if n, ok := o.(nativeText); ok && lost <= 0 {
		return n
	}
	if lost > 0 {
		text += strings.Repeat("\n", lost)
	}
	return value.NewString(text, source.Pos)
}
