package tasks_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/sshexec"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/journal"
	"oreg/validate"
)

const runID = "20261121T101500Z-3f9c"

// localNode is a node on this machine, without SSH, with its files in a
// folder of the test.
func localNode(t *testing.T, name string) inventory.Node {
	t.Helper()
	dir := t.TempDir()
	return inventory.Node{
		Name: name, Connection: inventory.Connection{Local: true}, ServiceUnit: "origin-node",
		ConfigPaths: []string{filepath.Join(dir, "origin/.docker/config.json"), filepath.Join(dir, "root/.docker/config.json")},
	}
}

func localSSH(t *testing.T) *sshexec.Client {
	t.Helper()
	c := sshexec.New(sshexec.Options{Home: t.TempDir(), LocalUser: "root", Env: func(string) (string, bool) { return "", false }, Now: time.Now})
	t.Cleanup(func() { _ = c.Close() }) // nothing is written over it
	return c
}

func openJournal(t *testing.T) (folder string, j *journal.Journal) {
	t.Helper()
	folder = t.TempDir()
	j, err := journal.Create(folder, runID, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() }) // a test may have closed it
	return folder, j
}

func events(t *testing.T, folder string) (found []string) {
	t.Helper()
	r, err := journal.Read(folder, runID)
	require.NoError(t, err)
	for _, l := range r.Lines {
		at := l.Host
		if l.Path != "" {
			at += " " + filepath.Base(filepath.Dir(filepath.Dir(l.Path)))
		}
		found = append(found, string(l.Event)+" "+at+" "+l.Status)
	}
	return found
}

var wanted = []dockerconfig.Entry{{Key: "registry.example.com", User: "u", Password: secret.New("geheim")}}

func TestT6_JournalIsWrittenBeforeAndAfterEachFile(t *testing.T) {
	folder, j := openJournal(t)
	node := localNode(t, "n1")
	keeper := &tasks.NodeFiles{SSH: localSSH(t), RunID: runID, KeepBackups: 1, Journal: j, Now: time.Now}
	h := keeper.Place(t.Context(), node, tasks.NewFilePlan(wanted, nil))
	require.Equal(t, tasks.StatusChanged, h.Status, "%+v", h)
	want := []string{"before n1 origin ", "before n1 root ", "after n1 origin created", "after n1 root created"}
	assert.Equal(t, want, events(t, folder))

	// Nothing to change is nothing to tell, and --check tells nothing either.
	require.Equal(t, tasks.StatusOK, keeper.Place(t.Context(), node, tasks.NewFilePlan(wanted, nil)).Status)
	require.NoError(t, os.Remove(node.ConfigPaths[0]))
	keeper.Check = true
	require.Equal(t, tasks.StatusChanged, keeper.Place(t.Context(), node, tasks.NewFilePlan(wanted, nil)).Status)
	assert.Equal(t, want, events(t, folder))
}

// TestT6_NoChangeThatTheJournalDoesNotTake: a full disk under the journal
// leaves every file as it is.
func TestT6_NoChangeThatTheJournalDoesNotTake(t *testing.T) {
	_, j := openJournal(t)
	require.NoError(t, j.Close()) // each write to it fails from now on
	node := localNode(t, "n1")
	keeper := &tasks.NodeFiles{SSH: localSSH(t), RunID: runID, KeepBackups: 1, Journal: j, Now: time.Now}
	h := keeper.Place(t.Context(), node, tasks.NewFilePlan(wanted, nil))
	assert.Equal(t, tasks.StatusFailed, h.Status)
	require.NotNil(t, h.Error)
	assert.Equal(t, "not-tried", h.Error.Cause)
	assert.Contains(t, h.Error.Message, "journal")
	assert.NoFileExists(t, node.ConfigPaths[0])
}

func TestN18_JournalHasTheOutcomeOfEachHost(t *testing.T) {
	folder, j := openJournal(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}, cancel: cancel}
	run := newRun(r, credential("a"))
	run.Journal = j
	require.NoError(t, run.Begin(journal.Line{}))
	_, err := run.Install(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"start  ", "host n1 changed", "host n2 skipped"}, events(t, folder))
	record, err := journal.Read(folder, runID)
	require.NoError(t, err)
	assert.Equal(t, []string{"n1", "n2"}, record.Start().Hosts)
	assert.Equal(t, []string{"n2"}, record.Unsuccessful())
}
