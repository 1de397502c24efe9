package secrets

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

func TestC11_OtherSecretsOfTheNamespaceAreJudged(t *testing.T) {
	client := fake.NewClientset(
		dockerconfigjson("good", `{"auths":{"registry.example.com":{"username":"lab|svc","password":"p$'\"#\\ ;& ü"}}}`),
		dockerconfigjson("different", `{"auths":{"https://registry.example.com/v1/":{"auth":"dTpvbGQ="}}}`),
		dockerconfigjson("user", `{"auths":{"registry.example.com":{"username":"other","password":"p$'\"#\\ ;& ü"}}}`),
		dockercfg("broken", `{"third.example.com":{"auth":"not base64!"}}`),
		dockercfg("unrelated", `{"third.example.com":{"auth":"dTpw"}}`),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: "opaque"}, Type: corev1.SecretTypeOpaque},
	)
	_, warnings := Ensure(t.Context(), client, testJob())
	require.Len(t, warnings, 3)
	for i, name := range []string{`"different"`, `"user"`} {
		assert.Contains(t, warnings[i], name)
		assert.Contains(t, warnings[i], "another login for registry.example.com")
	}
	assert.Contains(t, warnings[2], `"broken"`)
	assert.Contains(t, warnings[2], "third.example.com")
	assert.NotContains(t, fmt.Sprint(warnings), "not base64!")
	client.ClearActions()
	assert.Equal(t, warnings, Neighbours(t.Context(), client, testJob()))
	assert.Empty(t, writes(client))
}

// TestC11_EveryPageIsJudged: a namespace with more secrets than one answer
// holds; and with an API that has forgotten where the listing stood.
func TestC11_EveryPageIsJudged(t *testing.T) {
	for name, expired := range map[string]bool{"pages": false, "expired": true} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			var asked []string
			client.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
				opts := a.(clienttesting.ListActionImpl).ListOptions
				if opts.FieldSelector != "type="+string(corev1.SecretTypeDockerConfigJson) {
					return true, &corev1.SecretList{}, nil
				}
				asked = append(asked, fmt.Sprint(opts.Continue, opts.Limit > 0))
				first := *dockerconfigjson("first", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)
				second := *dockerconfigjson("second", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)
				switch {
				case opts.Limit == 0:
					return true, &corev1.SecretList{Items: []corev1.Secret{first, second}}, nil
				case opts.Continue == "":
					return true, &corev1.SecretList{ListMeta: metav1.ListMeta{Continue: "more"}, Items: []corev1.Secret{first}}, nil
				case expired:
					return true, nil, apierrors.NewResourceExpired("too old")
				}
				return true, &corev1.SecretList{Items: []corev1.Secret{second}}, nil
			})
			warnings := Neighbours(t.Context(), client, testJob())
			require.Len(t, warnings, 2)
			assert.Contains(t, warnings[0], `"first"`)
			assert.Contains(t, warnings[1], `"second"`)
			assert.Equal(t, map[bool][]string{false: {"true", "moretrue"}, true: {"true", "moretrue", "false"}}[expired], asked)
		})
	}
}

func TestOtherSecretsThatMayNotBeListedAreAWarning(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("secrets"), "", errors.New("no"))
	})
	results, warnings := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "were not looked at")
}

func TestR9_MalformedSecretIsLeftAloneUntilRepair(t *testing.T) {
	content := `{"auths":{"bad.example.com":{"auth":"c2VjcmV0LXdpdGhvdXQtY29sb24="},"good.example.com":{"auth":"dTpw"}},"credsStore":""}`
	client := fake.NewClientset(dockerconfigjson(DefaultName, content))
	job := testJob()
	results, _ := Ensure(t.Context(), client, job)
	assert.Equal(t, kube.CauseWrongType, cause(t, results[0].Err))
	require.ErrorContains(t, results[0].Err, "bad.example.com")
	assert.NotContains(t, results[0].Err.Error(), "c2VjcmV0")
	assert.Equal(t, content, string(stored(t, client, DefaultName).Data[corev1.DockerConfigJsonKey]))

	job.Repair = true
	results, _ = Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	got := auths(t, stored(t, client, DefaultName))
	assert.NotContains(t, got, "bad.example.com")
	assert.Contains(t, got, "good.example.com")
	assert.Len(t, got, 3)
}

