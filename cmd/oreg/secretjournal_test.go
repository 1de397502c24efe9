package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/journal"
)

// TestT6_RunsOfOneSecondAreKeptApart: two commands that come to the same run id
// have a journal each, whether the first has ended or not.
func TestT6_RunsOfOneSecondAreKeptApart(t *testing.T) {
	state := t.TempDir()
	now := time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)
	begin := func(random ...byte) (*app, string) {
		a := &app{system: system{
			now: func() time.Time { return now }, random: bytes.NewReader(random),
			lookupEnv: func(name string) (string, bool) { return state, name == "XDG_STATE_HOME" },
		}}
		report, err := a.newReport("secret link")
		require.NoError(t, err)
		objects, err := a.openObjectJournal(report, "")
		require.NoError(t, err)
		assert.Equal(t, report.Run, objects.Run)
		return a, report.Run
	}
	first, run := begin(1)
	assert.Equal(t, "20261121T101500Z-0001", run)
	second, run := begin(1, 2)
	assert.Equal(t, "20261121T101500Z-0002", run, "the first still goes on")
	require.NoError(t, first.journal.Close())
	third, run := begin(1, 2, 3)
	assert.Equal(t, "20261121T101500Z-0003", run, "the first has ended")
	require.NoError(t, second.journal.Close())
	require.NoError(t, third.journal.Close())
	records, err := journal.List(first.runsFolder())
	require.NoError(t, err)
	assert.Len(t, records, 3)
}
