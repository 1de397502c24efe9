// Package journal keeps, on the machine that oreg runs on, what each run was
// about to change and what it changed: one file a run, one JSON object a
// line, synced before the change and after it. It holds no secret, only
// names, digests and the names of backups.
//
// What surprised us: a run that was killed leaves a last line without its end,
// and a full disk leaves half of one. Both are read as "unknown from here on"
// and never as a broken journal, because the journal of a broken run is the
// one that is needed.
package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event is what a line is about.
type Event string

// The events, in the order in which they occur.
const (
	// EventStart is the first line: Command, Inventory, Check, Time.
	EventStart Event = "start"
	// EventBefore says that a place is about to change, EventAfter that it has.
	EventBefore Event = "before"
	EventAfter  Event = "after"
	// EventHost is the outcome of one host.
	EventHost Event = "host"
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

	// Of EventHost, and of EventAfter.
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
	written int64 // lines

	// One sync serves all lines that were written before it: with thousands
	// of nodes at once a sync for each would take longer than the nodes.
	syncing sync.Mutex
	synced  int64
}

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
	if err := j.mend(); err != nil {
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

// Append writes one line and syncs it to the disk before it returns.
func (j *Journal) Append(line Line) error {
	line.Time = j.now().UTC()
	encoded, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	mine, err := j.write(append(encoded, '\n'))
	if err == nil {
		err = j.sync(mine)
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func (j *Journal) write(line []byte) (int64, error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	_, err := j.file.Write(line)
	j.written++
	return j.written, err
}

// sync returns when the line with this number is on the disk.
func (j *Journal) sync(line int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= line {
		return nil
	}
	j.writing.Lock()
	upTo := j.written
	j.writing.Unlock()
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.synced = upTo
	return nil
}

// Close ends the journal; what was appended is on the disk already.
func (j *Journal) Close() error { return j.file.Close() }

// Record is a run as its journal tells it.
type Record struct {
	Run   string
	Lines []Line
	// Torn says that a line was not whole: the run was killed, or its disk
	// was full.
	Torn bool
}

// Start returns the first line, or a zero one.
func (r Record) Start() Line {
	if len(r.Lines) > 0 && r.Lines[0].Event == EventStart {
		return r.Lines[0]
	}
	return Line{}
}

// End returns the last line's exit code; false where the run never ended.
func (r Record) End() (exit int, ended bool) {
	if len(r.Lines) == 0 {
		return 0, false
	}
	last := r.Lines[len(r.Lines)-1]
	if last.Event != EventEnd || last.Exit == nil {
		return 0, false
	}
	return *last.Exit, true
}

// Changed says whether the run changed, or was about to change, any place.
func (r Record) Changed() bool {
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Event == EventBefore || l.Event == EventAfter })
}

// maxLine bounds a line; ours have a few hundred bytes.
const maxLine = 1 << 20

// Read reads the journal of one run.
func Read(folder, run string) (Record, error) {
	if !ValidID(run) {
		return Record{}, fmt.Errorf("run id %q: expected letters, digits and -", run)
	}
	content, err := os.ReadFile(file(folder, run))
	if err != nil {
		return Record{}, fmt.Errorf("read the journal: %w", err)
	}
	return parse(run, content), nil
}

func parse(run string, content []byte) Record {
	r := Record{Run: run, Torn: len(content) > 0 && content[len(content)-1] != '\n'}
	scan := bufio.NewScanner(bytes.NewReader(content))
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		var line Line
		if len(scan.Bytes()) == 0 {
			continue
		}
		if json.Unmarshal(scan.Bytes(), &line) != nil {
			r.Torn = true
			continue
		}
		r.Lines = append(r.Lines, line)
	}
	r.Torn = r.Torn || scan.Err() != nil
	return r
}

// List reads all journals of the folder, the oldest first. A folder that does
// not exist has none.
func List(folder string) ([]Record, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal's folder: %w", err)
	}
	var records []Record
	for _, e := range entries {
		run, ours := strings.CutSuffix(e.Name(), ".jsonl")
		if !ours || !ValidID(run) {
			continue
		}
		r, err := Read(folder, run)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.Run, b.Run) })
	return records, nil
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
