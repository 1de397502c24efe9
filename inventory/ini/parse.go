// Package ini reads an inventory in Ansible's INI format into a graph. It is
// not the INI that INI libraries read.
//
// A "#" ends a host line even inside a word, but belongs to the value in a
// vars section. Quotes on a host line are eaten before the value is looked at,
// so that quoting does not keep a string a string; in a vars section they do.
// A section header with anything but a comment behind it is not a header but a
// line of the section above it.
package ini

import (
	"errors"
	"fmt"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/hostrange"
	"oreg/inventory/problem"
	"oreg/inventory/pyliteral"
	"oreg/inventory/value"
)

// Options are what a parse is told from outside.
type Options struct {
	// File names the source in messages; Source is kept with each host that
	// the source is first to name.
	File, Source string
	// Sensitive says whether a variable is one where a trap deserves a
	// warning: a credential.
	Sensitive func(name string) bool
	// Warn receives the traps of the format that the file walked into.
	Warn func(*problem.Problem)
}

// maxProblems bounds how many mistakes one file reports.
const maxProblems = 50

type state uint8

const (
	inHosts state = iota
	inVars
	inChildren
	// inNothing follows a broken header: what stands below it belongs to a
	// section that is not known, and would only give errors that follow from
	// the first.
	inNothing
)

type parser struct {
	Options
	inv      *graph.Inventory
	line     int
	group    string
	state    state
	problems problem.Problems
	pending  map[string]*declaration
	order    []*declaration
}

// declaration is a group that a "children" or "vars" section named before any
// section of its own.
type declaration struct {
	line    int
	state   state
	name    string
	parents []string
	done    bool
}

// Parse reads data into inv. It goes on after a mistake so that all are
// reported together; the first is the one where Ansible would have stopped.
func Parse(inv *graph.Inventory, data string, o Options) problem.Problems {
	p := &parser{Options: o, inv: inv, group: graph.Ungrouped, pending: map[string]*declaration{}}
	for rest := data; rest != "" && len(p.problems) < maxProblems; {
		var line string
		line, rest = nextLine(rest)
		p.line++
		if line = strip(line); line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		p.read(line)
	}
	for _, d := range p.order {
		if d.done {
			continue
		}
		p.line = d.line
		if d.state == inVars {
			p.fail("variables of group %s, which no section declares, expected [%s] or [%[1]s:children]", d.name, d.name)
		} else {
			p.fail("child group %s is declared nowhere, expected a section [%s]", d.name, d.name)
		}
	}
	return p.problems
}

func (p *parser) at() problem.Position { return problem.Position{File: p.File, Line: p.line} }

func (p *parser) fail(format string, args ...any) {
	p.problems = append(p.problems, &problem.Problem{Pos: p.at(), Message: fmt.Sprintf(format, args...)})
}

func (p *parser) read(line string) {
	if h, ok := section(line); ok {
		p.header(h)
		return
	}
	if line[0] == '[' && line[len(line)-1] == ']' {
		p.fail("broken section header, expected [group], [group:vars] or [group:children] without blanks")
		p.state = inNothing
		return
	}
	switch p.state {
	case inHosts:
		p.host(line)
	case inVars:
		p.variable(line)
	case inChildren:
		p.child(line)
	}
}

func (p *parser) header(h header) {
	switch h.kind {
	case "", "hosts":
		p.state = inHosts
	case "vars":
		p.state = inVars
	case "children":
		p.state = inChildren
	default:
		p.state = inNothing
		p.fail("section of unknown type, expected [group], [group:vars] or [group:children]")
		if numeric(h.name) && numeric(h.kind) {
			p.problems[len(p.problems)-1].Hint = "a line that is nothing but a host range reads as a section"
		}
		return
	}
	p.group = h.name
	if p.inv.Group(h.name) == nil {
		if p.state == inVars && p.pending[h.name] == nil {
			p.declare(&declaration{line: p.line, state: inVars, name: h.name})
		}
		if err := p.inv.AddGroup(h.name); err != nil {
			p.fail("section: %v", err)
		}
	}
	if d := p.pending[h.name]; d != nil && p.state != inVars {
		if d.state == inChildren {
			p.resolve(d)
		} else {
			d.done = true
			delete(p.pending, h.name)
		}
	}
}