func TestPruneTakesOnlyWhatOregWrote(t *testing.T) {
	client := fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"theirs.example.com":{"auth":"dTpw"}}}`))
	job := testJob()
	Ensure(t.Context(), client, job)
	job.Entries = job.Entries[:1]
	results, _ := Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUnchanged, results[0].Status, "without --prune nothing goes")

	job.Prune = true
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, []string{"- https://index.docker.io/v1/: user hub"}, results[0].Diff)
	o := stored(t, client, DefaultName)
	assert.Equal(t, registry, o.Annotations[HostsAnnotation])
	got := auths(t, o)
	assert.Contains(t, got, "theirs.example.com")
	assert.NotContains(t, got, "https://index.docker.io/v1/")

	client.ClearActions()
	results, _ = Ensure(t.Context(), client, job)
	assert.Equal(t, StatusUnchanged, results[0].Status)
	assert.Empty(t, writes(client))
}

func TestAnotherManagersLabelStays(t *testing.T) {
	o := dockerconfigjson(DefaultName, `{"auths":{}}`)
	o.Labels = map[string]string{ManagedByLabel: "Helm"}
	client := fake.NewClientset(o)
	results, _ := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	require.Len(t, results[0].Warnings, 1)
	assert.Contains(t, results[0].Warnings[0], `"Helm"`)
	assert.Equal(t, "Helm", stored(t, client, DefaultName).Labels[ManagedByLabel])
}

func TestR10_HelperInASecretIsAWarning(t *testing.T) {
	client := fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{},"credHelpers":{"registry.example.com":"desktop"}}`))
	results, _ := Ensure(t.Context(), client, testJob())
	require.NoError(t, results[0].Err)
	require.Len(t, results[0].Warnings, 1)
	assert.Contains(t, results[0].Warnings[0], "credHelpers")
}

// No word of a result or error carries a password, however it is printed.
func TestS1_NothingShowsASecret(t *testing.T) {
	canary := "canary-4711-secret"
	job := testJob()
	job.Entries[0].Password = secret.New(canary)
	job.Mask = secret.NewMasker(job.Entries[0].Password)
	job.Backup = true
	client := fake.NewClientset(dockerconfigjson("different", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`))
	results, warnings := Ensure(t.Context(), client, job)
	text := fmt.Sprintf("%+v %v", results, warnings)
	client.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewBadRequest("hook: object was " + canary)
	})
	job.Entries[1].Password = secret.New("next")
	results, _ = Ensure(t.Context(), client, job)
	text += fmt.Sprintf("%+v %v", results, results[0].Err)
	require.Contains(t, text, "hook: object was")
	assert.NotContains(t, text, canary)
	verified, _ := Verify(t.Context(), client, job)
	assert.NotContains(t, fmt.Sprintf("%+v", verified), canary)
}

func TestR8_AnEntryThatReadersMisreadIsRefused(t *testing.T) {
	for name, user := range map[string]string{"empty user": "", "colon in the user": "a:b"} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			job := testJob()
			job.Entries[0].User = user
			results, _ := Ensure(t.Context(), client, job)
			assert.Equal(t, kube.CauseRejected, cause(t, results[0].Err))
			require.ErrorContains(t, results[0].Err, registry)
			assert.Empty(t, writes(client))
		})
	}
}

// TestS1_KeysInASecretCarryNothingOut: what would be lost, and what the old
// installer left, is told of by name.
func TestS1_KeysInASecretCarryNothingOut(t *testing.T) {
	const content = `{"auths":{"https://user:c4nary@gone.io":{"auth":"dTpw"},"registry.example.com":{"auth":"dTpw"}}}`
	client := fake.NewClientset(dockerconfigjson(DefaultName, content), dockerconfigjson("o-a-0123456789abcdef0123456789abcdef", content))
	job := testJob()
	job.New = &Content{Type: corev1.SecretTypeDockerConfigJson, Data: []byte(`{"auths":{"registry.example.com":{"auth":"dTpw"}}}`)}
	var lost *RemovalError
	require.ErrorAs(t, Replace(t.Context(), client, job, nil).Err, &lost)
	assert.Equal(t, []string{"https://...@gone.io"}, lost.Hosts)

	results, warnings := Verify(t.Context(), client, testJob())
	require.Len(t, results, 2)
	text := fmt.Sprint(results, warnings)
	assert.Contains(t, text, "https://...@gone.io: left by the old installer")
	assert.NotContains(t, text, "c4nary")
}
