package pullsecret

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// dynamicClient is a cluster with these objects of OpenShift's own.
func dynamicClient(objects ...runtime.Object) *fake.FakeDynamicClient {
	return fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		infrastructures(): "InfrastructureList", clusterVersions(): "ClusterVersionList", machineConfigPools(): "MachineConfigPoolList",
	}, objects...)
}

func object(apiVersion, kind, name string, fields map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: fields}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetName(name)
	return o
}

func infrastructure(topology string) *unstructured.Unstructured {
	return object("config.openshift.io/v1", "Infrastructure", "cluster", map[string]any{"status": map[string]any{"controlPlaneTopology": topology}})
}

func clusterVersion(version string) *unstructured.Unstructured {
	return object("config.openshift.io/v1", "ClusterVersion", "version", map[string]any{"status": map[string]any{"desired": map[string]any{"version": version}}})
}

func TestC13_HostedControlPlaneHasAnotherSecret(t *testing.T) {
	p, err := Find(t.Context(), dynamicClient(infrastructure("HighlyAvailable"), clusterVersion("4.12.3")))
	require.NoError(t, err)
	assert.Equal(t, Place{Namespace: "openshift-config", Name: "pull-secret", Version: "4.12.3"}, p)
	assert.True(t, p.Job(secrets.Job{}).Shared)

	p, err = Find(t.Context(), dynamicClient(infrastructure("External"), clusterVersion("4.16.0")))
	require.NoError(t, err)
	assert.Equal(t, Place{Namespace: "kube-system", Name: "additional-pull-secret", Hosted: true, Version: "4.16.0"}, p)
	assert.False(t, p.Job(secrets.Job{}).Shared, "it does not exist at first")
	assert.Contains(t, p.Effects()[0], "kube-system/additional-pull-secret")

	p, err = Find(t.Context(), dynamicClient())
	require.NoError(t, err)
	assert.Len(t, p.Warnings, 2)

	client := dynamicClient()
	client.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(infrastructures().GroupResource(), "cluster", errors.New("no"))
	})
	p, err = Find(t.Context(), client)
	require.NoError(t, err)
	assert.Contains(t, p.Warnings[0], "would not be noticed")

	client.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewInternalError(errors.New("away"))
	})
	_, err = Find(t.Context(), client)
	assert.True(t, kube.IsCause(err, kube.CauseAPIUnreachable))
}

func TestT5_EffectOfTheVersion(t *testing.T) {
	for version, says := range map[string]string{
		"": "not known", "4.6.60": "drains and reboots", "4.7.3": "drains and reboots", "4.7.4-rc.1": "drains and reboots",
		"4.7.4": "no node is drained", "4.7.10": "no node is drained", "4.16.0": "no node is drained", "5.0.0": "no node is drained",
	} {
		assert.Contains(t, Place{Version: version}.Effects()[0], says, version)
	}
}

func TestC5_ProtectedEntriesAreNamed(t *testing.T) {
	found := Protected([]string{"quay.io", "https://cloud.openshift.com/", "arosvc.azurecr.io"})
	require.Len(t, found, 2)
	assert.Contains(t, found[0], "cloud.openshift.com")
	assert.Contains(t, found[0], "ownership must be transferred")
	assert.Contains(t, found[1], "arosvc.azurecr.io")
}

// pool is a MachineConfigPool as its controller writes it.
func pool(name, wanted, running string, machines, updated int64, conditions ...string) *unstructured.Unstructured {
	list := []any{}
	for _, c := range conditions {
		list = append(list, map[string]any{"type": c, "status": "True", "reason": "Reason" + c, "message": ""})
	}
	return object("machineconfiguration.openshift.io/v1", "MachineConfigPool", name, map[string]any{
		"spec":   map[string]any{"configuration": map[string]any{"name": wanted}},
		"status": map[string]any{"configuration": map[string]any{"name": running}, "machineCount": machines, "updatedMachineCount": updated, "conditions": list},
	})
}

func set(t *testing.T, client *fake.FakeDynamicClient, o *unstructured.Unstructured) {
	t.Helper()
	_, err := client.Resource(machineConfigPools()).Update(t.Context(), o, metav1.UpdateOptions{})
	assert.NoError(t, err)
}

func TestT5_FollowWaitsForEachPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dynamicClient(pool("master", "m-1", "m-1", 3, 3, "Updated"), pool("worker", "w-1", "w-1", 2, 2, "Updated"))
		before, err := Pools(t.Context(), client)
		require.NoError(t, err)
		time.AfterFunc(20*time.Second, func() { set(t, client, pool("master", "m-2", "m-1", 3, 0, "Updating")) })
		time.AfterFunc(40*time.Second, func() { set(t, client, pool("worker", "w-2", "w-1", 2, 1, "Updating")) })
		time.AfterFunc(50*time.Second, func() { set(t, client, pool("master", "m-2", "m-2", 3, 3, "Updated")) })
		time.AfterFunc(90*time.Second, func() { set(t, client, pool("worker", "w-2", "w-2", 2, 2, "Updated")) })
		begin := time.Now()
		reports := 0
		require.NoError(t, Follow(t.Context(), client, before, 10*time.Minute, func([]Pool) { reports++ }))
		assert.InDelta(t, 90, time.Since(begin).Seconds(), 3)
		assert.Equal(t, 5, reports, "once at the beginning and once for each change")
	})
}

