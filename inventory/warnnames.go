package inventory

// warnNames warns of a name that is both a group and a host: a host line of
// that name sets variables of the group.
func (inv *Inventory) warnNames() {
	for _, h := range inv.graph.Hosts {
		if inv.graph.Group(h.Name) != nil {
			inv.warn(&Problem{
				Pos:     Position{File: h.Source},
				Message: h.Name + " is a host and a group: variables of the host are taken for the group's",
				Hint:    "give one of them another name",
			})
		}
	}
}

// Groups, GroupHosts and Hosts are the inventory as host patterns see it.

// Groups are the names of all groups, in order of first mention.
func (inv *Inventory) Groups() []string {
	names := make([]string, len(inv.graph.Groups))
	for i, g := range inv.graph.Groups {
		names[i] = g.Name
	}
	return names
}

// GroupHosts are the names of the hosts of a group and of the groups below it.
func (inv *Inventory) GroupHosts(group string) []string {
	g := inv.graph.Group(group)
	if g == nil {
		return nil
	}
	return names(inv.graph.Members(g))
}

// Hosts are the names of all hosts that are in any group, in order of first
// mention.
func (inv *Inventory) Hosts() []string { return names(inv.graph.Hosts) }
