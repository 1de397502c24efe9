package yamlvars

import (
	"go.yaml.in/yaml/v3"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

func (c *constructor) set(n *yaml.Node) (*value.Value, *problem.Problem) {
	m, p := c.mapping(n)
	if p != nil {
		return nil, p
	}
	v := &value.Value{Kind: value.Set, Pos: m.Pos}
	for _, e := range m.Entries {
		v.Items = append(v.Items, e.Key)
	}
	return v, nil
}

// pairs are the tags !!omap and !!pairs: a list of pairs.
func (c *constructor) pairs(n *yaml.Node) (*value.Value, *problem.Problem) {
	if n.Kind != yaml.SequenceNode {
		return nil, c.fail(n, "pairs that are no list")
	}
	v := &value.Value{Kind: value.List, Pos: c.at(n)}
	for _, item := range n.Content {
		for item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 {
			return nil, c.fail(item, "pair that is no mapping of one key")
		}
		tuple, p := c.sequence(item, value.Tuple)
		if p != nil {
			return nil, p
		}
		v.Items = append(v.Items, tuple)
	}
	return v, nil
}

// unsafe marks what must never be templated. PyYAML fills a collection inside
// another one later than Ansible copies it, so that a nested one comes out
// empty: that is kept.
func (c *constructor) unsafe(n *yaml.Node) (*value.Value, *problem.Problem) {
	if n.Kind == yaml.ScalarNode {
		return &value.Value{Kind: value.Unsafe, Text: n.Value, Pos: c.at(n)}, nil
	}
	var v *value.Value
	var p *problem.Problem
	if n.Kind == yaml.MappingNode {
		v, p = c.mapping(n)
	} else {
		v, p = c.sequence(n, value.List)
	}
	if p != nil {
		return nil, p
	}
	return unsafe(hollow(v)), nil
}

// hollow empties the collections in v.
func hollow(v *value.Value) *value.Value {
	empty := func(v *value.Value) *value.Value {
		c := *v
		c.Items, c.Entries = nil, nil
		if v.Kind != value.List && v.Kind != value.Dict {
			return v
		}
		return &c
	}
	c := *v
	c.Items, c.Entries = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, empty(item))
	}
	for _, e := range v.Entries {
		c.Entries = append(c.Entries, value.Entry{Key: e.Key, Value: empty(e.Value)})
	}
	return &c
}
