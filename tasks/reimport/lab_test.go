//go:build lab

package reimport

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"oreg/tasks/kube/kubetest"
)

// TestRealAPI has image streams as custom resources: an ImageStreamImport is
// then stored like any object and nobody answers it, which is the case without
// a verdict. The answers themselves are covered by the unit tests.
func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	client := kubetest.Client(t, lab.Kubeconfig)
	_, err := Failed(t.Context(), client.Dynamic, "openshift", []string{"registry.example.com"}, nil)
	require.ErrorIs(t, err, ErrNoImageStreams)

	kubetest.Define(t, client, imageStreams(), "ImageStream", true)
	kubetest.Define(t, client, imageStreamImports(), "ImageStreamImport", true)
	var items []map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(streams), &items))
	for _, item := range items {
		o := &unstructured.Unstructured{Object: item}
		o.SetAPIVersion("image.openshift.io/v1")
		o.SetKind("ImageStream")
		_, err := client.Dynamic.Resource(imageStreams()).Namespace("openshift").Create(t.Context(), o, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for _, namespace := range []string{"openshift", ""} {
		tags, err := Failed(t.Context(), client.Dynamic, namespace, []string{"registry.example.com"}, nil)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"openshift/ruby:2.5", "openshift/whole"}, names(tags))
	}
	tags, err := Failed(t.Context(), client.Dynamic, "openshift", []string{"registry.example.com"}, nil)
	require.NoError(t, err)
	for _, o := range Import(t.Context(), client.Dynamic, tags, false, nil) {
		require.NoError(t, o.Err)
		assert.False(t, o.Imported)
	}
	list, err := client.Dynamic.Resource(imageStreamImports()).Namespace("openshift").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	assert.Len(t, list.Items, 2)

	_, err = Failed(t.Context(), kubetest.Client(t, lab.Limited).Dynamic, "openshift", []string{"registry.example.com"}, nil)
	require.ErrorContains(t, err, "list imagestreams.image.openshift.io")
}
