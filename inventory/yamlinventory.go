package inventory

import (
	"fmt"

	"oreg/inventory/hostrange"
	"oreg/inventory/value"
)

// yamlInventory reads Ansible's YAML inventories: groups at the top, each with
// hosts, vars and children.
type yamlInventory struct {
	inv    *Inventory
	source source
}

func (y yamlInventory) problem(v *value.Value, format string, args ...any) *Problem {
	p := &Problem{Pos: Position{File: y.source.name}, Message: fmt.Sprintf(format, args...)}
	if v != nil {
		p.Pos = v.Pos
	}
	return p
}

func (y yamlInventory) warn(v *value.Value, format string, args ...any) {
	y.inv.warn(y.problem(v, format, args...))
}

func (y yamlInventory) read(v *value.Value) *Problem {
	switch {
	case v == nil || !v.IsTrue():
		return y.problem(v, "empty YAML inventory")
	case v.Kind != value.Dict:
		return y.problem(v, "a YAML inventory is a mapping of groups, this is %s", v.TypeName())
	}
	if plugin := v.Get("plugin"); plugin != nil && plugin.IsTrue() {
		return y.problem(plugin, "configuration of an inventory plugin; only INI, YAML and scripts are read")
	}
	for _, e := range v.Entries {
		if p := y.group(e.Key, e.Value); p != nil {
			return p
		}
	}
	return nil
}

// section returns hosts, vars or children of a group: a mapping, or one name
// that stands for a mapping of that name to nothing.
func section(v *value.Value) []value.Entry {
	if v.IsText() {
		return []value.Entry{{Key: v, Value: &value.Value{Kind: value.Null, Pos: v.Pos}}}
	}
	return v.Entries
}

func (y yamlInventory) group(name, data *value.Value) *Problem {
	if data.Kind != value.Dict && data.Kind != value.Null {
		y.warn(name, "group is %s, expected a mapping; it is skipped", data.TypeName())
		return nil
	}
	if !name.IsText() || name.Text == "" {
		return y.problem(name, "name of a group is %s, expected a string", name.TypeName())
	}
	if err := y.inv.graph.AddGroup(name.Text); err != nil {
		return y.problem(name, "group: %v", err)
	}
	for _, key := range []string{"vars", "children", "hosts"} {
		part := data.Get(key)
		if part != nil && !part.IsText() && part.Kind != value.Dict && part.Kind != value.Null {
			return y.problem(part, "%s of group %s is %s, expected a mapping", key, name.Text, part.TypeName())
		}
	}
	for _, e := range data.Entries {
		known := e.Key.IsText() && (e.Key.Text == "vars" || e.Key.Text == "children" || e.Key.Text == "hosts")
		switch {
		case !known && e.Value.Kind != value.Null:
			y.warn(e.Key, "unexpected key in group %s, only vars, children and hosts are read", name.Text)
			continue
		case e.Value.Kind == value.Null:
			continue
		}
		for _, member := range section(e.Value) {
			var p *Problem
			switch e.Key.Text {
			case "vars":
				p = y.set(name.Text, member)
			case "children":
				if p = y.group(member.Key, member.Value); p == nil {
					p = y.child(name.Text, member.Key)
				}
			case "hosts":
				p = y.host(name.Text, member)
			}
			if p != nil {
				return p
			}
		}
	}
	return nil
}

func (y yamlInventory) set(entity string, variable value.Entry) *Problem {
	if err := y.inv.graph.SetVariable(entity, y.inv.nameID(variable), variable.Value); err != nil {
		return y.problem(variable.Key, "%v", err)
	}
	return nil
}

func (y yamlInventory) child(parent string, child *value.Value) *Problem {
	if !child.IsText() {
		return y.problem(child, "name of a group is %s, expected a string", child.TypeName())
	}
	if err := y.inv.graph.AddChild(parent, child.Text); err != nil {
		return y.problem(child, "%v", err)
	}
	return nil
}

func (y yamlInventory) host(group string, host value.Entry) *Problem {
	if !host.Key.IsText() {
		return y.problem(host.Key, "name of a host is %s, expected a string: quote it", host.Key.TypeName())
	}
	names, port, err := hostrange.Expand(host.Key.Text)
	if err != nil {
		return y.problem(host.Key, "%v", err)
	}
	if host.Value.IsTrue() && host.Value.Kind != value.Dict {
		return y.problem(host.Value, "variables of a host are %s, expected a mapping", host.Value.TypeName())
	}
	for _, name := range names {
		err := y.inv.graph.AddHost(name, group, portValue(port, host.Key.Pos), y.source.path)
		if err != nil {
			return y.problem(host.Key, "host: %v", err)
		}
		for _, e := range host.Value.Entries {
			if p := y.set(name, e); p != nil {
				return p
			}
		}
	}
	return nil
}
