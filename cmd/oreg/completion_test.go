package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCompletionOffersWhatIsTaken: a value that a shell completes must not be
// bad usage.
func TestCompletionOffersWhatIsTaken(t *testing.T) {
	for _, c := range commands() {
		own, common := flagsOf(c)
		for _, f := range append(own, common...) {
			for _, value := range flagValues()[f.Name] {
				a := &app{}
				fs := newFlagSet(c.name)
				a.addCommon(fs)
				if fs.Lookup(f.Name) == nil {
					continue // one of the command's own, which its run looks at
				}
				require.NoError(t, fs.Set(f.Name, value))
				assert.NoError(t, a.options.validate(), "%s --%s %s", c.name, f.Name, value)
			}
		}
	}
}

// TestCompletionKnowsItsFlags: a flag with another name by now would be
// completed nowhere.
func TestCompletionKnowsItsFlags(t *testing.T) {
	known := map[string]bool{}
	for _, c := range commands() {
		own, common := flagsOf(c)
		for _, f := range append(own, common...) {
			known[f.Name] = true
		}
	}
	for name := range flagValues() {
		assert.True(t, known[name], "no command has --%s", name)
	}
}
