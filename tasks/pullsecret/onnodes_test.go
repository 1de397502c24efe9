package pullsecret

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

	"oreg/tasks/kube"
)

// machineConfig is one as the operator renders it.
func machineConfig(name string, file map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfig",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{"config": map[string]any{"storage": map[string]any{"files": []any{
			map[string]any{"path": "/etc/crio/crio.conf", "contents": map[string]any{"source": "data:,x"}}, file,
		}}}},
	}}
}

func configs(objects ...runtime.Object) *fake.FakeDynamicClient {
	return fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{machineConfigs(): "MachineConfigList"}, objects...)
}

func TestT5_WhatTheNodesHave(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		source string
		packed string
		user   string
		want   string
	}{
		"escaped":          {NodeFile, "data:,%7B%22auths%22%3A%7B%22r.example.com%22%3A%7B%22auth%22%3A%22dTpwQDE%3D%22%7D%7D%7D", "", "u", ""},
		"with a type":      {NodeFile, "data:text/plain;charset=utf-8;base64,eyJhdXRocyI6eyJyLmV4YW1wbGUuY29tIjp7ImF1dGgiOiJkVHB3UURFPSJ9fX0=", "", "u", ""},
		"another file":     {"/root/.docker/config.json", "data:,x", "", "", "rendered-1: it has no " + NodeFile},
		"packed":           {NodeFile, "data:;base64,x", "gzip", "", "is packed with gzip"},
		"not a data URL":   {NodeFile, "https://elsewhere/secret-4711", "", "", "is not a data URL"},
		"not base64":       {NodeFile, "data:;base64,secret-4711", "", "", "is not base64"},
		"not escaped well": {NodeFile, "data:,%zz", "", "", "cannot be read"},
		"not a config":     {NodeFile, "data:,secret-4711", "", "", NodeFile + " of machine configuration rendered-1"},
	} {
		t.Run(name, func(t *testing.T) {
			file := map[string]any{"path": tt.path, "contents": map[string]any{"source": tt.source, "compression": tt.packed}}
			found, err := OnNodes(t.Context(), configs(machineConfig("rendered-1", file)), Pool{Name: "worker", Running: "rendered-1"})
			if tt.want != "" {
				require.ErrorIs(t, err, ErrNotTold)
				require.ErrorContains(t, err, tt.want)
				assert.NotContains(t, err.Error(), "secret-4711")
				return
			}
			require.NoError(t, err)
			require.Len(t, found, 1)
			assert.Equal(t, "r.example.com", found[0].Key)
			assert.Equal(t, tt.user, found[0].User)
			assert.Equal(t, "p@1", found[0].Password.Reveal())
		})
	}
}

func TestT5_WhatTheNodesHaveIsNotTold(t *testing.T) {
	_, err := OnNodes(t.Context(), configs(), Pool{Name: "worker"})
	require.ErrorIs(t, err, ErrNotTold)
	_, err = OnNodes(t.Context(), configs(), Pool{Name: "worker", Running: "gone"})
	require.ErrorIs(t, err, ErrNotTold)

	client := configs()
	var answer error
	client.PrependReactor("get", "machineconfigs", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, answer })
	answer = apierrors.NewForbidden(machineConfigs().GroupResource(), "r", errors.New("no"))
	_, err = OnNodes(t.Context(), client, Pool{Name: "worker", Running: "r"})
	require.ErrorIs(t, err, ErrNotTold)
	answer = apierrors.NewInternalError(errors.New("etcd"))
	_, err = OnNodes(t.Context(), client, Pool{Name: "worker", Running: "r"})
	assert.True(t, kube.IsCause(err, kube.CauseAPIUnreachable))
	assert.NotErrorIs(t, err, ErrNotTold)
}
