package tasks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/tasks/kubenode"
	"oreg/tasks/nodefile"
	"oreg/tasks/service"
	"oreg/validate"
)

// restartTakes is about how long one restart takes: the service must be active
// for 10 s, and the kubelet writes a heartbeat every 10 s.
const restartTakes = 30 * time.Second

// RestartEstimate is about how long so many restarts take, one at a time.
func RestartEstimate(nodes int) time.Duration { return time.Duration(nodes) * restartTakes }

// plan reads everything and changes nothing. Its error ends the run; reasons to
// stop that lie on nodes or secrets are in the report.
func (r *Rotation) plan(ctx context.Context, report *Report, results []validate.Result) error {
	old := &logins{}
	r.surveyNodes(ctx, old)
	if !r.SkipSecrets && ctx.Err() == nil {
		r.Watch.Stage("looking at the secrets", 1)
		var replaced []dockerconfig.Found
		r.planned, replaced = r.API.Plan(ctx, r.wanted)
		for _, login := range replaced {
			old.add("the secret", login)
		}
		r.Watch.Step()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.unproven(results, old); err != nil {
		return err
	}
	r.matchNodes(ctx)
	r.describe()
	for _, s := range r.planned {
		if s.Status == StatusFailed {
			r.stop("nothing was changed, because secret %s/%s cannot be written", s.Namespace, s.Name)
		}
	}
	for _, h := range r.hosts {
		if h.report.Status == StatusFailed {
			r.failures = append(r.failures, h.node.Name)
		}
	}
	if len(r.failures) > 0 && r.tooMany(len(r.failures)) {
		r.stop("nothing was changed, because of %s", shortList(r.failures))
	}
	reachable := slices.ContainsFunc(r.hosts, func(h *rotating) bool { return h.plan.Error == nil })
	if r.Canary > 0 && len(r.hosts) > 0 && !reachable {
		r.stop("nothing was changed, because no node could be reached to go first")
	}
	if r.Check {
		report.Secrets = r.planned
	}
	return ctx.Err()
}

// surveyNodes looks at every node, over one connection each.
func (r *Rotation) surveyNodes(ctx context.Context, old *logins) {
	if r.SkipNodes {
		return
	}
	nodes := r.Cluster.Nodes
	pending := unrestarted(r.Earlier)
	r.hosts = make([]*rotating, len(nodes))
	r.Watch.Stage("looking at the nodes", len(nodes))
	sshexec.Each(ctx, nodes, sshexec.EachOptions{Forks: r.Forks},
		func(ctx context.Context, n inventory.Node) survey {
			return r.Files.survey(ctx, n, r.files, r.Restart)
		},
		func(n inventory.Node, cause error) survey {
			return survey{report: NewHostReport(n.Name, sshexec.NotTried(cause))}
		},
		func(i int, s survey) {
			h := &rotating{node: nodes[i], plan: s.report, report: s.report, hostname: s.service.Hostname, runs: s.service.Running()}
			h.changes = s.report.Status == StatusChanged
			h.pending = r.Restart && pending[h.node.Name]
			// A master that is no node has no such unit, and needs no restart.
			if r.Restart && h.plan.Error == nil && (h.changes || h.pending) && (s.serviceErr != nil || !s.service.Found() && !h.node.Master) {
				h.plan.fail(s.missing(h.node))
				h.report = h.plan
			}
			for _, f := range s.replaced {
				old.add(h.node.Name, f)
			}
			r.hosts[i] = h
			r.Watch.Step()
		})
}

// survey is what was found on a node.
type survey struct {
	// report is as --check would have it.
	report   HostReport
	replaced []dockerconfig.Found
	service  service.State
	// serviceErr is why nothing is known of the service.
	serviceErr error
}

// missing is why a host's service cannot be restarted.
func (s survey) missing(n inventory.Node) error {
	if s.serviceErr != nil {
		return s.serviceErr
	}
	return &service.Error{
		Message: "there is no " + service.FullName(n.ServiceUnit) + " on the host to be restarted",
		Hint:    "set openshift_service_type if the unit has another name, or say --restart never",
	}
}

// survey finds what Place would change on a node, and the node's service.
func (n *NodeFiles) survey(ctx context.Context, node inventory.Node, plan *FilePlan, unit bool) survey {
	start := n.Now()
	var s survey
	files := n.merging(plan)
	want := func(present nodefile.Present) ([]byte, error) {
		merged, err := files.want(present)
		if err == nil {
			s.replaced = append(s.replaced, replacedLogins(present.Content, merged, dockerconfig.NodeFile)...)
		}
		return merged, err
	}
	request := n.request(node)
	request.Check = true
	outcome, err := sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) (nodefile.Outcome, error) {
		s.replaced = nil
		conn, err := n.SSH.Connect(ctx, Target(node))
		if err != nil {
			return nodefile.Outcome{}, err
		}
		defer func() { _ = conn.Close() }() // only read over it
		shell, err := conn.Shell(ctx)
		if err != nil {
			return nodefile.Outcome{}, err
		}
		outcome, err := nodefile.Apply(ctx, shell, request, want)
		if err == nil && unit {
			s.service, s.serviceErr = service.Show(ctx, conn, node.ServiceUnit)
		}
		return outcome, err
	})
	host := NewHostReport(node.Name, nil)
	for _, f := range outcome.Files {
		host.add(files.report(f), f.Err)
	}
	if outcome.Changed() && host.Status == StatusOK {
		host.Status = StatusChanged
	}
	s.report = n.close(host, err, start)
	return s
}

