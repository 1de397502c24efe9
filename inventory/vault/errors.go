package vault

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a vault, for errors.Is.
var (
	// ErrNoSecrets: no password was given, or none could be had.
	ErrNoSecrets = errors.New("no vault password")
	// ErrWrongPassword: none of the passwords opens it.
	ErrWrongPassword = errors.New("wrong vault password")
	// ErrCorrupt: the text is not a whole vault.
	ErrCorrupt = errors.New("damaged vault")
	// ErrUnsupported: a cipher that ansible-core does not read either, such
	// as AES of format 1.0.
	ErrUnsupported = errors.New("unsupported vault cipher")
)

// Error says why a vault did not open. It holds neither content nor password.
type Error struct {
	// Name is what was to be opened, as the caller of Decrypt called it.
	Name string
	// ID is the label in the vault's header; "" where there is none.
	ID string
	// Kind is one of the sentinels above.
	Kind error
	// Detail says more about ErrCorrupt and ErrUnsupported.
	Detail string
	// Tried names the passwords that did not fit, as "label@source".
	Tried []string
	// Sources are the passwords that could not be had.
	Sources []*SourceError
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.Name, e.Kind)
	if e.ID != "" && e.ID != DefaultID {
		fmt.Fprintf(&b, " (vault id %q)", e.ID)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if len(e.Tried) > 0 {
		b.WriteString(": tried " + strings.Join(e.Tried, ", "))
	}
	for _, src := range e.Sources {
		b.WriteString("; " + src.Error())
	}
	return b.String()
}

// Hint says what to do, in terms of Ansible's options; "" where nothing helps.
func (e *Error) Hint() string {
	switch {
	case len(e.Sources) > 0:
		return ""
	case errors.Is(e.Kind, ErrNoSecrets):
		return "give the password with --vault-password-file, --vault-id or --ask-vault-pass"
	case errors.Is(e.Kind, ErrCorrupt):
		return "compare with the output of ansible-vault: the header line, then lines of hexadecimal digits alone"
	case errors.Is(e.Kind, ErrUnsupported):
		return "run ansible-vault rekey on it"
	}
	return ""
}

// Unwrap lets errors.Is and errors.As reach Kind and Sources.
func (e *Error) Unwrap() []error {
	errs := []error{e.Kind}
	for _, src := range e.Sources {
		errs = append(errs, src)
	}
	return errs
}

// SourceError says why a password could not be had from its file or script.
type SourceError struct {
	// Label is the vault id that it was given for.
	Label string
	// Path is the file or script.
	Path string
	// Err says what happened; for a script it is an *exec.ExitError.
	Err error
	// what is the message without Path and Err.
	what string
}

func (e *SourceError) Error() string {
	msg := "vault password " + e.what + " " + e.Path
	if e.Label != DefaultID {
		msg += fmt.Sprintf(" (vault id %q)", e.Label)
	}
	return msg + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *SourceError) Unwrap() error { return e.Err }
