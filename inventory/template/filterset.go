package template

import (
	"slices"
	"strings"

	"oreg/inventory/value"
)

func filterUnique(f *frame, in object, args arguments) (object, error) {
	p, items, err := args.bindItems(f, in, "unique", "case_sensitive=", "attribute=")
	if err != nil {
		return nil, err
	}
	hashable := !slices.ContainsFunc(items, func(v *value.Value) bool { return !value.Hashable(v) })
	if !hashable && p["attribute"] == nil && p["case_sensitive"] == nil {
		// Ansible falls back to comparing item with item.
		return f.unique(items)
	}
	attribute, err := p.value("attribute")
	if err != nil {
		return nil, err
	}
	if attribute != nil && attribute.IsText() && strings.Contains(attribute.Text, ",") {
		return nil, failf(ErrUnsupported, "unique by several attributes is not supported")
	}
	keys, err := f.keys(items, p)
	if err != nil {
		return nil, err
	}
	var kept []*value.Value
	seen := map[string]bool{}
	for i, item := range items {
		key := keys[i].Items[0]
		if !value.Hashable(key) {
			return nil, failf(ErrEvaluate, "unique by %s", key.TypeName())
		}
		if id := value.KeyID(key); !seen[id] {
			seen[id] = true
			kept = append(kept, item)
		}
	}
	return pyList(kept), nil
}

// unique keeps the first of equal items.
func (f *frame) unique(items []*value.Value) (object, error) {
	var kept []*value.Value
	seen := &members{run: f.run}
	for _, item := range items {
		have, err := seen.has(item)
		if err != nil {
			return nil, err
		}
		if !have {
			seen.add(item)
			kept = append(kept, item)
		}
	}
	return pyList(kept), nil
}

// members is a set of values. Those that Python cannot hash are compared one
// by one.
type members struct {
	run    *run
	ids    map[string]bool
	others []*value.Value
}

func (m *members) add(items ...*value.Value) {
	for _, item := range items {
		if !value.Hashable(item) {
			m.others = append(m.others, item)
			continue
		}
		if m.ids == nil {
			m.ids = map[string]bool{}
		}
		m.ids[value.KeyID(item)] = true
	}
}

func (m *members) has(item *value.Value) (bool, error) {
	if value.Hashable(item) {
		return m.ids[value.KeyID(item)], m.run.step()
	}
	if err := m.run.work(64 * len(m.others)); err != nil {
		return false, err
	}
	return slices.ContainsFunc(m.others, func(v *value.Value) bool { return equal(v, item) }), nil
}

// ofTwoLists is union and its like: the unique items of both lists for which
// keep says so.
func ofTwoLists(keep func(inA, inB bool) bool) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		p, err := args.bind("the filter", "b")
		if err != nil {
			return nil, err
		}
		var lists [2][]*value.Value
		for i, o := range []object{in, p["b"]} {
			v, err := plain(o)
			if err != nil {
				return nil, err
			}
			if v.Kind != value.List {
				return nil, failf(ErrUnsupported, "sets of %s are not supported", v.TypeName())
			}
			lists[i] = v.Items
		}
		a, b := &members{run: f.run}, &members{run: f.run}
		a.add(lists[0]...)
		b.add(lists[1]...)
		var kept []*value.Value
		for _, item := range slices.Concat(lists[0], lists[1]) {
			inA, err := a.has(item)
			if err != nil {
				return nil, err
			}
			inB, err := b.has(item)
			if err != nil {
				return nil, err
			}
			if keep(inA, inB) {
				kept = append(kept, item)
			}
		}
		return f.unique(kept)
	}
}
