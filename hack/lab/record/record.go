// Package record keeps what happened at a part of the lab: in memory for questions, and as JSON
// lines in a file for people. It never holds a password; who writes an entry sees to that.
package record

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// Log is a record of entries of one type. Its methods may be called from many goroutines.
type Log[T any] struct {
	mu      sync.Mutex
	file    *os.File
	entries []T
	err     error
}

// New starts a record in a file of its own (0600); an empty path keeps it in memory alone.
func New[T any](path string) (*Log[T], error) {
	l := &Log[T]{}
	if path == "" {
		return l, nil
	}
	// O_APPEND, so that a truncation by Reset does not leave a hole before the next entry.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting a record: %w", err)
	}
	l.file = f
	return l, nil
}

// Add appends an entry. A full disk must not break the part that is observed: the first failure
// to write is kept and comes out of Close.
func (l *Log[T]) Add(entry T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry)
	if l.file == nil {
		return
	}
	line, err := json.Marshal(entry)
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil && l.err == nil {
		l.err = err
	}
}

// All is a copy of the entries so far, oldest first.
func (l *Log[T]) All() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T{}, l.entries...)
}

// Reset forgets everything, in the file too.
func (l *Log[T]) Reset() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
	if l.file == nil {
		return nil
	}
	return l.file.Truncate(0)
}

// Close closes the file and says whether any entry failed to reach it.
func (l *Log[T]) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return l.err
	}
	err := l.file.Close()
	l.file = nil
	if l.err != nil {
		return l.err
	}
	return err
}
