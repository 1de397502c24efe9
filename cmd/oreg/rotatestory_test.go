//go:build lab

package main

import (
	"bufio"
	"strconv"
	"strings"

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
