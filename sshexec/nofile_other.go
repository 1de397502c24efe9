//go:build !unix

package sshexec

// openFileLimit is 0, unknown, where there is no such limit.
func openFileLimit() uint64 { return 0 }
