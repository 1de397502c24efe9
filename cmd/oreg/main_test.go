package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the real main available to scripts as the command "oreg": a
// process of its own, with its own argv and environment.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"oreg": func() { os.Exit(mainExit()) },
	})
}

// TestScripts runs the stories that need nothing but this machine's loopback
// and no program that is not always there.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/unit",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
