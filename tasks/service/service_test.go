package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/service"
)

// The answers of systemctl show, as systemd 219 (RHEL 7, without InvocationID
// and with Job only while there is one) and 252 give them.
const (
	systemd219 = `Hostname=node1.example.com
ExecMainStartTimestamp=Sat 2026-11-21 09:15:02 UTC
ExecMainStartTimestampMonotonic=73250412
LoadState=loaded
ActiveState=active
Result=success
`
	systemd252 = `Hostname=node1
Result=success
ExecMainStartTimestamp=Sat 2026-11-21 09:15:02 UTC
ExecMainStartTimestampMonotonic=73250412
LoadState=loaded
ActiveState=active
Job=1234
InvocationID=0cf9d3b8d9a94ca1a0a9bb2a8b5c1c2d
`
	notFound = `Hostname=node1
Result=success
ExecMainStartTimestamp=
ExecMainStartTimestampMonotonic=0
LoadState=not-found
ActiveState=inactive
InvocationID=
`
)

// answers is a host that gives these answers, the last one for ever.
type answers struct {
	texts []string
	asked []string
}

func (a *answers) Run(_ context.Context, command string, _ []byte) ([]byte, error) {
	a.asked = append(a.asked, command)
	if strings.Contains(command, " restart ") {
		return nil, nil
	}
	text := a.texts[0]
	if len(a.texts) > 1 {
		a.texts = a.texts[1:]
	}
	if text == "lost" {
		return nil, errors.New("the connection ended")
	}
	return []byte(text), nil
}

func TestShowReadsOldAndNewSystemd(t *testing.T) {
	started := time.Date(2026, 11, 21, 9, 15, 2, 0, time.UTC)
	s, err := service.Show(t.Context(), &answers{texts: []string{systemd219}}, "origin-node")
	require.NoError(t, err)
	assert.True(t, s.Found() && s.Running())
	assert.Equal(t, started, s.Started.UTC())
	assert.Equal(t, "node1.example.com", s.Hostname)
	assert.False(t, s.Job)
	assert.NotEmpty(t, s.Start)

	s, err = service.Show(t.Context(), &answers{texts: []string{systemd252}}, "origin-node.service")
	require.NoError(t, err)
	assert.Equal(t, started, s.Started.UTC())
	assert.True(t, s.Job)
	assert.Contains(t, s.Start, "0cf9d3b8")

	s, err = service.Show(t.Context(), &answers{texts: []string{notFound}}, "origin-node")
	require.NoError(t, err)
	assert.False(t, s.Found())
	assert.Empty(t, s.Start)

	for _, text := range []string{"", "Hostname=n1\n", "Hostname=n1\nNoSystemd=1\n", "\x00\xff=\n=\n"} {
		_, err = service.Show(t.Context(), &answers{texts: []string{text}}, "origin-node")
		var known *service.Error
		require.ErrorAs(t, err, &known, "%q", text)
		assert.NotEmpty(t, known.Hint)
	}
}

// at is a unit that started at some second, in a state.
func at(second int, active string, more ...string) string {
	return fmt.Sprintf("Hostname=n1\nExecMainStartTimestamp=Sat 2026-11-21 09:15:%02d UTC\nExecMainStartTimestampMonotonic=%d\nLoadState=loaded\nActiveState=%s\nResult=success\n%s",
		second, second*1e6, active, strings.Join(more, "\n"))
}

