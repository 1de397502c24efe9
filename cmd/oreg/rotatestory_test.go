//go:build lab

package main

import (
	"bufio"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// starts demands how often a machine's node service has started since it was
// booted, as seen from outside: `starts n1 2`.
func starts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: starts NODE COUNT")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	labCtl(ts, false, []string{"node", "starts", args[0]})
	got := 0
	for lines := bufio.NewScanner(strings.NewReader(ts.ReadFile("stdout"))); lines.Scan(); {
		got++
	}
	if got != want {
		ts.Fatalf("the service of %s was started %d times, not %d", args[0], got, want)
	}
}

// batches demands in which batches services were restarted: `batches n2 n1,n3
// n4`. A batch is told to restart together, and the next one only when all of
// it has been active for 10 s. The times are those of each machine's systemd,
// by the one monotonic clock of this kernel.
func batches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: batches NODE[,NODE...] ...")
	}
	var up time.Duration // when the batch before was up again
	for _, batch := range args {
		var told, upNow time.Duration
		for i, node := range strings.Split(batch, ",") {
			down, back := restartOf(ts, node)
			switch {
			case down < up+10*time.Second:
				ts.Fatalf("%s was restarted %v after the batch before was up", node, down-up)
			case i > 0 && (down-told).Abs() > 5*time.Second:
				ts.Fatalf("the nodes of %s were restarted %v apart: not one batch", batch, (down - told).Abs())
			}
			told, upNow = down, max(upNow, back)
		}
		up = upNow
	}
}

// restartOf is when a machine's service last went down, and was up again.
func restartOf(ts *testscript.TestScript, node string) (down, up time.Duration) {
	labCtl(ts, false, []string{"node", "exec", node, "--", "systemctl", "show", "-p", "ActiveExitTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic", "origin-node.service"})
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		n, err := strconv.ParseInt(value, 10, 64)
		ts.Check(err)
		if name == "ActiveExitTimestampMonotonic" {
			down = time.Duration(n) * time.Microsecond
		} else {
			up = time.Duration(n) * time.Microsecond
		}
	}
	return down, up
}
