//go:build lab

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// interrupted runs a command, waits until a count of the lab's is no longer
// 0, sends SIGINT, and demands exit code 99: `interrupted node count n1 exec
// -- oreg install`. What the command printed is kept in stdout and stderr
// files of the script's folder.
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	split := slices.Index(args, "--")
	if neg || split < 1 || split == len(args)-1 {
		ts.Fatalf("usage: interrupted CTL-WORDS... -- COMMAND ARG...")
	}
	count := append([]string{"ctl", "--dir", ts.Getenv("LABDIR")}, args[:split]...)
	command := args[split+1:]
	program := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, command[0])); err == nil {
			program = filepath.Join(dir, command[0])
			break
		}
	}
	cmd := exec.Command(program, command[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ts.Check(cmd.Start())
	deadline := time.After(time.Minute)
	for begun := false; !begun; {
		out, err := exec.Command(ts.Getenv("OREG_LAB"), count...).Output()
		ts.Check(err)
		begun = strings.TrimSpace(string(out)) != "0"
		select {
		case <-deadline:
			_ = cmd.Process.Kill()
			ts.Fatalf("%s stayed 0 for a minute", strings.Join(args[:split], " "))
		default:
		}
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	err := cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("interrupted.stdout"), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("interrupted.stderr"), stderr.Bytes(), 0o600))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != int(exitInterrupted) {
		ts.Fatalf("%s: %v, expected exit status %d\n%s%s", command[0], err, exitInterrupted, stdout.String(), stderr.String())
	}
}
