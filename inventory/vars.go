package inventory

import (
	"path/filepath"
	"sort"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/hostrange"
	"oreg/inventory/value"
)

// base is what all hosts of the same groups share: the variables of groups, in
// layers of which the last wins.
type base struct {
	layers []graph.Vars
	found  map[string]*value.Value
}

// base returns the group variables of h in Ansible's order: "all", groups,
// group_vars/all beside the inventories, the same in the current folder, then
// group_vars of groups beside the inventories, then in the current folder.
func (inv *Inventory) base(h *graph.Host) *base {
	if b := inv.hostBases[h]; b != nil {
		return b
	}
	b := inv.groupBase(h.SortedGroups())
	inv.hostBases[h] = b
	return b
}

// groupBase is the base of all hosts of these groups.
func (inv *Inventory) groupBase(groups []*graph.Group) *base {
	var id strings.Builder
	for _, g := range groups {
		id.WriteString(g.Name)
		id.WriteByte(0)
	}
	if b := inv.bases[id.String()]; b != nil {
		return b
	}
	b := &base{found: map[string]*value.Value{}}
	add := func(vars graph.Vars) {
		if len(vars) > 0 {
			b.layers = append(b.layers, vars)
		}
	}
	f := inv.files
	add(inv.graph.Group(graph.All).Vars)
	for _, g := range groups {
		add(g.Vars)
	}
	for _, dir := range f.near {
		add(f.vars(dir, groupVars, graph.All))
	}
	add(f.vars(f.cwd, groupVars, graph.All))
	for _, dir := range append(append([]varDir(nil), f.near...), f.cwd) {
		for _, g := range groups {
			add(f.vars(dir, groupVars, g.Name))
		}
	}
	inv.bases[id.String()] = b
	return b
}

// own returns what a host has for itself, in layers of which the last wins.
func (inv *Inventory) own(h *graph.Host) []graph.Vars {
	layers := []graph.Vars{h.Vars}
	for _, dir := range inv.files.ofHosts {
		if vars := inv.files.vars(dir, hostVars, h.Name); len(vars) > 0 {
			layers = append(layers, vars)
		}
	}
	return append(layers, inv.extra)
}

// ownValue looks into own, without putting it together.
func (inv *Inventory) ownValue(h *graph.Host, name string) (*value.Value, bool) {
	if v, ok := inv.extra[name]; ok {
		return v, true
	}
	dirs := inv.files.ofHosts
	for i := len(dirs) - 1; i >= 0; i-- {
		if v, ok := inv.files.vars(dirs[i], hostVars, h.Name)[name]; ok {
			return v, true
		}
	}
	v, ok := h.Vars[name]
	return v, ok
}

// lookup returns the value of a variable of a host, unrendered, or nil.
func (inv *Inventory) lookup(h *graph.Host, name string) *value.Value {
	if v, ok := inv.ownValue(h, name); ok {
		return v
	}
	b := inv.base(h)
	if v, ok := b.found[name]; ok {
		return v
	}
	var v *value.Value
	for i := len(b.layers) - 1; i >= 0; i-- {
		if found, ok := b.layers[i][name]; ok {
			v = found
			break
		}
	}
	b.found[name] = v
	return v
}

// all returns every variable of a host, and the names of those whose name is
// no string. Of equal names, as of 1 and true, the first stays.
func (inv *Inventory) all(h *graph.Host) (vars graph.Vars, keys map[string]*value.Value) {
	vars, keys = graph.Vars{}, map[string]*value.Value{}
	for _, layers := range [][]graph.Vars{inv.base(h).layers, inv.own(h)} {
		for _, layer := range layers {
			for name, v := range layer {
				if len(inv.keys) > 0 && strings.HasPrefix(name, "\x00") && keys[name] == nil && vars[name] == nil {
					keys[name] = inv.keys[v]
				}
				vars[name] = v
			}
		}
	}
	return vars, keys
}

// scope is the variables of a host as templates see them, with those that
// Ansible adds itself.
type scope struct {
	inv  *Inventory
	host *graph.Host
}

func (inv *Inventory) scope(h *graph.Host) scope { return scope{inv, h} }

// Lookup returns the unrendered value of a variable.
func (s scope) Lookup(name string) (*value.Value, bool) {
	if v := s.magic(name); v != nil {
		return v, true
	}
	v := s.inv.lookup(s.host, name)
	return v, v != nil
}

func (s scope) magic(name string) *value.Value {
	// Names are data, not templates.
	text := func(t string) *value.Value { return &value.Value{Kind: value.Unsafe, Text: t} }
	switch name {
	case "inventory_hostname":
		return text(s.host.Name)
	case "inventory_hostname_short":
		if hostrange.IsAddress(s.host.Name) {
			return text(s.host.Name)
		}
		short, _, _ := strings.Cut(s.host.Name, ".")
		return text(short)
	case "inventory_file":
		return text(s.host.Source)
	case "inventory_dir":
		return text(filepath.Dir(s.host.Source))
	case "playbook_dir":
		return text(s.inv.options.Dir)
	case "group_names":
		var names []string
		for _, g := range s.host.Groups {
			if g.Name != graph.All {
				names = append(names, g.Name)
			}
		}
		sort.Strings(names)
		return texts(names)
	case "groups":
		return s.inv.groupsValue()
	}
	return nil
}

func texts(names []string) *value.Value {
	list := &value.Value{Kind: value.List}
	for _, name := range names {
		list.Items = append(list.Items, &value.Value{Kind: value.Unsafe, Text: name})
	}
	return list
}

// groupsValue is the variable "groups": the hosts of each group.
func (inv *Inventory) groupsValue() *value.Value {
	if inv.groups != nil {
		return inv.groups
	}
	inv.groups = &value.Value{Kind: value.Dict}
	for _, g := range inv.graph.Groups {
		inv.groups.Entries = append(inv.groups.Entries, value.Entry{
			Key: &value.Value{Kind: value.Unsafe, Text: g.Name}, Value: texts(names(inv.graph.Members(g))),
		})
	}
	return inv.groups
}

func names(hosts []*graph.Host) []string {
	list := make([]string, len(hosts))
	for i, h := range hosts {
		list[i] = h.Name
	}
	return list
}
