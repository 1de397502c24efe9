// Package journal keeps, on the machine that oreg runs on, what each run was
// about to change and what it changed: one file a run, one JSON object a
// line, synced before the change and soon after it. It holds no secret, only
// names, digests and the names of backups.
//
// What surprised us: a run that was killed leaves a last line without its end,
// and a full disk leaves half of one. Both are read as "unknown from here on"
// and never as a broken journal, because the journal of a broken run is the
// one that is needed. Whether a run without an end was killed or still goes on
// cannot be told by its process id, which another process may have by now:
// the file is locked (flock) as long as it is open, and the kernel lets go of
// it with the process.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Event is what a line is about.
type Event string

// The events, in the order in which they occur.
const (
	// EventStart is the first line: Command, Inventory, Hosts, Time. A run that
	// is continued has one for each attempt.
	EventStart Event = "start"
	// EventBefore says that a place is about to change, EventAfter that it has.
	EventBefore Event = "before"
	EventAfter  Event = "after"
	// EventRestart says that a host's service is about to be restarted,
	// EventRestarted what became of it.
	EventRestart   Event = "restart"
	EventRestarted Event = "restarted"
	// EventHost is the outcome of one host, EventSecret that of one secret.
	EventHost   Event = "host"
	EventSecret Event = "secret"
	// EventComplete says that a rotation reached every place, EventRolledBack
	// that it put everything back after a failure: no other run continues it.
	EventComplete   Event = "complete"
	EventRolledBack Event = "rolled-back"
	// EventEnd is the last line; without it the run was killed.
	EventEnd Event = "end"
)

// Line is one line of a journal.
type Line struct {
	Time  time.Time `json:"time"`
	Event Event     `json:"event"`

	// Of EventStart.
	Command   string   `json:"command,omitempty"`
	Inventory []string `json:"inventory,omitempty"`
	PID       int      `json:"pid,omitempty"`
	// Hosts are those that the run is to work on, Secrets says that it is to
	// work on the cluster's secrets too; Of is the run that a rollback undoes.
	Hosts   []string `json:"hosts,omitempty"`
	Secrets bool     `json:"secrets,omitempty"`
	Of      string   `json:"of,omitempty"`
	// Platform is "4" where the global pull secret stands in the place of the
	// nodes' files, else empty.
	Platform string `json:"platform,omitempty"`

	// Of EventBefore and EventAfter: a file is Host and Path, a secret is
	// Namespace and Name.
	Host      string `json:"host,omitempty"`
	Path      string `json:"path,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Old and New are SHA-256 digests in hex; Old is empty where there was
	// nothing. Backup is where the old content is kept.
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Backup string `json:"backup,omitempty"`

	// Of EventHost, EventSecret, EventAfter and EventRestarted.
	Status string `json:"status,omitempty"`
	Cause  string `json:"cause,omitempty"`

	// Of EventEnd.
	Exit *int `json:"exit,omitempty"`
}

// Journal is an open journal. Its methods may be called from many goroutines.
type Journal struct {
	file *os.File
	now  func() time.Time

	writing sync.Mutex
	written int64 // calls of write
	// late says that later is going to sync what nobody waits for.
	late  bool
	later *time.Timer
	// broken is the error of a sync: the system tells it once.
	broken error

	// One sync serves all lines that were written before it: with thousands
	// of nodes at once a sync for each would take longer than the nodes.
	syncing sync.Mutex
	synced  int64
}

// noteDelay is how long a line of [Journal.Note] may stay off the disk.
const noteDelay = 100 * time.Millisecond

// ErrInUse is in the chain of [Create]'s error while another process has the
// run's journal open.
var ErrInUse = errors.New("the run still goes on in another process")

// Create begins the journal of a run in folder, which is made (0700) where it
// is missing. A journal that is there already is continued: a second attempt
// at a rotation goes on under the same run id.
func Create(folder, run string, now func() time.Time) (*Journal, error) {
	if !ValidID(run) {
		return nil, fmt.Errorf("run id %q: expected letters, digits and -", run)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	f, err := os.OpenFile(file(folder, run), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{file: f, now: now}
	j.later = time.AfterFunc(noteDelay, func() { _ = j.sync(j.last()) }) // its error is kept for the next call
	j.later.Stop()
	err = lock(f)
	if err == nil {
		err = j.mend()
	}
	if err != nil {
		_ = f.Close() // the first error is the one that matters
		return nil, err
	}
	return j, nil
}

// mend ends a half line that a killed run left, so that the next is whole.
func (j *Journal) mend() error {
	info, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if info.Size() == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := j.file.ReadAt(last, info.Size()-1); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if last[0] == '\n' {
		return nil
	}
	if _, err := j.file.WriteString("\n"); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Append writes lines and syncs them to the disk before it returns. A nil
// journal, that of a run which changes nothing, takes every line.
func (j *Journal) Append(lines ...Line) error {
	if j == nil || len(lines) == 0 {
		return nil
	}
	mine, err := j.write(lines, false)
	if err == nil {
		err = j.sync(mine)
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Note writes lines about what has happened already; they are on the disk a
// tenth of a second later. The end of the process loses none of them; what the
// end of the machine loses reads as "unknown", and so it is for all that was
// under way then. That a line did not come to the disk is told by the next call.
func (j *Journal) Note(lines ...Line) error {
	if j == nil || len(lines) == 0 {
		return nil
	}
	if _, err := j.write(lines, true); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// write writes lines in one piece and returns the number of this call.
func (j *Journal) write(lines []Line, late bool) (int64, error) {
	var text []byte
	for _, line := range lines {
		line.Time = j.now().UTC()
		encoded, err := json.Marshal(line)
		if err != nil {
			return 0, err
		}
		text = append(append(text, encoded...), '\n')
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.broken != nil {
		return 0, j.broken
	}
	_, err := j.file.Write(text)
	j.written++
	if late && !j.late {
		j.late = true
		j.later.Reset(noteDelay)
	}
	return j.written, err
}

// last is the number of the last call of write.
func (j *Journal) last() int64 {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.written
}

// sync returns when what the call with this number wrote is on the disk.
func (j *Journal) sync(call int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= call {
		return nil
	}
	j.writing.Lock()
	upTo, err := j.written, j.broken
	j.late = false
	j.writing.Unlock()
	if err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		j.writing.Lock()
		j.broken = err
		j.writing.Unlock()
		return err
	}
	j.synced = upTo
	return nil
}

// Close brings to the disk what was noted and ends the journal.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.later.Stop()
	err := j.sync(j.last())
	return errors.Join(err, j.file.Close())
}

// ValidID says whether a run id is safe as part of a file's name, here and on
// a node.
func ValidID(run string) bool {
	if run == "" || len(run) > 64 {
		return false
	}
	for _, c := range run {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

func file(folder, run string) string { return filepath.Join(folder, run+".jsonl") }
