// Command bench measures oreg on the lab's parts, always as a ratio to
// something else in the same run: to a bare SSH fan-out (connect, log in, run
// `true`, from Go, with as many forks) and to ansible-playbook doing the same
// procedure. It prints a table of medians. Nothing is asserted: bars are for
// people to compare, as a timed test fails whenever the machine is busy.
//
// What surprised us: the controller and all sshd share the machine's cores,
// so wall time is mostly the servers' share of the handshakes; the CPU column
// is the controller's own (user and system time of the process).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	oreg, lab           string
	rounds              int
	sshNodes, manyNodes int
	forks, manyForks    int
	only                string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "bare" {
		return runBare(ctx, args[1:])
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.oreg, "oreg", "../../bin/oreg", "the program to measure")
	flags.StringVar(&o.lab, "lab", "../../bin/lab", "the lab's program")
	flags.IntVar(&o.rounds, "rounds", 5, "measurements of each kind, taken in turn")
	flags.IntVar(&o.sshNodes, "sshd", 40, "real sshd nodes (needs root)")
	flags.IntVar(&o.manyNodes, "nodes", 5000, "in-process nodes")
	flags.IntVar(&o.forks, "forks", 40, "forks for the sshd nodes")
	flags.IntVar(&o.manyForks, "many-forks", 500, "forks for the in-process nodes")
	flags.StringVar(&o.only, "only", "", "one part: sshd or many")
	if err := flags.Parse(args); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	state, err := os.MkdirTemp("", "oreg-bench-state")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }() // a temporary folder
	b := bench{options: o, self: self, state: state, out: stdout, log: stderr}
	b.machine()
	if o.only == "" || o.only == "sshd" {
		if err := b.sshd(ctx); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "many" {
		return b.many(ctx)
	}
	return nil
}
