package inventory

import (
	"context"
	"errors"
	"fmt"

	"oreg/inventory/graph"
	"oreg/inventory/template"
	"oreg/inventory/value"
	"oreg/inventory/vault"
)

// variable is a variable of a host with its templates rendered.
type variable struct {
	name string
	// value is rendered, source is as it stands in the inventory.
	value, source *value.Value
	// vaulted says that a vault's content is part of the value.
	vaulted bool
}

// at is where the variable was set.
func (v *variable) at() Position { return v.source.Pos }

// reader takes the variables that oreg uses out of an inventory and collects
// what is wrong with them.
type reader struct {
	inv      *Inventory
	problems Problems
	seen     map[Problem]bool
	// rendered holds values whose templates do not depend on the host but
	// only on its groups.
	rendered map[renderKey]*variable
}

type renderKey struct {
	source *value.Value
	base   *base
	name   string
}

func newReader(inv *Inventory) *reader {
	return &reader{inv: inv, seen: map[Problem]bool{}, rendered: map[renderKey]*variable{}}
}

// fail keeps a problem; one that many hosts share is kept once.
func (r *reader) fail(at Position, hint, format string, args ...any) {
	p := Problem{Pos: at, Message: fmt.Sprintf(format, args...), Hint: hint}
	if !r.seen[p] {
		r.seen[p] = true
		r.problems = append(r.problems, &p)
	}
}

func (r *reader) warn(at Position, hint, format string, args ...any) {
	r.inv.warn(&Problem{Pos: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// get returns a variable of a host, or nil where it is not set, is null, or
// cannot be rendered, which is then a problem.
func (r *reader) get(ctx context.Context, h *graph.Host, name string) *variable {
	source := r.inv.lookup(h, name)
	if source == nil || source.Kind == value.Null {
		return nil
	}
	v := r.render(ctx, h, name, source)
	if v == nil || v.value.Kind == value.Null {
		return nil
	}
	return v
}

// first is get for the first name that is set.
func (r *reader) first(ctx context.Context, h *graph.Host, names ...string) *variable {
	for _, name := range names {
		if v := r.get(ctx, h, name); v != nil {
			return v
		}
	}
	return nil
}

func (r *reader) render(ctx context.Context, h *graph.Host, name string, source *value.Value) *variable {
	if !needsRendering(source) {
		return &variable{name: name, value: source, source: source}
	}
	key := renderKey{source, r.inv.base(h), name}
	if v, ok := r.rendered[key]; ok {
		return v
	}
	res, err := r.inv.engine.Render(ctx, name, source, r.inv.scope(h))
	if err != nil {
		r.renderProblem(name, source, err)
		return nil
	}
	for _, raw := range res.NotTemplates {
		r.warn(source.Pos, "", "%s holds braces that are no template; they are taken as they are", raw.Variable)
	}
	v := &variable{name: name, value: res.Value, source: source, vaulted: res.Vaulted}
	if !r.dependsOnHost(h, res.Uses) {
		r.rendered[key] = v
	}
	return v
}

// renderProblem reports what the template engine says; its messages name the
// variable and what is undefined, never a value.
func (r *reader) renderProblem(name string, source *value.Value, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	hint := ""
	var locked *vault.Error
	if errors.As(err, &locked) {
		hint = locked.Hint()
	}
	r.fail(source.Pos, hint, "%s: %s", name, err.Error())
}

// needsRendering says whether v holds a template or a vault anywhere.
func needsRendering(v *value.Value) bool {
	switch v.Kind {
	case value.Vault:
		return true
	case value.String:
		return template.HasTemplate(v.Text)
	}
	for _, item := range v.Items {
		if needsRendering(item) {
			return true
		}
	}
	for _, e := range v.Entries {
		if needsRendering(e.Value) {
			return true
		}
	}
	return false
}

// dependsOnHost says whether one of the variables that went into a value may
// differ between hosts of the same groups.
func (r *reader) dependsOnHost(h *graph.Host, uses []string) bool {
	for _, name := range uses {
		switch name {
		case "inventory_hostname", "inventory_hostname_short", "inventory_file", "inventory_dir", "hostvars":
			return true
		}
		if _, ok := r.inv.ownValue(h, name); ok {
			return true
		}
	}
	// A vault decrypts to the same everywhere; a template that uses nothing
	// may still ask for something that changes, but not from host to host.
	return false
}

// text returns the variable as text. Where Ansible would have made something
// else of it that prints differently, as of 3.10, the source text counts.
func (r *reader) text(v *variable) (string, bool) {
	if v.value.IsScalar() && v.value.Raw == v.value.Text {
		return v.value.Text, true
	}
	s, ok := r.verbatim(v.value, v.name)
	if !ok {
		r.fail(v.at(), "", "%s is %s, expected text", v.name, v.value.TypeName())
	}
	return s, ok
}

// verbatim returns the text of a credential: what Ansible holds if that is a
// string, else the source text, with a warning.
func (r *reader) verbatim(v *value.Value, name string) (string, bool) {
	switch {
	case v.IsText():
		return v.Text, true
	case v.Raw != "" && v.Kind != value.Null:
		r.warn(v.Pos, "write it as text that no reader takes for anything else: in quotes, on a host line in two pairs of quotes",
			"%s is taken as it is written; Ansible would have read it as %s", name, v.TypeName())
		return v.Raw, true
	case v.Kind == value.Int || v.Kind == value.Float || v.Kind == value.Bool || v.Kind == value.Date:
		return v.Text, true
	}
	return "", false
}

// boolean reads any of Ansible's forms of a boolean.
func (r *reader) boolean(v *value.Value, name string) (b, ok bool) {
	if b, ok = parseBool(v); !ok {
		r.fail(v.Pos, "", "%s is neither true nor false, expected one of true, false, yes, no, on, off, 1, 0", name)
	}
	return b, ok
}
