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
	a.textRotation(&b, report)
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
		if !c.Probe {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				c.Host, c.User, c.From, c.Status, c.Login, c.Pull, dash(c.Cause), dash(c.Image))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	textMatrix(b, credentials)
	for _, c := range credentials {
		if c.Cause == "" || c.Probe {
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

// textMatrix tells, registry by registry, which nodes reach it and what keeps
// the others from it. A fleet has too many nodes for a column each.
func textMatrix(b *strings.Builder, credentials []tasks.CredentialReport) {
	type cell struct{ host, cause string }
	var hosts []string
	causes := map[string][]string{}
	nodes := map[cell][]string{}
	first := map[cell]tasks.CredentialReport{}
	for _, c := range credentials {
		if !c.Probe {
			continue
		}
		if !contains(hosts, c.Host) {
			hosts = append(hosts, c.Host)
		}
		at := cell{c.Host, c.Cause}
		if _, known := first[at]; !known {
			first[at] = c
			causes[c.Host] = append(causes[c.Host], c.Cause)
		}
		if !contains(nodes[at], c.From) { // one login may be listed with several images
			nodes[at] = append(nodes[at], c.From)
		}
	}
	if len(hosts) > 0 {
		b.WriteString("\n")
	}
	for _, host := range hosts {
		for _, cause := range causes[host] {
			at := cell{host, cause}
			if cause == "" {
				fmt.Fprintf(b, "%s: reached from %s: %s\n", host, count(len(nodes[at]), "node"), ranges(nodes[at]))
				continue
			}
			fmt.Fprintf(b, "%s: %s from %s: %s\n  %s\n", host, cause, count(len(nodes[at]), "node"), ranges(nodes[at]), first[at].Detail)
			for _, line := range strings.Split(first[at].Hint, "\n") {
				fmt.Fprintf(b, "  %s\n", line)
			}
		}
	}
}

// hostGroup is hosts with the same outcome.
type hostGroup struct {
	outcome string
	files   []string
	names   []string
	// messages are what the hosts say of their failures, each text once with
	// the hosts that say it; they often differ only in an address.
	messages []string
	said     map[string][]string
	hints    []string
}

// shownMessages is how many different messages of one group are shown.
const shownMessages = 3

// textHosts groups the hosts by outcome: with thousands of nodes the few that
// differ must be seen.
func (a *app) textHosts(b *strings.Builder, report *tasks.Report) {
	if len(report.Hosts) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	for _, g := range groupHosts(report.Hosts, a.verbose > 0) {
		fmt.Fprintf(b, "%s: %s: %s\n", count(len(g.names), "node"), g.outcome, ranges(g.names))
		for _, f := range g.files {
			fmt.Fprintf(b, "  %s\n", f)
		}
		for i, m := range g.messages {
			if i == shownMessages && a.verbose == 0 {
				fmt.Fprintf(b, "  and %d more, -v shows them\n", len(g.messages)-i)
				break
			}
			fmt.Fprintf(b, "  %s: %s\n", ranges(g.said[m]), m)
		}
		for _, h := range g.hints {
			fmt.Fprintf(b, "  %s\n", h)
		}
	}
	if a.diff {
		textDiffs(b, report.Hosts)
	}
}

// textDiffs shows each difference once, with the nodes that have it.
func textDiffs(b *strings.Builder, hosts []tasks.HostReport) {
	var order []string
	names := map[string][]string{}
	for _, h := range hosts {
		for _, f := range h.Files {
			if len(f.Diff) == 0 {
				continue
			}
			diff := f.Path + "\n  " + strings.Join(f.Diff, "\n  ")
			if len(names[diff]) == 0 {
				order = append(order, diff)
			}
			names[diff] = append(names[diff], h.Name)
		}
	}
	for _, diff := range order {
		fmt.Fprintf(b, "%s: %s\n", ranges(names[diff]), diff)
	}
}

// groupHosts keeps the order in which each outcome first occurs. With each,
// every host is a group of its own.
func groupHosts(hosts []tasks.HostReport, each bool) []*hostGroup {
	var groups []*hostGroup
	at := map[string]*hostGroup{}
	for _, h := range hosts {
		outcome, files := h.Status, fileLines(h.Files)
		if h.Error != nil {
			outcome += ", " + h.Error.Cause
		}
		key := outcome + "\n" + strings.Join(files, "\n")
		if each {
			key = h.Name + "\n" + key
		}
		g := at[key]
		if g == nil {
			g = &hostGroup{outcome: outcome, files: files, said: map[string][]string{}}
			at[key] = g
			groups = append(groups, g)
		}
		g.names = append(g.names, h.Name)
		if h.Error == nil {
			continue
		}
		if len(g.said[h.Error.Message]) == 0 {
			g.messages = append(g.messages, h.Error.Message)
		}
		g.said[h.Error.Message] = append(g.said[h.Error.Message], h.Name)
		if h.Error.Hint != "" && !contains(g.hints, h.Error.Hint) && len(g.hints) < shownMessages {
			g.hints = append(g.hints, h.Error.Hint)
		}
	}
	return groups
}

// fileLines are the files worth a line: those that are not simply as they
// should be.
func fileLines(files []tasks.FileReport) []string {
	var lines []string
	for _, f := range files {
		if f.Status == tasks.StatusUnchanged && len(f.Notes) == 0 {
			continue
		}
		lines = append(lines, f.Path+" "+f.Status)
		for _, n := range f.Notes {
			lines = append(lines, "  "+n)
		}
	}
	return lines
}

func (a *app) textSecrets(b *strings.Builder, report *tasks.Report) {
	if len(report.Secrets) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	for _, s := range report.Secrets {
		fmt.Fprintf(b, "%s %s: %s", firstOf(s.Kind, "secret"), strings.Trim(s.Namespace+"/"+s.Name, "/"), s.Status)
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
		if a.diff || s.Status == tasks.StatusDrift { // why there is drift is the answer itself
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
