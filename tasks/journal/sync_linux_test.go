package journal_test

import (
	"path/filepath"
	"syscall"
	"testing"

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
	require.NoError(t, j.Close())
}
