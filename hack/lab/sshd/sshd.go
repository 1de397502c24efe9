// Package sshd runs real OpenSSH servers that stand for a cluster's nodes: each on a loopback
// address and port of its own, in mount, process, IPC and host name namespaces of its own (package
// private), with its own users, host keys and /etc, and a folder of the lab's in place of /root,
// /var/lib/origin and /etc/origin. It needs root and OpenSSH's server; nothing of the machine is
// touched.
//
// What surprised us: sshd is process 1 of its namespace and does well as such (it reaps what it did
// not start), so that its death is the death of every session and command, and of the mounts. sshd
// takes the first value of a keyword, so the options of a test come before the lab's own.
package sshd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"oreg/hack/lab/etc"
	"oreg/hack/lab/nodes"
	"oreg/hack/lab/private"
	"oreg/hack/lab/record"
)

// Config says what a node is.
type Config struct {
	Name          string
	Address       string   // loopback address
	Port          int      // 0 takes a free one
	NetNS         string   // path of its network namespace; empty for the machine's own
	Dir           string   // for its configuration and logs
	Root          string   // its private files, made by private.Prepare
	Certs         string   // its /etc/docker/certs.d
	Self          string   // the lab's program
	HostKeys      [][]byte // private keys as OpenSSH writes them
	AuthorizedKey string   // accepted for every account
	Accounts      []etc.Account
	Options       []string // lines of sshd_config that go before ours
	Trace         bool     // run under strace and write every execve to TracePath
	Log           *record.Log[nodes.Event]
	Now           func() time.Time
}

// Node is an sshd, running or stopped.
type Node struct {
	cfg  Config
	addr *net.TCPAddr

	mu     sync.Mutex
	cmd    *exec.Cmd // nil while stopped
	exited chan struct{}
}

// startTimeout bounds the time from the start of sshd until it listens. It is long: with dozens of
// nodes starting at once on two busy cores a few seconds have been seen.
const startTimeout = 60 * time.Second

// Start starts a node. It runs until Stop, the end of ctx or the death of this process.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg, addr: &net.TCPAddr{IP: net.ParseIP(cfg.Address), Port: cfg.Port}}
	if cfg.Port == 0 {
		// sshd cannot take a listening socket, so a free port is found and given up again. Nobody else
		// uses an address of the lab's.
		ln, err := net.ListenTCP("tcp", n.addr)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
		}
		n.addr = ln.Addr().(*net.TCPAddr)
		if err := ln.Close(); err != nil {
			return nil, err
		}
	}
	err := etc.Write(etc.Config{
		Name: cfg.Name, Listen: n.addr, HostKeys: cfg.HostKeys, AuthorizedKey: cfg.AuthorizedKey,
		Accounts: cfg.Accounts, Options: cfg.Options, Offline: cfg.NetNS != "",
	}, "/etc", n.seed(), cfg.Root)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	return n, n.Restart(ctx)
}

// seed is the folder whose content lies over the node's /etc.
func (n *Node) seed() string { return filepath.Join(n.cfg.Dir, "etc") }

// SetHost changes the node's /etc/hosts; see [etc.SetHost].
func (n *Node) SetHost(name, address string) error {
	err := etc.SetHost(filepath.Join(n.seed(), "hosts"), name, address) // for the next start
	if pid := n.PID(); pid != 0 {
		err = errors.Join(err, etc.SetHost(fmt.Sprintf("/proc/%d/root/etc/hosts", pid), name, address))
	}
	return err
}

// Restart starts a stopped node again, on the same port.
func (n *Node) Restart(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return nil
	}
	server, err := exec.LookPath("sshd")
	if err != nil {
		if server, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return errors.New("sshd not found: install openssh-server (`lab deps`)")
		}
	}
	argv := []string{server, "-D", "-e", "-f", etc.SSHDConfig}
	var trace *os.File
	if n.cfg.Trace {
		strace, err := exec.LookPath("strace")
		if err != nil {
			return errors.New("strace not found: install strace (`lab deps`)")
		}
		if trace, err = os.OpenFile(n.TracePath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		defer func() { _ = trace.Close() }() // the child has its own
		// By descriptor: the namespace may hide the lab's folder.
		argv = append([]string{strace, "-f", "-q", "-o", "/dev/fd/3", "-A", "-e", "trace=execve", "-v", "-s", "1000000"}, argv...)
	}
	cmd, err := private.Command(ctx, private.Spec{
		Self: n.cfg.Self, Root: n.cfg.Root, Hostname: n.cfg.Name, Seed: n.seed(), Certs: n.cfg.Certs, NetNS: n.cfg.NetNS, Machine: true,
	}, argv...)
	if err != nil {
		return err
	}
	if trace != nil {
		cmd.ExtraFiles = []*os.File{trace}
	}
	// What a service manager would give; nothing of ours.
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(n.cfg.Dir, "sshd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("node %s: %w", n.cfg.Name, err), logFile.Close())
	}
	n.cmd, n.exited = cmd, make(chan struct{})
	listening := make(chan struct{})
	go n.watch(cmd, stderr, logFile, listening, n.exited)
	select {
	case <-listening:
		return nil
	case <-n.exited:
		n.cmd = nil
		return fmt.Errorf("node %s: sshd ended at once: %s", n.cfg.Name, lastLine(logFile.Name()))
	case <-time.After(startTimeout):
		return fmt.Errorf("node %s: sshd does not listen after %v; see %s", n.cfg.Name, startTimeout, logFile.Name())
	}
}

// watch copies sshd's log, turns it into the record, and waits for its end.
func (n *Node) watch(cmd *exec.Cmd, stderr io.Reader, logFile *os.File, listening, exited chan struct{}) {
	defer close(exited)
	emit := func(e nodes.Event) {
		e.Time = n.cfg.Now()
		n.cfg.Log.Add(e)
	}
	up := false
	lines := bufio.NewReader(io.TeeReader(stderr, logFile))
	for {
		line, err := lines.ReadString('\n')
		if !up && strings.HasPrefix(line, "Server listening on ") {
			up = true
			close(listening)
		}
		ParseLog(strings.TrimRight(line, "\r\n"), emit)
		if err != nil {
			break
		}
	}
	_ = cmd.Wait() // it is killed, or its last words are in the log
	_ = logFile.Close()
}

// Stop kills sshd and with it every process of the node, and waits for their end.
func (n *Node) Stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may be dead already
	<-n.exited
	n.cmd = nil
}

// PID is the process id of the node's process 1, 0 while it is stopped.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// Running says whether sshd lives.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Addr is where sshd listens, or did.
func (n *Node) Addr() *net.TCPAddr { return n.addr }

// TracePath is the file of strace's output, empty without it.
func (n *Node) TracePath() string {
	if !n.cfg.Trace {
		return ""
	}
	return filepath.Join(n.cfg.Dir, "execve.trace")
}

func lastLine(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return lines[len(lines)-1]
}
