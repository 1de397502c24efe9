package secrets

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
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
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

const (
	testRun  = "20261121T101500Z-3f9c"
	laterRun = "20261122T090000Z-77aa"
	registry = "registry.example.com"
)

// testJob wants two logins, one of them awkward.
func testJob() Job {
	return Job{
		Namespace: DefaultNamespace, Name: DefaultName, Run: testRun,
		Entries: []dockerconfig.Entry{
			{Key: registry, User: "lab|svc", Password: secret.New(`p$'"#\ ;& ü`)},
			{Key: "docker.io", User: "hub", Password: secret.New("hub-password")},
		},
	}
}

// dockerconfigjson is a secret of the newer type.
func dockerconfigjson(name, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: name},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(content)},
	}
}

// dockercfg is a secret of the older type.
func dockercfg(name, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: name},
		Type:       corev1.SecretTypeDockercfg,
		Data:       map[string][]byte{corev1.DockerConfigKey: []byte(content)},
	}
}

// stored reads what the fake server holds.
func stored(t *testing.T, client *fake.Clientset, name string) *corev1.Secret {
	t.Helper()
	o, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("secrets"), DefaultNamespace, name)
	require.NoError(t, err)
	return o.(*corev1.Secret)
}

// absent fails if the fake server holds the secret.
func absent(t *testing.T, client *fake.Clientset, name string) {
	t.Helper()
	_, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("secrets"), DefaultNamespace, name)
	require.True(t, apierrors.IsNotFound(err), "secret %s: %v", name, err)
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

// writes lists the requests that change something.
func writes(client *fake.Clientset) []string {
	verbs := []string{}
	for _, a := range client.Actions() {
		switch a.GetVerb() {
		case "get", "list", "watch":
		default:
			verbs = append(verbs, a.GetVerb()+" "+a.GetResource().Resource)
		}
	}
	return verbs
}

// cause is the cause of a failed result.
func cause(t *testing.T, err error) kube.Cause {
	t.Helper()
	var known *kube.Error
	require.ErrorAs(t, err, &known)
	return known.Cause
}

func TestC1_CreateThenUnchangedThenUpdate(t *testing.T) {
	client := fake.NewClientset()
	job := testJob()

	results, warnings := Ensure(t.Context(), client, job)
	require.Len(t, results, 1)
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusCreated, results[0].Status)
	assert.Equal(t, []string{"+ registry.example.com: user lab|svc", "+ https://index.docker.io/v1/: user hub"}, results[0].Diff)
	assert.Empty(t, warnings)
	o := stored(t, client, DefaultName)
	assert.Equal(t, corev1.SecretTypeDockerConfigJson, o.Type)
	assert.Equal(t, map[string]string{ManagedByLabel: ManagedBy}, o.Labels)
	assert.Equal(t, map[string]string{RunAnnotation: testRun, HostsAnnotation: "https://index.docker.io/v1/,registry.example.com"}, o.Annotations)
	assert.Equal(t, map[string]string{
		"username": "lab|svc", "password": `p$'"#\ ;& ü`, "auth": "bGFifHN2YzpwJCciI1wgOyYgw7w=",
	}, auths(t, o)[registry])
	assert.Empty(t, o.StringData)

	client.ClearActions()
	job.Run = laterRun
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUnchanged, results[0].Status)
	assert.Empty(t, writes(client))
	assert.Equal(t, testRun, stored(t, client, DefaultName).Annotations[RunAnnotation])

	job.Entries[1].Password = secret.New("rotated")
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUpdated, results[0].Status)
	assert.Equal(t, []string{"~ https://index.docker.io/v1/: password changed"}, results[0].Diff)
	o = stored(t, client, DefaultName)
	assert.Equal(t, "rotated", auths(t, o)["https://index.docker.io/v1/"]["password"])
	assert.Equal(t, laterRun, o.Annotations[RunAnnotation])
}

func TestC1_SameLoginInAForeignSecretIsUnchanged(t *testing.T) {
	// As the installer made it: with an email, without any mark of ours.
	client := fake.NewClientset(dockerconfigjson(DefaultName,
		`{"auths":{"registry.example.com":{"username":"u","password":"p","email":"openshift@openshift.com","auth":"dTpw"}}}`))
	job := testJob()
	job.Entries = []dockerconfig.Entry{{Key: registry, User: "u", Password: secret.New("p")}}
	results, _ := Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusUnchanged, results[0].Status)
	assert.Empty(t, writes(client))
}

