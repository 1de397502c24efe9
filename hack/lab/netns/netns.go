// Package netns gives a node a network of its own: a network namespace that holds nothing but a
// loopback interface, and forwarders of this process by which chosen addresses mean the same inside
// and outside. No packet of a node can leave the machine, as there is no way out of its namespace.
//
// A namespace is held by an open file. When this process and all processes inside are dead, however
// they died, the kernel removes it with its firewall and its listeners: nothing is left to take down.
//
// What surprised us: a network namespace belongs to a thread, not to a process, and a socket stays
// in the namespace in which it was made. So a locked thread enters, makes a socket and comes back; the
// socket serves any goroutine. A bridge and veth pairs would have needed addresses of a private
// range in the machine's own namespace, and a bridge outlives a killed lab.
package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace.
type Namespace struct {
	file *os.File
}

// New makes a namespace with its loopback interface up. It needs root.
func New() (n *Namespace, err error) {
	err = apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("starting the loopback interface: %w", err)
		}
		f, err := os.Open(own)
		n = &Namespace{file: f}
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

const own = "/proc/thread-self/ns/net"

// apart runs f on a thread that may change its network namespace, and brings the thread back. It
// must not simply die: a thread takes with it every child that it started with a parent-death
// signal, and Go's threads start children for any goroutine.
func apart(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open(own)
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// Stays locked, so that nobody else works in a strange network.
			err = errors.Join(err, fmt.Errorf("leaving a network namespace: %w", back))
		} else {
			runtime.UnlockOSThread()
		}
		done <- errors.Join(err, home.Close())
	}()
	return <-done
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// AddAddress gives the loopback interface another address, by which processes inside reach one another.
func (n *Namespace) AddAddress(ip string) error {
	return n.run("ip", "iproute2", "address", "add", ip+"/32", "dev", "lo")
}

// Path names the namespace for other processes of the same user, as long as this one lives.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Enter puts the calling thread, which must be locked, into the namespace at path.
func Enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering network namespace %s: %w", path, err)
	}
	return nil
}

// Do runs f in the namespace. What f makes by itself is there: sockets and child processes, but not
// what other goroutines make for it.
func (n *Namespace) Do(f func() error) error {
	return apart(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return f()
	})
}

// Listen listens inside.
func (n *Namespace) Listen(addr *net.TCPAddr) (ln *net.TCPListener, err error) {
	err = n.Do(func() error {
		ln, err = net.ListenTCP("tcp", addr)
		return err
	})
	return ln, err
}

// Dial connects from inside.
func (n *Namespace) Dial(addr *net.TCPAddr) (conn *net.TCPConn, err error) {
	err = n.Do(func() error {
		conn, err = net.DialTCP("tcp", nil, addr)
		return err
	})
	return conn, err
}

// How a firewall stops a connection.
const (
	Drop        = "drop"        // packets vanish: the client waits
	Reject      = "reject"      // answered as a closed port: connection refused
	Unreachable = "unreachable" // as firewalld rejects: no route to host
)

// Block keeps processes inside from connecting to a port (0: every port) of an address. Unblock
// takes that back.
func (n *Namespace) Block(ip net.IP, port int, how string) error {
	target := map[string][]string{
		Drop: {"DROP"}, Reject: {"REJECT", "--reject-with", "tcp-reset"}, Unreachable: {"REJECT", "--reject-with", "icmp-host-prohibited"},
	}[how]
	if target == nil {
		return fmt.Errorf("%q: expected %s, %s or %s", how, Drop, Reject, Unreachable)
	}
	if err := n.Unblock(ip, port); err != nil {
		return err
	}
	return n.iptables(append(rule("-A", ip, port), append([]string{"-j"}, target...)...)...)
}

// Unblock removes what Block put there; nothing there is no error.
func (n *Namespace) Unblock(ip net.IP, port int) error {
	for _, target := range [][]string{{"DROP"}, {"REJECT", "--reject-with", "tcp-reset"}, {"REJECT", "--reject-with", "icmp-host-prohibited"}} {
		target = append([]string{"-j"}, target...)
		var exit *exec.ExitError
		if err := n.iptables(append(rule("-C", ip, port), target...)...); errors.As(err, &exit) {
			continue // no such rule
		} else if err != nil {
			return err
		}
		if err := n.iptables(append(rule("-D", ip, port), target...)...); err != nil {
			return err
		}
	}
	return nil
}

func rule(verb string, ip net.IP, port int) []string {
	args := []string{verb, "OUTPUT", "-p", "tcp", "-d", ip.String()}
	if port != 0 {
		args = append(args, "--dport", fmt.Sprint(port))
	}
	return args
}

func (n *Namespace) iptables(args ...string) error {
	// -w: another call may hold the lock, which all namespaces share.
	return n.run("iptables", "iptables", append([]string{"-w"}, args...)...)
}

// run runs a program inside, of a Debian package.
func (n *Namespace) run(name, debian string, args ...string) error {
	program, err := exec.LookPath(name)
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			return fmt.Errorf("%s not found: install %s (`lab deps`)", name, debian)
		}
	}
	return n.Do(func() error {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return nil
	})
}

// Close gives the namespace up. It goes when its last process has ended.
func (n *Namespace) Close() error { return n.file.Close() }