func TestT5_FollowEndsWithTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		degradedBefore := pool("worker", "w-1", "w-1", 2, 2, "Updated", "Degraded", "NodeDegraded")
		client := dynamicClient(degradedBefore)
		before, err := Pools(t.Context(), client)
		require.NoError(t, err)
		var unfinished *UnfinishedError
		require.ErrorAs(t, Follow(t.Context(), client, before, time.Minute, func([]Pool) {}), &unfinished)
		assert.True(t, unfinished.Untouched)
		require.ErrorContains(t, unfinished, "has not begun")

		set(t, client, pool("worker", "w-2", "w-1", 2, 0, "Updating", "Degraded", "NodeDegraded"))
		var degraded *DegradedError
		require.ErrorAs(t, Follow(t.Context(), client, before, time.Minute, func([]Pool) {}), &degraded)
		require.ErrorContains(t, degraded, "worker: 0 of 2 machines updated, degraded: ReasonNodeDegraded")

		set(t, client, pool("worker", "w-2", "w-1", 2, 1, "Updating"))
		require.ErrorAs(t, Follow(t.Context(), client, before, time.Minute, func([]Pool) {}), &unfinished)
		assert.False(t, unfinished.Untouched)
	})
}

// TestT5_APoolIsDoneWhenAllOfItSaysSo: right after a change the conditions are
// still those of before.
func TestT5_APoolIsDoneWhenAllOfItSaysSo(t *testing.T) {
	for name, tt := range map[string]struct {
		pool *unstructured.Unstructured
		done bool
	}{
		"done":                    {pool("w", "w-2", "w-2", 2, 2, "Updated"), true},
		"not begun":               {pool("w", "w-2", "w-1", 2, 2, "Updated"), false},
		"a machine is missing":    {pool("w", "w-2", "w-2", 2, 1, "Updated"), false},
		"still updating":          {pool("w", "w-2", "w-2", 2, 2, "Updated", "Updating"), false},
		"it does not say updated": {pool("w", "w-2", "w-2", 2, 2), false},
	} {
		pools, err := Pools(t.Context(), dynamicClient(tt.pool))
		require.NoError(t, err)
		require.Len(t, pools, 1)
		assert.Equal(t, tt.done, pools[0].Done, name)
	}
}

func TestFollowLeavesPausedPoolsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paused := pool("worker", "w-1", "w-1", 2, 2, "Updated")
		require.NoError(t, unstructured.SetNestedField(paused.Object, true, "spec", "paused"))
		client := dynamicClient(paused)
		before, err := Pools(t.Context(), client)
		require.NoError(t, err)
		require.NoError(t, Follow(t.Context(), client, before, time.Minute, func([]Pool) {}))
	})
}

func TestFollowEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dynamicClient(pool("worker", "w-1", "w-1", 2, 2, "Updated"))
		before, err := Pools(t.Context(), client)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, Follow(ctx, client, before, time.Hour, func([]Pool) {}), context.DeadlineExceeded)
	})
}

func secretOf(namespace, name, content string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(content)}}
}

func TestC14_SettleReportsWhatIsPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kubefake.NewClientset(secretOf("openshift-config", "pull-secret", `{"auths":{"quay.io":{"auth":"dTpw"}}}`))
		job := Place{Namespace: "openshift-config", Name: "pull-secret"}.Job(secrets.Job{
			Entries: []dockerconfig.Entry{{Key: "quay.io", User: "u", Password: secret.New("p")}}})
		begin := time.Now()
		differs, err := Settle(t.Context(), client, job, 10*time.Second)
		require.NoError(t, err)
		assert.Empty(t, differs)
		assert.Equal(t, 10*time.Second, time.Since(begin))

		time.AfterFunc(4*time.Second, func() {
			_, err := client.CoreV1().Secrets("openshift-config").Update(t.Context(), secretOf("openshift-config", "pull-secret", `{"auths":{"quay.io":{"auth":"dTpvbGQ="}}}`), metav1.UpdateOptions{})
			assert.NoError(t, err)
		})
		differs, err = Settle(t.Context(), client, job, 10*time.Second)
		require.NoError(t, err)
		assert.Equal(t, []string{"quay.io: differs: another password"}, differs)
	})
}

func TestC14_CopiesWithAnotherValue(t *testing.T) {
	client := kubefake.NewClientset(
		secretOf("openshift-config", "pull-secret", `{"auths":{"quay.io":{"auth":"dTpw"}}}`),
		secretOf("b", "stale", `{"auths":{"https://quay.io":{"auth":"dTpvbGQ="},"x.example.com":{"auth":"dTpw"}}}`),
		secretOf("a", "same", `{"auths":{"quay.io":{"auth":"dTpw"}}}`),
		secretOf("a", "user", `{"auths":{"quay.io":{"username":"other","password":"p"}}}`),
		secretOf("a", "broken", `{"auths":{"quay.io":{"auth":"***"}}}`),
	)
	place := Place{Namespace: "openshift-config", Name: "pull-secret"}
	logins, err := secrets.Logins(t.Context(), client, place.Job(secrets.Job{}))
	require.NoError(t, err)
	copies, err := Copies(t.Context(), client, place, logins)
	require.NoError(t, err)
	want := []Copy{{Namespace: "a", Name: "user", Hosts: []string{"quay.io"}}, {Namespace: "b", Name: "stale", Hosts: []string{"https://quay.io"}}}
	assert.Equal(t, want, copies)

	// The same in answers of one secret each.
	listed, err := client.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	client.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		opts := a.(clienttesting.ListActionImpl).ListOptions
		at := len(opts.Continue)
		if opts.FieldSelector != "type="+string(corev1.SecretTypeDockerConfigJson) || at >= len(listed.Items) {
			return true, &corev1.SecretList{}, nil
		}
		return true, &corev1.SecretList{ListMeta: metav1.ListMeta{Continue: opts.Continue + "x"}, Items: listed.Items[at : at+1]}, nil
	})
	copies, err = Copies(t.Context(), client, place, logins)
	require.NoError(t, err)
	assert.Equal(t, want, copies)
}
