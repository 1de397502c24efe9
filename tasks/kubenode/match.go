package kubenode

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"oreg/tasks/kube"
)

// Node is what is kept of a Node object: thousands of whole ones are hundreds
// of megabytes.
type Node struct {
	Name      string
	Addresses []string
}

// Lister lists Node objects. clientset.CoreV1().Nodes() is one.
type Lister interface {
	List(ctx context.Context, opts metav1.ListOptions) (*corev1.NodeList, error)
}

// page is how many Node objects one request asks for.
const page = 100

// List lists the cluster's nodes. The error is a *kube.Error.
func List(ctx context.Context, client Lister) ([]Node, error) {
	var nodes []Node
	list := pager.New(func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
		return client.List(ctx, opts)
	})
	list.PageSize, list.PageBufferSize = page, 0
	err := list.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		if n, ok := o.(*corev1.Node); ok {
			node := Node{Name: n.Name}
			for _, a := range n.Status.Addresses {
				node.Addresses = append(node.Addresses, a.Address)
			}
			nodes = append(nodes, node)
		}
		return nil
	})
	return nodes, kube.Classify(err, kube.Call{Verb: "list", Resource: "nodes"}, nil)
}

// Host is a host of the inventory and the names that it goes by.
type Host struct {
	// Name is the inventory's, Address where it is connected to.
	Name, Address string
	// Override is openshift_kubelet_name_override; Hostname the name that the
	// host gives itself. Both may be empty.
	Override, Hostname string
}

// AmbiguousError says that the Node object of a host cannot be told.
type AmbiguousError struct{ Message, Hint string }

func (e *AmbiguousError) Error() string { return e.Message }

// Match tells each host's Node object: the one named by the override, else the
// one named as the host names itself, else the only one that has one of the
// host's names as its name or among its addresses. errs has an
// [*AmbiguousError] for each host for which that is none or several, or the
// same as another host's.
func Match(hosts []Host, nodes []Node) (names []string, errs []error) {
	byName := map[string]bool{}
	byAny := map[string][]string{} // names and addresses, in lower case
	note := func(key, node string) {
		if key = strings.ToLower(key); key != "" && !slices.Contains(byAny[key], node) {
			byAny[key] = append(byAny[key], node)
		}
	}
	for _, n := range nodes {
		byName[n.Name] = true
		note(n.Name, n.Name)
		for _, a := range n.Addresses {
			note(a, n.Name)
		}
	}
	names, errs = make([]string, len(hosts)), make([]error, len(hosts))
	first := map[string]int{}
	for i, h := range hosts {
		names[i], errs[i] = match(h, byName, byAny)
		if errs[i] != nil {
			continue
		}
		if other, taken := first[names[i]]; taken {
			errs[i] = &AmbiguousError{
				Message: fmt.Sprintf("the Node object %s would be that of %s too", names[i], hosts[other].Name),
				Hint:    "set openshift_kubelet_name_override for both hosts",
			}
			continue
		}
		first[names[i]] = i
	}
	return names, errs
}

func match(h Host, byName map[string]bool, byAny map[string][]string) (string, error) {
	if h.Override != "" {
		// The kubelet takes the name in lower case.
		if name := strings.ToLower(h.Override); byName[name] {
			return name, nil
		}
		return "", &AmbiguousError{
			Message: fmt.Sprintf("the cluster has no Node object named %q, as openshift_kubelet_name_override says", h.Override),
			Hint:    "correct it, or look at `oc get nodes`",
		}
	}
	if name := strings.ToLower(h.Hostname); byName[name] {
		return name, nil
	}
	var found []string
	for _, key := range []string{h.Hostname, h.Name, h.Address} {
		for _, name := range byAny[strings.ToLower(key)] {
			if !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	const hint = "set openshift_kubelet_name_override to the name that `oc get nodes` shows"
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &AmbiguousError{
			Message: fmt.Sprintf("no Node object of the cluster has the name or an address of the host (%s)", strings.Join(called(h), ", ")),
			Hint:    hint,
		}
	}
	return "", &AmbiguousError{
		Message: fmt.Sprintf("the host's names (%s) belong to several Node objects: %s", strings.Join(called(h), ", "), strings.Join(found, ", ")),
		Hint:    hint,
	}
}

// called are the names of a host, each once.
func called(h Host) []string {
	var names []string
	for _, name := range []string{h.Hostname, h.Name, h.Address} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Others are the nodes that have no name or address of any of the hosts, in
// the order given: those that an inventory lacks.
func Others(hosts []Host, nodes []Node) []string {
	ours := map[string]bool{}
	for _, h := range hosts {
		for _, key := range []string{h.Override, h.Hostname, h.Name, h.Address} {
			if key != "" {
				ours[strings.ToLower(key)] = true
			}
		}
	}
	var others []string
	for _, n := range nodes {
		if !slices.ContainsFunc(append(n.Addresses, n.Name), func(key string) bool { return ours[strings.ToLower(key)] }) {
			others = append(others, n.Name)
		}
	}
	return others
}
