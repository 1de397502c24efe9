//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the journal for this process, until its file is closed. A file
// system that knows no locks is no reason to stop a run.
func lock(f *os.File) error {
	if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return fmt.Errorf("open the journal: %w", ErrInUse)
	}
	return nil
}

// held says whether another process has the journal open for writing. Readers
// share their lock, and give it back at once.
func held(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // closing does it too
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}
