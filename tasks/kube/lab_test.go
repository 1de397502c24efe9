//go:build lab

package kube_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory"
	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	admin := kubetest.Client(t, lab.Kubeconfig)
	call := kube.Call{Verb: "get", Resource: "secrets", Namespace: "openshift", Name: "none"}

	t.Run("the master's kubeconfig through a dialer", func(t *testing.T) {
		data, err := os.ReadFile(lab.Kubeconfig)
		require.NoError(t, err)
		dialled := 0
		access, err := kube.FromMaster(t.Context(), kube.Master{Name: "n1", Kubeconfig: data,
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				dialled++
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}})
		require.NoError(t, err)
		client, err := access.Client("test")
		require.NoError(t, err)
		defer client.Close()
		_, err = client.CoreV1().Namespaces().Get(t.Context(), "openshift", metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, 1, dialled)
	})

	t.Run("guard", func(t *testing.T) {
		require.NoError(t, kube.Guard(t.Context(), admin.CoreV1().Nodes(), []inventory.Node{{Name: "n1"}}, "k"))
		err := kube.Guard(t.Context(), admin.CoreV1().Nodes(), []inventory.Node{{Name: "elsewhere"}}, "k")
		assert.Equal(t, kube.CauseWrongCluster, causeOf(t, err))
		err = kube.Guard(t.Context(), kubetest.Client(t, lab.Limited).CoreV1().Nodes(), nil, "k")
		assert.Equal(t, kube.CauseForbidden, causeOf(t, err))
	})

	t.Run("forbidden names verb resource namespace", func(t *testing.T) {
		limited := kubetest.Client(t, lab.Limited)
		_, err := limited.CoreV1().Secrets("openshift").Get(t.Context(), "none", metav1.GetOptions{})
		err = kube.Classify(err, call, nil)
		assert.Equal(t, kube.CauseForbidden, causeOf(t, err))
		for _, want := range []string{"get", "secrets", `"openshift"`, "limited"} {
			require.ErrorContains(t, err, want)
		}
		allowed, err := kube.Allowed(t.Context(), limited, call)
		require.NoError(t, err)
		assert.False(t, allowed)
		allowed, err = kube.Allowed(t.Context(), admin, call)
		require.NoError(t, err)
		assert.True(t, allowed)
	})

	t.Run("impersonation", func(t *testing.T) {
		access, err := kube.FromKubeconfig(kube.Flags{Kubeconfig: lab.Kubeconfig, As: "somebody"}, kube.Environment{Getenv: func(string) string { return "" }})
		require.NoError(t, err)
		client, err := access.Client("test")
		require.NoError(t, err)
		defer client.Close()
		_, err = client.CoreV1().Secrets("openshift").Get(t.Context(), "none", metav1.GetOptions{})
		require.ErrorContains(t, kube.Classify(err, call, nil), `User "somebody"`)
	})

	t.Run("not found and namespace missing", func(t *testing.T) {
		_, err := admin.CoreV1().Secrets("openshift").Get(t.Context(), "none", metav1.GetOptions{})
		assert.True(t, kube.NotFound(err))
		_, err = admin.CoreV1().Secrets("nowhere").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
		assert.Equal(t, kube.CauseNamespaceMissing, causeOf(t, kube.Classify(err, call, nil)))
	})

	t.Run("a server that hangs and one that is away", func(t *testing.T) {
		lab.Ctl(t, "api", "pause")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := kubetest.Client(t, lab.Kubeconfig).CoreV1().Secrets("openshift").Get(ctx, "none", metav1.GetOptions{})
		err = kube.Classify(err, call, nil)
		assert.Equal(t, kube.CauseAPIUnreachable, causeOf(t, err))
		require.ErrorContains(t, err, "no answer in time")
		lab.Ctl(t, "api", "resume")
		lab.Ctl(t, "api", "stop")
		_, err = kubetest.Client(t, lab.Kubeconfig).CoreV1().Secrets("openshift").Get(t.Context(), "none", metav1.GetOptions{})
		err = kube.Classify(err, call, nil)
		assert.Equal(t, kube.CauseAPIUnreachable, causeOf(t, err))
		require.ErrorContains(t, err, "connection refused")
	})
}

func causeOf(t *testing.T, err error) kube.Cause {
	t.Helper()
	var known *kube.Error
	require.ErrorAs(t, err, &known)
	return known.Cause
}
