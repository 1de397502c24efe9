package puller

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/tasks/kube"
)

// cluster is one with the role, two projects and an account; reviews answer by
// what its bindings say.
func cluster(t *testing.T, more ...runtime.Object) *fake.Clientset {
	t.Helper()
	client := fake.NewClientset(append([]runtime.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: Role}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "images"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "default"}},
	}, more...)...)
	client.PrependReactor("create", "subjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		list, err := client.Tracker().List(rbacv1.SchemeGroupVersion.WithResource("rolebindings"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), review.Spec.ResourceAttributes.Namespace)
		if err != nil {
			return true, nil, err
		}
		for _, b := range list.(*rbacv1.RoleBindingList).Items {
			for _, s := range b.Subjects {
				name := "system:serviceaccount:" + s.Namespace + ":" + s.Name
				for _, who := range append(review.Spec.Groups, review.Spec.User) {
					if s.Kind == rbacv1.GroupKind && s.Name == who || s.Kind == rbacv1.ServiceAccountKind && name == who {
						review.Status.Allowed = true
					}
				}
			}
		}
		return true, review, nil
	})
	return client
}

func writes(client *fake.Clientset) (verbs []string) {
	for _, a := range client.Actions() {
		switch a.GetVerb() {
		case "create", "update", "delete", "patch":
			if a.GetResource().Group != "authorization.k8s.io" {
				verbs = append(verbs, a.GetVerb()+" "+a.GetResource().Resource)
			}
		}
	}
	return verbs
}

func TestC10_GrantIsProvedAndIdempotent(t *testing.T) {
	for name, tt := range map[string]struct {
		to      string
		subject rbacv1.Subject
	}{
		"account": {"app:default", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "app", Name: "default"}},
		"all":     {"app", rbacv1.Subject{Kind: "Group", APIGroup: "rbac.authorization.k8s.io", Name: "system:serviceaccounts:app"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := cluster(t)
			project, account, err := ParseTo(tt.to)
			require.NoError(t, err)
			g := Grant{From: "images", Project: project, Account: account}
			r := Add(t.Context(), client, g)
			require.NoError(t, r.Err)
			assert.Equal(t, Result{Changed: true, Binding: Role, Proved: true}, r)
			b, err := client.RbacV1().RoleBindings("images").Get(t.Context(), Role, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: Role}, b.RoleRef)
			assert.Equal(t, []rbacv1.Subject{tt.subject}, b.Subjects)

			client.ClearActions()
			r = Add(t.Context(), client, g)
			assert.Equal(t, Result{Binding: Role, Proved: true}, r)
			assert.Empty(t, writes(client))

			r = Revoke(t.Context(), client, g)
			assert.Equal(t, Result{Changed: true, Binding: Role, Proved: true}, r)
			client.ClearActions()
			r = Revoke(t.Context(), client, g)
			assert.Equal(t, Result{Proved: true}, r)
			assert.Empty(t, writes(client))
		})
	}
}

func TestC10_BindingsAreNamedAsOcNamesThem(t *testing.T) {
	client := cluster(t)
	for i, want := range []string{Role, Role + "-0", Role + "-1"} {
		r := Add(t.Context(), client, Grant{From: "images", Project: []string{"a", "b", "c"}[i]})
		require.NoError(t, r.Err)
		assert.Equal(t, want, r.Binding)
	}
	// One that somebody else made under another name is seen.
	theirs := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "images", Name: "theirs"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: Role},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "d", Name: "x"}, {Kind: rbacv1.UserKind, Name: "u"}}}
	require.NoError(t, client.Tracker().Add(theirs))
	g := Grant{From: "images", Project: "d", Account: "x"}
	assert.Equal(t, "theirs", Add(t.Context(), client, g).Binding)
	r := Revoke(t.Context(), client, g)
	require.NoError(t, r.Err)
	b, err := client.RbacV1().RoleBindings("images").Get(t.Context(), "theirs", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, theirs.Subjects[1:], b.Subjects, "the other subject stays")
}

// TestC10_OtherRolesAreNone: a binding of another role, or of a role of the
// project that has the same name, is no grant and is left alone; what is
// deleted is the very binding that was read.
func TestC10_OtherRolesAreNone(t *testing.T) {
	g := Grant{From: "images", Project: "app", Account: "default"}
	var others []runtime.Object
	for name, role := range map[string]rbacv1.RoleRef{
		"viewers": {APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		"ours":    {APIGroup: rbacv1.GroupName, Kind: "Role", Name: Role},
	} {
		others = append(others, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "images", Name: name}, RoleRef: role, Subjects: []rbacv1.Subject{g.subject()}})
	}
	client := cluster(t, others...)
	r := Add(t.Context(), client, g)
	require.NoError(t, r.Err)
	assert.True(t, r.Changed)
	assert.Equal(t, Role, r.Binding)
	b, err := client.RbacV1().RoleBindings("images").Get(t.Context(), Role, metav1.GetOptions{})
	require.NoError(t, err)
	b.UID = "1-2-3"
	require.NoError(t, client.Tracker().Update(rbacv1.SchemeGroupVersion.WithResource("rolebindings"), b, "images"))

	client.ClearActions()
	synctest.Test(t, func(t *testing.T) { r = Revoke(t.Context(), client, g) })
	require.NoError(t, r.Err)
	require.Equal(t, []string{"delete rolebindings"}, writes(client))
	for _, a := range client.Actions() {
		if a, ok := a.(clienttesting.DeleteAction); ok {
			assert.Equal(t, Role, a.GetName())
			require.NotNil(t, a.GetDeleteOptions().Preconditions)
			assert.Equal(t, &b.UID, a.GetDeleteOptions().Preconditions.UID)
		}
	}
}

