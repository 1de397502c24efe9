//go:build lab

package secrets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
)

// neighbours has other credential secrets stand in the namespace: the old
// installer's are updated where they name a registry of ours, the others are
// judged, and none of them is looked at that cannot be one.
func (a realAPI) neighbours(t *testing.T) {
	job := a.job(t)
	const installers, unrelated = "o-a-0123456789abcdef0123456789abcdef", "o-a-00000000000000000000000000000000"
	put := func(o *corev1.Secret) {
		t.Helper()
		o.Namespace = job.Namespace
		_, err := a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(), o, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	put(dockerconfigjson(installers, `{"auths":{"https://Registry.Example.com":{"username":"u","password":"old","email":"e","auth":"dTpvbGQ="}}}`))
	put(dockerconfigjson(unrelated, `{"auths":{"gone.example.com":{"auth":"dTpvbGQ="}}}`))
	put(dockercfg("theirs", `{"registry.example.com":{"auth":"dTpvbGQ="}}`))
	put(dockerconfigjson("elsewhere", `{"auths":{"other.example.com":{"auth":"dTpvbGQ="}}}`))
	put(dockerconfigjson("malformed", `{"auths":{"broken.example.com":{"auth":"%%%"}}}`))
	put(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "opaque"}, Data: map[string][]byte{"k": []byte("v")}})

	for _, want := range []Status{StatusUpdated, StatusUnchanged} {
		results, warnings := Ensure(t.Context(), a.client, job)
		require.Len(t, results, 2)
		assert.Equal(t, installers, results[1].Name)
		require.NoError(t, results[1].Err)
		assert.Equal(t, want, results[1].Status)
		text := strings.Join(warnings, "\n")
		assert.Contains(t, text, `secret "theirs" in namespace "`+job.Namespace+`" has another login for registry.example.com`)
		assert.Contains(t, text, `secret "malformed" in namespace "`+job.Namespace+`" blocks every image import`)
		assert.Len(t, warnings, 2)
	}
	theirs := job
	theirs.Name = installers
	assert.Equal(t, job.Entries[0].Password.Reveal(), auths(t, a.get(t, theirs))[registry]["password"])

	results, _ := Verify(t.Context(), a.client, job)
	drift := map[string]bool{}
	for _, r := range results {
		drift[r.Name] = r.Status == StatusDrift
	}
	assert.Equal(t, map[string]bool{job.Name: false, installers: false, unrelated: false, "theirs": true, "malformed": true}, drift)
}

// malformed has content in the secret itself that its readers reject.
func (a realAPI) malformed(t *testing.T) {
	job := a.job(t)
	o := dockerconfigjson(job.Name, `{"auths":{"kept.example.com":{"auth":"dTpvbGQ="},"broken.example.com":{"auth":"%%%"}}}`)
	o.Namespace = job.Namespace
	_, err := a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(), o, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, kube.CauseWrongType, cause(t, Put(t.Context(), a.client, job).Err))
	assert.NotContains(t, a.get(t, job).Annotations, RunAnnotation)
	job.Repair = true
	require.NoError(t, Put(t.Context(), a.client, job).Err)
	got := auths(t, a.get(t, job))
	assert.Contains(t, got, "kept.example.com")
	assert.NotContains(t, got, "broken.example.com")
	a.undo(t, job, StatusRestored)
	assert.Contains(t, string(a.get(t, job).Data[corev1.DockerConfigJsonKey]), "%%%")
}
