package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	options
	self string
	// state is where the journals go that oreg writes while it is measured.
	state    string
	out, log io.Writer
}

// sample is one measured process.
type sample struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

// measure runs a command to its end. The exit codes that are allowed are 0
// and those named.
func (b bench) measure(ctx context.Context, env []string, name string, args ...string) (sample, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(append(os.Environ(), "XDG_STATE_HOME="+b.state), env...)
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start)}
	if cmd.ProcessState != nil {
		s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			s.peak = usage.Maxrss * 1024 // Linux counts in KiB
		}
	}
	if err != nil {
		text := output.String()
		return s, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, text[max(0, len(text)-2000):])
	}
	return s, nil
}

// median takes each figure by itself.
func median(samples []sample) sample {
	pick := func(of func(sample) int64) int64 {
		values := make([]int64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		wall: time.Duration(pick(func(s sample) int64 { return int64(s.wall) })),
		cpu:  time.Duration(pick(func(s sample) int64 { return int64(s.cpu) })),
		peak: pick(func(s sample) int64 { return s.peak }),
	}
}

// row prints one line of a table; base is what the ratios are of.
func (b bench) row(name string, s, base sample) {
	fmt.Fprintf(b.out, "| %s | %.2f s | %.2f s | %d MB | %.2f | %.2f |\n", name,
		s.wall.Seconds(), s.cpu.Seconds(), s.peak>>20,
		s.wall.Seconds()/base.wall.Seconds(), s.cpu.Seconds()/base.cpu.Seconds())
}

func (b bench) header(title string) {
	fmt.Fprintf(b.out, "\n%s\n\n| what | wall | CPU | peak memory | wall : bare | CPU : bare |\n|---|---|---|---|---|---|\n", title)
}

// machine names what the figures are from.
func (b bench) machine() {
	model := "unknown CPU"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	fmt.Fprintf(b.out, "%d x %s, %s, %s/%s\n", runtime.NumCPU(), model, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// labState is the part of the lab's state document that is used here.
type labState struct {
	Dir        string `json:"dir"`
	Inventory  string `json:"inventory"`
	KnownHosts string `json:"known_hosts"`
	CertsDir   string `json:"certs_dir"`
	SSH        struct {
		Key string `json:"key"`
	} `json:"ssh"`
	Registries []struct {
		Name     string `json:"name"`
		Host     string `json:"host"`
		TLS      string `json:"tls"`
		Accounts []struct {
			User     string `json:"user"`
			Password string `json:"password"`
		} `json:"accounts"`
	} `json:"registries"`
	Nodes []labNode `json:"nodes"`
}

type labNode struct {
	Name     string   `json:"name"`
	Address  string   `json:"address"`
	Port     int      `json:"port"`
	HostKeys []string `json:"host_keys"`
	Root     string   `json:"root"`
}

// withLab runs do while a lab is up.
func (b bench) withLab(ctx context.Context, args []string, do func(labState) error) (err error) {
	parent, err := os.MkdirTemp("", "oreg-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	fmt.Fprintf(b.log, "bench: starting a lab: %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, b.lab, append([]string{"up", "--dir", filepath.Join(parent, "lab"), "--json", "--until-eof"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var messages bytes.Buffer
	cmd.Stderr = &messages
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, stdin.Close())
		if waitErr := cmd.Wait(); waitErr != nil && ctx.Err() == nil {
			err = errors.Join(err, fmt.Errorf("the lab: %w\n%s", waitErr, messages.String()))
		}
	}()
	line, err := bufio.NewReaderSize(stdout, 1<<22).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the lab did not start: %w\n%s", err, messages.String())
	}
	var state labState
	if err := json.Unmarshal(line, &state); err != nil {
		return fmt.Errorf("the lab's state: %w", err)
	}
	return do(state)
}

// forget removes what a run placed on the nodes, so that the next has all of
// it to do.
func forget(state labState) error {
	for _, n := range state.Nodes {
		for _, folder := range []string{"var/lib/origin/.docker", "root/.docker"} {
			if err := os.RemoveAll(filepath.Join(n.Root, folder)); err != nil {
				return err
			}
		}
	}
	return nil
}
