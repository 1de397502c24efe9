// Package cgroup gives parts of the lab control groups of their own, so that what systemd-nspawn or a
// kubelet makes in them can be found and removed.
//
// What surprised us: a control group is a folder that survives its processes, so a killed lab leaves
// some. Their name says whose they are: [Of] makes it from the lab's folder; [Sweep] finds those whose
// folder is gone.
package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mounted is where the control groups are on every system we know.
const mounted = "/sys/fs/cgroup"

const prefix = "oreg-lab-"

// Of is the name of the groups of the lab in a folder.
func Of(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return prefix + hex.EncodeToString(sum[:6])
}

// hierarchies are the roots: one of version 2, or one for each controller of version 1.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(mounted, "cgroup.controllers")); err == nil {
		return []string{mounted}, nil
	}
	found, err := filepath.Glob(filepath.Join(mounted, "*/cgroup.procs"))
	var roots []string
	for _, f := range found {
		roots = append(roots, filepath.Dir(f))
	}
	return roots, err
}

// Make makes the group of that name where systemd and container runtimes keep their own, and returns
// its folders; a process joins by writing its number to cgroup.procs there.
func Make(name string) ([]string, error) {
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, root := range roots {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making a control group: %w", err)
		}
		// A new group of version 1 has no processor and no memory node, and takes no process.
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(root, name, f); err != nil {
				return nil, err
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

func inherit(root, name, file string) error {
	path := root
	for _, part := range strings.Split(name, "/") {
		raw, err := os.ReadFile(filepath.Join(path, file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // not that controller, or version 2
		}
		if err != nil {
			return err
		}
		path = filepath.Join(path, part)
		if err := os.WriteFile(filepath.Join(path, file), raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the group with all below it. Its processes must be dead or dying; none is killed.
func Remove(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, root := range roots {
		errs = append(errs, removeTree(filepath.Join(root, name)))
	}
	return errors.Join(errs...)
}

func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs) // the deepest first
	for _, d := range dirs {
		for i := 0; ; i++ {
			err := os.Remove(d)
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
			// The last process is still on its way out.
			if !errors.Is(err, syscall.EBUSY) || i == 100 {
				return fmt.Errorf("removing a control group: %w", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// Sweep removes the groups of labs that were killed and never taken down: those without a process that
// were made before a time. A younger one may be about to get its first process.
func Sweep(before time.Time) error { return sweep(prefix+"*", before) }

func sweep(pattern string, before time.Time) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, root := range roots {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		errs = append(errs, err)
		for _, dir := range found {
			info, err := os.Stat(dir)
			if err != nil || !info.ModTime().Before(before) || populated(dir) {
				continue // gone meanwhile, young or in use
			}
			errs = append(errs, removeTree(dir))
		}
	}
	return errors.Join(errs...)
}

// populated says whether a group, or one below it, has a process. What cannot be read counts as one.
func populated(dir string) bool {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err == nil && len(raw) > 0 {
			err = fs.ErrExist
		}
		return err
	})
	return err != nil
}
