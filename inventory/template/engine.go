package template

import (
	"context"
	"strings"
)

// NotATemplate is text with braces that Jinja cannot read.
type NotATemplate struct{ Variable, Pos string }

// Engine renders templates. It is safe for concurrent use.
type Engine struct{ opts Options }

// New returns an engine.
func New(opts Options) *Engine { return &Engine{opts: opts} }

// Render replaces the templates in value, which the variable name at pos
// holds; both serve error messages only.
func (e *Engine) Render(_ context.Context, _, _ string, value any, _ Scope) (Result, error) {
	return Result{Value: value}, nil
}

// NewDict returns an empty mapping.
func NewDict() *Dict { return &Dict{values: map[any]any{}} }

func hasTemplate(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}
