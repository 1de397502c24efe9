package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMemoryTarget: it bounds what 5,000 hosts cost, leaves room for more, and
// gives way to the user's own settings.
func TestMemoryTarget(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	debug.SetMemoryLimit(1 << 30)

	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		collectLess(func(asked string) (string, bool) { return "", asked == name }, 5000)
		assert.Equal(t, int64(1<<30), debug.SetMemoryLimit(-1), name)
	}
	unset := func(string) (string, bool) { return "", false }
	for hosts, want := range map[int]int64{0: 144 << 20, 5000: 144 << 20, 6024: 176 << 20} {
		collectLess(unset, hosts)
		assert.Equal(t, want, debug.SetMemoryLimit(-1), "%d hosts", hosts)
	}
	assert.Equal(t, 400, debug.SetGCPercent(100))
}