// TestN15_RestartBelievesOnlyANewStartThatStays plays systemd's answers, one a
// second, and looks at the time that it takes.
func TestN15_RestartBelievesOnlyANewStartThatStays(t *testing.T) {
	long := func(text string, n int) (all []string) {
		for range n {
			all = append(all, text)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		texts []string
		took  time.Duration
		want  string // of the error
	}{
		{"comes back", []string{at(1, "active"), at(1, "active", "Job=7"), at(1, "deactivating", "Job=7"), at(3, "activating", "Job=7"), at(3, "active")},
			3*time.Second + service.DefaultSteady, ""},
		{"was stopped before", []string{at(1, "inactive"), at(3, "active")}, service.DefaultSteady, ""},
		{"the old process goes on", []string{at(1, "active")}, service.DefaultTimeout + time.Second, "not steadily active within 6m0s: active"},
		{"fails at once", []string{at(1, "active"), at(3, "failed")}, 0, "did not start: failed"},
		{"was failed before, the job is still to come", []string{at(1, "failed"), at(1, "failed", "Job=7"), at(3, "active")}, time.Second + service.DefaultSteady, ""},
		{"crashes again and again", []string{at(1, "active"), at(3, "active"), at(3, "activating"), at(5, "active"), at(7, "active"), at(9, "active")}, 4 * time.Second, "again and again"},
		{"crashes once", append(append([]string{at(1, "active")}, long(at(3, "active"), 9)...), at(5, "active")), 9*time.Second + service.DefaultSteady, ""},
		{"never gets up, but is started again and again", []string{at(1, "active"), at(3, "activating"), at(8, "activating"), at(13, "activating"), at(18, "activating")}, 3 * time.Second, "again and again: activating"},
		{"falls back into activating", append(append([]string{at(1, "active")}, long(at(3, "active"), 5)...), at(3, "activating"), at(3, "active")), 6*time.Second + service.DefaultSteady, ""},
		{"stays in activating", []string{at(1, "active"), at(3, "activating")}, service.DefaultTimeout + time.Second, "activating"},
		{"a lost connection is asked again", []string{at(1, "active"), "lost", at(3, "active")}, time.Second + service.DefaultSteady, ""},
		{"the host is gone", []string{at(1, "active"), "lost"}, service.DefaultTimeout + time.Second, "could not be asked any more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				host := &answers{texts: c.texts}
				state, err := service.Manager{Now: time.Now}.Restart(t.Context(), host, "origin-node")
				assert.Equal(t, c.took, time.Since(begun))
				assert.Contains(t, host.asked[1], "--no-block restart -- origin-node.service")
				if c.want != "" {
					var known *service.Error
					require.ErrorAs(t, err, &known)
					assert.Contains(t, known.Message, c.want)
					assert.NotEmpty(t, known.Hint)
					return
				}
				require.NoError(t, err)
				assert.True(t, state.Started.After(time.Date(2026, 11, 21, 9, 15, 1, 0, time.UTC)))
			})
		})
	}
}

func TestRestartOfAUnitThatIsNotThere(t *testing.T) {
	host := &answers{texts: []string{notFound}}
	_, err := service.Manager{Now: time.Now}.Restart(t.Context(), host, "origin-node")
	require.ErrorContains(t, err, "there is no origin-node.service")
	assert.Len(t, host.asked, 1, "nothing was restarted")
}

func TestRestartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := service.Manager{Now: time.Now}.Restart(ctx, &answers{texts: []string{at(1, "active")}}, "origin-node")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// here runs the commands with this machine's shell and a systemctl of the
// test's own, which keeps to the real one's options.
type here struct{ path string }

func (h here) Run(ctx context.Context, command string, _ []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Env = []string{"PATH=" + h.path + ":/usr/bin:/bin"}
	return cmd.Output()
}

func TestCommandsRunInAShell(t *testing.T) {
	dir := t.TempDir()
	fake := `#!/bin/sh
[ "$*" = "--no-ask-password --no-block restart -- a'b.service" ] && { touch ` + dir + `/restarted; exit 0; }
[ "$1 $2" = "--no-pager show" ] || exit 64
[ "$TZ" = UTC ] || exit 65
for last; do :; done
[ "$last" = "a'b.service" ] || exit 66
n=1; [ ! -e ` + dir + `/restarted ] || n=2
printf 'LoadState=loaded\nActiveState=active\nResult=success\nExecMainStartTimestampMonotonic=%s\nExecMainStartTimestamp=Sat 2026-11-21 09:15:0%s UTC\n' $n $n
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "systemctl"), []byte(fake), 0o755)) //nolint:gosec // a program
	m := service.Manager{Now: time.Now, Steady: 20 * time.Millisecond, Poll: 5 * time.Millisecond, Timeout: 10 * time.Second}
	state, err := m.Restart(t.Context(), here{dir}, "a'b")
	require.NoError(t, err)
	assert.Equal(t, 2, state.Started.Second())
	assert.NotEmpty(t, state.Hostname)
}
