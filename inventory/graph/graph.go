// Package graph holds the hosts and groups of an inventory and keeps Ansible's
// rules between them while files are read into it.
//
// The rules are older than their documentation. A name is looked up among the
// groups before the hosts, so a host line may set a group's variables. A
// group's depth is its longest path from "all" and outranks its priority. A
// host that is in "ungrouped" and anywhere else leaves "ungrouped" when the
// last file is read, and with it the groups that it was in only through
// "ungrouped".
package graph

import (
	"errors"
	"fmt"
	"math/big"

	"oreg/inventory/value"
)

// Names of the two groups that always exist.
const (
	All       = "all"
	Ungrouped = "ungrouped"
)

// Vars are the variables of one host, group or file by name. A name that is
// not a string has the id that [value.KeyID] gives it.
type Vars map[string]*value.Value

// Inventory is all hosts and groups, each in order of first mention.
type Inventory struct {
	Groups []*Group
	Hosts  []*Host

	groups map[string]*Group
	hosts  map[string]*Host
	// version counts changes of membership, structure those of the edges
	// between groups, for the caches in Group.
	version   int
	structure int
	visit     int
}

// Group is a group of hosts and of other groups.
type Group struct {
	Name string
	Vars Vars
	// Hosts are the direct members, Children the direct subgroups.
	Hosts    []*Host
	Children []*Group
	Parents  []*Group
	// Depth is the longest path from "all".
	Depth int
	// Priority is ansible_group_priority, 1 by default.
	Priority *big.Int

	ancestors        []*Group
	ancestorsVersion int
	members          []*Host
	membersVersion   int
	visit            int
}

// Host is one host.
type Host struct {
	Name string
	Vars Vars
	// Groups are all groups that the host is in, directly or not, in no order
	// that means anything.
	Groups []*Group
	// Source is the inventory source that first named the host.
	Source string

	direct []*Group
	visit  int
}

// New returns an inventory of the two groups that always exist.
func New() *Inventory {
	inv := &Inventory{groups: map[string]*Group{}, hosts: map[string]*Host{}, version: 1, structure: 1}
	all := inv.group(All)
	ungrouped := inv.group(Ungrouped)
	// A fresh pair cannot form a cycle.
	_ = inv.addGroup(all, ungrouped)
	return inv
}

// Group returns the group of that name, or nil.
func (inv *Inventory) Group(name string) *Group { return inv.groups[name] }

// Host returns the host of that name, or nil.
func (inv *Inventory) Host(name string) *Host { return inv.hosts[name] }

func (inv *Inventory) group(name string) *Group {
	if g := inv.groups[name]; g != nil {
		return g
	}
	g := &Group{Name: name, Priority: big.NewInt(1)}
	inv.groups[name] = g
	inv.Groups = append(inv.Groups, g)
	return g
}

// ErrEmptyName refuses a host or group without a name.
var ErrEmptyName = errors.New("empty name")

// MaxHosts bounds an inventory: a few lines of ranges can stand for more hosts
// than memory holds.
const MaxHosts = 250_000

// ErrTooMany refuses the host after the last.
var ErrTooMany = fmt.Errorf("more than %d hosts", MaxHosts)

// AddGroup adds a group unless it is there.
func (inv *Inventory) AddGroup(name string) error {
	if name == "" {
		return ErrEmptyName
	}
	inv.group(name)
	return nil
}

// AddHost adds a host, unless it is there, and makes it a member of group. The
// port, digits or empty, counts only on the first mention of the host.
func (inv *Inventory) AddHost(name, group string, port *value.Value, source string) error {
	if name == "" {
		return ErrEmptyName
	}
	g := inv.groups[group]
	if g == nil {
		return fmt.Errorf("unknown group %s", group)
	}
	h := inv.hosts[name]
	if h == nil {
		if len(inv.Hosts) == MaxHosts {
			return ErrTooMany
		}
		h = &Host{Name: name, Source: source}
		inv.hosts[name] = h
		inv.Hosts = append(inv.Hosts, h)
		if port != nil && port.Text != "0" {
			h.set("ansible_port", port)
		}
	}
	inv.addHost(g, h)
	return nil
}

func (h *Host) set(name string, v *value.Value) {
	if h.Vars == nil {
		h.Vars = Vars{}
	}
	h.Vars[name] = v
}

