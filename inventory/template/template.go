// Package template renders the Jinja templates in the values of inventory
// variables, as Ansible's Templar does (ansible-core 2.14, jinja2_native off).
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
