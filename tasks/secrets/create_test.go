package secrets

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/secretfile"
)

func TestC8_CreateInManyNamespaces(t *testing.T) {
	client := fake.NewClientset()
	file, err := secretfile.Read("f", []byte(`{"auths": {"registry.example.com": {"username":"u","password":"p"}}}`))
	require.NoError(t, err)
	job := Job{Name: "pull", Run: testRun, New: FileContent(file), Entries: file.Entries}
	var namespaces []string
	for i := range 30 {
		namespaces = append(namespaces, fmt.Sprintf("ns%d", i))
	}
	for _, want := range []Status{StatusCreated, StatusUnchanged} {
		client.ClearActions()
		results := PutInto(t.Context(), client, namespaces, job)
		require.Len(t, results, 30)
		for i, r := range results {
			require.NoError(t, r.Err)
			assert.Equal(t, namespaces[i], r.Namespace)
			assert.Equal(t, want, r.Status)
		}
	}
	assert.Empty(t, writes(client))
	o, err := client.CoreV1().Secrets("ns7").Get(t.Context(), "pull", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, file.Data, o.Data[corev1.DockerConfigJsonKey], "as it stands in the file")
}

func TestCreateOverAnExistingSecretKeepsWhatIsNotOurs(t *testing.T) {
	client := fake.NewClientset(dockercfg("pull", `{"other.example.com":{"auth":"bzpv"}}`))
	file, err := secretfile.Read("f", []byte(`{"auths":{"registry.example.com":{"auth":"dTpw"}}}`))
	require.NoError(t, err)
	r := Put(t.Context(), client, Job{Namespace: DefaultNamespace, Name: "pull", Run: testRun, New: FileContent(file), Entries: file.Entries})
	require.NoError(t, r.Err)
	o := stored(t, client, "pull")
	assert.Equal(t, corev1.SecretTypeDockercfg, o.Type)
	assert.Contains(t, string(o.Data[corev1.DockerConfigKey]), "other.example.com")
	assert.Contains(t, string(o.Data[corev1.DockerConfigKey]), registry)
}

func TestLoginContentIsKubectls(t *testing.T) {
	c := LoginContent(dockerconfig.Entry{Key: "docker.io", User: "u", Password: secret.New("p<")}, "a@example.com")
	assert.JSONEq(t, `{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p<","email":"a@example.com","auth":"dTpwPA=="}}}`, string(c.Data))
}

func TestC8_NamespacesBySelector(t *testing.T) {
	named := func(name string, labels map[string]string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	// One that is being deleted takes no new secret.
	going := named("d", map[string]string{"team": "x"})
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{Time: time.Unix(0, 0)}, []string{"kubernetes"}
	client := fake.NewClientset(named("b", map[string]string{"team": "x"}), named("a", map[string]string{"team": "x"}), named("c", nil), going)
	names, err := Namespaces(t.Context(), client, "team=x")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names)
	_, err = Namespaces(t.Context(), client, "team=y")
	require.ErrorIs(t, err, ErrNoNamespace)
}

func TestC5_ReplaceNeedsAWordForEachRemoval(t *testing.T) {
	content := `{"auths":{"cloud.openshift.com":{"auth":"dTpw"},"arosvc.azurecr.io":{"auth":"dTpw"},"quay.io":{"auth":"dTpvbGQ="}}}`
	client := fake.NewClientset(dockerconfigjson("pull-secret", content))
	file, err := secretfile.Read("f", []byte("{\n  \"auths\": {\"quay.io\": {\"auth\": \"dTpw\"}, \"cloud.openshift.com\": {\"auth\": \"dTpw\"}}\n}\n"))
	require.NoError(t, err)
	job := Job{Namespace: DefaultNamespace, Name: "pull-secret", Run: testRun, New: FileContent(file), Shared: true, Backup: true}
	r := Replace(t.Context(), client, job, nil)
	var removal *RemovalError
	require.ErrorAs(t, r.Err, &removal)
	assert.Equal(t, []string{"arosvc.azurecr.io"}, removal.Hosts)
	assert.Empty(t, writes(client))

	r = Replace(t.Context(), client, job, []string{"arosvc.azurecr.io"})
	require.NoError(t, r.Err)
	assert.Equal(t, []string{"- arosvc.azurecr.io: user u", "~ quay.io: password changed"}, sorted(r.Diff))
	o := stored(t, client, "pull-secret")
	compact := `{"auths":{"quay.io":{"auth":"dTpw"},"cloud.openshift.com":{"auth":"dTpw"}}}`
	assert.True(t, bytes.Equal([]byte(compact), o.Data[corev1.DockerConfigJsonKey]), "C7: compact")
	assert.Empty(t, o.Labels, "it stays the cluster's")

	client.ClearActions()
	assert.Equal(t, StatusUnchanged, Replace(t.Context(), client, job, nil).Status)
	assert.Empty(t, writes(client))

	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, content, string(stored(t, client, "pull-secret").Data[corev1.DockerConfigJsonKey]))
}

func TestC7_SharedSecretIsNeverMadeOrEmptied(t *testing.T) {
	job := testJob()
	job.Shared = true
	client := fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: DefaultNamespace}})
	r := Put(t.Context(), client, job)
	require.ErrorContains(t, r.Err, "does not exist")
	assert.Empty(t, writes(client))

	client = fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpw"}}}`))
	r = Drop(t.Context(), client, job, []string{registry})
	require.ErrorContains(t, r.Err, "left without any login")
	for _, content := range []string{`{"auths":{}}`, `{}`, `null`} {
		job.New = &Content{Type: corev1.SecretTypeDockerConfigJson, Data: []byte(content)}
		r = Replace(t.Context(), client, job, []string{registry})
		require.ErrorContains(t, r.Err, "left without any login")
	}
	job.New.Data = []byte("my-password")
	r = Replace(t.Context(), client, job, []string{registry})
	require.ErrorContains(t, r.Err, "not JSON")
	assert.NotContains(t, r.Err.Error(), "my-password")
	assert.Empty(t, writes(client))
}

func TestReplaceRepairsWhatCannotBeRead(t *testing.T) {
	client := fake.NewClientset(dockerconfigjson("pull-secret", `{"auths":{"quay.io":{"auth":"***"}}}`))
	job := Job{Namespace: DefaultNamespace, Name: "pull-secret", Run: testRun, Shared: true,
		New: &Content{Type: corev1.SecretTypeDockerConfigJson, Data: []byte(`{"auths":{"quay.io":{"auth":"dTpw"}}}`)}}
	require.NoError(t, Replace(t.Context(), client, job, nil).Err)
	assert.Equal(t, "dTpw", auths(t, stored(t, client, "pull-secret"))["quay.io"]["auth"])
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}

// TestC8_WaitsForNamespaces: one that is being made, and not for longer than
// was said.
func TestC8_WaitsForNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		// Half a second before the look that finds it, so that the two never
		// fall on one instant.
		time.AfterFunc(6500*time.Millisecond, func() {
			if err := client.Tracker().Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new"}}); err != nil {
				t.Error(err)
			}
		})
		begun := time.Now()
		require.NoError(t, AwaitNamespaces(t.Context(), client, []string{"new"}, time.Minute))
		assert.Equal(t, 7*time.Second, time.Since(begun).Round(time.Second))
		begun = time.Now()
		require.NoError(t, AwaitNamespaces(t.Context(), client, []string{"new", "never"}, time.Minute))
		assert.Equal(t, time.Minute, time.Since(begun).Round(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, AwaitNamespaces(ctx, client, []string{"never"}, time.Minute), context.Canceled)
	})
}
