package tasks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks"
)

// TestRunIDsSortByTime: backups that are too many are removed by that order.
func TestRunIDsSortByTime(t *testing.T) {
	last := ""
	for i := range 1000 {
		at := time.Date(2026, 11, 21, 10, 15, 0, 0, time.FixedZone("", 3600)).Add(time.Duration(i) * 4 * time.Millisecond)
		id, err := tasks.NewRunID(at, strings.NewReader(string(rune('~'-i%90))))
		require.NoError(t, err)
		assert.Regexp(t, `^20261121T09150[0-3]Z-[0-9a-f]{4}$`, id)
		assert.Greater(t, id, last)
		last = id
	}
	_, err := tasks.NewRunID(time.Now(), strings.NewReader(""))
	require.ErrorContains(t, err, "run id")
}

func TestValidRunID(t *testing.T) {
	id, err := tasks.NewRunID(time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), strings.NewReader("\x9c"))
	require.NoError(t, err)
	assert.True(t, tasks.ValidRunID(id), "%s", id)
	for _, text := range []string{"", "x", "latest", "../x", "20261121T101500Z", "20261121T101500Z-", "20261121T101500Z-3f9", "20261121T101500Z-3F9C",
		"20261321T101500Z-3f9c", "20261121T101500Z-3f9c-1", "20261121T101500-3f9c", "20261121T101500Z-xyzw"} {
		assert.False(t, tasks.ValidRunID(text), "%q", text)
	}
}
