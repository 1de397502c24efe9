package pullsecret

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"oreg/tasks/kube"
)

func machineConfigPools() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "machineconfiguration.openshift.io", Version: "v1", Resource: "machineconfigpools"}
}

// Pool is the state of one MachineConfigPool.
type Pool struct {
	Name string
	// Config names the rendered configuration that the pool shall have, Running
	// the one that all its machines have.
	Config, Running string
	// Machines, and how many have that configuration or failed to get it.
	Machines, Updated, Degraded int64
	Paused                      bool
	// Done is the pool's own verdict, conditions Updated and not Updating.
	Done bool
	// Reason says why the pool is degraded; empty while it is not.
	Reason string
}

func (p Pool) String() string {
	s := fmt.Sprintf("%s: %d of %d machines updated", p.Name, p.Updated, p.Machines)
	if p.Paused {
		s += ", paused"
	}
	if p.Reason != "" {
		s += ", degraded: " + p.Reason
	}
	return s
}

// Pools reads the MachineConfigPools, in the API's order; none at all where
// the cluster has no machine-config operator.
func Pools(ctx context.Context, client dynamic.Interface) ([]Pool, error) {
	list, err := client.Resource(machineConfigPools()).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, kube.Classify(err, kube.Call{Verb: "list", Group: machineConfigPools().Group, Resource: "machineconfigpools"}, nil)
	}
	pools := make([]Pool, 0, len(list.Items))
	for _, o := range list.Items {
		pools = append(pools, poolOf(o))
	}
	return pools, nil
}

// poolOf reads what it finds: a field that is missing or of another type is
// zero, as for a pool whose controller has not looked at it yet.
func poolOf(o unstructured.Unstructured) Pool {
	p := Pool{Name: o.GetName()}
	p.Config, _, _ = unstructured.NestedString(o.Object, "spec", "configuration", "name")
	p.Paused, _, _ = unstructured.NestedBool(o.Object, "spec", "paused")
	p.Machines, _, _ = unstructured.NestedInt64(o.Object, "status", "machineCount")
	p.Updated, _, _ = unstructured.NestedInt64(o.Object, "status", "updatedMachineCount")
	p.Degraded, _, _ = unstructured.NestedInt64(o.Object, "status", "degradedMachineCount")
	p.Running, _, _ = unstructured.NestedString(o.Object, "status", "configuration", "name")
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	is := map[string]bool{}
	for _, item := range conditions {
		c, ok := item.(map[string]any)
		if !ok {
			continue
		}
		kind, _ := c["type"].(string)
		if is[kind] = c["status"] == "True"; is[kind] && strings.HasSuffix(kind, "Degraded") {
			message, _ := c["message"].(string)
			reason, _ := c["reason"].(string)
			// Degraded itself says nothing; NodeDegraded and RenderDegraded do.
			if text := strings.Join(strings.Fields(message+" "+reason), " "); kind != "Degraded" || p.Reason == "" {
				p.Reason = text
			}
		}
	}
	if is["Degraded"] && p.Reason == "" {
		p.Reason = "no reason given"
	}
	if !is["Degraded"] && p.Degraded == 0 {
		p.Reason = ""
	}
	p.Done = is["Updated"] && !is["Updating"] && p.Running == p.Config && p.Updated == p.Machines
	return p
}

// DegradedError is a pool that does not get the new pull secret onto its nodes.
type DegradedError struct{ Pool Pool }

func (e *DegradedError) Error() string { return "machine-config pool " + e.Pool.String() }

// UnfinishedError is a wait that ended before the pools were done.
type UnfinishedError struct {
	Pools []Pool
	// Untouched says that no pool had begun.
	Untouched bool
}

func (e *UnfinishedError) Error() string {
	lines := make([]string, len(e.Pools))
	for i, p := range e.Pools {
		lines[i] = p.String()
	}
	if e.Untouched {
		return "the machine-config operator has not begun: " + strings.Join(lines, "; ")
	}
	return "the machine-config pools are not done: " + strings.Join(lines, "; ")
}

// poolPause is how often the pools are looked at.
const poolPause = 2 * time.Second

// Follow waits until every pool that is not paused has a new configuration,
// other than in before, on all its machines. report is called with all pools
// whenever one has changed. A degraded pool ends the wait with a
// [*DegradedError]; after limit the error is an [*UnfinishedError]. A pool that
// was degraded before counts as degraded only once it has a new configuration.
func Follow(ctx context.Context, client dynamic.Interface, before []Pool, limit time.Duration, report func([]Pool)) error {
	was := map[string]Pool{}
	for _, p := range before {
		was[p.Name] = p
	}
	var last []Pool
	untouched := true
	done, err := kube.PollEvery(ctx, poolPause, limit, func() (bool, error) {
		pools, err := Pools(ctx, client)
		if err != nil {
			return false, err
		}
		if changed(last, pools) {
			report(pools)
		}
		last = pools
		finished := true
		for _, p := range pools {
			begun := p.Config != was[p.Name].Config
			untouched = untouched && !begun
			if begun && p.Reason != "" {
				return false, &DegradedError{Pool: p}
			}
			finished = finished && (p.Paused || begun && p.Done)
		}
		return finished, nil
	})
	if err != nil || done {
		return err
	}
	return &UnfinishedError{Pools: last, Untouched: untouched}
}

func changed(a, b []Pool) bool {
	if len(a) != len(b) {
		return true
	}
	for i := range a {
		if a[i] != b[i] {
			return true
		}
	}
	return false
}
