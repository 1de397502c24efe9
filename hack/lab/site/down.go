package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"oreg/hack/lab/cgroup"
)

// Down ends the lab in dir, whatever state it is in, and removes the folder. A lab that is not
// there is no error.
func Down(ctx context.Context, dir string) error {
	s, err := ReadState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Remove(dir) // it never came up, or was removed
	}
	if err != nil {
		return fmt.Errorf("%s is not a lab's folder: %w", dir, err)
	}
	_, askErr := Ask(ctx, dir, Request{Args: []string{"down"}})
	deadline := time.NewTimer(downTimeout)
	defer deadline.Stop()
	for alive(s) {
		if askErr != nil {
			// It does not answer: its children die with it.
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending lab process %d: %w", s.PID, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			askErr = errors.New("still alive")
			deadline.Reset(downTimeout)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return Remove(dir)
}

// Alive says whether a lab runs in dir.
func Alive(dir string) bool {
	s, err := ReadState(dir)
	return err == nil && alive(s)
}

// alive tells the lab's process from another that got its number later: the lab's holds its log.
func alive(s *State) bool {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", s.PID, fd.Name()))
		if err == nil && strings.HasPrefix(target, s.Dir+"/lab.log") {
			return true
		}
	}
	return false
}

// Remove removes a lab's folder. It refuses a folder that holds anything that is not a lab's.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir) // the control groups are named after it
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return cgroup.Remove(cgroup.Of(dir))
	}
	if err != nil {
		return err
	}
	known := map[string]bool{
		"ssh": true, "registries": true, "nodes": true, "certs.d": true, "kube": true, "probe": true, "lab.log": true,
		"ca.crt": true, "hosts": true, "hosts.wrong": true, "known_hosts": true, "state.json": true,
		socketName: true,
	}
	for _, e := range entries {
		if !known[strings.TrimSuffix(e.Name(), halfWritten)] {
			return fmt.Errorf("%s holds %s, which is not a lab's: nothing removed", dir, e.Name())
		}
	}
	return errors.Join(os.RemoveAll(dir), cgroup.Remove(cgroup.Of(dir)))
}
