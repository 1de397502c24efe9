package secrets

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
)

// TestT6_NothingIsWrittenThatTheJournalDoesNotKnow: what Before refuses is not
// written, not even its backup, and what it allows was announced first.
func TestT6_NothingIsWrittenThatTheJournalDoesNotKnow(t *testing.T) {
	full := errors.New("the journal's disk is full")
	client := fake.NewClientset()
	refused := testJob()
	refused.Before = func(string, string) error { return full }
	results, _ := Ensure(t.Context(), client, refused)
	require.Len(t, results, 1)
	require.ErrorIs(t, results[0].Err, full)
	assert.Equal(t, StatusFailed, results[0].Status)
	writes := func() (verbs []string) {
		for _, a := range client.Actions() {
			switch a.GetVerb() {
			case "create", "update", "delete":
				verbs = append(verbs, a.GetVerb()+" "+a.GetResource().Resource)
			}
		}
		return verbs
	}
	assert.Empty(t, writes())

	var announced []string
	allowed := testJob()
	allowed.Before = func(namespace, name string) error {
		assert.Empty(t, writes(), "told after the fact")
		announced = append(announced, namespace+"/"+name)
		return nil
	}
	results, _ = Ensure(t.Context(), client, allowed)
	require.NoError(t, results[0].Err)
	assert.Equal(t, []string{DefaultNamespace + "/" + DefaultName}, announced)
	assert.NotEmpty(t, writes())

	before := len(writes())
	results, _ = Remove(t.Context(), client, refused, []string{registry})
	for _, r := range results {
		require.ErrorIs(t, r.Err, full, r.Name)
	}
	assert.Len(t, writes(), before)

	// In check mode nothing is about to be written.
	refused.Check = true
	results, _ = Ensure(t.Context(), client, refused)
	require.NoError(t, results[0].Err)
}
