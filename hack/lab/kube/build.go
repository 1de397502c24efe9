package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Program is one that is built from the lab's source.
type Program struct {
	Name     string // the folder of its source
	Packages int    // about how many a build from nothing compiles; for the progress line alone
	Time     string // about how long that takes on two cores
	Static   bool   // without cgo
}

// APIServer is the API.
func APIServer() Program {
	return Program{Name: "kube-apiserver", Packages: 1850, Time: "5 minutes"}
}

// Kubelet is the kubelet; it shares most packages with the API.
func Kubelet() Program {
	return Program{Name: "kubelet", Packages: 1730, Time: "5 minutes, or one after kube-apiserver"}
}

// Pause is the program of the lab's containers.
func Pause() Program {
	return Program{Name: "pause", Packages: 60, Time: "a few seconds", Static: true}
}

// Build builds a program from the lab's source folder into out, and tells progress while it takes
// long. The first time it takes minutes; afterwards Go's own cache makes it about a second, and a
// binary that is up to date is left as it is.
func Build(ctx context.Context, p Program, source, out string, progress io.Writer, now func() time.Time) error {
	if _, err := os.Stat(filepath.Join(source, "go.mod")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the lab's source is not at %s: run the lab from its repository, or name a built kube-apiserver with --kube-apiserver", source)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, out+".lock", p.Name, progress)
	if err != nil {
		return err
	}
	defer unlock()
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-o", out, "./"+p.Name)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false -mod=readonly")
	if p.Static {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	// The children (compilers) go with it on Ctrl-C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("building %s: %w", p.Name, err)
	}
	complaints := follow(stderr, p, progress, now)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", p.Name, err, complaints)
	}
	return nil
}

// follow counts the modules and packages that `go build -v` prints, tells the count now and then,
// and returns the lines that are neither: messages. A build that is no work tells nothing.
func follow(r io.Reader, p Program, progress io.Writer, now func() time.Time) string {
	const (
		every = 5 * time.Second
		much  = 20 // packages; fewer are a matter of seconds
	)
	var complaints strings.Builder
	begun := now()
	last := begun
	modules, count := 0, 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			if modules++; modules == 1 {
				say(progress, "downloading the modules of %s, once", p.Name)
			}
		case strings.ContainsAny(line, " \t"):
			complaints.WriteString(line + "\n")
		default:
			if count++; count == much {
				say(progress, "building %s, once; about %s on two cores", p.Name, p.Time)
			}
		}
		t := now()
		if t.Sub(last) < every {
			continue
		}
		last = t
		switch {
		case count >= much:
			say(progress, "building %s: %d of about %d packages, %s", p.Name, count, max(p.Packages, count), t.Sub(begun).Round(time.Second))
		case modules > 0:
			say(progress, "downloading modules: %d", modules)
		}
	}
	if count >= much {
		say(progress, "built %s in %s", p.Name, now().Sub(begun).Round(time.Second))
	}
	return complaints.String()
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...) // a closed terminal is no reason to stop
}

// lock keeps builds of several labs apart: the second finds the work done.
func lock(ctx context.Context, path, name string, progress io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives the lock up
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
		}
		if !told {
			say(progress, "another lab is building %s; waiting for it", name)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
