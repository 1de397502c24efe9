package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"oreg/inventory"
)

// Nodes lists Node objects. clientset.CoreV1().Nodes() is one.
type Nodes interface {
	List(ctx context.Context, opts metav1.ListOptions) (*corev1.NodeList, error)
}

// nodePage is how many Node objects one request asks for: each carries its
// images and may have 50 KB.
const nodePage = 100

// errFound ends a listing early.
var errFound = errors.New("found")

// Guard fails with cause wrong-cluster if the cluster has Node objects and
// none of them is one of the inventory's nodes. A Node is one of them if its
// name or one of its addresses is a node's kubelet name, inventory name or
// address, in any case. A cluster without Node objects passes: it is being
// installed. source names the kubeconfig in messages.
func Guard(ctx context.Context, client Nodes, nodes []inventory.Node, source string) error {
	var seen []string
	count := 0
	ours := names(nodes)
	err := visit(ctx, client, func(node *corev1.Node) error {
		if isOneOf(node, ours) {
			return errFound
		}
		if count++; len(seen) < 3 {
			seen = append(seen, node.Name)
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound), err == nil && count == 0:
		return nil
	case err != nil:
		return err
	}
	return &Error{
		Cause: CauseWrongCluster,
		Message: fmt.Sprintf("%s leads to a cluster of %d nodes (%s, ...), none of which is in the inventory",
			source, count, strings.Join(seen, ", ")),
		Hint: "name the kubeconfig or context of the inventory's cluster, or say --allow-other-cluster",
	}
}

// Strangers lists the names of the Node objects that are none of the
// inventory's nodes, told as in [Guard]: nodes that were added and forgotten.
func Strangers(ctx context.Context, client Nodes, nodes []inventory.Node) ([]string, error) {
	var strangers []string
	ours := names(nodes)
	err := visit(ctx, client, func(node *corev1.Node) error {
		if !isOneOf(node, ours) {
			strangers = append(strangers, node.Name)
		}
		return nil
	})
	return strangers, err
}

// names are all that a node may be called by.
func names(nodes []inventory.Node) map[string]bool {
	ours := map[string]bool{}
	for _, n := range nodes {
		for _, name := range []string{n.Name, n.KubeletName, n.Connection.Address} {
			if name != "" {
				ours[strings.ToLower(name)] = true
			}
		}
	}
	return ours
}

// visit lists the Node objects, page by page, until see fails.
func visit(ctx context.Context, client Nodes, see func(*corev1.Node) error) error {
	list := pager.New(func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
		return client.List(ctx, opts)
	})
	list.PageSize, list.PageBufferSize = nodePage, 0
	err := list.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		if node, ok := o.(*corev1.Node); ok {
			return see(node)
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return err
	}
	return Classify(err, Call{Verb: "list", Resource: "nodes"}, nil)
}

func isOneOf(node *corev1.Node, ours map[string]bool) bool {
	if ours[strings.ToLower(node.Name)] {
		return true
	}
	for _, a := range node.Status.Addresses {
		if ours[strings.ToLower(a.Address)] {
			return true
		}
	}
	return false
}
