package dockerconfig

import (
	"errors"
	"fmt"
)

// NoteKind says what a [Note] is about.
type NoteKind string

// The kinds of notes.
const (
	// Replaced: another spelling of the registry's key was taken out.
	Replaced NoteKind = "replaced"
	// Scoped: a key with a path below our registry stays and is tried first
	// for the images below that path.
	Scoped NoteKind = "scoped"
	// Wildcard: a key with a wildcard covers our registry for the kubelet.
	Wildcard NoteKind = "wildcard"
	// Helper: credHelpers or credsStore keeps readers from our entry.
	Helper NoteKind = "helper"
	// Repaired: something that a reader rejects was rewritten or removed.
	Repaired NoteKind = "repaired"
)

// Note tells about the file what the caller should pass on. It holds no
// secret.
type Note struct {
	Kind NoteKind
	// Key is the key in the file, fit for a message.
	Key  string
	Text string
	// Warning: somebody should act on it; otherwise it is an account of what
	// was done.
	Warning bool
}

func (n Note) String() string {
	if n.Key == "" {
		return n.Text
	}
	return n.Key + ": " + n.Text
}

// Options of a change.
type Options struct {
	Form Form
	// Repair replaces what a reader rejects instead of failing.
	Repair bool
}

// Result is a file as it should be.
type Result struct {
	// Content is the very slice that was given when nothing is to be changed.
	Content []byte
	Changed bool
	Notes   []Note
}

// ErrTooLarge is in the chain of the error of a change whose result would
// exceed [MaxSize].
var ErrTooLarge = errors.New("the result is too large")

// Merge puts entries into a config.json. existing is nil where there is no
// file; an empty slice is an empty file, which readers reject.
//
// For each entry every key that means its registry is replaced, as a whole, by
// one in canonical form at the place of the first; a new one goes to the end.
// An entry that every reader already understands as meant stays as it is, and
// if all do, Content is existing itself. Everything else keeps its bytes and
// its order.
//
// The error is an [*EntryError], a [*MalformedError] or wraps [ErrTooLarge].
func Merge(existing []byte, entries []Entry, o Options) (Result, error) {
	seen := map[name]Entry{}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return Result{}, err
		}
		n := parseName(e.Key)
		if other, ok := seen[n]; ok && (other.User != e.User || !other.Password.Equal(e.Password)) {
			return Result{}, &EntryError{Key: e.Key, Reason: "two different logins for one registry"}
		}
		seen[n] = e
	}
	f := parse(existing, o.Form)
	result := Result{Content: existing}
	if err := f.err(); err != nil {
		if !o.Repair {
			return Result{}, err
		}
		result.Notes, result.Changed = f.repair(), true
	}
	for _, e := range entries {
		notes, changed := f.put(e)
		result.Notes = append(result.Notes, notes...)
		result.Changed = result.Changed || changed
	}
	result.Notes = append(result.Notes, f.shadows(entries)...)
	return f.finish(result, existing)
}

// Remove takes every key that means one of the registries out of a
// config.json. Keys with a path below them are other registries to their
// readers: they stay, with a note.
func Remove(existing []byte, hosts []string, o Options) (Result, error) {
	f := parse(existing, o.Form)
	result := Result{Content: existing}
	if err := f.err(); err != nil {
		if !o.Repair {
			return Result{}, err
		}
		result.Notes, result.Changed = f.repair(), true
	}
	entries := f.entries()
	for _, host := range hosts {
		n := parseName(host)
		before := len(entries.members)
		entries.drop(func(i int) bool { return parseName(entries.members[i].name) == n })
		result.Changed = result.Changed || len(entries.members) != before
		result.Notes = append(result.Notes, f.scoped(n)...)
	}
	return f.finish(result, existing)
}

// finish renders the file if it is to change.
func (f *file) finish(result Result, existing []byte) (Result, error) {
	if !result.Changed {
		return result, nil
	}
	result.Content = f.render()
	if len(result.Content) > MaxSize {
		return Result{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(result.Content), MaxSize)
	}
	return result, nil
}

// put makes e the only entry of its registry.
func (f *file) put(e Entry) (notes []Note, changed bool) {
	entries, n, key := f.entries(), parseName(e.Key), Key(e.Key)
	var at []int
	for i, m := range entries.members {
		if parseName(m.name) == n {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		l := f.layout()
		entries.add(l, key, l.write(e.fields(f.form)))
		return nil, true
	}
	first := &entries.members[at[0]]
	if len(at) == 1 && first.name == key {
		if s, reason := parseEntry(first.value); reason == "" && s.holds(e) {
			return nil, false
		}
	}
	extra := map[int]bool{}
	for _, i := range at {
		m := entries.members[i]
		extra[i] = i != at[0]
		if m.name != key {
			notes = append(notes, Note{Kind: Replaced, Key: Shown(m.name),
				Text: "another spelling of " + key + ", replaced by it: a reader would have gone on presenting its login"})
		}
	}
	l := f.layout()
	l.lead = first.lead
	first.name, first.raw, first.value = key, quote(key), l.write(e.fields(f.form))
	entries.drop(func(i int) bool { return extra[i] })
	return notes, true
}
