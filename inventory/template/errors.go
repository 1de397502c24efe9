package template

import (
	"errors"
	"fmt"
	"strings"

	"oreg/inventory/problem"
)

// What can go wrong, for errors.Is. ErrUndefined, ErrLoop and ErrEvaluate are
// errors in Ansible, too; the others are oreg's own.
var (
	// ErrUndefined: a variable, a key or an attribute does not exist.
	ErrUndefined = errors.New("undefined")
	// ErrLoop: a variable needs itself.
	ErrLoop = errors.New("recursive loop")
	// ErrEvaluate: Python would raise an exception, such as for text plus a
	// number.
	ErrEvaluate = errors.New("cannot be evaluated")
	// ErrUnsupported: Jinja or Ansible knows it and oreg does not.
	ErrUnsupported = errors.New("not supported")
	// ErrRefused: oreg does not do it, such as run a command.
	ErrRefused = errors.New("refused")
	// ErrLimit: the template takes too long or makes too much.
	ErrLimit = errors.New("limit exceeded")
)

// Step is a variable on the way from the value that was to be rendered to what
// is wrong.
type Step struct {
	Variable string
	Pos      problem.Position
}

// Error says why a value cannot be rendered. Its text holds names of
// variables, filters and functions, but neither values nor the template.
type Error struct {
	// Kind is one of the sentinels above.
	Kind error
	// What names what is undefined, unsupported or refused, or says what
	// does not fit.
	What string
	// Through are the variables that were being rendered, outermost first,
	// without the one that Render was called for.
	Through []Step
	// Err is the cause from outside: of a file, a vault or the context.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	for _, step := range e.Through {
		b.WriteString("through " + step.Variable)
		if at := step.Pos.String(); at != "" {
			b.WriteString(" (" + at + ")")
		}
		b.WriteString(": ")
	}
	switch {
	case errors.Is(e.Kind, ErrUndefined):
		b.WriteString(e.What + " is undefined")
	case errors.Is(e.Kind, ErrLoop):
		b.WriteString("recursive loop: " + e.What)
	case errors.Is(e.Kind, ErrUnsupported), errors.Is(e.Kind, ErrRefused):
		b.WriteString(e.What)
	default:
		fmt.Fprintf(&b, "%v: %s", e.Kind, e.What)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap lets errors.Is reach Kind and Err.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func failf(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, What: fmt.Sprintf(format, args...)}
}

// NotATemplate is a text with braces that Jinja cannot read. Ansible refuses
// it; oreg takes it as it is, because passwords hold anything.
type NotATemplate struct {
	// Variable holds the text, and Pos is where.
	Variable string
	Pos      problem.Position
}

func (n *NotATemplate) Error() string {
	at := ""
	if pos := n.Pos.String(); pos != "" {
		at = pos + ": "
	}
	return at + n.Variable + " holds braces that are no Jinja template"
}
