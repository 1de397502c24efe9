package ansiblecfg

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Load finds and reads the configuration. Errors are of type *[Error], several
// joined.
func Load(opts Options) (*Config, error) {
	l := &loader{opts: opts, config: &Config{}, file: map[string]map[string]*found{}}
	path, text, err := l.find()
	if err != nil {
		return nil, err
	}
	if path != "" {
		sections, entries, err := parse(path, text)
		if err != nil {
			return nil, err
		}
		l.config.File = path
		for _, section := range sections {
			l.file[section] = map[string]*found{}
		}
		for _, e := range entries {
			l.add(path, e)
		}
	}
	if err := l.takeAll(); err != nil {
		return nil, err
	}
	l.report()
	return l.config, nil
}

type loader struct {
	opts   Options
	config *Config
	// file is section, key.
	file  map[string]map[string]*found
	order []*found
}

// found is an entry of the file and what became of it.
type found struct {
	entry
	from string
	// outcome is "" as long as nobody asked for it.
	outcome string
}

const outcomeTaken = "taken"

func (f *found) name() string { return "[" + f.section + "] " + f.key }

func (l *loader) add(path string, e entry) {
	f := &found{entry: e}
	f.from = fmt.Sprintf("%s:%d %s", path, e.line, f.name())
	l.file[e.section][e.key] = f
	l.order = append(l.order, f)
}

// lookup finds a key in a section. [DEFAULT] holds defaults for the keys of
// every section that exists.
func (l *loader) lookup(section, key string) *found {
	keys, exists := l.file[section]
	if !exists {
		return nil
	}
	if f := keys[key]; f != nil {
		return f
	}
	return l.file["DEFAULT"][key]
}

func (l *loader) env(name string) (string, bool) { return l.opts.lookup(name) }

func (l *loader) warn(from, text string) {
	l.config.Warnings = append(l.config.Warnings, Note{from, text})
}

func (l *loader) ignore(from, text string) {
	l.config.Ignored = append(l.config.Ignored, Note{from, text})
}

// names are where a setting is looked for; of several the last that is set
// wins, and the environment before the file (_loop_entries).
type names struct {
	env []string
	ini []string // "section.key"
}

// place is a text that was found, and the folder that paths in it start from.
type place struct {
	text, base string
	// from is a variable of the environment where entry is nil.
	from  string
	entry *found
}

// place returns the text in force; the others are noted as overridden.
func (l *loader) place(n names) (place, bool) {
	var p place
	isSet := false
	for _, name := range slices.Backward(n.env) {
		text, ok := l.env(name)
		switch {
		case !ok:
		case isSet:
			l.ignore(name, "overridden by "+p.from)
		default:
			p, isSet = place{text: text, from: name, base: l.opts.Dir}, true
		}
	}
	for _, name := range slices.Backward(n.ini) {
		section, key, _ := strings.Cut(name, ".")
		f := l.lookup(section, key)
		switch {
		case f == nil:
		case isSet:
			f.outcome = "overridden by " + p.from
		default:
			p, isSet = place{text: f.value, from: f.from, base: filepath.Dir(l.config.File), entry: f}, true
			f.outcome = outcomeTaken
		}
	}
	return p, isSet
}

// take sets dst. An empty text counts as not set, unless the setting is text.
func take[T any](l *loader, dst *Setting[T], n names, convert func(place) (T, error)) error {
	p, isSet := l.place(n)
	if !isSet {
		return nil
	}
	v, err := convert(p)
	switch {
	case errors.Is(err, errEmpty) && p.entry != nil:
		p.entry.outcome = err.Error()
		return nil
	case errors.Is(err, errEmpty):
		l.ignore(p.from, err.Error())
		return nil
	case err != nil && p.entry != nil:
		return &Error{File: l.config.File, Line: p.entry.line, Message: p.entry.name() + ": " + err.Error()}
	case err != nil:
		return &Error{File: p.from, Message: err.Error()}
	}
	*dst = Setting[T]{Value: v, Set: true, From: p.from}
	l.config.Taken = append(l.config.Taken, Note{p.from, outcomeTaken})
	return nil
}

// report lists the keys of the file that were not taken, in its order, and
// warns of those that change how Ansible itself reads the inventory.
func (l *loader) report() {
	for _, f := range l.order {
		switch f.outcome {
		case outcomeTaken:
		case "":
			for _, r := range readers() {
				if slices.Contains(r.ini, f.section+"."+f.key) {
					l.warnOfReading(f.from, r, f.value)
				}
			}
			l.ignore(f.from, "not used by oreg")
		default:
			l.ignore(f.from, f.outcome)
		}
	}
}