func TestC2_InstallersSecretsAreUpdatedWhereTheyExist(t *testing.T) {
	// The installer hashed the host as it was spelled; the key may differ.
	sum := md5.Sum([]byte("Registry.Example.com"))
	installers := "o-a-" + hex.EncodeToString(sum[:])
	unrelated := "o-a-00000000000000000000000000000000"
	client := fake.NewClientset(
		dockerconfigjson(installers, `{"auths":{"https://Registry.Example.com":{"username":"u","password":"old","email":"e","auth":"dTpvbGQ="}}}`),
		dockerconfigjson(unrelated, `{"auths":{"gone.example.com":{"auth":"dTpvbGQ="}}}`),
	)
	job := testJob()
	results, warnings := Ensure(t.Context(), client, job)
	require.Len(t, results, 2)
	assert.Equal(t, installers, results[1].Name)
	assert.Equal(t, StatusUpdated, results[1].Status)
	assert.Empty(t, warnings)
	got := auths(t, stored(t, client, installers))
	require.Len(t, got, 1, "only the registries that it named")
	assert.Equal(t, `p$'"#\ ;& ü`, got[registry]["password"])
	assert.NotContains(t, stored(t, client, unrelated).Labels, ManagedByLabel)

	client.ClearActions()
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUnchanged, results[1].Status)
	assert.Empty(t, writes(client))
}

func TestC3_OlderTypeIsUpdatedInItsOwnForm(t *testing.T) {
	client := fake.NewClientset(dockercfg(DefaultName, `{"other.example.com":{"auth":"bzpv"},"registry.example.com":{"auth":"dTpvbGQ="}}`))
	results, _ := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	o := stored(t, client, DefaultName)
	assert.Equal(t, corev1.SecretTypeDockercfg, o.Type)
	assert.NotContains(t, o.Data, corev1.DockerConfigJsonKey)
	var got map[string]map[string]string
	require.NoError(t, json.Unmarshal(o.Data[corev1.DockerConfigKey], &got))
	assert.Equal(t, "lab|svc", got[registry]["username"])
	assert.Equal(t, map[string]string{"auth": "bzpv"}, got["other.example.com"])
}

func TestC3_ForeignTypeAndImmutable(t *testing.T) {
	yes := true
	immutable := dockerconfigjson(DefaultName, `{"auths":{"other.example.com":{"auth":"bzpv"}}}`)
	immutable.Immutable = &yes
	for name, tt := range map[string]struct {
		present *corev1.Secret
		cause   kube.Cause
		says    string
		kept    int
	}{
		"opaque": {&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: DefaultName, Labels: map[string]string{"team": "a"}},
			Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{"k": []byte("v")},
		}, kube.CauseWrongType, "type Opaque", 2},
		"immutable": {immutable, kube.CauseRejected, "immutable", 3},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(tt.present)
			job := testJob()
			job.Backup = true
			results, _ := Ensure(t.Context(), client, job)
			assert.Equal(t, StatusFailed, results[0].Status)
			assert.Equal(t, tt.cause, cause(t, results[0].Err))
			require.ErrorContains(t, results[0].Err, tt.says)
			assert.Empty(t, writes(client))

			job.Recreate = true
			results, _ = Ensure(t.Context(), client, job)
			require.NoError(t, results[0].Err)
			assert.Equal(t, StatusUpdated, results[0].Status)
			assert.Equal(t, []string{"create secrets", "delete secrets", "create secrets"}, writes(client), "the backup comes first")
			o := stored(t, client, DefaultName)
			assert.Equal(t, corev1.SecretTypeDockerConfigJson, o.Type)
			assert.Nil(t, o.Immutable)
			assert.Len(t, auths(t, o), tt.kept)
			assert.Equal(t, tt.present.Labels["team"], o.Labels["team"])

			backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
			require.NoError(t, err)
			undone := Rollback(t.Context(), client, backups, false, nil)
			require.NoError(t, undone[0].Err)
			assert.Equal(t, StatusRestored, undone[0].Status)
			back := stored(t, client, DefaultName)
			assert.Equal(t, tt.present.Type, back.Type)
			assert.Equal(t, tt.present.Data, back.Data)
			assert.Equal(t, tt.present.Immutable, back.Immutable)
			assert.Equal(t, tt.present.Labels, back.Labels)
		})
	}
}

