package journal_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/journal"
)

func clock() time.Time { return time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC) }

const run = "20261121T101500Z-3f9c"

func TestJournalIsReadBack(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state", "runs")
	j, err := journal.Create(folder, run, clock)
	require.NoError(t, err)
	require.NoError(t, j.Append(journal.Line{Event: journal.EventStart, Command: "install"}))
	require.NoError(t, j.Append(journal.Line{Event: journal.EventBefore, Host: "n1", Path: "/p", New: "aa"}))
	exit := 0
	require.NoError(t, j.Append(journal.Line{Event: journal.EventEnd, Exit: &exit}))
	require.NoError(t, j.Close())

	r, err := journal.Read(folder, run)
	require.NoError(t, err)
	assert.Equal(t, "install", r.Start().Command)
	assert.Equal(t, clock(), r.Start().Time)
	assert.True(t, r.Changed())
	assert.False(t, r.Torn)
	code, ended := r.End()
	assert.True(t, ended)
	assert.Zero(t, code)

	info, err := os.Stat(filepath.Join(folder, run+".jsonl"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(folder)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

// TestTornLine cuts the journal at every byte, as a kill does: every whole
// line before the cut is read, and a run that goes on writes whole lines.
func TestTornLine(t *testing.T) {
	folder := t.TempDir()
	j, err := journal.Create(folder, run, clock)
	require.NoError(t, err)
	require.NoError(t, j.Append(journal.Line{Event: journal.EventStart, Command: "install"}))
	require.NoError(t, j.Append(journal.Line{Event: journal.EventBefore, Host: "n1", Path: "/p"}))
	require.NoError(t, j.Close())
	path := filepath.Join(folder, run+".jsonl")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(whole) {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		before, err := journal.Read(folder, run)
		require.NoError(t, err)
		_, ended := before.End()
		assert.False(t, ended)
		j, err := journal.Create(folder, run, clock)
		require.NoError(t, err)
		require.NoError(t, j.Append(journal.Line{Event: journal.EventHost, Host: "n1"}))
		require.NoError(t, j.Close())
		after, err := journal.Read(folder, run)
		require.NoError(t, err)
		require.NotEmpty(t, after.Lines)
		assert.Equal(t, journal.EventHost, after.Lines[len(after.Lines)-1].Event, "cut at %d", cut)
		assert.GreaterOrEqual(t, len(after.Lines), len(before.Lines)+1, "cut at %d", cut)
	}
}

func TestListIsInOrder(t *testing.T) {
	none, err := journal.List(filepath.Join(t.TempDir(), "missing"))
	require.NoError(t, err)
	assert.Empty(t, none)

	folder := t.TempDir()
	for _, id := range []string{"20261121T101501Z-aaaa", "20261121T101500Z-ffff"} {
		j, err := journal.Create(folder, id, clock)
		require.NoError(t, err)
		require.NoError(t, j.Close())
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), nil, 0o600))
	// Neither is a journal, and to open a folder fails as a pipe would wait.
	require.NoError(t, os.Mkdir(filepath.Join(folder, "20261121T101502Z-bbbb.jsonl"), 0o700))
	all, err := journal.List(folder)
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "20261121T101500Z-ffff", all[0].Run)
}

func TestRunIDIsNoPath(t *testing.T) {
	for _, id := range []string{"", "../x", "a/b", "a b", ".", "a.b"} {
		_, err := journal.Create(t.TempDir(), id, clock)
		assert.ErrorContains(t, err, "expected letters, digits", "%q", id)
	}
}
