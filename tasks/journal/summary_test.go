package journal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/journal"
)

// write makes a journal of these lines and reads it back.
func write(t *testing.T, lines ...journal.Line) journal.Record {
	t.Helper()
	folder := t.TempDir()
	j, err := journal.Create(folder, run, clock)
	require.NoError(t, err)
	require.NoError(t, j.Append(lines...))
	require.NoError(t, j.Close())
	r, err := journal.Read(folder, run)
	require.NoError(t, err)
	return r
}

func start(hosts ...string) journal.Line {
	return journal.Line{Event: journal.EventStart, Command: "install", Hosts: hosts, Inventory: []string{"/hosts"}}
}

func end(exit int) journal.Line { return journal.Line{Event: journal.EventEnd, Exit: &exit} }

func host(name, status string) journal.Line {
	return journal.Line{Event: journal.EventHost, Host: name, Status: status}
}

func before(path string) journal.Line {
	return journal.Line{Event: journal.EventBefore, Host: "n1", Path: path}
}

func after(path, status string) journal.Line {
	return journal.Line{Event: journal.EventAfter, Host: "n1", Path: path, Status: status}
}

// TestN18_HostsThatDidNotSucceed is what --retry-failed goes by.
func TestN18_HostsThatDidNotSucceed(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []journal.Line
		want  []string
	}{
		{"all well", []journal.Line{start("n1", "n2"), host("n2", "changed"), host("n1", "ok"), end(0)}, nil},
		{"failed and unreachable, in the inventory's order", []journal.Line{
			start("n1", "n2", "n3"), host("n3", "failed"), host("n2", "ok"), host("n1", "unreachable"), end(2),
		}, []string{"n1", "n3"}},
		{"interrupted: skipped ones did not succeed", []journal.Line{
			start("n1", "n2"), host("n1", "changed"), host("n2", "skipped"), end(99),
		}, []string{"n2"}},
		{"killed: what never had its turn did not succeed", []journal.Line{start("n1", "n2"), host("n1", "changed")}, []string{"n2"}},
		{"killed before any host", []journal.Line{start("n1", "n2")}, []string{"n1", "n2"}},
		{"refused before any host", []journal.Line{start("n1", "n2"), end(3)}, nil},
		{"continued: the last attempt counts", []journal.Line{
			start("n1", "n2"), host("n1", "failed"), end(2), start("n1"), host("n1", "ok"), end(0),
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, write(t, c.lines...).Unsuccessful())
		})
	}
}

// TestN18_SecretsThatDidNotSucceed: --retry-failed works on them too.
func TestN18_SecretsThatDidNotSucceed(t *testing.T) {
	begin := start("n1")
	begin.Secrets = true
	secret := func(status string) journal.Line {
		return journal.Line{Event: journal.EventSecret, Namespace: "openshift", Name: "s", Status: status}
	}
	for _, c := range []struct {
		name  string
		lines []journal.Line
		want  bool
	}{
		{"all well", []journal.Line{begin, host("n1", "ok"), secret("updated"), secret("unchanged"), end(0)}, false},
		{"one failed", []journal.Line{begin, host("n1", "ok"), secret("updated"), secret("failed"), end(2)}, true},
		{"left out", []journal.Line{start("n1"), host("n1", "ok"), end(0)}, false},
		{"interrupted before their turn", []journal.Line{begin, host("n1", "ok"), end(99)}, true},
		{"killed before their turn", []journal.Line{begin, host("n1", "ok")}, true},
		{"refused before anything", []journal.Line{begin, end(3)}, false},
		{"the last attempt counts", []journal.Line{begin, secret("failed"), end(2), begin, secret("unchanged"), end(0)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, write(t, c.lines...).SecretsLeft())
		})
	}
}

