package secrets

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
)

// TestT6_OnlyWhatIsReplacedIsKept: a namespace that had no secret gets no
// backup beside the one that is made; a secret that had logins is kept.
func TestT6_OnlyWhatIsReplacedIsKept(t *testing.T) {
	job := testJob()
	job.BackupReplaced = true
	client := fake.NewClientset()
	r := Put(t.Context(), client, job)
	require.NoError(t, r.Err)
	assert.Equal(t, StatusCreated, r.Status)
	assert.Len(t, writes(client), 1, "the secret alone")

	client = fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`))
	r = Put(t.Context(), client, job)
	require.NoError(t, r.Err)
	assert.Equal(t, StatusUpdated, r.Status)
	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	require.Len(t, backups, 1)
	assert.Equal(t, StatusRestored, Rollback(t.Context(), client, backups, false, nil)[0].Status)
}
