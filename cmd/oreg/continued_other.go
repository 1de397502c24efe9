//go:build !unix

package main

import "os"

// notifyContinued does nothing: there is no job control here.
func notifyContinued(chan<- os.Signal) (stop func()) { return func() {} }
