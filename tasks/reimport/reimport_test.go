package reimport

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

// streams are as an OpenShift 3.11 cluster has them.
const streams = `
- metadata: {namespace: openshift, name: ruby}
  spec:
    tags:
    - {name: "2.5", from: {kind: DockerImage, name: "registry.example.com/rhscl/ruby-25:latest"}, importPolicy: {insecure: true}, referencePolicy: {type: Local}}
    - {name: "2.4", from: {kind: DockerImage, name: "registry.example.com/rhscl/ruby-24:latest"}}
    - {name: "2.3", from: {kind: DockerImage, name: "other.example.com/rhscl/ruby-23:latest"}}
    - {name: latest, from: {kind: ImageStreamTag, name: "2.5"}}
  status:
    tags:
    - {tag: "2.5", conditions: [{type: ImportSuccess, status: "False", message: "unauthorized: authentication required secret-4711"}]}
    - {tag: "2.4", items: [{image: "sha256:1"}]}
    - {tag: "2.3", conditions: [{type: ImportSuccess, status: "False", message: "gone"}]}
    - {tag: latest, conditions: [{type: ImportSuccess, status: "False", message: "x"}]}
- metadata: {namespace: openshift, name: whole}
  spec: {dockerImageRepository: "registry.example.com/team/whole"}
- metadata: {namespace: openshift, name: hub}
  spec:
    tags: [{name: a, from: {kind: DockerImage, name: "library/busybox:1"}}, {name: b, from: {kind: DockerImage, name: "busybox"}}]
  status:
    tags: [{tag: a, conditions: [{type: ImportSuccess, status: "False"}]}, {tag: b, conditions: [{type: ImportSuccess, status: "False"}]}]
- metadata: {namespace: openshift, name: fine}
  spec: {tags: [{name: a, from: {kind: DockerImage, name: "registry.example.com/a"}}]}
  status: {tags: [{tag: a, items: [{image: "sha256:1"}], conditions: [{type: Scheduled, status: "False"}, {type: ImportSuccess, status: "True"}]}]}
`

func client(t *testing.T) *fake.FakeDynamicClient {
	t.Helper()
	var items []map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(streams), &items))
	var objects []runtime.Object
	for _, item := range items {
		o := &unstructured.Unstructured{Object: item}
		o.SetAPIVersion("image.openshift.io/v1")
		o.SetKind("ImageStream")
		objects = append(objects, o)
	}
	return fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{imageStreams(): "ImageStreamList", imageStreamImports(): "ImageStreamImportList"}, objects...)
}

func names(tags []Tag) (all []string) {
	for _, t := range tags {
		all = append(all, t.String())
	}
	return all
}

func TestC12_FailedOnOneOfOurRegistries(t *testing.T) {
	for name, tt := range map[string]struct {
		registries []string
		want       []string
	}{
		"ours":         {[]string{"registry.example.com"}, []string{"openshift/ruby:2.5", "openshift/whole"}},
		"with a path":  {[]string{"registry.example.com/rhscl"}, []string{"openshift/ruby:2.5"}},
		"docker hub":   {[]string{"https://index.docker.io/v1/"}, []string{"openshift/hub:a", "openshift/hub:b"}},
		"another port": {[]string{"registry.example.com:5000"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tags, err := Failed(t.Context(), client(t), "openshift", tt.registries, secret.NewMasker(secret.New("secret-4711")))
			require.NoError(t, err)
			assert.ElementsMatch(t, tt.want, names(tags))
			for _, tag := range tags {
				assert.NotContains(t, tag.Failure, "secret-4711")
			}
		})
	}
}

// TestC12_EveryPageIsLookedAt: a cluster with more streams than one answer
// holds.
func TestC12_EveryPageIsLookedAt(t *testing.T) {
	c := client(t)
	asked := 0 // the fake client keeps the place in the listing to itself
	c.PrependReactor("list", "imagestreams", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("image.openshift.io/v1")
		list.SetKind("ImageStreamList")
		name := "second"
		if asked == 1 {
			name = "first"
			list.SetContinue("more")
		}
		o := unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"dockerImageRepository": "registry.example.com/" + name}}}
		o.SetNamespace("openshift")
		o.SetName(name)
		list.Items = append(list.Items, o)
		return true, list, nil
	})
	tags, err := Failed(t.Context(), c, "openshift", []string{"registry.example.com"}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"openshift/first", "openshift/second"}, names(tags))
	assert.Equal(t, 2, asked)
}

func TestC12_OneImportForEachStream(t *testing.T) {
	c := client(t)
	var asked []map[string]any
	c.PrependReactor("create", "imagestreamimports", func(a clienttesting.Action) (bool, runtime.Object, error) {
		o := a.(clienttesting.CreateAction).GetObject().(*unstructured.Unstructured).DeepCopy()
		asked = append(asked, o.Object)
		var status map[string]any
		switch o.GetName() {
		case "ruby":
			status = map[string]any{"images": []any{map[string]any{"status": map[string]any{"status": "Success"}}}}
		case "whole":
			status = map[string]any{"repository": map[string]any{"status": map[string]any{"status": "Failure", "message": "still\nno  secret-4711"}}}
		case "hub":
			return true, nil, apierrors.NewForbidden(imageStreamImports().GroupResource(), "hub", errors.New("no"))
		}
		o.Object["status"] = status
		return true, o, nil
	})
	tags, err := Failed(t.Context(), c, "openshift", []string{"registry.example.com", "docker.io"}, nil)
	require.NoError(t, err)
	require.Len(t, tags, 4)

	for _, o := range Import(t.Context(), c, tags, true, nil) {
		assert.False(t, o.Imported)
		require.NoError(t, o.Err)
	}
	require.Empty(t, asked, "check asks for nothing")

	outcomes := map[string]Outcome{}
	for _, o := range Import(t.Context(), c, tags, false, secret.NewMasker(secret.New("secret-4711"))) {
		outcomes[o.String()] = o
	}
	require.Len(t, asked, 3)
	assert.True(t, outcomes["openshift/ruby:2.5"].Imported)
	var failed *ImportError
	require.ErrorAs(t, outcomes["openshift/whole"].Err, &failed)
	assert.Equal(t, "still no [secret]", failed.Error())
	assert.True(t, kube.IsCause(outcomes["openshift/hub:a"].Err, kube.CauseForbidden))
	assert.True(t, kube.IsCause(outcomes["openshift/hub:b"].Err, kube.CauseForbidden))

	for _, request := range asked {
		if name, _, _ := unstructured.NestedString(request, "metadata", "name"); name == "ruby" {
			assert.Equal(t, map[string]any{"import": true, "images": []any{map[string]any{
				"from":         map[string]any{"kind": "DockerImage", "name": "registry.example.com/rhscl/ruby-25:latest"},
				"to":           map[string]any{"name": "2.5"},
				"importPolicy": map[string]any{"insecure": true}, "referencePolicy": map[string]any{"type": "Local"},
			}}}, request["spec"])
		}
	}
}

func TestClusterWithoutImageStreams(t *testing.T) {
	c := client(t)
	c.PrependReactor("list", "imagestreams", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewGenericServerResponse(404, "list", imageStreams().GroupResource(), "", "404 page not found", 0, true)
	})
	_, err := Failed(t.Context(), c, "openshift", []string{"registry.example.com"}, nil)
	require.ErrorIs(t, err, ErrNoImageStreams)
}
