// Package template renders the Jinja templates in the values of inventory
// variables, as Ansible's Templar does (ansible-core 2.14, jinja2_native off).
package template

import (
	"context"
	"time"
)

// Unsafe is text that is never a template: a YAML value tagged !unsafe, or the
// content of a !vault value.
type Unsafe string

// Dict is a mapping that keeps the order of its keys. Scopes may hand out
// *Dict or map[string]any (read in the order of its sorted keys); results
// hold *Dict only.
type Dict struct {
	keys   []any
	values map[any]any
}

// Scope resolves the variables of one host.
type Scope interface {
	// Lookup returns the unrendered value of a variable and where it was set
	// ("file:line"). Values are nil, bool, int, int64, *big.Int, float64,
	// string, Unsafe, []any, map[string]any or *Dict.
	Lookup(name string) (value any, pos string, ok bool)
}

// Options are what templates can reach besides variables.
type Options struct {
	// Env answers lookup('env', NAME); nil means that no variable is set.
	Env func(string) (string, bool)
	// ReadFile answers lookup('file', PATH); nil refuses it. The path is as
	// the template gives it: a relative one is the callee's to resolve.
	ReadFile func(ctx context.Context, path string) ([]byte, error)
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
	// Value has the types that Scope.Lookup names, templates replaced.
	Value any
	// Uses are the variables that it was made of, directly or through
	// others, sorted.
	Uses []string
	// NotTemplates are the texts with braces that Jinja could not read; they
	// stay as they are.
	NotTemplates []*NotATemplate
}

// HasTemplate says whether s may be a template: it holds "{{", "{%" or "{#".
func HasTemplate(s string) bool { return hasTemplate(s) }
