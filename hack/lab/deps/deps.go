// Package deps knows which programs the tests need beyond Go, and installs them where it may: as
// root on Debian and what derives from it. Elsewhere it says what to install.
//
// What surprised us: Debian's openssh-server starts an sshd on port 22 when it is installed. A
// policy-rc.d that answers 101 forbids that; a machine may have one already, which is put back.
package deps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program is something that must be there.
type Program struct {
	Name    string   // as on the PATH, or in /usr/sbin; of something else, its absolute path
	Package string   // Debian's name
	Others  []string // programs that will do in its place
	For     string
}

// Programs are what the tests need.
func Programs() []Program {
	return []Program{
		{Name: "ssh", Package: "openssh-client", For: "comparing oreg with OpenSSH's client"},
		{Name: "ssh-agent", Package: "openssh-client", For: "logging in by an agent's key"},
		{Name: "sshd", Package: "openssh-server", For: "nodes that are real OpenSSH servers"},
		{Name: "dropbear", Package: "dropbear-bin", For: "nodes that are not OpenSSH"},
		{Name: "sudo", Package: "sudo", For: "become on the nodes"},
		{Name: "skopeo", Package: "skopeo", For: "pulling with a node's file"},
		{Name: "kubectl", Package: "kubernetes-client", For: "reading the secret"},
		{Name: "ansible-inventory", Package: "ansible-core", For: "comparing inventories with Ansible's reading"},
		{Name: "ansible-playbook", Package: "ansible-core", For: "comparing oreg with a playbook"},
		{Name: "strace", Package: "strace", For: "seeing every command line and environment"},
		{Name: "gcc", Package: "gcc", Others: []string{"clang"}, For: "go test -race, which needs cgo"},
		{Name: "/usr/include/stdlib.h", Package: "libc6-dev", For: "go test -race, which needs cgo"},
		{Name: "ip", Package: "iproute2", For: "network namespaces"},
		{Name: "curl", Package: "curl", For: "asking from inside a node"},
		{Name: "iptables", Package: "iptables", For: "nodes that a firewall keeps from a registry"},
		{Name: "nsenter", Package: "util-linux", For: "commands run inside a node"},
		{Name: "debootstrap", Package: "debootstrap", For: "nodes that are full machines"},
		{Name: "systemd-nspawn", Package: "systemd-container", For: "nodes that are full machines"},
		{Name: "containerd", Package: "containerd", For: "a node with a real kubelet"},
		{Name: "runc", Package: "runc", For: "a node with a real kubelet"},
		{Name: "ps", Package: "procps", For: "looking for processes left behind"},
		{Name: "busybox", Package: "busybox", For: "running the node script in another shell"},
	}
}

// Missing lists the programs that are not there.
func Missing() []Program {
	return slices.DeleteFunc(Programs(), func(p Program) bool {
		return slices.ContainsFunc(append([]string{p.Name}, p.Others...), present)
	})
}

func present(name string) bool {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		return err == nil
	}
	for _, name := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// Packages are the Debian packages of programs, each once.
func Packages(programs []Program) []string {
	var names []string
	for _, p := range programs {
		if !slices.Contains(names, p.Package) {
			names = append(names, p.Package)
		}
	}
	return names
}

// Install installs what is missing, or fails naming it.
func Install(ctx context.Context, out io.Writer) error {
	missing := Missing()
	if len(missing) == 0 {
		return nil
	}
	packages := Packages(missing)
	_, aptErr := exec.LookPath("apt-get")
	if os.Geteuid() != 0 || aptErr != nil {
		return errors.New(Advice(missing, aptErr == nil))
	}
	if _, err := fmt.Fprintf(out, "installing %s\n", strings.Join(packages, " ")); err != nil {
		return err
	}
	if err := withoutServices(func() error { return aptInstall(ctx, out, packages) }); err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(packages, " "), err)
	}
	if still := Missing(); len(still) > 0 {
		return errors.New(Advice(still, true))
	}
	return nil
}

// Advice names what to install.
func Advice(missing []Program, debian bool) string {
	var b strings.Builder
	b.WriteString("missing programs:\n")
	for _, p := range missing {
		fmt.Fprintf(&b, "  %-22s for %s\n", p.Name, p.For)
	}
	if debian {
		fmt.Fprintf(&b, "as root: apt-get install %s", strings.Join(Packages(missing), " "))
	} else {
		fmt.Fprintf(&b, "on Debian they are the packages: %s", strings.Join(Packages(missing), " "))
	}
	return b.String()
}

// aptInstall asks for new package lists only when the present ones do not do.
func aptInstall(ctx context.Context, out io.Writer, packages []string) error {
	install := append([]string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, packages...)
	if apt(ctx, io.Discard, install...) == nil {
		return nil
	}
	if err := apt(ctx, out, "update", "-o", "DPkg::Lock::Timeout=300"); err != nil {
		return err
	}
	return apt(ctx, out, install...)
}

func apt(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = out, out
	return cmd.Run()
}

const policyPath = "/usr/sbin/policy-rc.d"

// withoutServices runs do while no installed service may be started.
func withoutServices(do func() error) (err error) {
	saved := filepath.Join(filepath.Dir(policyPath), ".policy-rc.d.oreg-lab")
	renameErr := os.Rename(policyPath, saved)
	if renameErr != nil && !errors.Is(renameErr, fs.ErrNotExist) {
		return renameErr
	}
	defer func() {
		if renameErr == nil {
			err = errors.Join(err, os.Rename(saved, policyPath))
		} else {
			err = errors.Join(err, os.Remove(policyPath))
		}
	}()
	if err := os.WriteFile(policyPath, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	// Whatever the umask: it must be executable.
	if err := os.Chmod(policyPath, 0o755); err != nil {
		return err
	}
	return do()
}
