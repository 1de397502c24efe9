// Command oreg puts container-registry credentials where an OpenShift
// cluster needs them, proves them before it touches anything, and proves
// afterwards that they are in place.
//
// This package turns flags into calls and outcomes into text, JSON and exit
// codes; everything else lives in the packages that it imports. Results go to
// standard output, all else to standard error as "oreg: error:", "oreg:
// warning:" and "oreg: hint:".
package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"oreg/tasks/kube"
)

// system is what the process gets from outside. Nothing below main reaches
// for it by itself, so that tests can run the whole tool in a world of their
// own.
type system struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	// environ is the whole environment, for vault password scripts.
	environ   []string
	now       func() time.Time
	random    io.Reader
	dir, home string
	userName  string
	userID    int
	hostname  string
	pid       int
	// expect prepares the process for so many hosts.
	expect func(hosts int)
}

func main() {
	os.Exit(mainExit())
}

// mainExit exists so that deferred calls run before the process ends.
func mainExit() int {
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // relative paths still work where the folder's name is unknown
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/" // a daemon without HOME has no files there either
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost" // only %l and %L of ssh_config want it
	}
	kube.Silence()
	expect := func(hosts int) { collectLess(os.LookupEnv, hosts) }
	expect(0)
	ctx, stop := interruptible(context.Background())
	defer stop()
	return run(ctx, system{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		lookupEnv: os.LookupEnv, environ: os.Environ(), now: time.Now, random: rand.Reader,
		dir: dir, home: home, userName: name, userID: os.Getuid(), hostname: hostname, pid: os.Getpid(), expect: expect,
	})
}

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP
// cancels. The second one ends the process at once: what is written on nodes
// is whole at any instant, so nothing has to be waited for. A signal that the
// parent had us ignore stays ignored: that is what nohup and a shell's & mean,
// and Notify alone would undo it.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	// A reader that goes away must not kill a run that is writing to nodes:
	// with a channel for it, a write to a closed pipe is an error like others.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(int(exitInterrupted))
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
