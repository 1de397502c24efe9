package tasks

import (
	"context"
	"fmt"
	"slices"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kubenode"
	"oreg/validate"
)

// managed are the registries that oreg once wrote. What the secret cannot tell
// is not known: files then show no leftovers.
func (r *Run) managed(ctx context.Context) []string {
	if r.SkipSecrets {
		return nil
	}
	managed, err := r.Secrets.Managed(ctx)
	if err != nil && ctx.Err() == nil {
		r.Watch.Warn("which registries oreg once wrote is not known, so that leftovers on nodes are not told from others' entries: " + err.Error())
	}
	return managed
}

// stale are the registries to be pruned: those that oreg once wrote and the
// inventory no longer names.
func (r *Run) stale(ctx context.Context, wanted []dockerconfig.Entry) []string {
	if !r.Prune {
		return nil
	}
	return slices.DeleteFunc(r.managed(ctx), func(host string) bool {
		return slices.ContainsFunc(wanted, func(e dockerconfig.Entry) bool { return dockerconfig.SameRegistry(e.Key, host) })
	})
}

// tryInPlace presents the logins that really are in place, each once, however
// many nodes hold it, for the registries of the inventory. A place whose login
// is refused is drift.
func (r *Run) tryInPlace(ctx context.Context, report *Report) {
	found := &logins{}
	add := func(place string, all []dockerconfig.Found) {
		for _, login := range all {
			if slices.ContainsFunc(r.Cluster.Credentials, func(c inventory.Credential) bool {
				return dockerconfig.SameRegistry(registryKey(c), login.Key)
			}) {
				found.add(place, login)
			}
		}
	}
	for _, h := range report.Hosts {
		for _, f := range h.Files {
			add(h.Name+":"+f.Path, f.logins)
		}
	}
	if !r.SkipSecrets {
		inSecrets, err := r.Secrets.Logins(ctx)
		if err != nil {
			r.Watch.Warn("the logins of the secrets were not all tried: " + err.Error())
		}
		for _, s := range inSecrets {
			add(s.place(), s.Logins)
		}
	}
	credentials, index, warnings := found.credentials(r.Cluster.Credentials, "the login")
	for _, w := range warnings {
		r.Watch.Warn(w)
	}
	if len(credentials) == 0 {
		return
	}
	refused := map[string]string{} // by place
	r.Watch.Stage("trying what is in place", len(credentials))
	for i, result := range r.Checker.Check(ctx, credentials, func(validate.Result) { r.Watch.Step() }) {
		report.Credentials = append(report.Credentials, credentialReport(result))
		for _, w := range result.Warnings {
			r.Watch.Warn(w)
		}
		if i >= len(credentials) || !r.refuses(result.Status) {
			continue
		}
		for _, place := range found.all[index[i]].places {
			refused[place] = fmt.Sprintf("%s: the login that is there fails: %s", result.Host, result.Cause)
		}
	}
	for i := range report.Hosts {
		h := &report.Hosts[i]
		for j := range h.Files {
			f := &h.Files[j]
			if why := refused[h.Name+":"+f.Path]; why != "" {
				f.Notes = append(f.Notes, why)
				f.Status, h.Status = StatusDrift, StatusFailed
			}
		}
	}
	for i := range report.Secrets {
		s := &report.Secrets[i]
		at := SecretLogins{Namespace: s.Namespace, Name: s.Name}.place()
		if why := refused[at]; why != "" && s.Kind == "" {
			s.Diff, s.Status = append(s.Diff, why), StatusDrift
		}
	}
}

// reportStrangers adds the cluster's nodes that the inventory lacks: nothing
// looks after their credentials.
func (r *Run) reportStrangers(ctx context.Context, report *Report) {
	if r.SkipNodes || r.SkipSecrets || r.Limited || ctx.Err() != nil {
		return
	}
	nodes, err := r.Secrets.KubeNodes(ctx)
	if err != nil {
		return // the secrets say so
	}
	var hosts []kubenode.Host
	for _, n := range r.Cluster.Nodes {
		hosts = append(hosts, kubenode.Host{Name: n.Name, Address: n.Connection.Address, Override: n.KubeletName})
	}
	for _, name := range kubenode.Others(r.named(ctx, hosts, nodes), nodes) {
		h := NewHostReport(name, nil)
		h.Status = StatusFailed
		h.Error = &Failure{
			Cause:   string(sshexec.CauseNotTried),
			Message: "a Node of the cluster that the inventory does not have: nothing looks after its credentials",
			Hint:    "add it to [nodes] or [new_nodes], or remove the Node",
		}
		report.Hosts = append(report.Hosts, h)
	}
}

// named asks the hosts that no Node object fits how they call themselves,
// unless that is known. hosts are in the order of the cluster's nodes.
func (r *Run) named(ctx context.Context, hosts []kubenode.Host, nodes []kubenode.Node) []kubenode.Host {
	if len(kubenode.Others(hosts, nodes)) == 0 {
		return hosts
	}
	named := slices.Clone(hosts)
	_, errs := kubenode.Match(hosts, nodes)
	var unknown []int
	for i, err := range errs {
		if err != nil && hosts[i].Hostname == "" {
			unknown = append(unknown, i)
		}
	}
	sshexec.Each(ctx, unknown, sshexec.EachOptions{Forks: r.Forks},
		func(ctx context.Context, i int) string {
			name, err := r.Nodes.Hostname(ctx, r.Cluster.Nodes[i])
			if err != nil {
				return "" // unreachable, which its report says
			}
			return name
		},
		func(int, error) string { return "" },
		func(j int, name string) { named[unknown[j]].Hostname = name })
	return named
}
