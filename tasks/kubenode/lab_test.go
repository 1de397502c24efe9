//go:build lab

package kubenode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/kube/kubetest"
	"oreg/tasks/kubenode"
)

// TestN15_ReadyOnARealAPI: the lab plays the kubelet of a real Node object.
func TestN15_ReadyOnARealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	client := kubetest.Client(t, lab.Kubeconfig)
	nodes, err := kubenode.List(t.Context(), client.CoreV1().Nodes())
	require.NoError(t, err)
	names, errs := kubenode.Match([]kubenode.Host{{Name: "n1"}}, nodes)
	require.NoError(t, errs[0])
	assert.Equal(t, "n1", names[0])

	wait := kubenode.Wait{Timeout: 3 * time.Second, Poll: 100 * time.Millisecond, Now: time.Now}
	ready := func() error { return wait.Ready(t.Context(), client.CoreV1().Nodes(), "n1", time.Now()) }

	lab.Ctl(t, "kubelet", "heartbeat", "n1", "on")
	require.NoError(t, ready())

	// Ready as it was, without another heartbeat: that is no kubelet.
	lab.Ctl(t, "kubelet", "heartbeat", "n1", "stale")
	var late *kubenode.NotReadyError
	require.ErrorAs(t, ready(), &late)
	assert.Contains(t, late.Message, "is stale")

	lab.Ctl(t, "kubelet", "heartbeat", "n1", "off")
	require.ErrorAs(t, ready(), &late)
	assert.Contains(t, late.Message, "Unknown")

	// The API goes away and comes back: it may run on the very node.
	lab.Ctl(t, "kubelet", "heartbeat", "n1", "on")
	lab.Ctl(t, "api", "stop")
	require.ErrorAs(t, ready(), &late)
	wait.Timeout = time.Minute
	back := make(chan error, 1)
	go func() { back <- ready() }()
	lab.Ctl(t, "api", "start")
	require.NoError(t, <-back)
}
