//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyContinued has c told when the process goes on after a stop, and returns
// what ends that.
func notifyContinued(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGCONT)
	return func() { signal.Stop(c) }
}
