//go:build !unix

package sshexec

import "os"

// lockFile does nothing where there is no flock: O_APPEND keeps lines whole.
func lockFile(*os.File) error { return nil }
