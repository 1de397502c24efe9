//go:build !unix

package journal

import "os"

// lock does nothing where there is no flock.
func lock(*os.File) error { return nil }

// held cannot be told where there is no flock.
func held(*os.File) bool { return false }
