package journal_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"oreg/tasks/journal"
)

// TestWhatIsNotOnTheDiskIsAnError: a line counts once it is synced. A pipe
// takes every line and syncs none.
func TestWhatIsNotOnTheDiskIsAnError(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, run+".jsonl"), 0o600))
	j, err := journal.Create(folder, run, clock)
	require.NoError(t, err)
	require.ErrorIs(t, j.Append(journal.Line{Event: journal.EventStart}), syscall.EINVAL)
	require.ErrorIs(t, j.Append(journal.Line{Event: journal.EventStart}), syscall.EINVAL, "it is not told once and forgotten")
	require.ErrorIs(t, j.Close(), syscall.EINVAL)
}

// TestWhatIsNotedComesToTheDisk: nobody waits for it, and it is told, by
// whatever comes next, if it did not.
func TestWhatIsNotedComesToTheDisk(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, run+".jsonl")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	note := journal.Line{Event: journal.EventHost, Host: "n1"}
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Create(folder, run, clock)
		require.NoError(t, err)
		require.NoError(t, j.Note(note))
		require.NoError(t, j.Note(note), "it was not waited for")
		time.Sleep(journal.NoteDelay)
		synctest.Wait()
		require.ErrorIs(t, j.Note(note), syscall.EINVAL, "it was synced after a while")
		require.ErrorIs(t, j.Append(note), syscall.EINVAL)
		require.ErrorIs(t, j.Close(), syscall.EINVAL)

		j, err = journal.Create(folder, run, clock)
		require.NoError(t, err)
		require.NoError(t, j.Note(note))
		require.ErrorIs(t, j.Close(), syscall.EINVAL, "it was synced at the end")
	})
}
