// Package private gives a command a node's folder as /root, /var/lib/origin and /etc/origin, in a
// mount namespace of its own. Nothing of it is visible outside, and all of it is gone when the last
// process in it is: there are no mounts to take down.
//
// Root needs a mount namespace alone; any other user gets a user namespace too, in which he is
// root, where the kernel permits it (see [Permitted]).
//
// What surprised us: /var/lib/origin and /etc/origin exist on no ordinary machine, and a mount
// needs a mount point. An overlay over /var/lib and /etc provides them without touching the
// machine. Its upper half is on a tmpfs, because an overlay (a container's root) cannot be the
// upper half of another. A source that a later mount would hide (the lab's folder is often below
// /tmp or /run) is named through an open descriptor, which no mount can hide.
package private

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"oreg/hack/lab/netns"
)

// EnterVerb is the first argument by which the lab's program is told to call [Enter].
const EnterVerb = "enter-node"

// Spec is what a namespace looks like.
type Spec struct {
	Self     string `json:"-"`        // the program to re-execute; it must hand EnterVerb to Enter
	Root     string `json:"root"`     // the node's folder
	Hostname string `json:"hostname"` // of the namespace
	Seed     string `json:"seed"`     // a folder whose content lies over /etc; empty for none
	Certs    string `json:"certs"`    // a folder in place of /etc/docker/certs.d; empty for none
	NetNS    string `json:"netns"`    // a network namespace by its path; empty for the machine's own
	Machine  bool   `json:"machine"`  // also /run, /home, /tmp, /var/tmp of its own, and processes: argv is process 1
}

// bound are the folders below Root that cover the machine's.
func bound(machine bool) []string {
	dirs := []string{"var/lib/origin", "etc/origin", "root"}
	if machine {
		dirs = append(dirs, "home", "var/tmp", "run", "tmp")
	}
	return dirs
}

// Prepare makes the folders below root that a namespace covers the machine's with; with machine
// also those of [Spec.Machine].
func Prepare(root string, machine bool) error {
	for _, dir := range bound(machine) {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(root, "root"), 0o700); err != nil {
		return err
	}
	if !machine {
		// Where the upper halves of the overlays are mounted.
		return os.MkdirAll(filepath.Join(root, "run"), 0o755)
	}
	for _, dir := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(root, dir), 0o777|fs.ModeSticky); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(root, "run/sshd"), 0o755)
}

// Command runs argv in a namespace. The caller may add to SysProcAttr.
func Command(ctx context.Context, spec Spec, argv ...string) (*exec.Cmd, error) {
	doc, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, spec.Self, append([]string{EnterVerb, string(doc)}, argv...)...)
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS, Pdeathsig: syscall.SIGKILL}
	if spec.Machine {
		attr.Cloneflags |= syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
	return cmd, nil
}

// Permitted tries a namespace in dir and says why there cannot be one.
func Permitted(ctx context.Context, self, dir string) error {
	if err := Prepare(dir, false); err != nil {
		return err
	}
	cmd, err := Command(ctx, Spec{Self: self, Root: dir, Hostname: "probe"}, "/bin/sh", "-c", "test -d /var/lib/origin && test -d /etc/origin")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("no private mount namespace: %w: %s", err, out)
	}
	return nil
}

// Enter mounts what the spec says and becomes argv. It returns only on failure. args are the
// arguments after EnterVerb.
func Enter(args []string) error {
	if len(args) < 2 {
		return errors.New("expected a specification and a command")
	}
	var spec Spec
	if err := json.Unmarshal([]byte(args[0]), &spec); err != nil {
		return fmt.Errorf("reading the specification: %w", err)
	}
	// Exec carries what belongs to the thread that calls it: the namespaces, and the signal that it gets
	// when the lab dies. Command gave that signal to the first thread; this may be another one.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("asking to die with the lab: %w", err)
	}
	if spec.NetNS != "" {
		if err := netns.Enter(spec.NetNS); err != nil {
			return err
		}
	}
	if err := mountAll(spec); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	dir := "/root"
	if spec.Machine {
		dir = "/"
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return fmt.Errorf("running %s: %w", args[1], syscall.Exec(args[1], args[1:], os.Environ()))
}

func mountAll(spec Spec) error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// Close-on-exec, as all files that Go opens: argv does not inherit it.
	root, err := os.OpenFile(spec.Root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing was written
	var certs *os.File
	if spec.Certs != "" {
		if certs, err = os.OpenFile(spec.Certs, unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
			return err
		}
		defer func() { _ = certs.Close() }() // nothing was written
	}
	// The upper halves: on the node's own folder, unseen from outside as the namespace is private.
	scratch := filepath.Join(spec.Root, "run")
	if err := mount("tmpfs", scratch, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	if spec.Seed != "" {
		if err := os.CopyFS(filepath.Join(scratch, "etc"), os.DirFS(spec.Seed)); err != nil {
			return fmt.Errorf("laying out /etc: %w", err)
		}
		if err := copyModes(spec.Seed, filepath.Join(scratch, "etc")); err != nil {
			return err
		}
	}
	for name, dir := range map[string]string{"etc": "/etc", "lib": "/var/lib"} {
		if err := overlay(filepath.Join(scratch, name), dir); err != nil {
			return err
		}
	}
	if err := unix.Unmount(scratch, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detaching %s: %w", scratch, err)
	}
	for _, dir := range bound(spec.Machine) {
		if err := bind(root, dir, "/"+dir); err != nil {
			return err
		}
	}
	if certs != nil {
		if err := bind(certs, ".", "/etc/docker/certs.d"); err != nil {
			return err
		}
	}
	if spec.Machine {
		return mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	return nil
}

// bind mounts the folder name below root on target.
func bind(root *os.File, name, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return mount(fmt.Sprintf("/proc/self/fd/%d/%s", root.Fd(), name), target, "", unix.MS_BIND, "")
}

// overlay makes dir writable, with what is written below upper.
func overlay(upper, dir string) error {
	work := upper + ".work"
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// Relative names: a colon or comma in the lab's folder would end the option.
	if err := os.Chdir(filepath.Dir(upper)); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, filepath.Base(upper), filepath.Base(work))
	err := mount("overlay", dir, "overlay", 0, options+",userxattr")
	if err != nil && os.Geteuid() == 0 {
		err = mount("overlay", dir, "overlay", 0, options) // a kernel before 5.11, by root
	}
	return errors.Join(err, os.Chdir("/"))
}

// copyModes repeats what CopyFS leaves out: it makes files 0666 less the umask, which is no mode
// for shadow, sudoers and keys.
func copyModes(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, rel), info.Mode().Perm())
	})
}

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", cmp.Or(fstype, source), target, err)
	}
	return nil
}
