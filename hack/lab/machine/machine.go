// Package machine runs full machines that stand for a cluster's nodes: Debian with a real systemd,
// sshd, sudo and the node's service, each booted by systemd-nspawn on a root of its own and in a
// network of its own (package netns). It needs root, debootstrap and systemd-container.
//
// What surprised us: a boot takes about half a second. systemd-nspawn needs no systemd on the host,
// but leaves cgroups and, killed, locks in /run and the whole machine running; so it runs in a cgroup
// of the lab's, in a mount namespace with a /run/systemd of its own, and as process 1 of a process
// namespace, whose death is that of all. A machine's root is a plain folder, seen from outside
// without any mount; /usr is one tree for all, mounted read-only. A FIFO in that folder carries what
// the machine says to the lab, as it is the same FIFO on both sides.
package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"oreg/hack/lab/cgroup"
	"oreg/hack/lab/etc"
	"oreg/hack/lab/netns"
	"oreg/hack/lab/nodes"
	"oreg/hack/lab/procs"
	"oreg/hack/lab/record"
	"oreg/hack/lab/sshd"
)

// bootTimeout bounds a boot; it is long because the machine may be busy.
const bootTimeout = 2 * time.Minute

// Config says what a machine is.
type Config struct {
	Base   string // made by Base
	Dir    string // for its root and its log
	Root   string // its root, to be made
	Cgroup string // of its own, made by Start
	Net    *netns.Namespace
	System etc.Config
	// Kubelet makes the service a real kubelet; nil is one that is played.
	Kubelet *Kubelet
	Log     *record.Log[nodes.Event]
	Starts  *record.Log[UnitStart]
	Beat    func() // called each second while the node's service runs
	Now     func() time.Time
}

// UnitStart is a start of the node's service.
type UnitStart struct {
	Time time.Time `json:"time"`
	Node string    `json:"node"`
	Unit string    `json:"unit"`
	PID  int       `json:"pid"` // as the machine counts
}

// Machine is running or stopped.
type Machine struct {
	cfg   Config
	fifos []*os.File

	mu     sync.Mutex
	cmd    *exec.Cmd // of systemd-nspawn; nil while stopped
	leader int       // process 1 of the machine
	exited chan struct{}
	heard  chan struct{} // gets a value when sshd listens
	told   sync.WaitGroup
}

// Start makes a machine and boots it. It runs until Stop, Close or the death of this process.
func Start(ctx context.Context, cfg Config) (_ *Machine, err error) {
	if err := furnish(cfg.Base, cfg.Root, cfg.System); err != nil {
		return nil, fmt.Errorf("machine %s: %w", cfg.System.Name, err)
	}
	if cfg.Kubelet != nil {
		if err := errors.Join(cfg.Kubelet.furnish(cfg.Root, cfg.System.Name), cfg.Net.AddAddress(nodeIP)); err != nil {
			return nil, fmt.Errorf("machine %s: %w", cfg.System.Name, err)
		}
	}
	m := &Machine{cfg: cfg, heard: make(chan struct{}, 1)}
	for name, line := range map[string]func(string){"sshd.fifo": m.sshdLine, "unit.fifo": m.unitLine} {
		// Read and write: it has a writer always, and never ends.
		f, err := os.OpenFile(filepath.Join(cfg.Root, ours, name), os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.fifos = append(m.fifos, f)
		m.told.Go(func() {
			for lines := bufio.NewScanner(f); lines.Scan(); {
				line(lines.Text())
			}
		})
	}
	if err := m.Restart(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) sshdLine(line string) {
	if strings.HasPrefix(line, "Server listening on ") {
		select {
		case m.heard <- struct{}{}:
		default:
		}
	}
	sshd.ParseLog(line, func(e nodes.Event) {
		e.Time = m.cfg.Now()
		m.cfg.Log.Add(e)
	})
}

func (m *Machine) unitLine(line string) {
	if pid, ok := strings.CutPrefix(line, "start "); ok {
		number, _ := strconv.Atoi(pid) // our own program's word; 0 would show
		m.cfg.Starts.Add(UnitStart{Time: m.cfg.Now(), Node: m.cfg.System.Name, Unit: Unit, PID: number})
	} else if line == "beat" {
		m.cfg.Beat()
	}
}

// Restart boots a stopped machine, as after a power cut.
func (m *Machine) Restart(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		return nil
	}
	nspawn, err := lookPath("systemd-nspawn", "systemd-container")
	if err != nil {
		return err
	}
	groups, err := cgroup.Make(m.cfg.Cgroup)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(m.cfg.Dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	for len(m.heard) > 0 {
		<-m.heard // of an earlier boot
	}
	var extra []string
	if m.cfg.Kubelet != nil {
		if extra, err = m.cfg.Kubelet.nspawn(); err != nil {
			return err
		}
	}
	name := m.cfg.System.Name
	cmd := exec.Command("/bin/sh", slices.Concat([]string{"-c", prologue, "sh"}, groups, []string{
		"--", nspawn, "--register=no", "--keep-unit", "--quiet", "--boot", "--directory=" + m.cfg.Root,
		"--bind-ro=" + filepath.Join(m.cfg.Base, "usr") + ":/usr",
		"--machine=" + name, "--hostname=" + name, "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--notify-ready=yes", fmt.Sprintf("--tmpfs=%s:size=%d,mode=0755", Small, SmallSize),
	}, extra)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGKILL,
	}
	var notify *net.UnixConn
	err = m.cfg.Net.Do(func() error {
		// Where systemd-nspawn tells of the boot: an abstract socket, which has no file and belongs to the
		// network. The empty name lets the kernel choose.
		if notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: ""}); err != nil {
			return err
		}
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET=" + notify.LocalAddr().String()}
		return cmd.Start()
	})
	if notify != nil {
		defer func() { _ = notify.Close() }() // nothing was written
	}
	if err != nil {
		return fmt.Errorf("machine %s: %w", name, err)
	}
	m.cmd, m.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		_ = cmd.Wait() // it is killed, or its last words are in the log
		close(exited)
	}(m.exited)
	if err := m.waitBoot(ctx, notify); err != nil {
		m.kill()
		return fmt.Errorf("machine %s: %w; see %s", name, err, log.Name())
	}
	return nil
}

