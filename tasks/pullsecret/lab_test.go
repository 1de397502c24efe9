//go:build lab

package pullsecret

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube/kubetest"
	"oreg/tasks/secrets"
)

func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	client := kubetest.Client(t, lab.Kubeconfig)

	// A cluster of Kubernetes alone, as the lab is.
	p, err := Find(t.Context(), client.Dynamic)
	require.NoError(t, err)
	assert.Len(t, p.Warnings, 2)
	pools, err := Pools(t.Context(), client.Dynamic)
	require.NoError(t, err)
	assert.Empty(t, pools)
	job := p.Job(secrets.Job{Run: "20261121T101500Z-3f9c", Backup: true,
		Entries: []dockerconfig.Entry{{Key: "quay.io", User: "u", Password: secret.New("p")}}})
	r := secrets.Put(t.Context(), client, job)
	require.ErrorContains(t, r.Err, `secret "pull-secret" does not exist in namespace "openshift-config"`)
	_, err = Find(t.Context(), kubetest.Client(t, lab.Limited).Dynamic)
	require.NoError(t, err)

	// Now OpenShift 4.
	kubetest.Define(t, client, infrastructures(), "Infrastructure", false)
	kubetest.Define(t, client, clusterVersions(), "ClusterVersion", false)
	kubetest.Define(t, client, machineConfigPools(), "MachineConfigPool", false)
	_, err = client.Dynamic.Resource(infrastructures()).Create(t.Context(), infrastructure("HighlyAvailable"), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.Dynamic.Resource(clusterVersions()).Create(t.Context(), clusterVersion("4.12.3"), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.Dynamic.Resource(machineConfigPools()).Create(t.Context(), pool("worker", "w-1", "w-1", 2, 2, "Updated"), metav1.CreateOptions{})
	require.NoError(t, err)

	p, err = Find(t.Context(), client.Dynamic)
	require.NoError(t, err)
	assert.Equal(t, Place{Namespace: "openshift-config", Name: "pull-secret", Version: "4.12.3"}, p)
	require.ErrorContains(t, secrets.Put(t.Context(), client, job).Err, "does not exist")

	_, err = client.CoreV1().Secrets(p.Namespace).Create(t.Context(),
		secretOf(p.Namespace, p.Name, `{"auths":{"cloud.openshift.com":{"auth":"dTpw","email":"e@example.com"}},"extra":1}`), metav1.CreateOptions{})
	require.NoError(t, err)

	before, err := Pools(t.Context(), client.Dynamic)
	require.NoError(t, err)
	r = secrets.Put(t.Context(), client, job)
	require.NoError(t, r.Err)
	assert.Equal(t, secrets.StatusUpdated, r.Status)
	out := kubetest.Kubectl(t, lab.Kubeconfig, "-n", p.Namespace, "get", "secret", p.Name, "-o", `go-template={{index .data ".dockerconfigjson" | base64decode}}`)
	assert.JSONEq(t, `{"auths":{"cloud.openshift.com":{"auth":"dTpw","email":"e@example.com"},"quay.io":{"username":"u","password":"p","auth":"dTpw"}},"extra":1}`, string(out))
	assert.Equal(t, secrets.StatusUnchanged, secrets.Put(t.Context(), client, job).Status)

	// The machine-config operator, played here.
	done := make(chan error, 1)
	go func() { done <- Follow(t.Context(), client.Dynamic, before, time.Minute, func([]Pool) {}) }()
	play := func(updated int64, running, condition string) {
		o, err := client.Dynamic.Resource(machineConfigPools()).Get(t.Context(), "worker", metav1.GetOptions{})
		require.NoError(t, err)
		next := pool("worker", "w-2", running, 2, updated, condition)
		next.SetResourceVersion(o.GetResourceVersion())
		_, err = client.Dynamic.Resource(machineConfigPools()).Update(t.Context(), next, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	play(1, "w-1", "Updating")
	select {
	case err := <-done:
		t.Fatalf("done before the pool was: %v", err)
	case <-time.After(3 * time.Second):
	}
	play(2, "w-2", "Updated")
	require.NoError(t, <-done)

	differs, err := Settle(t.Context(), client, job, 2*time.Second)
	require.NoError(t, err)
	assert.Empty(t, differs)
	_, err = client.CoreV1().Secrets("openshift").Create(t.Context(), secretOf("openshift", "copy", `{"auths":{"quay.io":{"auth":"dTpvbGQ="}}}`), metav1.CreateOptions{})
	require.NoError(t, err)
	logins, err := secrets.Logins(t.Context(), client, job)
	require.NoError(t, err)
	copies, err := Copies(t.Context(), client, p, logins)
	require.NoError(t, err)
	assert.Equal(t, []Copy{{Namespace: "openshift", Name: "copy", Hosts: []string{"quay.io"}}}, copies)

	// A hosted control plane: the other secret is made.
	o, err := client.Dynamic.Resource(infrastructures()).Get(t.Context(), "cluster", metav1.GetOptions{})
	require.NoError(t, err)
	hosted := infrastructure("External")
	hosted.SetResourceVersion(o.GetResourceVersion())
	_, err = client.Dynamic.Resource(infrastructures()).Update(t.Context(), hosted, metav1.UpdateOptions{})
	require.NoError(t, err)
	p, err = Find(t.Context(), client.Dynamic)
	require.NoError(t, err)
	r = secrets.Put(t.Context(), client, p.Job(job))
	require.NoError(t, r.Err)
	assert.Equal(t, secrets.StatusCreated, r.Status)
	_, err = client.CoreV1().Secrets("kube-system").Get(t.Context(), "additional-pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
}