func TestSummaryTellsHowARunEnded(t *testing.T) {
	for _, c := range []struct {
		lines []journal.Line
		want  journal.Ending
	}{
		{[]journal.Line{start(), end(0)}, journal.EndingDone},
		{[]journal.Line{start(), end(1)}, journal.EndingStopped},
		{[]journal.Line{start(), end(2)}, journal.EndingFailed},
		{[]journal.Line{start(), end(3)}, journal.EndingRefused},
		{[]journal.Line{start(), end(4)}, journal.EndingUnreachable},
		{[]journal.Line{start(), end(99)}, journal.EndingInterrupted},
		{[]journal.Line{start()}, journal.EndingKilled},
		{[]journal.Line{start(), end(2), start()}, journal.EndingKilled},
	} {
		s := write(t, c.lines...).Summary()
		assert.Equal(t, c.want, s.Ending)
		assert.Equal(t, c.want == journal.EndingKilled, s.Exit == nil)
	}
}

// TestSummaryHasNoNullLists: a run of pull-secret has neither hosts nor an
// inventory, and scripts go through both.
func TestSummaryHasNoNullLists(t *testing.T) {
	s := write(t, journal.Line{Event: journal.EventStart, Command: "pull-secret append"}, end(0)).Summary()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"failed":[],"inventory":[]`)
}

func TestSummaryCountsPlaces(t *testing.T) {
	r := write(t, start("n1"),
		before("/changed"), after("/changed", "updated"),
		before("/failed"), after("/failed", "failed"),
		before("/lost"), after("/lost", journal.StatusUnknown),
		before("/killed"),
		after("/mode", "updated"), // a mode that was tightened has no line before
		before("/twice"), after("/twice", "created"), before("/twice"), after("/twice", "failed"),
	)
	s := r.Summary()
	assert.Equal(t, 3, s.Changed)
	assert.Equal(t, 2, s.Unknown)
	assert.True(t, r.SameInventory([]string{"/hosts"}))
	assert.False(t, r.SameInventory([]string{"/other"}))
}

func TestWrittenDigests(t *testing.T) {
	line := func(old, young string) journal.Line {
		return journal.Line{Event: journal.EventBefore, Host: "n1", Path: "/f", Old: old, New: young}
	}
	r := write(t, start("n1"), line("a", "b"), line("b", "c"), line("c", "c"), line("c", ""), after("/other", "created"))
	assert.Equal(t, map[journal.Place][]string{{Host: "n1", Path: "/f"}: {"b", "c"}}, r.Written())
}

// TestOpenJournalIsRunning: a process id may be somebody else's by now, a lock
// cannot.
func TestOpenJournalIsRunning(t *testing.T) {
	folder := t.TempDir()
	j, err := journal.Create(folder, run, clock)
	require.NoError(t, err)
	require.NoError(t, j.Append(start()))
	for range 2 { // one who looks does not disturb the next
		r, err := journal.Read(folder, run)
		require.NoError(t, err)
		assert.Equal(t, journal.EndingRunning, r.Summary().Ending)
	}
	_, err = journal.Create(folder, run, clock)
	require.ErrorIs(t, err, journal.ErrInUse)
	require.NoError(t, j.Close())
	r, err := journal.Read(folder, run)
	require.NoError(t, err)
	assert.Equal(t, journal.EndingKilled, r.Summary().Ending)
}

func TestNoJournalTakesEveryLine(t *testing.T) {
	var none *journal.Journal
	require.NoError(t, none.Append(start()))
	require.NoError(t, none.Close())
}

// FuzzRead: whatever a journal holds, every whole line of ours before and after
// it is read.
func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"event\":\"before\"}\n{\"ev"))
	f.Add([]byte("null\n\x00\xff\n[]\n"))
	f.Fuzz(func(t *testing.T, garbage []byte) {
		folder := t.TempDir()
		path := filepath.Join(folder, run+".jsonl")
		first, err := json.Marshal(start("n1"))
		require.NoError(t, err)
		content := append(append(first, '\n'), garbage...)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		j, err := journal.Create(folder, run, clock)
		require.NoError(t, err)
		require.NoError(t, j.Append(end(7)))
		require.NoError(t, j.Close())
		r, err := journal.Read(folder, run)
		require.NoError(t, err)
		assert.Equal(t, "install", r.Start().Command)
		code, ended := r.End()
		assert.True(t, ended)
		assert.Equal(t, 7, code)
		r.Summary()
	})
}
