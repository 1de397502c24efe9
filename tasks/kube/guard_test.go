package kube

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory"
)

// nodePages answers with one page of Node objects after the other.
type nodePages struct {
	pages [][]corev1.Node
	err   error
	asked int
	// forgets: the second page cannot be had.
	forgets bool
}

func (p *nodePages) List(_ context.Context, opts metav1.ListOptions) (*corev1.NodeList, error) {
	if p.err != nil {
		return nil, p.err
	}
	at := len(opts.Continue)
	if p.asked++; p.forgets && at == 1 {
		return nil, apierrors.NewResourceExpired("too old")
	}
	list := &corev1.NodeList{}
	if at < len(p.pages) {
		list.Items = p.pages[at]
	}
	if at+1 < len(p.pages) {
		list.Continue = opts.Continue + "x"
	}
	return list, nil
}

// forgetful gives everything at once where no page is asked for.
type forgetful struct{ *nodePages }

func (f *forgetful) List(ctx context.Context, opts metav1.ListOptions) (*corev1.NodeList, error) {
	if opts.Limit == 0 {
		all := &corev1.NodeList{}
		for _, p := range f.pages {
			all.Items = append(all.Items, p...)
		}
		return all, nil
	}
	return f.nodePages.List(ctx, opts)
}

func node(name string, addresses ...string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, a := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Address: a})
	}
	return n
}

func TestGuard(t *testing.T) {
	ours := []inventory.Node{
		{Name: "Node1.example.com"},
		{Name: "alias", Connection: inventory.Connection{Address: "10.0.0.7"}},
		{Name: "x", KubeletName: "ip-10-0-0-9"},
	}
	for name, tt := range map[string]struct {
		nodes []corev1.Node
		ok    bool
	}{
		"no Node objects yet": {nil, true},
		"by name, any case":   {[]corev1.Node{node("other"), node("node1.EXAMPLE.com")}, true},
		"by address":          {[]corev1.Node{node("other", "10.0.0.7")}, true},
		"by kubelet name":     {[]corev1.Node{node("ip-10-0-0-9")}, true},
		"none of ours":        {[]corev1.Node{node("a", "10.9.9.9"), node("b")}, false},
		"not by prefix":       {[]corev1.Node{node("node1.example.com.evil.test"), node("node1")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := Guard(t.Context(), &nodePages{pages: [][]corev1.Node{tt.nodes}}, ours, "prod.kubeconfig")
			if tt.ok {
				require.NoError(t, err)
				return
			}
			var known *Error
			require.ErrorAs(t, err, &known)
			assert.Equal(t, CauseWrongCluster, known.Cause)
			require.ErrorContains(t, err, "prod.kubeconfig leads to a cluster whose Nodes (")
			assert.Contains(t, known.Hint, "--allow-other-cluster")
		})
	}
}

func TestGuardReadsPagesUntilItKnows(t *testing.T) {
	pages := &nodePages{pages: [][]corev1.Node{{node("a")}, {node("b")}, {node("ours")}, {node("c")}, {node("d")}, {node("e")}}}
	require.NoError(t, Guard(t.Context(), pages, []inventory.Node{{Name: "ours"}}, "k"))
	assert.Equal(t, 3, pages.asked)

	err := Guard(t.Context(), &nodePages{err: apierrors.NewForbidden(corev1.Resource("nodes"), "", errors.New("no"))}, nil, "k")
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, CauseForbidden, known.Cause)
	require.ErrorContains(t, err, "list nodes")
}

func TestN18_StrangersAreNodesThatTheInventoryLacks(t *testing.T) {
	pages := &nodePages{pages: [][]corev1.Node{{node("n1"), node("new1", "10.0.0.9")}, {node("x", "10.0.0.2"), node("new2")}}}
	strangers, err := Strangers(t.Context(), pages, []inventory.Node{{Name: "N1"}, {Name: "n2", Connection: inventory.Connection{Address: "10.0.0.2"}}})
	require.NoError(t, err)
	assert.Equal(t, []string{"new1", "new2"}, strangers)
	pages.forgets = true
	pages.pages = [][]corev1.Node{{node("new1")}, {node("new2")}}
	all, err := Strangers(t.Context(), &forgetful{pages}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"new1", "new2"}, all)
	_, err = Strangers(t.Context(), &nodePages{err: apierrors.NewUnauthorized("expired")}, nil)
	assert.True(t, IsCause(err, CauseUnauthorized))
}
