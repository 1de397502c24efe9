package serviceaccount

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/tasks/kube"
)

func account(name string, pull, mount []string) *corev1.ServiceAccount {
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}}
	for _, p := range pull {
		sa.ImagePullSecrets = append(sa.ImagePullSecrets, corev1.LocalObjectReference{Name: p})
	}
	for _, m := range mount {
		sa.Secrets = append(sa.Secrets, corev1.ObjectReference{Name: m})
	}
	return sa
}

func pullSecret(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}, Type: corev1.SecretTypeDockerConfigJson}
}

// stored reads what the fake server holds.
func stored(t *testing.T, client *fake.Clientset, name string) (pull, mount []string) {
	t.Helper()
	o, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("serviceaccounts"), "ci", name)
	require.NoError(t, err)
	sa := o.(*corev1.ServiceAccount)
	for _, s := range sa.ImagePullSecrets {
		pull = append(pull, s.Name)
	}
	for _, s := range sa.Secrets {
		mount = append(mount, s.Name)
	}
	return pull, mount
}

func writes(client *fake.Clientset) int {
	count := 0
	for _, a := range client.Actions() {
		if v := a.GetVerb(); v != "get" && v != "list" {
			count++
		}
	}
	return count
}

func TestC9_LinksForPullAndMountUnlessTold(t *testing.T) {
	both, err := ParseUses(nil)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		uses        []Use
		pull, mount []string
	}{
		"both":  {both, []string{"old", "pull1"}, []string{"token", "pull1"}},
		"pull":  {[]Use{Pull}, []string{"old", "pull1"}, []string{"token"}},
		"mount": {[]Use{Mount}, []string{"old"}, []string{"token", "pull1"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(account("default", []string{"old"}, []string{"token"}), pullSecret("pull1"))
			request := Request{Namespace: "ci", Account: "default", Secrets: []string{"pull1"}, Uses: tt.uses}
			result := Link(t.Context(), client, request)
			require.NoError(t, result.Err)
			assert.True(t, result.Changed)
			pull, mount := stored(t, client, "default")
			assert.Equal(t, tt.pull, pull)
			assert.Equal(t, tt.mount, mount)

			client.ClearActions()
			result = Link(t.Context(), client, request)
			require.NoError(t, result.Err)
			assert.False(t, result.Changed)
			assert.Zero(t, writes(client))

			result = Unlink(t.Context(), client, request)
			require.NoError(t, result.Err)
			assert.True(t, result.Changed)
			pull, mount = stored(t, client, "default")
			assert.Equal(t, []string{"old"}, pull)
			assert.Equal(t, []string{"token"}, mount)
			client.ClearActions()
			assert.False(t, Unlink(t.Context(), client, request).Changed)
			assert.Zero(t, writes(client))
		})
	}
}

func TestC9_NothingIsReportedDoneThatWasNot(t *testing.T) {
	client := fake.NewClientset(account("default", nil, nil), pullSecret("there"),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}})
	result := Link(t.Context(), client, Request{Namespace: "ci", Account: "default", Secrets: []string{"there", "gone"}, Uses: BothUses()})
	require.ErrorContains(t, result.Err, `secret "gone" does not exist in namespace "ci"; nothing was linked`)
	assert.Zero(t, writes(client))
	pull, mount := stored(t, client, "default")
	assert.Empty(t, pull)
	assert.Empty(t, mount)

	result = Link(t.Context(), client, Request{Namespace: "ci", Account: "nobody", Secrets: []string{"there"}, Uses: BothUses()})
	require.ErrorContains(t, result.Err, `service account "nobody" does not exist in namespace "ci"`)

	result = Link(t.Context(), client, Request{Namespace: "nowhere", Account: "default", Secrets: []string{"there"}, Uses: BothUses()})
	var known *kube.Error
	require.ErrorAs(t, result.Err, &known)
	assert.Equal(t, kube.CauseNamespaceMissing, known.Cause)

	// Taking a link away asks for no secret first.
	result = Unlink(t.Context(), client, Request{Namespace: "nowhere", Account: "default", Secrets: []string{"there"}, Uses: BothUses()})
	require.ErrorAs(t, result.Err, &known)
	assert.Equal(t, kube.CauseNamespaceMissing, known.Cause)
}

