//go:build unix

package sshexec

import "syscall"

// openFileLimit is the process's soft limit, which the Go runtime has raised
// to the hard one; 0 if it cannot be read.
func openFileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur) // signed on some systems
}