func TestC10_NothingIsWrittenWithoutTheRole(t *testing.T) {
	client := fake.NewClientset()
	r := Add(t.Context(), client, Grant{From: "images", Project: "app"})
	require.ErrorContains(t, r.Err, `no cluster role "system:image-puller"`)
	assert.Empty(t, writes(client))

	client = cluster(t)
	r = Add(t.Context(), client, Grant{From: "nowhere", Project: "app"})
	assert.True(t, kube.IsCause(r.Err, kube.CauseNamespaceMissing), "%v", r.Err)
	assert.Empty(t, writes(client))
}

func TestC10_AGrantThatGrantsNothingIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t)
		client.PrependReactor("create", "subjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			return true, a.(clienttesting.CreateAction).GetObject(), nil
		})
		r := Add(t.Context(), client, Grant{From: "images", Project: "app"})
		require.ErrorContains(t, r.Err, "still may not get imagestreams/layers")
		assert.False(t, r.Proved)
	})
}

func TestRevokeTellsOfAnotherWayIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t)
		require.NoError(t, Add(t.Context(), client, Grant{From: "images", Project: "app"}).Err)
		g := Grant{From: "images", Project: "app", Account: "default"}
		require.NoError(t, Add(t.Context(), client, g).Err)
		r := Revoke(t.Context(), client, g)
		require.NoError(t, r.Err)
		assert.True(t, r.Changed)
		assert.False(t, r.Proved)
		require.Len(t, r.Warnings, 1)
		assert.Contains(t, r.Warnings[0], "may still pull")
	})
}

func TestAccountThatDoesNotExistYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t)
		g := Grant{From: "images", Project: "app", Account: "builder"}
		r := Add(t.Context(), client, g)
		require.NoError(t, r.Err)
		require.Len(t, r.Warnings, 1)
		assert.Contains(t, r.Warnings[0], `"builder" does not exist in project "app" yet`)

		g.Account, g.Wait = "deployer", 10*time.Second
		time.AfterFunc(2*time.Second, func() {
			if err := client.Tracker().Add(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "deployer"}}); err != nil {
				t.Error(err)
			}
		})
		r = Add(t.Context(), client, g)
		require.NoError(t, r.Err)
		assert.Empty(t, r.Warnings)
	})
}

func TestO6_GrantCheckWritesNothing(t *testing.T) {
	client := cluster(t)
	r := Add(t.Context(), client, Grant{From: "images", Project: "app", Check: true})
	assert.Equal(t, Result{Changed: true, Binding: Role}, r)
	require.NoError(t, Add(t.Context(), client, Grant{From: "images", Project: "app"}).Err)
	client.ClearActions()
	r = Revoke(t.Context(), client, Grant{From: "images", Project: "app", Check: true})
	assert.True(t, r.Changed)
	assert.Empty(t, writes(client))
}

func TestReviewForbiddenIsAWarning(t *testing.T) {
	client := cluster(t)
	client.PrependReactor("create", "subjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(authorizationv1.Resource("subjectaccessreviews"), "", errors.New("no"))
	})
	r := Add(t.Context(), client, Grant{From: "images", Project: "app"})
	require.NoError(t, r.Err)
	assert.False(t, r.Proved)
	assert.Len(t, r.Warnings, 1)
}

func TestParseTo(t *testing.T) {
	for text, want := range map[string][2]string{
		"a:b": {"a", "b"}, "a": {"a", ""},
		// As oc and the API write them.
		"system:serviceaccount:a:b": {"a", "b"}, "system:serviceaccounts:a": {"a", ""},
	} {
		project, account, err := ParseTo(text)
		require.NoError(t, err)
		assert.Equal(t, want, [2]string{project, account})
	}
	for _, text := range []string{"", ":b", "a:", "a/b", "A", "a:b:c", "a:b/c", "system:serviceaccount:a", "system:serviceaccounts:a:b", "system:serviceaccounts", "system:authenticated"} {
		_, _, err := ParseTo(text)
		require.ErrorContains(t, err, "PROJECT:SERVICEACCOUNT", text)
	}
}

// FuzzParseTo: what is accepted is a project and an account, and comes back
// from the form that the API has for it.
func FuzzParseTo(f *testing.F) {
	for _, seed := range []string{"a", "a:b", "system:serviceaccount:a:b", "system:serviceaccounts:a", "a/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		project, account, err := ParseTo(text)
		if err != nil {
			return
		}
		assert.NotContains(t, project+account, ":")
		assert.NotContains(t, project+account, "/")
		again, and, err := ParseTo(Grant{Project: project, Account: account}.String())
		require.NoError(t, err)
		assert.Equal(t, []string{project, account}, []string{again, and})
	})
}

// TestT6_GrantIsAnnouncedFirst: what the journal refuses is not written.
func TestT6_GrantIsAnnouncedFirst(t *testing.T) {
	full := errors.New("the journal's disk is full")
	client := cluster(t)
	g := Grant{From: "images", Project: "app", Account: "default", Before: func(string) error { return full }}
	require.ErrorIs(t, Add(t.Context(), client, g).Err, full)
	assert.Empty(t, writes(client))
	var told []string
	g.Before = func(binding string) error { told = append(told, binding); return nil }
	for range 2 {
		require.NoError(t, Add(t.Context(), client, g).Err)
	}
	require.NoError(t, Revoke(t.Context(), client, g).Err)
	assert.Equal(t, []string{Role, Role}, told, "the grant and the revocation")
}
