package inventory

import (
	"context"
	"errors"

	"oreg/inventory/graph"
	"oreg/inventory/pattern"
	"oreg/inventory/secret"
	"oreg/inventory/value"
)

// The values of openshift_deployment_type.
const (
	Origin     = "origin"
	Enterprise = "openshift-enterprise"
)

// ClusterOptions are what flags and ansible.cfg add to an inventory.
type ClusterOptions struct {
	// Limit is the argument of --limit; empty is no limit.
	Limit string
	// RequireNodes makes an inventory without nodes, or a limit that leaves
	// none, an error.
	RequireNodes bool
	// Defaults hold for hosts whose variables say nothing.
	Defaults ConnectionDefaults
}

// ConnectionDefaults are the connection settings of flags and ansible.cfg. As
// in Ansible, the variables of a host win over all of them.
type ConnectionDefaults struct {
	User           string
	Port           int
	PrivateKeyFile string
	Password       secret.Text
	Become         bool
	// BecomeUser is root where it is empty; BecomeMethod sudo.
	BecomeUser     string
	BecomeMethod   string
	BecomePassword secret.Text
	// SSHCommonArgs and SSHExtraArgs are command lines, as the variables.
	SSHCommonArgs string
	SSHExtraArgs  string
}

// Cluster takes from the inventory what oreg acts on. All mistakes are
// reported together, as [Problems].
func (inv *Inventory) Cluster(ctx context.Context, o ClusterOptions) (*Cluster, error) {
	r := newReader(inv)
	nodes := inv.nodeHosts()
	c := &Cluster{}
	r.credentials(ctx, inv.representatives(nodes), c)
	allowed, err := inv.limit(o.Limit)
	switch {
	case errors.Is(err, pattern.ErrNoHosts) && !o.RequireNodes:
		allowed = map[string]bool{}
	case err != nil:
		r.fail(Position{File: "--limit"}, "", "%s", err.Error())
		return nil, r.problems
	}
	masters := map[*graph.Host]bool{}
	for _, name := range []string{"masters", "new_masters"} {
		if g := inv.graph.Group(name); g != nil {
			for _, h := range inv.graph.Members(g) {
				masters[h] = true
			}
		}
	}
	first := inv.firstMaster()
	for _, h := range nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if in := allowed == nil || allowed[h.Name]; !in && h != first {
			continue
		}
		node := r.node(ctx, h, o.Defaults)
		node.Master = masters[h]
		if h == first {
			// A copy of its own: Nodes may be sorted or cut by the caller.
			master := node
			c.FirstMaster = &master
			if c.FirstMasterLimited = allowed != nil && !allowed[h.Name]; c.FirstMasterLimited {
				continue
			}
		}
		c.Nodes = append(c.Nodes, node)
	}
	if o.RequireNodes && len(r.problems) == 0 {
		switch {
		case len(nodes) == 0:
			r.fail(inv.wholePosition(), "", "no hosts in the groups nodes, masters, new_nodes and new_masters")
		case len(c.Nodes) == 0:
			r.fail(Position{File: "--limit"}, "", "the limit leaves none of the %d nodes", len(nodes))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return c, nil
}

func (inv *Inventory) wholePosition() Position {
	if len(inv.options.Paths) == 0 {
		return Position{}
	}
	return Position{File: inv.options.Paths[0]}
}

// nodeHosts are the hosts of nodes, masters, new_nodes and new_masters, each
// once, in the order in which the inventory first mentions them.
func (inv *Inventory) nodeHosts() []*graph.Host {
	in := map[*graph.Host]bool{}
	for _, name := range []string{"nodes", "masters", "new_nodes", "new_masters"} {
		if g := inv.graph.Group(name); g != nil {
			for _, h := range inv.graph.Members(g) {
				in[h] = true
			}
		}
	}
	nodes := make([]*graph.Host, 0, len(in))
	for _, h := range inv.graph.Hosts {
		if in[h] {
			nodes = append(nodes, h)
		}
	}
	return nodes
}

func (inv *Inventory) firstMaster() *graph.Host {
	if g := inv.graph.Group("masters"); g != nil {
		if hosts := inv.graph.Members(g); len(hosts) > 0 {
			return hosts[0]
		}
	}
	return nil
}

// representatives are the hosts whose variables name the credentials: the
// nodes; without nodes the hosts of OSEv3, or all; without hosts one that does
// not exist but would be in all of these groups.
func (inv *Inventory) representatives(nodes []*graph.Host) []*graph.Host {
	if len(nodes) > 0 {
		return nodes
	}
	for _, name := range []string{"OSEv3", graph.All} {
		if g := inv.graph.Group(name); g != nil {
			if hosts := inv.graph.Members(g); len(hosts) > 0 {
				return hosts
			}
		}
	}
	nobody := &graph.Host{}
	in := map[*graph.Group]bool{}
	for _, name := range []string{graph.All, "OSEv3", "nodes", "masters"} {
		g := inv.graph.Group(name)
		if g == nil {
			continue
		}
		for _, each := range append(inv.graph.Ancestors(g), g) {
			if !in[each] {
				in[each] = true
				nobody.Groups = append(nobody.Groups, each)
			}
		}
	}
	return []*graph.Host{nobody}
}

// limit returns the hosts that --limit allows; nil is all.
func (inv *Inventory) limit(limit string) (map[string]bool, error) {
	if limit == "" {
		return nil, nil
	}
	res, err := pattern.Limit(inv, limit, func(path string) ([]byte, error) { return readLimited(inv.abs(path)) })
	for _, w := range res.Warnings {
		inv.warn(&Problem{Pos: Position{File: "--limit"}, Message: w})
	}
	if err != nil {
		return nil, err
	}
	allowed := make(map[string]bool, len(res.Hosts))
	for _, name := range res.Hosts {
		allowed[name] = true
	}
	return allowed, nil
}

// agreed returns a variable that must be the same on all hosts, taken from the
// first; strict refuses one that only some of them have.
func (r *reader) agreed(ctx context.Context, hosts []*graph.Host, name string, strict bool) *variable {
	var first *variable
	var where, without *graph.Host
	checked := map[*value.Value]bool{}
	for _, h := range hosts {
		if source := r.inv.lookup(h, name); source == nil || checked[source] {
			if source == nil {
				without = h
			}
			continue
		}
		v := r.get(ctx, h, name)
		switch {
		case v == nil:
		case first == nil:
			first, where = v, h
		case !value.Equal(first.value, v.value):
			r.fail(v.at(), "", "%s of %s differs from that of %s at %s; credentials are the same for the whole cluster",
				name, h.Name, where.Name, first.at())
			return first
		}
		// A template may use what other groups or hosts set; the rest is the
		// same wherever it comes from the same place.
		if v != nil && (v.value == v.source || v.source.Kind == value.Vault) {
			checked[v.source] = true
		}
	}
	if strict && first != nil && without != nil {
		r.fail(first.at(), "", "%s is set for %s but not for %s; credentials are the same for the whole cluster",
			name, where.Name, without.Name)
	}
	return first
}
