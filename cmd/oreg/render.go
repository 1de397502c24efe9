package main

import (
	"encoding/json"
	"fmt"
	"io"

	"oreg/tasks"
)

// render writes the report to standard output in the form asked for.
func (a *app) render(report *tasks.Report) error {
	var err error
	switch a.output {
	case "json":
		err = renderJSON(a.stdout, report)
	case "junit":
		err = renderJUnit(a.stdout, report)
	default:
		err = a.renderText(a.stdout, report)
	}
	if err != nil {
		return fmt.Errorf("write the result to standard output: %w", err)
	}
	return nil
}

// renderJSON writes the one document. Registries' users may hold < and &,
// which stay readable.
func renderJSON(w io.Writer, report *tasks.Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
