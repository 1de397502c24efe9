package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"oreg/tasks"
)

func helpCommand() command {
	return command{
		name: "help", args: "[COMMAND|causes|exit-codes]", verbs: []string{"causes", "exit-codes"},
		summary: "help for a command, the causes of failures, the exit codes",
		run: func(_ context.Context, a *app, args []string) (*tasks.Report, error) {
			return nil, a.showHelp(args)
		},
	}
}

func (a *app) showHelp(args []string) error {
	if len(args) == 0 {
		printOverview(a.stdout)
		return nil
	}
	switch args[0] {
	case "causes":
		printCauses(a.stdout)
		return nil
	case "exit-codes":
		printExitCodes(a.stdout)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			other := &app{system: a.system}
			fs := newFlagSet(c.name)
			if c.flags != nil {
				c.flags(other, fs)
				fs.in(sectionCommand)
			}
			other.addCommon(fs)
			printCommandHelp(a.stdout, c, fs)
			return nil
		}
	}
	return &usageError{message: fmt.Sprintf("no help on %q", args[0]), hint: "see 'oreg help'"}
}

func printOverview(w io.Writer) {
	fmt.Fprint(w, `oreg puts container-registry credentials where an OpenShift cluster needs them:
it reads the Ansible inventory that the cluster was installed from, proves each
credential, and then writes config.json on every node and imagestreamsecret in
the cluster.

Usage: oreg COMMAND [flags]

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
Start with:
  oreg validate -i hosts           does every credential work? changes nothing
  oreg install -i hosts --check    what would be written where?
  oreg install -i hosts            do it
  oreg verify -i hosts             is everything still in place?

'oreg COMMAND --help' lists the flags, 'oreg help causes' explains failures,
'oreg help exit-codes' the exit codes.
`)
}

func printCommandHelp(w io.Writer, c command, fs *flagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: oreg %s %s\n", sentence(c.summary), c.name, strings.TrimSpace(c.args+" [flags]"))
	if c.about != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.about))
	}
	if len(c.examples) > 0 {
		fmt.Fprint(w, "\nExamples:\n")
		for _, e := range c.examples {
			fmt.Fprintf(w, "  %s\n", e)
		}
	}
	for _, section := range []string{
		sectionCommand, sectionInventory, sectionConnection, sectionCluster, sectionChecks, sectionRun, sectionOutput,
	} {
		part := pflag.NewFlagSet(section, pflag.ContinueOnError)
		part.SortFlags = false
		fs.VisitAll(func(f *pflag.Flag) {
			if fs.sections[f.Name] == section {
				part.AddFlag(f)
			}
		})
		if part.HasFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", section, part.FlagUsagesWrapped(100))
		}
	}
	fmt.Fprint(w, "\nExit codes:\n")
	printExitTable(w)
}

func printExitCodes(w io.Writer) { printExitTable(w) }

func printExitTable(w io.Writer) {
	for _, row := range exitMeanings() {
		fmt.Fprintf(w, "  %3d  %s\n", row.code, row.meaning)
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func printCauses(w io.Writer) {
	about := ""
	for _, c := range tasks.Causes() {
		if c.About != about {
			if about != "" {
				fmt.Fprintln(w)
			}
			about = c.About
			fmt.Fprintf(w, "%s:\n", sentence(about)[:len(about)])
		}
		fmt.Fprintf(w, "  %-26s %s\n", c.Cause, c.Meaning)
	}
}
