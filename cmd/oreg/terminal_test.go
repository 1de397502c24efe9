package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEscapeSequencesGoToTerminalsAlone: colours and the live line, in the way
// of NO_COLOR and TERM=dumb; --color decides of colours alone.
func TestEscapeSequencesGoToTerminalsAlone(t *testing.T) {
	for _, c := range []struct {
		name          string
		terminal      bool
		env           map[string]string
		color         string
		live, painted bool
	}{
		{"a terminal", true, map[string]string{"TERM": "xterm"}, "auto", true, true},
		{"a pipe", false, map[string]string{"TERM": "xterm"}, "auto", false, false},
		{"a dumb terminal", true, map[string]string{"TERM": "dumb"}, "auto", false, false},
		{"NO_COLOR", true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, "auto", true, false},
		{"an empty NO_COLOR", true, map[string]string{"TERM": "xterm", "NO_COLOR": ""}, "auto", true, true},
		{"never", true, map[string]string{"TERM": "xterm"}, "never", true, false},
		{"always in a pipe", false, map[string]string{"NO_COLOR": "1"}, "always", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &app{onTerminal: c.terminal}
			a.color = c.color
			a.lookupEnv = func(name string) (string, bool) { value, ok := c.env[name]; return value, ok }
			assert.Equal(t, c.live, a.drawable(), "live")
			assert.Equal(t, c.painted, a.paint("error") != "error", "painted")
		})
	}
}
