//go:build lab

package kubetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"oreg/tasks/kube"
)

// Define gives the lab a resource of OpenShift's, with any fields and no
// controller: the test plays that.
func Define(t *testing.T, client *kube.Client, resource schema.GroupVersionResource, kind string, namespaced bool) {
	t.Helper()
	scope := "Cluster"
	if namespaced {
		scope = "Namespaced"
	}
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": resource.Resource + "." + resource.Group, "annotations": map[string]any{
			// The API server asks for this in groups of Kubernetes' own alone; it
			// does no harm elsewhere.
			"api-approved.kubernetes.io": "unapproved, a test",
		}},
		"spec": map[string]any{
			"group": resource.Group, "scope": scope,
			"names": map[string]any{"plural": resource.Resource, "kind": kind},
			"versions": []any{map[string]any{"name": resource.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	_, err := client.Dynamic.Resource(definitions).Create(t.Context(), crd, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := client.Dynamic.Resource(resource).List(t.Context(), metav1.ListOptions{})
		return !apierrors.IsNotFound(err)
	}, 20*time.Second, 100*time.Millisecond, "%s is not served", resource)
}
