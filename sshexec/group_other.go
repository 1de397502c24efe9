//go:build !unix

package sshexec

import "os/exec"

func ownGroup(*exec.Cmd) {}

// killGroup ends a command; there are no process groups here.
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = cmd.Process.Kill() // gone already is fine
	}
}
