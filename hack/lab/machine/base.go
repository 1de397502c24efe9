package machine

import (
	"bufio"
	"bytes"
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

// recipe is part of the name of the cached tree: another recipe makes another tree.
const recipe = "1"

// packages are what the machines have besides the essential ones.
const packages = "systemd,systemd-sysv,dbus,openssh-server,sudo,procps"

// Base makes the tree from which every machine is copied, in the cache folder, and returns its name.
// It is Debian of this system's own release, from the mirror that apt is configured with, and takes
// about a minute; the second time it is there.
func Base(ctx context.Context, cache string, progress io.Writer, now func() time.Time) (string, error) {
	suite, mirror, err := source(ctx)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	base := filepath.Join(cache, "machine-"+suite+"-"+recipe)
	lock, err := os.OpenFile(base+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }() // gives the lock up
	if err := flock(ctx, lock, progress); err != nil {
		return "", err
	}
	if _, err := os.Stat(base); err == nil {
		return base, nil
	}
	fresh := base + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	say(progress, "making the tree of the machines, once; about a minute")
	begun := now()
	if err := debootstrap(ctx, suite, fresh, mirror, progress, now); err != nil {
		return "", errors.Join(err, os.RemoveAll(fresh))
	}
	if err := trim(fresh); err != nil {
		return "", err
	}
	say(progress, "made the tree of the machines in %s", now().Sub(begun).Round(time.Second))
	return base, os.Rename(fresh, base)
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...) // a closed terminal is no reason to stop
}

func flock(ctx context.Context, f *os.File, progress io.Writer) error {
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if !told {
			say(progress, "another lab is making the tree of the machines; waiting for it")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// source is this system's release and the mirror it is configured with.
func source(ctx context.Context) (suite, mirror string, err error) {
	raw, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			suite = strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return "", "", fmt.Errorf("full machines need Debian: asking apt for its mirror: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, suite+" main "); ok {
			return suite, strings.TrimSpace(rest), nil
		}
	}
	return "", "", fmt.Errorf("apt knows no mirror of release %q, component main", suite)
}

// debootstrap runs in namespaces of its own: what it mounts and starts goes with it, however it ends.
func debootstrap(ctx context.Context, suite, target, mirror string, progress io.Writer, now func() time.Time) error {
	program, err := lookPath("debootstrap", "debootstrap")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "--variant=minbase", "--include="+packages, suite, target, mirror)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("debootstrap: %w", err)
	}
	last, tail := now(), ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		tail = strings.TrimPrefix(lines.Text(), "I: ")
		if t := now(); t.Sub(last) > 5*time.Second {
			last = t
			say(progress, "the tree of the machines: %s", tail)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("debootstrap: %w; last: %s\n%s", err, tail, complaints.String())
	}
	return nil
}

// trim removes what no machine needs and what must not be the same on two.
func trim(base string) error {
	for _, pattern := range []string{
		"var/cache/*/*", "var/lib/apt/lists/*", "var/lib/dpkg/info", "usr/share/doc", "usr/share/man", "usr/share/locale",
		"usr/share/info", "etc/ssh/ssh_host_*", "var/log/*.log", "etc/resolv.conf",
	} {
		found, err := filepath.Glob(filepath.Join(base, pattern))
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
	}
	// Units of a machine that is used for a day and has no terminal; ssh has a unit of the lab's.
	units := filepath.Join(base, "etc/systemd/system")
	for _, unit := range []string{
		"ssh.service", "ssh.socket", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
		"e2scrub_reap.service", "systemd-logind.service", "console-getty.service", "getty.target", "systemd-tmpfiles-clean.timer",
		"systemd-journal-flush.service", "systemd-update-utmp.service", "dev-hugepages.mount",
	} {
		path := filepath.Join(units, unit)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink("/dev/null", path); err != nil {
			return err
		}
	}
	// An empty one is filled at the first boot.
	return os.WriteFile(filepath.Join(base, "etc/machine-id"), nil, 0o444)
}

// lookPath finds a program also where only root's PATH leads.
func lookPath(program, debian string) (string, error) {
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s not found: install %s (`lab deps`)", program, debian)
}
