package tasks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
)

// TestT6_JournalOfObjects: of every object it is known whether it changed, and
// what was not announced is not to be changed.
func TestT6_JournalOfObjects(t *testing.T) {
	const run = "20261121T101500Z-3f9c"
	folder := t.TempDir()
	j, err := journal.Create(folder, run, time.Now)
	require.NoError(t, err)
	o := tasks.ObjectJournal{Journal: j, Run: run}
	require.NoError(t, o.BeforeSecret("a", "pull"))
	require.NoError(t, o.BeforeSecret("b", "pull"))
	for _, name := range []string{"default", "builder", "deployer"} {
		require.NoError(t, o.Before(tasks.KindServiceAccount, "a", name))
	}
	require.NoError(t, o.Before(tasks.KindFile, "", "/tmp/x.json"))
	failed := func(cause kube.Cause) error { return &kube.Error{Cause: cause, Message: "no"} }
	require.NoError(t, o.After(
		tasks.SecretReport{Namespace: "a", Name: "pull", Status: tasks.StatusCreated},
		tasks.NewObjectReport("", "b", "pull", "", failed(kube.CauseForbidden)),
		tasks.NewObjectReport(tasks.KindServiceAccount, "a", "default", tasks.StatusUpdated, nil),
		tasks.NewObjectReport(tasks.KindServiceAccount, "a", "builder", "", failed(kube.CauseAPIUnreachable)),
		tasks.NewObjectReport(tasks.KindServiceAccount, "a", "other", tasks.StatusUnchanged, nil),
		tasks.NewObjectReport(tasks.KindFile, "", "/tmp/x.json", tasks.StatusUpdated, nil),
		tasks.SecretReport{Kind: tasks.KindPool, Name: "worker", Status: tasks.StatusUpdated},
	))
	require.NoError(t, j.Close())
	record, err := journal.Read(folder, run)
	require.NoError(t, err)
	named := map[string]journal.PlaceState{}
	for place, state := range record.Places() {
		named[tasks.PlaceName(place)] = state
	}
	assert.Equal(t, map[string]journal.PlaceState{
		"secret a/pull":             journal.PlaceChanged,
		"secret b/pull":             journal.PlaceUntouched,
		"serviceaccount a/default":  journal.PlaceChanged,
		"serviceaccount a/builder":  journal.PlaceUnknown,
		"serviceaccount a/deployer": journal.PlaceUnknown,
		"file /tmp/x.json":          journal.PlaceChanged,
	}, named)

	var refused *kube.Error
	err = o.Before(tasks.KindRoleBinding, "a", "x") // the journal is closed
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, kube.CauseRejected, refused.Cause)
	require.ErrorContains(t, err, "rolebinding a/x was left alone")
	require.NoError(t, tasks.ObjectJournal{}.Before(tasks.KindRoleBinding, "a", "x"), "a run that changes nothing")
}
