package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"oreg/tasks"
	"oreg/tasks/journal"
)

// runsVersion is the version of the JSON document of oreg runs.
const runsVersion = 1

func runsCommand() command {
	return command{
		name: "runs", summary: "the runs of this machine's journal and how they ended",
		about: `
Every run that may change something writes a journal, before and after each
change ($XDG_STATE_HOME/oreg/runs, ~/.local/state/oreg/runs by default). "killed"
is a run without an end: 'oreg verify' tells what it left, the same command again
completes it, 'oreg rollback --run ID' undoes it.`,
		examples: []string{"oreg runs", "oreg runs -o json"},
		run: func(_ context.Context, a *app, args []string) (*tasks.Report, error) {
			if len(args) > 0 {
				return nil, &usageError{message: "runs takes no arguments"}
			}
			if a.output == "junit" {
				return nil, &usageError{message: "runs has no junit form", hint: "use -o text or -o json"}
			}
			folder := a.runsFolder()
			records, err := journal.List(folder)
			if err != nil {
				return nil, &journalError{folder, err}
			}
			runs := make([]journal.Summary, 0, len(records))
			for _, r := range records {
				runs = append(runs, r.Summary())
			}
			if a.output == "json" {
				enc := json.NewEncoder(a.stdout)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return nil, enc.Encode(map[string]any{"version": runsVersion, "command": "runs", "runs": runs})
			}
			return nil, a.textRuns(runs)
		},
	}
}

// textRuns lists the runs, the last one at the end, where it is seen.
func (a *app) textRuns(runs []journal.Summary) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintf(a.stdout, "no runs in %s\n", a.runsFolder())
		return err
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tCOMMAND\tSTARTED\tTOOK\tENDED\tCHANGED\tFAILED HOSTS")
	for _, s := range runs {
		command, started, took, ended := s.Command, "-", "-", string(s.Ending)
		if !s.Started.IsZero() { // zero: not even the first line was written, on a full disk for example
			started = s.Started.Local().Format(time.DateTime)
		}
		if s.Of != "" {
			command += " of " + s.Of
		}
		if s.Ended != nil {
			took = s.Ended.Sub(s.Started).Round(time.Second).String()
		}
		if s.Exit != nil && *s.Exit != 0 {
			ended += fmt.Sprintf(" (exit %d)", *s.Exit)
		}
		changed := fmt.Sprint(s.Changed)
		if s.Unknown > 0 {
			changed += fmt.Sprintf(", %d unknown", s.Unknown)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Run, dash(command),
			started, took, ended, changed, dash(strings.TrimSpace(ranges(s.Failed))))
	}
	return table.Flush()
}
