package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Problem is one reason why a reader would reject the file.
type Problem struct {
	// Key is the entry, fit for a message; empty when it is the whole file.
	Key    string
	Reason string
}

func (p Problem) String() string {
	if p.Key == "" {
		return p.Reason
	}
	return p.Key + ": " + p.Reason
}

// MalformedError is a file that at least one reader rejects, and with it the
// logins of every registry in it. It names keys, never values.
type MalformedError struct{ Problems []Problem }

func (e *MalformedError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.String()
	}
	return "not a config.json that its readers accept: " + strings.Join(texts, "; ")
}

// file is a config.json taken apart.
type file struct {
	form Form
	// before and after are the white space around the value.
	before, after string
	root          object
	// auths holds the entries; for [DockerCfg] it is unused and root holds them.
	auths object
	// authsAt are the root's members that readers take for "auths".
	authsAt []int
	// whole says that the text could not be used at all.
	whole    bool
	problems []Problem
}

// parse takes a file apart. nil is a file that does not exist. The result is
// usable even if there are problems, for --repair: what cannot be used is left
// out of it.
func parse(existing []byte, form Form) *file {
	f := &file{form: form}
	if existing == nil {
		return f
	}
	reject := func(reason string) *file {
		return &file{form: form, whole: true, problems: []Problem{{Reason: reason}}}
	}
	if len(existing) > MaxSize {
		return reject(fmt.Sprintf("it is larger than %d bytes", MaxSize))
	}
	trimmed := bytes.Trim(existing, " \t\r\n")
	if len(trimmed) == 0 {
		return reject("the file is empty")
	}
	if reason := syntax(existing); reason != "" {
		return reject(reason)
	}
	start := bytes.Index(existing, trimmed)
	f.before, f.after = string(existing[:start]), string(existing[start+len(trimmed):])
	if string(trimmed) == "null" {
		return f
	}
	root, err := parseObject(string(trimmed))
	if err != nil {
		return reject("the top level is not a JSON object")
	}
	f.root = root
	if form != DockerCfg {
		f.readSettings()
		f.readAuths()
	}
	f.readEntries()
	return f
}

// syntax says where the text stops being JSON, without quoting it.
func syntax(text []byte) string {
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	if err == nil {
		return ""
	}
	var at *json.SyntaxError
	if !errors.As(err, &at) {
		return "not JSON"
	}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		return "not JSON: it begins with a byte order mark, as some editors of Windows write it"
	}
	upTo := text[:min(int(at.Offset), len(text))]
	line := 1 + bytes.Count(upTo, []byte("\n"))
	column := len(upTo) - (bytes.LastIndexByte(upTo, '\n') + 1)
	return fmt.Sprintf("not JSON: it breaks off or goes wrong at line %d column %d", line, column)
}

// readAuths finds the entries. As encoding/json reads them, several "auths"
// objects, in whatever case, add up, and a null forgets those before it.
func (f *file) readAuths() {
	f.authsAt = f.root.named("auths")
	for n, i := range f.authsAt {
		value := f.root.members[i].value
		if value == "null" {
			f.auths = object{}
			continue
		}
		o, err := parseObject(value)
		if err != nil {
			f.problems = append(f.problems, Problem{Key: f.root.members[i].name, Reason: "not a JSON object"})
			continue
		}
		if n == 0 || len(f.auths.members) == 0 {
			f.auths = o
			continue
		}
		for _, m := range o.members {
			f.auths.add(layout{lead: m.lead, colon: m.colon, tail: f.auths.tail}, m.name, m.value)
		}
	}
}

// readSettings checks the other members whose type the kubelet, containers/
// image or docker insist on.
func (f *file) readSettings() {
	for _, m := range f.root.members {
		var want any
		switch strings.ToLower(m.name) {
		case "credhelpers", "httpheaders":
			want = new(map[string]string)
		case "credsstore":
			want = new(string)
		default:
			continue
		}
		if json.Unmarshal([]byte(m.value), want) != nil {
			f.problems = append(f.problems, Problem{Key: m.name, Reason: "has another type than its readers expect"})
		}
	}
}

// readEntries checks the entries.
func (f *file) readEntries() {
	for _, m := range f.entries().members {
		if _, reason := parseEntry(m.value); reason != "" {
			f.problems = append(f.problems, Problem{Key: Shown(m.name), Reason: reason})
		}
	}
}

// entries is the object that holds the entries.
func (f *file) entries() *object {
	if f.form == DockerCfg {
		return &f.root
	}
	return &f.auths
}

// err is the file's rejection, or nil.
func (f *file) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return &MalformedError{Problems: f.problems}
}

// repair makes the file acceptable: entries that some reader could still use
// are rewritten, others dropped, members of a wrong type too.
func (f *file) repair() []Note {
	var notes []Note
	note := func(key, text string) {
		notes = append(notes, Note{Kind: Repaired, Key: key, Text: text, Warning: true})
	}
	if f.whole {
		note("", "replaced as a whole: "+f.problems[0].Reason)
		f.problems = nil
		return notes
	}
	bad := map[string]bool{}
	for _, p := range f.problems {
		bad[p.Key] = true
	}
	if f.form != DockerCfg {
		f.root.drop(func(i int) bool {
			m := f.root.members[i]
			gone := bad[m.name] && !strings.EqualFold(m.name, "auths")
			if gone {
				note(m.name, "removed: it has another type than its readers expect")
			}
			return gone
		})
		f.authsAt = f.root.named("auths")
		for _, i := range f.authsAt {
			if m := &f.root.members[i]; bad[m.name] && m.value[0] != '{' {
				note(m.name, "replaced: it was not a JSON object")
			}
		}
	}
	entries := f.entries()
	gone := map[int]bool{}
	for i := range entries.members {
		m := &entries.members[i]
		_, reason := parseEntry(m.value)
		if reason == "" {
			continue
		}
		if e, ok := salvage(m.value); ok {
			m.value = f.layout().write(e.fields(f.form))
			note(Shown(m.name), "rewritten in the form that every reader accepts: "+reason)
			continue
		}
		gone[i] = true
		note(Shown(m.name), "removed: "+reason)
	}
	entries.drop(func(i int) bool { return gone[i] })
	f.problems = nil
	return notes
}

// layout is that of the entries.
func (f *file) layout() layout {
	if f.form == DockerCfg {
		return f.rootLayout()
	}
	return layoutOf(f.auths, f.rootLayout())
}

// rootLayout is that of the top level's members.
func (f *file) rootLayout() layout {
	if f.form == NodeFile && len(f.root.members) == 0 {
		// A new file looks as docker login writes it.
		return layout{lead: "\n\t", unit: "\t", tail: "\n", colon: ": "}
	}
	return layoutOf(f.root, layout{unit: "\t", colon: ":"})
}

// render puts the file together again.
func (f *file) render() []byte {
	if f.form == NodeFile && len(f.root.members) == 0 && f.after == "" {
		f.after = "\n"
	}
	if f.form != DockerCfg {
		value := f.auths.text()
		switch {
		case len(f.authsAt) == 0:
			f.root.add(f.rootLayout(), "auths", value)
		default:
			// Several are one to their readers; they become one in the file.
			f.root.members[f.authsAt[0]].value = value
			extra := map[int]bool{}
			for _, i := range f.authsAt[1:] {
				extra[i] = true
			}
			f.root.drop(func(i int) bool { return extra[i] })
		}
		f.authsAt = f.root.named("auths")
	}
	return []byte(f.before + f.root.text() + f.after)
}
