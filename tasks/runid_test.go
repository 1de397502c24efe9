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
