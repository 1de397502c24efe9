//go:build unix

package sshexec

import (
	"os"
	"syscall"
)

// lockFile waits for the exclusive lock of a file, which ends with its
// closing.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
