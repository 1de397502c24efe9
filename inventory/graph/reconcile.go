package graph

import "sort"

// Reconcile is what Ansible does once all sources are read: every group comes
// under "all", and "ungrouped" keeps only hosts of no other group.
func (inv *Inventory) Reconcile() error {
	all, ungrouped := inv.groups[All], inv.groups[Ungrouped]
	for _, g := range inv.Groups {
		if g != all && len(inv.Ancestors(g)) == 0 {
			if err := inv.addGroup(all, g); err != nil {
				return err
			}
		}
	}
	left := map[*Host]bool{}
	for _, h := range inv.Hosts {
		switch {
		case h.in(ungrouped):
			for _, g := range h.Groups {
				if g != all && g != ungrouped {
					if h.isDirect(ungrouped) {
						left[h] = true
						inv.leave(h, ungrouped)
					}
					break
				}
			}
		case len(h.Groups) == 0 || len(h.Groups) == 1 && h.in(all):
			inv.addHost(ungrouped, h)
		}
	}
	if len(left) > 0 {
		stay := ungrouped.Hosts[:0]
		for _, h := range ungrouped.Hosts {
			if !left[h] {
				stay = append(stay, h)
			}
		}
		ungrouped.Hosts = stay
		inv.version++
	}
	return nil
}

func (h *Host) isDirect(g *Group) bool { return contains(h.direct, g) }

// leave takes h out of g and of the groups that contain no other group of h.
// A group that names the host itself is left as well if it also contains g:
// its variables are then lost to the host, in Ansible too.
func (inv *Inventory) leave(h *Host, g *Group) {
	if !h.in(g) {
		return
	}
	for i, have := range h.Groups {
		if have == g {
			h.Groups = append(h.Groups[:i:i], h.Groups[i+1:]...)
			break
		}
	}
	for _, above := range inv.Ancestors(g) {
		if above.Name == All {
			continue
		}
		needed := false
		for _, other := range h.Groups {
			if contains(inv.Ancestors(other), above) {
				needed = true
				break
			}
		}
		if !needed {
			inv.leave(h, above)
		}
	}
}

// SortedGroups are the groups of h, without "all", in the order in which their
// variables override one another: by depth, then priority, then name.
func (h *Host) SortedGroups() []*Group {
	sorted := make([]*Group, 0, len(h.Groups))
	for _, g := range h.Groups {
		if g.Name != All {
			sorted = append(sorted, g)
		}
	}
	sort.Slice(sorted, func(i, j int) bool { return before(sorted[i], sorted[j]) })
	return sorted
}

func before(a, b *Group) bool {
	if a.Depth != b.Depth {
		return a.Depth < b.Depth
	}
	if c := a.Priority.Cmp(b.Priority); c != 0 {
		return c < 0
	}
	return a.Name < b.Name
}
