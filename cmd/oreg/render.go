package main

import (
	"encoding/json"
	"io"

	"oreg/tasks"
)

// resultWriter is standard output. It keeps the first error, for the end of
// the run: what was done does not depend on who reads of it.
type resultWriter struct {
	w   io.Writer
	err error
}

func (r *resultWriter) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}

// render writes the report to standard output in the form asked for. What
// cannot be written is a matter of a.stdout.
func (a *app) render(report *tasks.Report) {
	var err error
	switch a.output {
	case "json":
		err = renderJSON(a.stdout, report)
	case "junit":
		err = renderJUnit(a.stdout, report, a.strict)
	default:
		err = a.renderText(a.stdout, report)
	}
	if err != nil {
		a.log.Debug("write the result", "error", err)
	}
}

// renderJSON writes the one document. Registries' users may hold < and &,
// which stay readable.
func renderJSON(w io.Writer, report *tasks.Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
