package sshd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Process is a process of a node, seen from the machine.
type Process struct {
	PID     int      `json:"pid"`
	Argv    []string `json:"argv"`
	Environ []string `json:"environ"`
}

// Processes lists the processes of the node; none while it is stopped.
func (n *Node) Processes() ([]Process, error) {
	pid := n.PID()
	if pid == 0 {
		return nil, nil
	}
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil, err
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, dir := range dirs {
		if other, err := os.Readlink(dir + "/ns/pid"); err != nil || other != ns {
			continue // another's, or ended meanwhile
		}
		p, err := process(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func process(dir string) (Process, error) {
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return Process{}, err
	}
	argv, err := nulList(dir + "/cmdline")
	if err != nil {
		return Process{}, err
	}
	environ, err := nulList(dir + "/environ")
	return Process{PID: pid, Argv: argv, Environ: environ}, err
}

func nulList(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for part := range bytes.SplitSeq(bytes.TrimRight(raw, "\x00"), []byte{0}) {
		out = append(out, string(part))
	}
	return out, nil
}