func TestC3_RecreatePutsTheOldOneBackWhenTheNewOneIsRefused(t *testing.T) {
	old := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: DefaultName},
		Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{"k": []byte("v")},
	}
	client := fake.NewClientset(old)
	client.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if o := a.(clienttesting.CreateAction).GetObject().(*corev1.Secret); o.Type == corev1.SecretTypeDockerConfigJson {
			return true, nil, apierrors.NewBadRequest("webhook says no")
		}
		return false, nil, nil
	})
	job := testJob()
	job.Recreate = true
	results, _ := Ensure(t.Context(), client, job)
	assert.Equal(t, kube.CauseRejected, cause(t, results[0].Err))
	assert.Equal(t, old.Data, stored(t, client, DefaultName).Data)
}

func TestC4_LastAppliedIsRemovedAndSaid(t *testing.T) {
	o := dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpw"}}}`)
	o.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"data":{".dockerconfigjson":"old"}}`, "mine": "stays"}
	client := fake.NewClientset(o)
	job := testJob()
	job.Entries = []dockerconfig.Entry{{Key: registry, User: "u", Password: secret.New("p")}}
	results, _ := Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusUpdated, results[0].Status, "although the login is the same")
	assert.Contains(t, strings.Join(results[0].Notes, "\n"), "last-applied")
	got := stored(t, client, DefaultName).Annotations
	assert.NotContains(t, got, corev1.LastAppliedConfigAnnotation)
	assert.Equal(t, "stays", got["mine"])
}

func TestC6_ConflictReadsAndMergesAnew(t *testing.T) {
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

func TestC6_CreatedByAnotherInTheMeantime(t *testing.T) {
	client := fake.NewClientset()
	var once sync.Once
	client.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		once.Do(func() {
			if err := client.Tracker().Add(dockerconfigjson(DefaultName, `{"auths":{"late.example.com":{"auth":"bDps"}}}`)); err != nil {
				t.Error(err)
			}
		})
		return false, nil, nil
	})
	results, _ := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	assert.Equal(t, StatusUpdated, results[0].Status)
	assert.Len(t, auths(t, stored(t, client, DefaultName)), 3)
}

func TestFailuresAreNotRetriedAndNameTheRight(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		allowed bool
		cause   kube.Cause
	}{
		"forbidden":         {apierrors.NewForbidden(corev1.Resource("secrets"), DefaultName, errors.New("no")), false, kube.CauseForbidden},
		"quota":             {apierrors.NewForbidden(corev1.Resource("secrets"), DefaultName, errors.New("exceeded quota")), true, kube.CauseRejected},
		"invalid":           {apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Secret").GroupKind(), DefaultName, nil), false, kube.CauseRejected},
		"namespace missing": {apierrors.NewNotFound(corev1.Resource("namespaces"), DefaultNamespace), false, kube.CauseNamespaceMissing},
		"unauthorized":      {apierrors.NewUnauthorized("expired"), false, kube.CauseUnauthorized},
		"server trouble":    {apierrors.NewInternalError(errors.New("etcd")), false, kube.CauseAPIUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			tries := 0
			client.PrependReactor("create", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
				tries++
				return true, nil, tt.err
			})
			client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
				o := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
				o.Status.Allowed = tt.allowed
				return true, o, nil
			})
			results, _ := Ensure(t.Context(), client, testJob())
			require.NotEmpty(t, results)
			assert.Equal(t, StatusFailed, results[0].Status)
			assert.Equal(t, tt.cause, cause(t, results[0].Err))
			assert.Equal(t, 1, tries)
			if tt.cause == kube.CauseForbidden {
				require.ErrorContains(t, results[0].Err, `create secrets "imagestreamsecret" in namespace "openshift"`)
			}
		})
	}
}

func TestO6_CheckReadsAllAndWritesNothing(t *testing.T) {
	client := fake.NewClientset(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: DefaultNamespace}},
		dockerconfigjson("o-a-0123456789abcdef0123456789abcdef", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`),
	)
	job := testJob()
	job.Check, job.Backup = true, true
	results, _ := Ensure(t.Context(), client, job)
	require.Len(t, results, 2)
	assert.Equal(t, StatusCreated, results[0].Status)
	assert.Equal(t, StatusUpdated, results[1].Status)
	assert.NotEmpty(t, results[1].Diff)

	job.Namespace = "elsewhere"
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, kube.CauseNamespaceMissing, cause(t, results[0].Err))

	job.Namespace = DefaultNamespace
	Remove(t.Context(), client, job, []string{registry})
	Verify(t.Context(), client, job)
	assert.Empty(t, writes(client))
}
