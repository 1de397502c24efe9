package tasks

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

func poolResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "machineconfiguration.openshift.io", Version: "v1", Resource: "machineconfigpools"}
}

// openshift4 is a cluster of OpenShift 4 without anything that moves: what its
// operators do is the test's to do. Its machine configurations cannot be read.
type openshift4 struct {
	t       *testing.T
	dynamic *dynamicfake.FakeDynamicClient
	keeper  *ClusterSecrets
	said    []string
}

func newOpenShift4(t *testing.T, topology string, pools ...string) *openshift4 {
	t.Helper()
	o := &openshift4{t: t}
	configuration := func(kind, name string, fields map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "config.openshift.io/v1", "kind": kind,
			"metadata": map[string]any{"name": name}, "status": fields}}
	}
	objects := []runtime.Object{
		configuration("Infrastructure", "cluster", map[string]any{"controlPlaneTopology": topology}),
		configuration("ClusterVersion", "version", map[string]any{"desired": map[string]any{"version": "4.12.3"}}),
	}
	for _, name := range pools {
		objects = append(objects, pool(name, "first", ""))
	}
	o.dynamic = dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		{Group: "config.openshift.io", Version: "v1", Resource: "infrastructures"}:              "InfrastructureList",
		{Group: "config.openshift.io", Version: "v1", Resource: "clusterversions"}:              "ClusterVersionList",
		{Group: "machineconfiguration.openshift.io", Version: "v1", Resource: "machineconfigs"}: "MachineConfigList",
		poolResource(): "MachineConfigPoolList",
	}, objects...)
	typed := kubefake.NewClientset(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "openshift-config", Name: "pull-secret"}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"cloud.openshift.com":{"auth":"dTpv"}}}`)},
	})
	o.keeper = &ClusterSecrets{
		Job:         secrets.Job{Namespace: "openshift", Name: "imagestreamsecret", Run: rotationRun, Backup: true},
		PullSecret:  &GlobalPullSecret{Alone: true, Say: func(text string) { o.said = append(o.said, text) }},
		KeepBackups: 1, Warn: func(string) {},
		opened: true, client: &kube.Client{Interface: typed, Dynamic: o.dynamic},
	}
	return o
}

// pool is one whose two machines have a configuration, or which is degraded.
func pool(name, config, degraded string) *unstructured.Unstructured {
	is := func(yes bool) string {
		if yes {
			return "True"
		}
		return "False"
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfigPool",
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"configuration": map[string]any{"name": config}},
		"status": map[string]any{
			"machineCount": int64(2), "updatedMachineCount": int64(2), "configuration": map[string]any{"name": config},
			"conditions": []any{
				map[string]any{"type": "Updated", "status": is(degraded == "")}, map[string]any{"type": "Updating", "status": "False"},
				map[string]any{"type": "Degraded", "status": is(degraded != "")}, map[string]any{"type": "NodeDegraded", "status": is(degraded != ""), "message": degraded},
			},
		},
	}}
}

// becomes has a pool's operator act.
func (o *openshift4) becomes(p *unstructured.Unstructured) {
	o.t.Helper()
	_, err := o.dynamic.Resource(poolResource()).Update(context.WithoutCancel(o.t.Context()), p, metav1.UpdateOptions{})
	if err != nil {
		o.t.Error(err) // in a timer's goroutine
	}
}

func wantedLogin(host string) []dockerconfig.Entry {
	return []dockerconfig.Entry{{Key: host, User: "u", Password: secret.New("p")}}
}

func TestT5_APoolThatHasNotBegunHasNotTheNewLogin(t *testing.T) {
	o := newOpenShift4(t, "HighlyAvailable", "worker")
	wanted := wantedLogin("registry.example.com")
	assert.Equal(t, StatusUpdated, o.keeper.Place(t.Context(), wanted)[0].Status)
	rows := o.keeper.Verify(t.Context(), wanted)
	require.Len(t, rows, 2)
	assert.Equal(t, StatusUnchanged, rows[0].Status)
	assert.Equal(t, StatusDrift, rows[1].Status, "it says itself that it is up to date")
	assert.Contains(t, strings.Join(rows[1].Notes, "\n"), "has not begun")

	o.becomes(pool("worker", "second", ""))
	assert.Equal(t, StatusUpdated, o.keeper.Verify(t.Context(), wanted)[1].Status)
	// To a later run nothing is known of before.
	later := *o.keeper
	later.PullSecret = &GlobalPullSecret{Alone: true}
	assert.Equal(t, StatusUnchanged, later.Verify(t.Context(), wanted)[1].Status)
}

func TestT5_PoolsAreWaitedForAndNoLonger(t *testing.T) {
	for name, tt := range map[string]struct {
		before string // why the pool was degraded before
		act    func(o *openshift4)
		status string
		text   string
		took   time.Duration
	}{
		"done":                        {"", func(o *openshift4) { o.becomes(pool("worker", "second", "")) }, StatusUpdated, "2 of 2", 6 * time.Second},
		"never begun":                 {"", func(*openshift4) {}, StatusDrift, "has not begun", time.Minute},
		"failed":                      {"", func(o *openshift4) { o.becomes(pool("worker", "second", "disk is full")) }, StatusFailed, "disk is full", 6 * time.Second},
		"failed before and not by it": {"old trouble", func(o *openshift4) { o.becomes(pool("worker", "second", "")) }, StatusUpdated, "2 of 2", 6 * time.Second},
		"paused": {"", func(o *openshift4) {
			paused := pool("worker", "first", "")
			if err := unstructured.SetNestedField(paused.Object, true, "spec", "paused"); err != nil {
				o.t.Error(err)
			}
			o.becomes(paused)
		}, StatusDrift, "paused", 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOpenShift4(t, "HighlyAvailable", "worker")
				o.becomes(pool("worker", "first", tt.before))
				o.keeper.PullSecret.Wait = time.Minute
				wanted := wantedLogin("registry.example.com")
				require.Equal(t, StatusUpdated, o.keeper.Place(t.Context(), wanted)[0].Status)
				time.AfterFunc(5*time.Second, func() { tt.act(o) })
				begin := time.Now()
				rows := o.keeper.Pools(t.Context(), wanted)
				require.Len(t, rows, 1)
				assert.Equal(t, tt.took, time.Since(begin))
				assert.Equal(t, tt.status, rows[0].Status)
				text := strings.Join(rows[0].Notes, "\n")
				if rows[0].Error != nil {
					text += rows[0].Error.Message
				}
				assert.Contains(t, text, tt.text)
				synctest.Wait()
			})
		})
	}
}

func TestC5_WhatAChangeMeansIsSaidBefore(t *testing.T) {
	o := newOpenShift4(t, "HighlyAvailable", "worker")
	wanted := wantedLogin("cloud.openshift.com")
	question := o.keeper.Question(t.Context(), wanted)
	assert.Contains(t, question, "Change openshift-config/pull-secret of the whole cluster (")
	assert.Contains(t, question, "cloud.openshift.com")
	said := strings.Join(o.said, "\n")
	assert.Contains(t, said, "no node is drained or rebooted")
	assert.Contains(t, said, "ownership must be transferred")
	_, err := o.keeper.client.CoreV1().Secrets("openshift-config").Get(t.Context(), secrets.BackupName("pull-secret", rotationRun), metav1.GetOptions{})
	assert.True(t, kube.NotFound(err), "nothing was written")
	o.keeper.Place(t.Context(), wanted)
	assert.Empty(t, o.keeper.Question(t.Context(), wanted))
}

func TestC13_HostedControlPlaneGetsItsOwnSecret(t *testing.T) {
	o := newOpenShift4(t, "External")
	wanted := wantedLogin("registry.example.com")
	row := o.keeper.Place(t.Context(), wanted)[0]
	assert.Equal(t, "kube-system/additional-pull-secret", row.Namespace+"/"+row.Name)
	assert.Equal(t, StatusCreated, row.Status)
	untouched, err := o.keeper.client.CoreV1().Secrets("openshift-config").Get(t.Context(), "pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Empty(t, untouched.Annotations)
	rows := o.keeper.Pools(t.Context(), wanted)
	require.Len(t, rows, 1)
	assert.Equal(t, StatusSkipped, rows[0].Status)
	backups, err := o.keeper.Backups(t.Context(), rotationRun, &logins{})
	require.NoError(t, err)
	require.Len(t, backups, 1)
	assert.Equal(t, StatusRemoved, o.keeper.Rollback(t.Context(), backups)[0].Status)
}

// TestC5_NothingGoesThatTheInventoryLacks: oreg itself has put more there, by
// pull-secret set for one, and the cluster lives on it.
func TestC5_NothingGoesThatTheInventoryLacks(t *testing.T) {
	o := newOpenShift4(t, "HighlyAvailable")
	pullSecrets := o.keeper.client.CoreV1().Secrets("openshift-config")
	present, err := pullSecrets.Get(t.Context(), "pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	present.Annotations = map[string]string{secrets.HostsAnnotation: "cloud.openshift.com,quay.io"}
	_, err = pullSecrets.Update(t.Context(), present, metav1.UpdateOptions{})
	require.NoError(t, err)

	var warned []string
	o.keeper.Warn = func(text string) { warned = append(warned, text) }
	o.keeper.Job.Prune = true
	wanted := wantedLogin("registry.example.com")
	assert.Equal(t, StatusUpdated, o.keeper.Place(t.Context(), wanted)[0].Status)
	assert.Contains(t, strings.Join(warned, "\n"), "--prune takes nothing out")
	present, err = pullSecrets.Get(t.Context(), "pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Contains(t, string(present.Data[corev1.DockerConfigJsonKey]), "cloud.openshift.com")
	row := o.keeper.Verify(t.Context(), wanted)[0]
	assert.Equal(t, StatusUnchanged, row.Status, "%v", row.Diff)
	assert.Empty(t, row.Notes)
}
