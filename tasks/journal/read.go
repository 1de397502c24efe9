package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Record is a run as its journal tells it.
type Record struct {
	Run   string
	Lines []Line
	// Torn says that a line was not whole: the run was killed, or its disk
	// was full.
	Torn bool
	// Open says that a process still has the journal open: the run goes on.
	Open bool
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

// Settled says that a rotation reached every place, or none any more, so that
// there is nothing to continue.
func (r Record) Settled() bool {
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Event == EventComplete || l.Event == EventRolledBack })
}

// maxLine bounds a line in bytes; the first one names every host.
const maxLine = 64 << 20

// Read reads the journal of one run.
func Read(folder, run string) (Record, error) {
	if !ValidID(run) {
		return Record{}, fmt.Errorf("run id %q: expected letters, digits and -", run)
	}
	f, err := os.Open(file(folder, run))
	if err != nil {
		return Record{}, fmt.Errorf("read the journal: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	open := held(f)
	content, err := io.ReadAll(f)
	if err != nil {
		return Record{}, fmt.Errorf("read the journal: %w", err)
	}
	r := parse(run, content)
	r.Open = open
	return r, nil
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
		if !ours || !ValidID(run) || !e.Type().IsRegular() { // to open a pipe would wait for its writer
			continue
		}
		r, err := Read(folder, run)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.Run, b.Run) }) // ids sort by time
	return records, nil
}
