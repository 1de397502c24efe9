package clusterlock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Process is a process that can be told from every other one, on this machine
// and elsewhere.
type Process struct {
	PID int `json:"pid"`
	// Start is when the process started, Space the boot and the process
	// namespace that PID counts in. Both are empty where there is no /proc.
	Start string `json:"start,omitempty"`
	Space string `json:"space,omitempty"`
}

// ThisProcess describes a process of this machine, the caller's own as a rule.
func ThisProcess(pid int) Process {
	p := Process{PID: pid, Start: startOf(pid)}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return p
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return p
	}
	p.Space = strings.TrimSpace(string(boot)) + " " + namespace
	return p
}

// here says whether a process counts in the same machine and namespace as
// another one, so that [Alive] can tell about it.
func (p Process) here(other Process) bool {
	return p.Space != "" && p.Space == other.Space && p.Start != ""
}

// Alive says whether a process of this machine still runs.
func Alive(p Process) bool { return startOf(p.PID) == p.Start }

// startOf is a process's start in clock ticks since the boot; empty for one
// that does not run, or waits to be reaped.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", strconv.Itoa(pid)))
	if err != nil {
		return ""
	}
	// The program's name, in parentheses, may hold anything.
	_, after, ok := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
