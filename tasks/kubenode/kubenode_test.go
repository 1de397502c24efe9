package kubenode_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"oreg/tasks/kubenode"
)

func TestN15_HostToNode(t *testing.T) {
	nodes := []kubenode.Node{
		{Name: "node1.example.com", Addresses: []string{"10.0.0.1", "node1.example.com"}},
		{Name: "ip-10-0-0-2.internal", Addresses: []string{"10.0.0.2", "203.0.113.2"}},
		{Name: "twin-a", Addresses: []string{"10.0.0.9"}},
		{Name: "twin-b", Addresses: []string{"10.0.0.9"}},
	}
	for _, c := range []struct {
		name string
		host kubenode.Host
		want string
		err  string
	}{
		{"the override wins over the name", kubenode.Host{Name: "n", Override: "twin-a", Hostname: "node1.example.com"}, "twin-a", ""},
		{"the override in capitals", kubenode.Host{Name: "n", Override: "Twin-A"}, "twin-a", ""},
		{"an override that is no Node", kubenode.Host{Name: "n", Override: "node1", Address: "10.0.0.1"}, "", `no Node object named "node1"`},
		{"the name the host gives itself", kubenode.Host{Name: "whatever", Hostname: "NODE1.example.com", Address: "10.0.0.2"}, "node1.example.com", ""},
		{"an address", kubenode.Host{Name: "web", Hostname: "localhost", Address: "203.0.113.2"}, "ip-10-0-0-2.internal", ""},
		{"the inventory's name", kubenode.Host{Name: "twin-b", Hostname: "localhost"}, "twin-b", ""},
		{"nothing fits", kubenode.Host{Name: "x", Hostname: "y", Address: "192.0.2.1"}, "", "no Node object of the cluster has the name or an address of the host (y, x, 192.0.2.1)"},
		{"two share an address", kubenode.Host{Name: "x", Address: "10.0.0.9"}, "", "several Node objects: twin-a, twin-b"},
		{"the names disagree", kubenode.Host{Name: "twin-a", Address: "10.0.0.1"}, "", "several Node objects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			names, errs := kubenode.Match([]kubenode.Host{c.host}, nodes)
			if c.err == "" {
				require.NoError(t, errs[0])
				assert.Equal(t, c.want, names[0])
				return
			}
			var ambiguous *kubenode.AmbiguousError
			require.ErrorAs(t, errs[0], &ambiguous)
			assert.Contains(t, ambiguous.Message, c.err)
			assert.NotEmpty(t, ambiguous.Hint)
		})
	}
	_, errs := kubenode.Match([]kubenode.Host{{Name: "a", Hostname: "twin-a"}, {Name: "b", Override: "twin-a"}}, nodes)
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "that of a too")
}

func TestN18_NodesThatTheInventoryLacks(t *testing.T) {
	nodes := []kubenode.Node{{Name: "n1"}, {Name: "forgotten", Addresses: []string{"10.0.0.7"}}, {Name: "n3", Addresses: []string{"10.0.0.3"}}}
	hosts := []kubenode.Host{{Name: "N1"}, {Name: "other", Address: "10.0.0.3"}}
	assert.Equal(t, []string{"forgotten"}, kubenode.Others(hosts, nodes))
}

func TestListReadsNamesAndAddresses(t *testing.T) {
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}}})
	nodes, err := kubenode.List(t.Context(), client.CoreV1().Nodes())
	require.NoError(t, err)
	assert.Equal(t, []kubenode.Node{{Name: "n1", Addresses: []string{"10.0.0.1"}}}, nodes)
}

// kubelet answers with a Node whose status is a function of time.
type kubelet func(since time.Duration) (corev1.ConditionStatus, time.Duration, error)

func (k kubelet) node(begun time.Time) (*corev1.Node, error) {
	status, heartbeat, err := k(time.Since(begun))
	if err != nil {
		return nil, err
	}
	return &corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
		{Type: corev1.NodeReady, Status: status, Reason: "KubeletNotReady", LastHeartbeatTime: metav1.NewTime(begun.Add(heartbeat).Truncate(time.Second))},
	}}}, nil
}

type getter struct {
	kubelet
	begun time.Time
}

func (g getter) Get(context.Context, string, metav1.GetOptions) (*corev1.Node, error) {
	return g.node(g.begun)
}

// TestN15_OnlyAHeartbeatAfterTheRestartCounts: a Ready condition that is merely
// stale is not believed.
func TestN15_OnlyAHeartbeatAfterTheRestartCounts(t *testing.T) {
	late := kubenode.DefaultReadyTimeout + kubenode.DefaultReadyPoll
	for _, c := range []struct {
		name    string
		kubelet kubelet
		took    time.Duration
		want    string
	}{
		{"ready at once", func(time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			return corev1.ConditionTrue, 2 * time.Second, nil
		}, 0, ""},
		{"stale for 20 s", func(since time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			if since < 20*time.Second {
				return corev1.ConditionTrue, -3 * time.Second, nil
			}
			return corev1.ConditionTrue, since, nil
		}, 20 * time.Second, ""},
		{"in the very second of the restart, perhaps before it", func(since time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			if since < 10*time.Second {
				return corev1.ConditionTrue, 900 * time.Millisecond, nil
			}
			return corev1.ConditionTrue, since, nil
		}, 10 * time.Second, ""},
		{"stale for ever", func(time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			return corev1.ConditionTrue, -time.Second, nil
		}, late, "is stale: the last heartbeat was at"},
		{"not ready", func(since time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			return corev1.ConditionFalse, since, nil
		}, late, "is False (KubeletNotReady)"},
		{"the API is away for a while", func(since time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			if since < time.Minute {
				return "", 0, errors.New("connection refused")
			}
			return corev1.ConditionTrue, since, nil
		}, time.Minute, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				err := kubenode.Wait{Now: time.Now}.Ready(t.Context(), getter{c.kubelet, begun}, "n1", begun)
				assert.Equal(t, c.took, time.Since(begun))
				if c.want == "" {
					require.NoError(t, err)
					return
				}
				var notReady *kubenode.NotReadyError
				require.ErrorAs(t, err, &notReady)
				assert.Contains(t, notReady.Message, c.want)
			})
		})
	}
}

func TestReadyEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		never := func(time.Duration) (corev1.ConditionStatus, time.Duration, error) {
			return corev1.ConditionFalse, 0, nil
		}
		err := kubenode.Wait{Now: time.Now}.Ready(ctx, getter{never, time.Now()}, "n1", time.Now())
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
