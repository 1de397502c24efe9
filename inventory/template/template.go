// Package template renders the Jinja templates in the values of inventory
// variables, as Ansible's Templar does (ansible-core 2.14 over Jinja 3.1,
// jinja2_native off). A test holds it against the real Templar, on a table and
// on thousands of random templates.
//
// What surprised us in Ansible:
//
//   - The result is text, but text that begins with "[" or "{" or is "True" or
//     "False" is evaluated as a Python literal, in which true, false and null
//     count, too. "{{ port }}" alone hands a number on; "{{ d.port }}" makes
//     text of it. What "string" and "to_json" yield stays text as long as
//     nothing is written beside it.
//   - A backslash in a string between "{{" and "}}" means itself, so that
//     "\'" ends the string.
//   - A variable that needs something undefined is undefined itself, and a
//     default helps it; an "if" without "else" yields empty text.
//   - "d.items" is Python's method even where d has a key "items".
//   - Templates in a dictionary are all rendered when one of its keys is used.
//
// The grammar and the evaluation are our own, because a password that comes
// out wrong is worse than one that does not come out. nikolalohinski/gonja was
// tried first (v2.9.1): of the table's templates it rendered every fourteenth
// to another text without a word (1 / 0, -7 // 2, 'a,b,c'.split(',', 1),
// '%.0f', blanks that "-" strips), accepted as many that Ansible refuses
// (whatever is undefined above all) and panicked on three; what its operators
// make cannot be bounded, and its errors quote values.
//
// What Jinja knows and is not here (macros, includes, filters that draw at
// random or look at this machine, lookups but env, file and vars) is an error
// of kind [ErrUnsupported] or [ErrRefused], never another result. Where we are
// stricter than Ansible: something undefined in a list is an error even if
// nobody looks at it, and a constant expression that fails is an error and not
// taken as it is.
package template

import (
	"context"
	"time"

	"oreg/inventory/value"
)

// Scope resolves the variables of one host.
type Scope interface {
	// Lookup returns the unrendered value of a variable; its Pos says in
	// messages where it was set.
	Lookup(name string) (v *value.Value, ok bool)
}

// Options are what templates can reach besides variables.
type Options struct {
	// Env answers lookup('env', NAME); nil means that no variable is set.
	Env func(string) (string, bool)
	// ReadFile answers lookup('file', PATH); nil refuses it. The path is as
	// the template gives it: a relative one is the callee's to resolve.
	ReadFile func(ctx context.Context, path string) ([]byte, error)
	// Decrypt opens a value of kind value.Vault; nil refuses it.
	Decrypt func(ctx context.Context, v *value.Value) (string, error)
	// Host returns the scope of another host, for hostvars['name']; nil or
	// false means that there is no such host.
	Host func(name string) (Scope, bool)
	// Hosts are the names of all hosts, for iteration over hostvars.
	Hosts func() []string
	// Now answers now(); nil refuses it.
	Now func() time.Time
}

// Result is a rendered value.
type Result struct {
	// Value has no templates left, nor anything of kind Vault.
	Value *value.Value
	// Uses are the variables that it was made of, directly or through
	// others, sorted.
	Uses []string
	// Vaulted says that the content of a vault is part of it.
	Vaulted bool
	// NotTemplates are the texts with braces that Jinja could not read; they
	// stay as they are.
	NotTemplates []*NotATemplate
}