// unrestarted are the hosts whose files an earlier attempt changed, or may
// have, and whose service it did not see come back.
func unrestarted(earlier *journal.Record) map[string]bool {
	pending := map[string]bool{}
	if earlier == nil {
		return pending
	}
	for place, state := range earlier.Places() {
		if place.Host != "" && state != journal.PlaceUntouched {
			pending[place.Host] = true
		}
	}
	for _, l := range earlier.Lines {
		if l.Event == journal.EventRestarted && l.Status == StatusOK {
			delete(pending, l.Host)
		}
	}
	return pending
}

// matchNodes finds the Node object of each host that is to be restarted, and
// the Node objects that no host has.
func (r *Rotation) matchNodes(ctx context.Context) {
	if r.SkipSecrets && !r.Restart {
		return
	}
	var restart []*rotating
	var all, some []kubenode.Host
	for _, h := range r.hosts {
		host := kubenode.Host{Name: h.node.Name, Address: h.node.Connection.Address, Override: h.node.KubeletName, Hostname: h.hostname}
		all = append(all, host)
		if h.plan.Error == nil && h.needsRestart() && r.Restart {
			restart, some = append(restart, h), append(some, host)
		}
	}
	nodes, err := r.API.KubeNodes(ctx)
	if err != nil {
		if len(restart) > 0 {
			r.stop("nothing was changed, because the API does not say whether nodes are Ready, and so none can be restarted (--restart never does without): %v", err)
		}
		return
	}
	if !r.Limited && !r.SkipNodes {
		r.others = kubenode.Others(r.named(ctx, all, nodes), nodes)
	}
	names, errs := kubenode.Match(some, nodes)
	for i, h := range restart {
		h.kube = names[i]
		if errs[i] != nil {
			h.plan.fail(errs[i])
			h.report = h.plan
		}
	}
}

// describe makes the plan that the user is shown.
func (r *Rotation) describe() {
	p := RotationPlan{Canary: []string{}, Change: []string{}, Restart: []string{}, Unreachable: []string{}, Secrets: []string{}, Batch: 1}
	canaries, rest := r.order()
	restarts := 0 // one after the other
	for _, h := range canaries {
		p.Canary = append(p.Canary, h.node.Name)
		if r.Restart && h.needsRestart() {
			restarts++
		}
	}
	rolling := 0
	for _, h := range rest {
		if r.Restart && h.needsRestart() {
			rolling++
		}
	}
	for _, h := range r.hosts {
		switch {
		case h.plan.Status == StatusUnreachable || h.plan.Status == StatusSkipped:
			p.Unreachable = append(p.Unreachable, h.node.Name)
		case h.plan.Error != nil:
		default:
			if h.changes {
				p.Change = append(p.Change, h.node.Name)
			}
			if r.Restart && h.needsRestart() {
				p.Restart = append(p.Restart, h.node.Name)
			}
		}
	}
	if r.Restart {
		p.Batch = r.Serial.Of(len(rest))
		p.Batches = (rolling + p.Batch - 1) / p.Batch
		p.Seconds = int(time.Duration(restarts+p.Batches) * restartTakes / time.Second)
	}
	for _, s := range r.planned {
		if changes(s.Status) {
			p.Secrets = append(p.Secrets, s.Namespace+"/"+s.Name)
		}
	}
	r.result.Plan = p
}

// tooMany says whether so many failed hosts stop the run.
func (r *Rotation) tooMany(failed int) bool {
	return float64(failed)*100 > r.MaxFail*float64(len(r.hosts))
}

// shortList names a few hosts.
func shortList(names []string) string {
	const shown = 3
	if len(names) <= shown {
		return "failed nodes: " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("%d failed nodes: %s and others", len(names), strings.Join(names[:shown], ", "))
}