// prologue takes folders of cgroups up to "--", and a command. It joins them, shows the processes of
// its own namespace, covers /run/systemd, where systemd-nspawn keeps locks, and becomes the command.
const prologue = `set -e
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done
shift
mount -t proc proc /proc
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
exec "$@"
`

// waitBoot waits until systemd says that it is through, and sshd that it listens.
func (m *Machine) waitBoot(ctx context.Context, notify *net.UnixConn) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	booted := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { _ = notify.Close() }) // ends the read
	defer stop()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err != nil {
				booted <- err
				return
			}
			for line := range strings.Lines(string(buf[:n])) {
				if strings.TrimSpace(line) == "READY=1" {
					booted <- nil
					return
				}
			}
		}
	}()
	for range 2 {
		select {
		case <-m.exited:
			return errors.New("systemd-nspawn ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not booted: %w", ctx.Err())
		case err := <-booted:
			if err != nil {
				return err
			}
			if m.leader, err = procs.ChildInit(m.cmd.Process.Pid); err != nil {
				return err
			}
			booted = nil // both must come
		case <-m.heard:
		}
	}
	return nil
}

// Stop is a power cut: every process of the machine is killed. It waits for their end.
func (m *Machine) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kill()
}

func (m *Machine) kill() {
	if m.cmd == nil {
		return
	}
	// systemd-nspawn is process 1 of a namespace and takes all others with it; its end is theirs.
	_ = m.cmd.Process.Kill() // it may be dead already
	<-m.exited
	m.cmd, m.leader = nil, 0
	_ = cgroup.Remove(m.cfg.Cgroup) // what is left goes with the lab's folder
}

// Close stops the machine for ever.
func (m *Machine) Close() error {
	m.Stop()
	var errs []error
	for _, f := range m.fifos {
		errs = append(errs, f.Close())
	}
	m.told.Wait()
	m.fifos = nil
	return errors.Join(errs...)
}

// PID is the machine's process 1 as this system counts, 0 while it is stopped.
func (m *Machine) PID() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader
}

// Running says whether the machine lives.
func (m *Machine) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		return false
	}
	select {
	case <-m.exited:
		return false
	default:
		return true
	}
}

// Addr is where its sshd listens, inside its network.
func (m *Machine) Addr() *net.TCPAddr { return m.cfg.System.Listen }

// SetHost changes the machine's /etc/hosts; see [etc.SetHost].
func (m *Machine) SetHost(name, address string) error {
	return etc.SetHost(filepath.Join(m.cfg.Root, "etc/hosts"), name, address)
}

// SetMode says how the node's service behaves from its next start on.
func (m *Machine) SetMode(mode string) error {
	if known := []string{ModeOK, ModeFail, ModeCrash, ModeHang}; !slices.Contains(known, mode) {
		return fmt.Errorf("%q: expected one of %v", mode, known)
	}
	return os.WriteFile(filepath.Join(m.cfg.Root, ours, "mode"), []byte(mode+"\n"), 0o644)
}
