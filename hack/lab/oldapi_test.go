//go:build lab

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"oreg/hack/lab/oldapi"
)

func TestAPIOf111RefusesWhatCameLater(t *testing.T) {
	r := startLab(t, "--nodes", "1", "--registries", "", "--api-version", "1.11")
	k := r.Kubernetes
	client := func(kubeconfig string) *kubernetes.Clientset {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		require.NoError(t, err)
		c, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)
		return c
	}
	old := client(k.Kubeconfig)
	version, err := old.ServerVersion()
	require.NoError(t, err)
	require.Equal(t, oldapi.Version, version.GitVersion)

	secrets := old.CoreV1().Secrets("openshift")
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"a": "b"}}
	_, err = secrets.Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	require.True(t, apierrors.IsBadRequest(err), "%v", err)
	_, err = secrets.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "x"})
	require.True(t, apierrors.IsBadRequest(err), "%v", err)
	made, err := secrets.Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	made.StringData = map[string]string{"a": "c"}
	_, err = secrets.Update(t.Context(), made, metav1.UpdateOptions{})
	require.NoError(t, err)
	watch, err := secrets.Watch(t.Context(), metav1.ListOptions{AllowWatchBookmarks: true})
	require.NoError(t, err)
	require.Equal(t, "s", (<-watch.ResultChan()).Object.(*corev1.Secret).Name)
	watch.Stop()

	_, err = old.CoordinationV1().Leases("openshift").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	groups, err := old.ServerGroups()
	require.NoError(t, err)
	for _, g := range groups.Groups {
		require.NotContains(t, []string{"coordination.k8s.io", "policy", "discovery.k8s.io", "apiextensions.k8s.io"}, g.Name)
	}
	_, resources, err := old.ServerGroupsAndResources()
	require.NoError(t, err)
	for _, list := range resources {
		for _, res := range list.APIResources {
			require.NotEqual(t, "cronjobs", res.Name)
		}
	}

	limited, err := client(k.KubeconfigLimited).CoreV1().Secrets("openshift").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v %v", limited, err)
	require.ErrorContains(t, err, `"limited"`, "the API knows who asks")

	direct, err := client(k.KubeconfigDirect).CoordinationV1().Leases("openshift").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, direct.Items)

	refused := r.ctl(t, "api", "refused")
	require.Contains(t, refused, "the parameter dryRun came in 1.12")
	require.Contains(t, refused, `"user":"system:admin"`)
	onFile, err := os.ReadFile(k.RefusedLog)
	require.NoError(t, err)
	require.Contains(t, string(onFile), "dryRun")

	r.ctl(t, "api", "stop")
	_, err = old.ServerVersion()
	require.ErrorContains(t, err, "refused")
	r.ctl(t, "api", "start")
	_, err = old.ServerVersion()
	require.NoError(t, err)
}
