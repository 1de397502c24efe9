package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"oreg/tasks"
)

// renderText writes the report for people: a table of credentials, hosts with
// the same outcome as one line, secrets, and a recap like Ansible's.
func (a *app) renderText(w io.Writer, report *tasks.Report) error {
	var b strings.Builder
	if err := textCredentials(&b, report.Credentials); err != nil {
		return err
	}
	a.textHosts(&b, report)
	a.textSecrets(&b, report)
	if len(report.Hosts) > 0 {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		r := report.Recap
		fmt.Fprintf(&b, "RECAP  ok=%d changed=%d unreachable=%d failed=%d skipped=%d",
			r.OK, r.Changed, r.Unreachable, r.Failed, r.Skipped)
		if report.Check {
			b.WriteString("  (check: nothing was written)")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func textCredentials(b *strings.Builder, credentials []tasks.CredentialReport) error {
	if len(credentials) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REGISTRY\tUSER\tFROM\tSTATUS\tLOGIN\tPULL\tCAUSE\tIMAGE")
	for _, c := range credentials {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			c.Host, c.User, c.From, c.Status, c.Login, c.Pull, dash(c.Cause), dash(c.Image))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range credentials {
		if c.Cause == "" {
			continue
		}
		fmt.Fprintf(b, "\n%s (%s, user %s): %s", c.Host, c.Source, c.User, dash(c.Detail))
		if c.Realm != "" {
			fmt.Fprintf(b, "\n  logins are decided by %s", c.Realm)
		}
		for _, line := range strings.Split(c.Hint, "\n") {
			if line != "" {
				fmt.Fprintf(b, "\n  %s", line)
			}
		}
		b.WriteString("\n")
	}
	return nil
}

// textHosts groups the hosts by outcome: with thousands of nodes the few that
// differ must be seen.
func (a *app) textHosts(b *strings.Builder, report *tasks.Report) {
	if len(report.Hosts) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	type group struct {
		outcome, hint string
		names         []string
	}
	var groups []*group
	at := map[string]*group{}
	for _, h := range report.Hosts {
		outcome, hint := hostOutcome(h)
		if a.verbose > 0 { // each host for itself
			outcome = h.Name + "\x00" + outcome
		}
		g, known := at[outcome]
		if !known {
			g = &group{outcome: outcome[strings.IndexByte(outcome, 0)+1:], hint: hint}
			at[outcome] = g
			groups = append(groups, g)
		}
		g.names = append(g.names, h.Name)
	}
	for _, g := range groups {
		fmt.Fprintf(b, "%s: %s: %s\n", count(len(g.names), "node"), ranges(g.names), g.outcome)
		if g.hint != "" {
			fmt.Fprintf(b, "  %s\n", g.hint)
		}
	}
	if a.diff {
		for _, h := range report.Hosts {
			for _, f := range h.Files {
				for _, line := range f.Diff {
					fmt.Fprintf(b, "%s %s: %s\n", h.Name, f.Path, line)
				}
			}
		}
	}
}

// hostOutcome is the text that hosts are grouped by.
func hostOutcome(h tasks.HostReport) (outcome, hint string) {
	parts := []string{h.Status}
	if h.Error != nil {
		parts = append(parts, h.Error.Cause+": "+h.Error.Message)
		hint = h.Error.Hint
	}
	for _, f := range h.Files {
		parts = append(parts, strings.Join(append([]string{f.Path + " " + f.Status}, f.Notes...), "; "))
	}
	return strings.Join(parts, ", "), hint
}

func (a *app) textSecrets(b *strings.Builder, report *tasks.Report) {
	if len(report.Secrets) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	for _, s := range report.Secrets {
		fmt.Fprintf(b, "secret %s/%s: %s", s.Namespace, s.Name, s.Status)
		if s.Error != nil {
			fmt.Fprintf(b, ", %s: %s", s.Error.Cause, s.Error.Message)
			if s.Error.Hint != "" {
				fmt.Fprintf(b, "\n  %s", s.Error.Hint)
			}
		}
		b.WriteString("\n")
		for _, note := range s.Notes {
			fmt.Fprintf(b, "  %s\n", note)
		}
		if a.diff {
			for _, line := range s.Diff {
				fmt.Fprintf(b, "  %s\n", line)
			}
		}
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
