package tasks

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/nodefile"
)

// TestFilePlanRemembersOnlyWhatIsTheSame: what was computed for one node is
// another's only if it would have come out the same, whoever asks first.
func TestFilePlanRemembersOnlyWhatIsTheSame(t *testing.T) {
	var wanted []dockerconfig.Entry
	for _, host := range []string{"a", "b", "c"} {
		wanted = append(wanted, dockerconfig.Entry{Key: host + ".example.com", User: "u", Password: secret.New("geheim")})
	}
	stale := []string{"old.example.com"}
	file := func(text string) nodefile.Present {
		return nodefile.Present{Path: "/x", Exists: true, Content: []byte(text)}
	}
	presents := []nodefile.Present{
		{Path: "/x"}, file(""), file("{}"), file(`{"auths":{"old.example.com":{"auth":"dTpw"}}}`), file("{broken"),
		file(`{"auths":{"b.example.com":{"auth":"dTpw"}}}`), file(`{"credHelpers":{"a.example.com":"x","b.example.com":"x","c.example.com":"x"}}`),
		file(`{"x":"` + strings.Repeat("y", maxKnownSize) + `"}`),
	}
	plan := NewFilePlan(wanted, stale)
	for _, repair := range []bool{true, false, true, false} {
		var wait sync.WaitGroup
		for i, present := range append(presents, presents...) {
			wait.Go(func() {
				alone, wantErr := NewFilePlan(wanted, stale).compute(present, repair)
				shared, err := plan.merge(present, repair)
				assert.Equal(t, wantErr, err)
				assert.Equal(t, alone, shared)
				if err == nil && wantErr == nil {
					// A report adds its own notes to those that are shared.
					m := &merging{files: map[string]*merged{"/x": shared}}
					report := m.report(nodefile.FileResult{Path: "/x", Notes: []string{fmt.Sprint("note ", i)}})
					assert.Equal(t, append(append([]string{}, alone.notes...), fmt.Sprint("note ", i)), report.Notes)
				}
			})
		}
		wait.Wait()
	}
	first, err := plan.merge(presents[0], false)
	require.NoError(t, err)
	again, err := plan.merge(presents[0], false)
	require.NoError(t, err)
	assert.Same(t, first, again)
	for i := range 3 * maxKnownFiles {
		_, err := plan.merge(file(fmt.Sprintf(`{"n":%d}`, i)), false)
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, len(plan.known), maxKnownFiles)
}
