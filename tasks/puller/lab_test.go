//go:build lab

package puller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	admin := kubetest.Client(t, lab.Kubeconfig)
	images, app := kubetest.Namespace(t, admin), kubetest.Namespace(t, admin)
	g := Grant{From: images, Project: app, Account: "default"}

	r := Add(t.Context(), admin, g)
	require.ErrorContains(t, r.Err, "no cluster role")
	list, err := admin.RbacV1().RoleBindings(images).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, list.Items)

	// The role as OpenShift has it.
	_, err = admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: Role},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"", "image.openshift.io"}, Resources: []string{"imagestreams/layers"}, Verbs: []string{"get"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = admin.CoreV1().ServiceAccounts(app).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	require.NoError(t, err)

	for name, kubeconfig := range map[string]string{"today": lab.Kubeconfig, "as 1.11": lab.Old(t)} {
		t.Run(name, func(t *testing.T) {
			client := kubetest.Client(t, kubeconfig)
			r := Add(t.Context(), client, g)
			require.NoError(t, r.Err)
			assert.Equal(t, Result{Changed: true, Binding: Role, Proved: true}, r)
			ours, err := client.RbacV1().RoleBindings(images).Get(t.Context(), Role, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, Result{Binding: Role, Proved: true}, Add(t.Context(), client, g))
			again, err := client.RbacV1().RoleBindings(images).Get(t.Context(), Role, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, ours.ResourceVersion, again.ResourceVersion)

			kubetest.Kubectl(t, lab.Kubeconfig, "-n", images, "create", "rolebinding", "by-kubectl", "--clusterrole="+Role, "--serviceaccount="+app+":default")
			theirs, err := client.RbacV1().RoleBindings(images).Get(t.Context(), "by-kubectl", metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, theirs.RoleRef, ours.RoleRef)
			assert.Equal(t, theirs.Subjects, ours.Subjects)

			all := Grant{From: images, Project: app}
			r = Add(t.Context(), client, all)
			require.NoError(t, r.Err)
			assert.Equal(t, Role+"-0", r.Binding)
			kubetest.Kubectl(t, lab.Kubeconfig, "-n", images, "create", "rolebinding", "group-by-kubectl", "--clusterrole="+Role, "--group=system:serviceaccounts:"+app)
			theirs, err = client.RbacV1().RoleBindings(images).Get(t.Context(), "group-by-kubectl", metav1.GetOptions{})
			require.NoError(t, err)
			ours, err = client.RbacV1().RoleBindings(images).Get(t.Context(), r.Binding, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, theirs.Subjects, ours.Subjects)

			for _, g := range []Grant{all, g} {
				r = Revoke(t.Context(), client, g)
				require.NoError(t, r.Err)
				assert.True(t, r.Changed)
			}
			assert.True(t, r.Proved, "%v", r.Warnings)
			list, err := client.RbacV1().RoleBindings(images).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			assert.Empty(t, list.Items)
		})
	}
	limited := Add(t.Context(), kubetest.Client(t, lab.Limited), g)
	assert.True(t, kube.IsCause(limited.Err, kube.CauseForbidden), "%v", limited.Err)
}
