// Package sshexec makes OpenSSH-grade connections from Go and fans work out
// over many hosts.
package sshexec