// addHost makes h a member of g and so of all that g is in.
func (inv *Inventory) addHost(g *Group, h *Host) {
	for _, d := range h.direct {
		if d == g {
			return
		}
	}
	g.Hosts = append(g.Hosts, h)
	h.direct = append(h.direct, g)
	inv.version++
	for _, a := range inv.Ancestors(g) {
		h.join(a)
	}
	h.join(g)
}

func (h *Host) join(g *Group) {
	if !h.in(g) {
		h.Groups = append(h.Groups, g)
	}
}

func (h *Host) in(g *Group) bool {
	for _, have := range h.Groups {
		if have == g {
			return true
		}
	}
	return false
}

// SetVariable sets a variable of the group of that name or, if there is none,
// of the host. The variable ansible_group_priority of a group is its priority
// and nothing else.
func (inv *Inventory) SetVariable(entity, name string, v *value.Value) error {
	if g := inv.groups[entity]; g != nil {
		if name == "ansible_group_priority" {
			n, ok := value.ToInt(v)
			if !ok {
				return errors.New("ansible_group_priority is no number, expected an integer")
			}
			g.Priority = n
			return nil
		}
		if g.Vars == nil {
			g.Vars = Vars{}
		}
		g.Vars[name] = v
		return nil
	}
	h := inv.hosts[entity]
	if h == nil {
		return fmt.Errorf("no group or host named %s", entity)
	}
	h.set(name, v)
	return nil
}

// AddChild makes the group child, or where no group has that name the host, a
// member of parent. Both must exist.
func (inv *Inventory) AddChild(parent, child string) error {
	g := inv.groups[parent]
	if g == nil {
		return fmt.Errorf("unknown group %s", parent)
	}
	if c := inv.groups[child]; c != nil {
		return inv.addGroup(g, c)
	}
	h := inv.hosts[child]
	if h == nil {
		return fmt.Errorf("unknown group or host %s", child)
	}
	inv.addHost(g, h)
	return nil
}

// ErrCycle is wrapped by errors about groups that contain themselves.
var ErrCycle = errors.New("group contains itself")

func (inv *Inventory) addGroup(g, child *Group) error {
	if g == child {
		return fmt.Errorf("%w: %s", ErrCycle, g.Name)
	}
	for _, have := range g.Children {
		if have == child {
			return nil
		}
	}
	above := inv.Ancestors(g)
	for _, a := range above {
		if a == child {
			return fmt.Errorf("%w: %s in %s", ErrCycle, child.Name, g.Name)
		}
	}
	old := inv.Ancestors(child)
	g.Children = append(g.Children, child)
	child.Parents = append(child.Parents, g)
	inv.structure++
	deepen(child, g.Depth+1)
	members := inv.Members(child)
	inv.version++
	for _, a := range append(above, g) {
		if contains(old, a) {
			continue
		}
		for _, h := range members {
			h.join(a)
		}
	}
	return nil
}

func contains(groups []*Group, g *Group) bool {
	for _, have := range groups {
		if have == g {
			return true
		}
	}
	return false
}

// deepen sets the depth of g and of what is below it, where that grows.
func deepen(g *Group, depth int) {
	if g.Depth >= depth {
		return
	}
	g.Depth = depth
	for _, child := range g.Children {
		deepen(child, depth+1)
	}
}

// Ancestors returns all groups that g is in, directly or not.
func (inv *Inventory) Ancestors(g *Group) []*Group {
	if g.ancestorsVersion == inv.structure {
		return g.ancestors[:len(g.ancestors):len(g.ancestors)]
	}
	inv.visit++
	var found []*Group
	queue := g.Parents
	for len(queue) > 0 {
		var next []*Group
		for _, p := range queue {
			if p.visit != inv.visit {
				p.visit = inv.visit
				found = append(found, p)
				next = append(next, p.Parents...)
			}
		}
		queue = next
	}
	g.ancestors, g.ancestorsVersion = found, inv.structure
	return found[:len(found):len(found)]
}

// Members returns all hosts of g and of the groups below it, each once, level
// by level. The slice must not be changed.
func (inv *Inventory) Members(g *Group) []*Host {
	if g.membersVersion == inv.version {
		return g.members
	}
	inv.visit++
	var found []*Host
	for level := []*Group{g}; len(level) > 0; {
		var next []*Group
		for _, sub := range level {
			if sub.visit == inv.visit {
				continue
			}
			sub.visit = inv.visit
			for _, h := range sub.Hosts {
				if h.visit != inv.visit {
					h.visit = inv.visit
					found = append(found, h)
				}
			}
			next = append(next, sub.Children...)
		}
		level = next
	}
	g.members, g.membersVersion = found, inv.version
	return found
}
