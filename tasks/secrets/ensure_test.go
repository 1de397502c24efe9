package secrets

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

const testRun = "20261121T101500Z-3f9c"

func testJob() Job {
	return Job{
		Namespace: DefaultNamespace, Name: DefaultName, Run: testRun,
		Entries: []Entry{
			{Key: "registry.example.com", User: "lab|svc", Password: secret.New(`p$'"#\ ;& ü`)},
			{Key: "https://index.docker.io/v1/", User: "hub", Password: secret.New("hub-password")},
		},
	}
}

// stored reads what the fake server holds.
func stored(t *testing.T, client *fake.Clientset, name string) *corev1.Secret {
	t.Helper()
	o, err := client.CoreV1().Secrets(DefaultNamespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return o
}

// auths decodes a newer secret without the code under test.
func auths(t *testing.T, o *corev1.Secret) map[string]map[string]string {
	t.Helper()
	var file struct {
		Auths map[string]map[string]string `json:"auths"`
	}
	require.NoError(t, json.Unmarshal(o.Data[corev1.DockerConfigJsonKey], &file))
	return file.Auths
}

// writes counts requests that would change something.
func writes(client *fake.Clientset) (verbs []string) {
	for _, a := range client.Actions() {
		switch a.GetVerb() {
		case "get", "list", "watch":
		default:
			verbs = append(verbs, a.GetVerb()+" "+a.GetResource().Resource)
		}
	}
	return verbs
}

func TestC1_CreateThenUnchangedThenUpdate(t *testing.T) {
	client := fake.NewClientset()
	job := testJob()

	results, warnings := Ensure(t.Context(), client, job)
	require.Len(t, results, 1)
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusCreated, results[0].Status)
	assert.Empty(t, warnings)
	o := stored(t, client, DefaultName)
	assert.Equal(t, corev1.SecretTypeDockerConfigJson, o.Type)
	assert.Equal(t, ManagedBy, o.Labels[ManagedByLabel])
	assert.Equal(t, testRun, o.Annotations[RunAnnotation])
	assert.Equal(t, "https://index.docker.io/v1/,registry.example.com", o.Annotations[HostsAnnotation])
	assert.Equal(t, map[string]string{
		"username": "lab|svc", "password": `p$'"#\ ;& ü`, "auth": "bGFifHN2YzpwJCciI1wgOyYgw7w=",
	}, auths(t, o)["registry.example.com"])

	client.ClearActions()
	job.Run = "20261122T000000Z-0000"
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUnchanged, results[0].Status)
	assert.Empty(t, writes(client))
	assert.Equal(t, testRun, stored(t, client, DefaultName).Annotations[RunAnnotation])

	job.Entries[1].Password = secret.New("rotated")
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUpdated, results[0].Status)
	assert.Equal(t, []Change{{Host: "https://index.docker.io/v1/", Kind: Changed, User: "hub", Detail: "password"}}, results[0].Changes)
	o = stored(t, client, DefaultName)
	assert.Equal(t, "rotated", auths(t, o)["https://index.docker.io/v1/"]["password"])
	assert.Equal(t, job.Run, o.Annotations[RunAnnotation])
}

func TestO6_CheckWritesNothing(t *testing.T) {
	client := fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: DefaultNamespace}})
	job := testJob()
	job.Check = true
	results, _ := Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusCreated, results[0].Status)
	assert.Empty(t, writes(client))

	job.Namespace = "elsewhere"
	results, _ = Ensure(t.Context(), client, job)
	var known *kube.Error
	require.ErrorAs(t, results[0].Err, &known)
	assert.Equal(t, kube.CauseNamespaceMissing, known.Cause)
	assert.Empty(t, writes(client))
}

func TestC6_ConflictMergesAnew(t *testing.T) {
	client := fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"other.example.com":{"auth":"bzpv"}}}`))
	var once sync.Once
	client.PrependReactor("update", "secrets", func(clienttesting.Action) (handled bool, _ runtime.Object, err error) {
		once.Do(func() {
			// Somebody else adds an entry between our read and our write.
			o := dockerconfigjson(DefaultName, `{"auths":{"other.example.com":{"auth":"bzpv"},"late.example.com":{"auth":"bDps"}}}`)
			if updateErr := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("secrets"), o, DefaultNamespace); updateErr != nil {
				t.Error(updateErr)
			}
			handled, err = true, apierrors.NewConflict(corev1.Resource("secrets"), DefaultName, errors.New("changed"))
		})
		return handled, nil, err
	})
	results, _ := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	got := auths(t, stored(t, client, DefaultName))
	assert.Len(t, got, 4)
	assert.Equal(t, map[string]string{"auth": "bDps"}, got["late.example.com"])
}

func TestForbiddenIsNotRetriedAndNamesTheRight(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		client := fake.NewClientset()
		tries := 0
		client.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
			tries++
			return true, nil, apierrors.NewForbidden(corev1.Resource("secrets"), DefaultName, errors.New("no"))
		})
		client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			o := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
			o.Status.Allowed = allowed
			return true, o, nil
		})
		results, _ := Ensure(t.Context(), client, testJob())
		var known *kube.Error
		require.ErrorAs(t, results[0].Err, &known)
		assert.Equal(t, 1, tries)
		assert.ErrorContains(t, known, `create secrets "imagestreamsecret" in namespace "openshift"`)
		if allowed {
			assert.Equal(t, kube.CauseRejected, known.Cause)
		} else {
			assert.Equal(t, kube.CauseForbidden, known.Cause)
		}
	}
}

func dockerconfigjson(name, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(content)},
	}
}
