//go:build lab

package secrets

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

func (a realAPI) immutable(t *testing.T) {
	job := a.job(t)
	yes := true
	o := dockerconfigjson(job.Name, `{"auths":{"other.example.com":{"auth":"bzpv"}}}`)
	o.Namespace, o.Immutable = job.Namespace, &yes
	_, err := a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(), o, metav1.CreateOptions{})
	require.NoError(t, err)
	result := Put(t.Context(), a.client, job)
	assert.Equal(t, kube.CauseRejected, cause(t, result.Err))
	require.ErrorContains(t, result.Err, "immutable")
	job.Recreate = true
	require.NoError(t, Put(t.Context(), a.client, job).Err)
	assert.Len(t, auths(t, a.get(t, job)), 3)
}

func (a realAPI) quota(t *testing.T) {
	job := a.job(t)
	_, err := a.client.CoreV1().ResourceQuotas(job.Namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "no-secrets"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"secrets": resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	// No controller fills in the usage here.
	quota, err := a.client.CoreV1().ResourceQuotas(job.Namespace).Get(t.Context(), "no-secrets", metav1.GetOptions{})
	require.NoError(t, err)
	quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: corev1.ResourceList{"secrets": resource.MustParse("0")}}
	_, err = a.client.CoreV1().ResourceQuotas(job.Namespace).UpdateStatus(t.Context(), quota, metav1.UpdateOptions{})
	require.NoError(t, err)
	var result Result
	require.Eventually(t, func() bool {
		result = Put(t.Context(), a.client, job)
		return result.Err != nil
	}, 10*time.Second, 100*time.Millisecond)
	assert.Equal(t, kube.CauseRejected, cause(t, result.Err), "%v", result.Err)
	require.ErrorContains(t, result.Err, "no-secrets")
}

func (a realAPI) forbidden(t *testing.T) {
	job := a.job(t)
	limited := kubetest.Client(t, a.lab.Limited)
	result := Put(t.Context(), limited, job)
	assert.Equal(t, kube.CauseForbidden, cause(t, result.Err))
	require.ErrorContains(t, result.Err, `get secrets "imagestreamsecret" in namespace "`+job.Namespace+`"`)

	// The right to read is not the right to write.
	rbac := a.client.RbacV1()
	_, err := rbac.Roles(job.Namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "read"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.RoleBindings(job.Namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "read"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "read"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "limited"}}}, metav1.CreateOptions{})
	require.NoError(t, err)
	job.Backup = false
	require.Eventually(t, func() bool {
		result = Put(t.Context(), limited, job)
		return result.Err != nil && strings.Contains(result.Err.Error(), "create secrets")
	}, 10*time.Second, 100*time.Millisecond)
	assert.Equal(t, kube.CauseForbidden, cause(t, result.Err))
}

func (a realAPI) namespaceMissing(t *testing.T) {
	job := testJob()
	job.Namespace = "does-not-exist"
	for _, check := range []bool{false, true} {
		job.Check = check
		result := Put(t.Context(), a.client, job)
		assert.Equal(t, kube.CauseNamespaceMissing, cause(t, result.Err))
	}
}

func (a realAPI) terminating(t *testing.T) {
	job := a.job(t)
	// No controller empties the namespace here, so it stays in that state.
	require.NoError(t, a.client.CoreV1().Namespaces().Delete(t.Context(), job.Namespace, metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		return cause(t, Put(t.Context(), a.client, job).Err) == kube.CauseRejected
	}, 10*time.Second, 100*time.Millisecond)
}