func TestC9_ConflictIsRetriedWithTheNewAccount(t *testing.T) {
	client := fake.NewClientset(account("default", nil, nil), pullSecret("pull1"))
	var once sync.Once
	client.PrependReactor("update", "serviceaccounts", func(clienttesting.Action) (handled bool, _ runtime.Object, err error) {
		once.Do(func() {
			if e := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("serviceaccounts"), account("default", []string{"default-dockercfg"}, nil), "ci"); e != nil {
				t.Error(e)
			}
			handled, err = true, apierrors.NewConflict(corev1.Resource("serviceaccounts"), "default", errors.New("changed"))
		})
		return handled, nil, err
	})
	result := Link(t.Context(), client, Request{Namespace: "ci", Account: "default", Secrets: []string{"pull1"}, Uses: []Use{Pull}})
	require.NoError(t, result.Err)
	assert.Equal(t, []string{"+ pull: pull1"}, result.Diff)
	pull, _ := stored(t, client, "default")
	assert.Equal(t, []string{"default-dockercfg", "pull1"}, pull)
}

func TestLinkWaitsForANewAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(pullSecret("pull1"))
		request := Request{Namespace: "ci", Account: "builder", Secrets: []string{"pull1"}, Uses: BothUses(), Wait: 10 * time.Second}
		time.AfterFunc(3*time.Second, func() {
			if err := client.Tracker().Add(account("builder", nil, nil)); err != nil {
				t.Error(err)
			}
		})
		result := Link(t.Context(), client, request)
		require.NoError(t, result.Err)
		pull, _ := stored(t, client, "builder")
		assert.Equal(t, []string{"pull1"}, pull)
	})
}

func TestO6_LinkCheckWritesNothing(t *testing.T) {
	client := fake.NewClientset(account("default", nil, nil), pullSecret("pull1"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}})
	request := Request{Namespace: "ci", Account: "default", Secrets: []string{"pull1", "to-come"}, Uses: []Use{Pull}, Check: true}
	result := Link(t.Context(), client, request)
	require.NoError(t, result.Err)
	assert.True(t, result.Changed)
	assert.Equal(t, []string{"+ pull: pull1", "+ pull: to-come"}, result.Diff)
	assert.Len(t, result.Warnings, 1)
	assert.Zero(t, writes(client))
}

func TestLinkWarnsAboutASecretThatCannotPull(t *testing.T) {
	opaque := pullSecret("opaque")
	opaque.Type = corev1.SecretTypeOpaque
	client := fake.NewClientset(account("default", nil, nil), opaque)
	result := Link(t.Context(), client, Request{Namespace: "ci", Account: "default", Secrets: []string{"opaque"}, Uses: []Use{Pull}})
	require.NoError(t, result.Err)
	require.Len(t, result.Warnings, 1)
	assert.Contains(t, result.Warnings[0], "nothing can be pulled with it")
}

func TestParseUses(t *testing.T) {
	uses, err := ParseUses([]string{"Pull, mount", "pull"})
	require.NoError(t, err)
	assert.Equal(t, []Use{Pull, Mount}, uses)
	_, err = ParseUses([]string{"push"})
	require.ErrorContains(t, err, `"push" is neither pull nor mount`)
}

// TestT6_LinkIsAnnouncedFirst: what the journal refuses is not written, and
// what changes nothing is not announced.
func TestT6_LinkIsAnnouncedFirst(t *testing.T) {
	full := errors.New("the journal's disk is full")
	client := fake.NewClientset(pullSecret("a"), account("default", nil, nil))
	r := Request{Namespace: "ci", Account: "default", Secrets: []string{"a"}, Uses: BothUses(), Before: func() error { return full }}
	require.ErrorIs(t, Link(t.Context(), client, r).Err, full)
	assert.Zero(t, writes(client))
	told := 0
	r.Before = func() error { assert.Zero(t, writes(client)); told++; return nil }
	require.NoError(t, Link(t.Context(), client, r).Err)
	assert.Equal(t, 1, told)
	require.NoError(t, Link(t.Context(), client, r).Err)
	assert.Equal(t, 1, told)
}

// FuzzParseUses: what is accepted is pull, mount or both, each once.
func FuzzParseUses(f *testing.F) {
	for _, seed := range []string{"pull", "mount", "pull,mount", "PULL, pull", "", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		uses, err := ParseUses([]string{text})
		if err != nil {
			return
		}
		require.NotEmpty(t, uses)
		require.LessOrEqual(t, len(uses), 2)
		for _, u := range uses {
			assert.Contains(t, BothUses(), u)
		}
		if len(uses) == 2 {
			assert.NotEqual(t, uses[0], uses[1])
		}
	})
}
