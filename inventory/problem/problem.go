// Package problem is how the rooms of the inventory report what they find: a
// place, what was found and what to do about it. It is a leaf of its own so that
// the scanners can fill in the same type that the inventory hands out. No text in
// it ever holds a value: a line that does not parse may be half a password.
package problem

import (
	"fmt"
	"strings"
)

// Position is a place in an inventory, group_vars or host_vars file. Line
// counts from 1; 0 means the file as a whole. File is as the user named it.
type Position struct {
	File string
	Line int
}

// String is "file:line", the form that editors jump to.
func (p Position) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Problem is one mistake in the inventory, or one warning about it. Its text
// never holds a value.
type Problem struct {
	Pos Position
	// Message says what was found and what was expected.
	Message string
	// Hint says what to do; empty where Message says it already.
	Hint string
}

// Error is "file:line: message (hint)".
func (p *Problem) Error() string { return p.String() }

func (p *Problem) String() string {
	var b strings.Builder
	if at := p.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems are several mistakes reported together, in file order.
type Problems []*Problem

// Error has one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As reach each problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// OrNil returns nil where there is no problem.
func (ps Problems) OrNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
