package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLiveProgressOfManyStages: stages whole, half done and empty, that end at
// any moment of the library's own drawing.
func TestLiveProgressOfManyStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		p := newProgress(&screen, true, time.Now)
		for i := range 100 {
			p.stage("stage", i%3)
			for range i % 4 {
				p.step()
			}
			_, err := io.WriteString(p, "a line\n")
			require.NoError(t, err)
			time.Sleep(time.Duration(i*17%700) * time.Millisecond)
		}
		p.close()
		assert.Equal(t, 100, strings.Count(screen.String(), "a line\n"))
		assert.Contains(t, screen.String(), "2/2")
	})
}
