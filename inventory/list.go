package inventory

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"oreg/inventory/graph"
	"oreg/inventory/pattern"
	"oreg/inventory/value"
)

// ListOptions say how variables are shown.
type ListOptions struct {
	// ShowSecrets prints every value as it is, encrypted ones encrypted.
	ShowSecrets bool
}

// flushSize is how much output is collected before it is written.
const flushSize = 1 << 16

// List writes what "ansible-inventory --list" prints. Values of secrets are
// replaced by a word unless the options say otherwise. An error is one of w,
// or of a variable that has no JSON form, of which Ansible dies as well.
func (inv *Inventory) List(w io.Writer, o ListOptions) error {
	p := &printer{inv: inv, w: w, mask: inv.masker(o)}
	top := map[string]func() error{"_meta": p.meta}
	for _, g := range inv.graph.Groups {
		if g.Name != "_meta" && len(g.Children)+len(shownHosts(g)) > 0 {
			top[g.Name] = func() error { return p.group(g) }
		}
	}
	names := make([]string, 0, len(top))
	for name := range top {
		names = append(names, name)
	}
	sort.Strings(names)
	p.out = append(p.out, '{')
	for i, name := range names {
		p.key(name, i == 0, 1)
		if err := top[name](); err != nil {
			return err
		}
	}
	p.out = append(value.NewLine(p.out, 0), '}', '\n')
	return p.flush()
}

// Host writes what "ansible-inventory --host" prints of the one host that
// name, which may be a pattern, stands for.
func (inv *Inventory) Host(w io.Writer, name string, o ListOptions) error {
	found, err := pattern.Select(inv, pattern.Split(name))
	switch {
	case err != nil:
		return err
	case len(found.Hosts) == 0:
		return fmt.Errorf("%w: the inventory has no host %s (a host has the name that the inventory gives it)", ErrNotOneHost, name)
	case len(found.Hosts) > 1:
		return fmt.Errorf("%w: %s stands for %d hosts, expected one", ErrNotOneHost, name, len(found.Hosts))
	}
	p := &printer{inv: inv, w: w, mask: inv.masker(o)}
	if err := p.vars(inv.graph.Host(found.Hosts[0]), 0); err != nil {
		return err
	}
	p.out = append(p.out, '\n')
	return p.flush()
}

// ErrNotOneHost says that a name did not stand for exactly one host.
var ErrNotOneHost = errors.New("not a single host")

type printer struct {
	inv  *Inventory
	w    io.Writer
	out  []byte
	mask *masker
}

func (p *printer) flush() error {
	_, err := p.w.Write(p.out)
	p.out = p.out[:0]
	return err
}

// key starts an entry of an object.
func (p *printer) key(name string, first bool, depth int) {
	if !first {
		p.out = append(p.out, ',')
	}
	p.out = value.NewLine(p.out, depth)
	p.out = value.AppendString(p.out, name)
	p.out = append(p.out, ": "...)
}

func (p *printer) group(g *graph.Group) error {
	p.out = append(p.out, '{')
	first := true
	list := func(name string, items []string) {
		if len(items) == 0 {
			return
		}
		p.key(name, first, 2)
		first = false
		p.out = append(p.out, '[')
		for i, item := range items {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.out = value.AppendString(value.NewLine(p.out, 3), item)
		}
		p.out = append(value.NewLine(p.out, 2), ']')
	}
	children := make([]string, len(g.Children))
	for i, child := range g.Children {
		children[i] = child.Name
	}
	list("children", children)
	list("hosts", names(shownHosts(g)))
	p.out = append(value.NewLine(p.out, 1), '}')
	return p.flush()
}

// shownHosts are the hosts that the listing shows of a group: of "all" none.
func shownHosts(g *graph.Group) []*graph.Host {
	if g.Name == graph.All {
		return nil
	}
	return g.Hosts
}

func (p *printer) meta() error {
	p.out = append(p.out, '{')
	p.key("hostvars", true, 2)
	hosts := append([]*graph.Host(nil), p.inv.graph.Members(p.inv.graph.Group(graph.All))...)
	sort.Slice(hosts, func(i, j int) bool { return hosts[i].Name < hosts[j].Name })
	p.out = append(p.out, '{')
	first := true
	for _, h := range hosts {
		before := len(p.out)
		p.key(h.Name, first, 3)
		start := len(p.out)
		if err := p.vars(h, 3); err != nil {
			return err
		}
		if string(p.out[start:]) == "{}" {
			p.out = p.out[:before]
			continue
		}
		first = false
		if len(p.out) > flushSize {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	if !first {
		p.out = value.NewLine(p.out, 2)
	}
	p.out = append(value.NewLine(append(p.out, '}'), 1), '}')
	return nil
}

// vars writes the variables of a host, without those that Ansible sets itself.
func (p *printer) vars(h *graph.Host, depth int) error {
	vars, keys := p.inv.all(h)
	names := make([]string, 0, len(vars))
	for name := range vars {
		if !isInternal(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		p.out = append(p.out, "{}"...)
		return nil
	}
	sort.Strings(names)
	p.out = append(p.out, '{')
	for i, name := range names {
		shown := name
		v := vars[name]
		if key := keys[name]; key != nil {
			var ok bool
			if shown, ok = value.KeyText(key); !ok {
				return Problems{{Pos: v.Pos, Message: fmt.Sprintf("the name of a variable is %s, expected a string", key.TypeName())}}
			}
		}
		p.key(shown, i == 0, depth+1)
		var err error
		if p.out, err = value.AppendJSON(p.out, p.mask.value(name, v), depth+1); err != nil {
			return Problems{{Pos: v.Pos, Message: fmt.Sprintf("%s: %v", shown, err)}}
		}
	}
	p.out = append(value.NewLine(p.out, depth), '}')
	return nil
}

// isInternal says whether ansible-inventory leaves a variable out of what it
// prints, whoever set it.
func isInternal(name string) bool {
	switch name {
	case "ansible_diff_mode", "ansible_config_file", "ansible_facts", "ansible_forks", "ansible_inventory_sources",
		"ansible_limit", "ansible_playbook_python", "ansible_run_tags", "ansible_skip_tags", "ansible_verbosity",
		"ansible_version", "inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short",
		"groups", "group_names", "omit", "playbook_dir":
		return true
	}
	return false
}
