// Package procs looks at the processes of a node from outside: those of a process-id namespace.
package procs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Process is a process of a node, seen from the machine.
type Process struct {
	PID     int      `json:"pid"`
	Argv    []string `json:"argv"`
	Environ []string `json:"environ"`
}

// Of lists the processes in the namespace of process pid; none for 0.
func Of(pid int) ([]Process, error) {
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

// Signal sends a signal to every process in the namespace of process pid: SIGSTOP makes a node a
// peer that is silent, which is not the same as one that is gone.
func Signal(pid int, sig syscall.Signal) error {
	list, err := Of(pid)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range list {
		if err := syscall.Kill(p.PID, sig); !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ChildInit is the child of process pid that is process 1 of a namespace of its own.
func ChildInit(pid int) (int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		raw, err := os.ReadFile(dir + "/status")
		if err != nil {
			continue // ended meanwhile
		}
		fields := map[string][]string{}
		for line := range strings.Lines(string(raw)) {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.Fields(value)
		}
		ids := fields["NSpid"]
		if slices.Equal(fields["PPid"], []string{strconv.Itoa(pid)}) && len(ids) > 1 && ids[len(ids)-1] == "1" {
			return strconv.Atoi(ids[0])
		}
	}
	return 0, fmt.Errorf("process %d has no child that is the first of its namespace", pid)
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