func numeric(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (p *parser) declare(d *declaration) {
	p.pending[d.name] = d
	p.order = append(p.order, d)
}

// resolve links a group that is now declared below the groups that named it,
// and these below theirs.
func (p *parser) resolve(d *declaration) {
	for _, parent := range d.parents {
		p.link(parent, d.name)
		if up := p.pending[parent]; up != nil && up.state == inChildren {
			p.resolve(up)
		}
	}
	d.done = true
	delete(p.pending, d.name)
}

func (p *parser) link(parent, child string) {
	if err := p.inv.AddChild(parent, child); err != nil {
		p.fail("%v", err)
	}
}

func (p *parser) child(line string) {
	name, ok := groupName(line)
	switch {
	case !ok:
		p.fail("expected the name of a group and nothing else")
	case p.inv.Group(name) != nil:
		p.link(p.group, name)
	case p.pending[name] != nil:
		d := p.pending[name]
		d.parents = append(d.parents, p.group)
	default:
		p.declare(&declaration{line: p.line, state: inChildren, name: name, parents: []string{p.group}})
	}
}

func (p *parser) variable(line string) {
	name, text, ok := strings.Cut(line, "=")
	if !ok {
		p.fail("expected key=value")
		p.explain(line)
		return
	}
	name, text = strip(name), strip(text)
	v := p.value(text)
	if v == nil {
		return
	}
	if p.Sensitive(name) && v.IsText() && v.Text == text && strings.Contains(text, " #") {
		p.warn("%s contains \" #\": in a vars section there are no comments, it is part of the value", name)
	}
	if err := p.inv.SetVariable(p.group, name, v); err != nil {
		p.fail("%v", err)
	}
}

// explain adds a hint where a line shows what was meant.
func (p *parser) explain(line string) {
	hint := ""
	switch {
	case strings.HasPrefix(line, "$ANSIBLE_VAULT"):
		hint = "an INI inventory cannot hold !vault values: move the variable to a YAML file in group_vars"
	case strings.ContainsAny(line[:1], "{}[]'\"") || strings.ContainsAny(line[len(line)-1:], "{}[],"):
		hint = "a value must stand on one line"
	}
	p.problems[len(p.problems)-1].Hint = hint
}

// value evaluates the text of a value, or reports why Ansible would refuse it.
func (p *parser) value(text string) *value.Value {
	v, outcome := pyliteral.Eval(text, p.at())
	switch outcome {
	case pyliteral.Literal:
		return v
	case pyliteral.NotLiteral:
		return value.NewString(text, p.at())
	}
	p.fail("value is a Python collection that no Python can build, such as a set or list as a key")
	p.problems[len(p.problems)-1].Hint = "quote a template that holds only a literal"
	return nil
}

func (p *parser) warn(format string, args ...any) {
	p.Warn(&problem.Problem{Pos: p.at(), Message: fmt.Sprintf(format, args...)})
}

func (p *parser) host(line string) {
	w, err := split(line, true)
	if err != nil {
		p.fail("%v", err)
		return
	}
	names, port, err := expandHost(w.list[0])
	if err != nil {
		p.fail("%v", err)
		if w.list[0][:min(1, len(w.list[0]))] == "[" {
			p.state = inNothing
			p.problems[len(p.problems)-1].Hint = "nothing but a comment after # may follow a section header"
		}
		return
	}
	var vars value.DictBuilder
	for i, word := range w.list[1:] {
		name, text, ok := strings.Cut(word, "=")
		if !ok {
			p.fail("word %d of the host line is no key=value", i+2)
			p.problems[len(p.problems)-1].Hint = "no blanks around =, quotes around a value with blanks, # before a comment"
			return
		}
		v := p.value(text)
		if v == nil {
			return
		}
		vars.Add(value.NewString(name, p.at()), v)
	}
	p.commentTrap(line, w)
	var portValue *value.Value
	if port != "" {
		portValue = &value.Value{Kind: value.Int, Text: port, Raw: port, Pos: p.at()}
	}
	for _, name := range names {
		if err := p.inv.AddHost(name, p.group, portValue, p.Source); err != nil {
			p.fail("host: %v", err)
			return
		}
		for _, e := range vars.Entries() {
			if err := p.inv.SetVariable(name, e.Key.Text, e.Value); err != nil {
				p.fail("%v", err)
				return
			}
		}
	}
}

// expandHost refuses what looks like YAML rather than a host.
func expandHost(token string) (names []string, port string, err error) {
	names, port, err = hostrange.Expand(token)
	if err != nil {
		return nil, "", err
	}
	if port == "" && strings.HasSuffix(strip(token), ":") {
		return nil, "", errors.New("host name ends in a colon, expected a port after it")
	}
	for _, name := range names {
		if strip(name) == "---" {
			return nil, "", errors.New("\"---\" is no host name but the start of a YAML file")
		}
	}
	return names, port, nil
}

// commentTrap warns where a "#" that ends a host line may have been meant as
// part of a credential.
func (p *parser) commentTrap(line string, w words) {
	if w.comment < 0 || len(w.list) < 2 {
		return
	}
	last, _, _ := strings.Cut(w.list[len(w.list)-1], "=")
	if p.Sensitive(last) {
		p.warn("%s is cut off by a # without quotes: the rest of the line is a comment", last)
		return
	}
	for _, word := range strings.Fields(line[w.comment:]) {
		if name, _, ok := strings.Cut(strings.TrimLeft(word, "#"), "="); ok && p.Sensitive(name) {
			p.warn("%s stands behind a # without quotes: the rest of the line is a comment", name)
			return
		}
	}
	if !w.inWord {
		return
	}
	for _, word := range w.list[1:] {
		if name, _, _ := strings.Cut(word, "="); p.Sensitive(name) {
			p.warn("the line that sets %s is cut off by a # without quotes: the rest is a comment", name)
			return
		}
	}
}
