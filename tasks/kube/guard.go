package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		Message: fmt.Sprintf("%s leads to a cluster whose Nodes (%s) are none of the inventory's",
			source, some(seen, count)),
		Hint: "name the kubeconfig or context of the inventory's cluster, or say --allow-other-cluster",
	}
}

// some names a few of so many nodes.
func some(names []string, count int) string {
	text := strings.Join(names, ", ")
	if more := count - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
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

// visit lists the Node objects, page by page, until see fails, each once.
// client-go's own pager reads ahead and goes on reading after it has returned.
func visit(ctx context.Context, client Nodes, see func(*corev1.Node) error) error {
	opts := metav1.ListOptions{Limit: nodePage}
	seen := map[string]bool{}
	for {
		list, err := client.List(ctx, opts)
		if apierrors.IsResourceExpired(err) && opts.Continue != "" {
			// The server forgot where the listing stood: take all at once.
			opts.Limit, opts.Continue = 0, ""
			continue
		}
		if err != nil {
			return Classify(err, Call{Verb: "list", Resource: "nodes"}, nil)
		}
		for i := range list.Items {
			node := &list.Items[i]
			if seen[node.Name] {
				continue
			}
			seen[node.Name] = true
			if err := see(node); err != nil {
				return err
			}
		}
		if opts.Continue = list.Continue; opts.Continue == "" {
			return nil
		}
	}
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
