package site

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"oreg/hack/lab/machine"
	"oreg/hack/lab/nodes"
	"oreg/hack/lab/private"
	"oreg/hack/lab/record"
	"oreg/hack/lab/sshd"
)

// Kinds of nodes.
const (
	KindInProcess = "inprocess"
	KindSSHD      = "sshd"
	KindMachine   = "machine"
)

const (
	isolationAuto      = "auto"
	isolationNamespace = "namespace"
	isolationNone      = "none"
	isolationMachine   = "machine"
)

// filedRecords is how many nodes may have a record in a file: each holds one open. More nodes than
// that keep their records in memory, where `lab ctl node log` reads them all the same.
const filedRecords = 256

// NodeOptions is what all nodes have in common.
type NodeOptions struct {
	Kind         string
	Isolation    string // auto, namespace or none; in-process only
	Latency      time.Duration
	SSHDOptions  []string // lines of sshd_config, before the lab's own: sshd takes the first value
	HostKeyTypes []string
	Trace        bool
	NetNS        bool // of sshd nodes: a network of its own for each
}

func nodeAccounts(marker string) []NodeAccount {
	return []NodeAccount{
		{User: "root", Password: "root-" + marker},
		{User: "core", Password: "core-" + marker, Sudo: "nopasswd"},
		{User: "ops", Password: "öps#pw " + marker, Sudo: "password"},
	}
}

// server is what the lab does with a node of either kind.
type server interface {
	Restart(ctx context.Context) error
	Stop()
	Running() bool
	Addr() *net.TCPAddr
}

type node struct {
	server
	name      string
	kind      string
	isolation string
	groups    []string
	net       *network      // nil where it shares the machine's
	inside    *private.Spec // of an in-process node with files of its own
	root      string
	certs     string // its own /etc/docker/certs.d; empty where it shares the lab's
	logPath   string
	log       *record.Log[nodes.Event]
	hostKeys  []string
	starts    *record.Log[machine.UnitStart] // of a machine's service
	heart     heart
	kubelet   bool // its service is a real one
}

func (n *node) state() NodeState {
	s := NodeState{
		Name: n.name, Kind: n.kind, Isolation: n.isolation, Groups: n.groups, HostKeys: n.hostKeys,
		Address: n.Addr().IP.String(), Port: n.Addr().Port, Root: n.root,
		DataDir: "/var/lib/origin", DockerDir: "/root/.docker", NetNS: n.net != nil, Log: n.logPath, Running: n.Running(),
	}
	if n.isolation == isolationNone {
		s.DataDir, s.DockerDir = filepath.Join(n.root, s.DataDir), filepath.Join(n.root, s.DockerDir)
	}
	s.Heartbeat, s.Kubelet = n.heart.state(), n.kubelet
	switch real := n.server.(type) {
	case *sshd.Node:
		s.PID, s.Trace = real.PID(), real.TracePath()
	case *machine.Machine:
		s.PID, s.Unit, s.SmallDir = real.PID(), machine.Unit, machine.Small
	}
	return s
}

func (l *Lab) startNodes() error {
	errs := make([]error, l.cfg.Nodes)
	made := make([]*node, l.cfg.Nodes)
	if l.cfg.Nodes > 0 && l.cfg.Node.Kind == KindInProcess {
		if err := l.decideIsolation(); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range l.cfg.Nodes {
		groups := []string{"nodes"}
		if i == 0 {
			groups = []string{"masters", "etcd", "nodes"}
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			kubelet := l.cfg.Kubelet != nil && i == l.cfg.Nodes-1
			made[i], errs[i] = l.newNode(i, fmt.Sprintf("n%d", i+1), l.cfg.Node.Kind, groups, kubelet)
		})
	}
	wg.Wait()
	l.addresses = l.cfg.Nodes
	l.nodes = slices.DeleteFunc(made, func(n *node) bool { return n == nil })
	if l.cfg.Nodes > 0 {
		l.progress("%d nodes are up (%s)", len(l.nodes), l.cfg.Node.Kind)
	}
	return errors.Join(errs...)
}

// decideIsolation settles auto: a namespace where the kernel permits one.
func (l *Lab) decideIsolation() error {
	if l.isolation = l.cfg.Node.Isolation; l.isolation == isolationNone {
		return nil
	}
	dir := l.path("probe")
	err := private.Permitted(l.ctx, l.cfg.Self, dir)
	switch {
	case err == nil:
		l.isolation = isolationNamespace
	case l.isolation == isolationAuto:
		l.progress("nodes see paths in %s instead of /var/lib/origin: %v", l.path("nodes"), err)
		l.isolation = isolationNone
	default:
		return err
	}
	return os.RemoveAll(dir)
}

// newNode starts a node with the i-th address.
func (l *Lab) newNode(i int, name, kind string, groups []string, kubelet bool) (*node, error) {
	if kubelet {
		kind = KindMachine
	}
	if !validName(name) {
		return nil, fmt.Errorf("node name %q: expected letters, digits and dashes", name)
	}
	dir := filepath.Join(l.path("nodes"), name)
	n := &node{name: name, kind: kind, isolation: isolationNamespace, groups: groups, kubelet: kubelet, root: filepath.Join(dir, "root")}
	if kind == KindMachine {
		if err := os.MkdirAll(n.root, 0o755); err != nil {
			return nil, err
		}
	} else if err := private.Prepare(n.root, kind == KindSSHD); err != nil {
		return nil, err
	}
	if i < filedRecords {
		n.logPath = filepath.Join(dir, "log.jsonl")
	}
	var err error
	if n.log, err = record.New[nodes.Event](n.logPath); err != nil {
		return nil, err
	}
	keys := make([]*sshKey, 0, len(l.cfg.Node.HostKeyTypes))
	for _, kind := range l.cfg.Node.HostKeyTypes {
		k, err := newSSHKey(kind)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
		n.hostKeys = append(n.hostKeys, k.line())
	}
	switch kind {
	case KindInProcess:
		n.isolation = l.isolation
		n.server, err = l.inProcess(n, i, keys)
	case KindSSHD:
		n.server, err = l.sshd(n, i, dir, keys)
	case KindMachine:
		n.isolation = isolationMachine
		n.server, err = l.machine(n, i, dir, keys)
	default:
		err = fmt.Errorf("node kind %q: expected %s, %s or %s", kind, KindInProcess, KindSSHD, KindMachine)
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (l *Lab) inProcess(n *node, i int, keys []*sshKey) (server, error) {
	shell := nodes.Shell{Root: n.root, Grace: 2 * time.Second}
	if n.isolation == isolationNamespace {
		spec := private.Spec{Self: l.cfg.Self, Root: n.root, Hostname: n.name, Certs: l.path("certs.d")}
		n.inside = &spec
		shell.Wrap = func(ctx context.Context, argv ...string) (*exec.Cmd, error) {
			return private.Command(ctx, spec, argv...)
		}
	}
	cfg := nodes.Config{
		Name: n.name, Address: l.subnet.node(i), ClientKeys: []ssh.PublicKey{l.clientKey.signer.PublicKey()},
		Passwords: map[string]string{}, Handler: shell, Latency: l.cfg.Node.Latency, Forwarding: true,
		Log: n.log, Now: l.cfg.Now,
	}
	for _, k := range keys {
		cfg.HostKeys = append(cfg.HostKeys, k.signer)
	}
	for _, a := range l.state.Accounts {
		cfg.Passwords[a.User] = a.Password
	}
	return started(nodes.Start(l.ctx, cfg))
}

func (l *Lab) sshd(n *node, i int, dir string, keys []*sshKey) (server, error) {
	if err := l.giveCerts(n); err != nil {
		return nil, err
	}
	address, port, ns, err := l.giveNetwork(n, i, l.cfg.Node.NetNS)
	if err != nil {
		return nil, err
	}
	cfg := sshd.Config{
		Port: port, NetNS: ns, Name: n.name, Address: address, Dir: dir, Root: n.root, Certs: n.certs, Self: l.cfg.Self,
		AuthorizedKey: l.clientKey.line(), Accounts: l.nodeAccounts(), Options: l.cfg.Node.SSHDOptions, Trace: l.cfg.Node.Trace,
		Log: n.log, Now: l.cfg.Now,
	}
	if cfg.HostKeys, err = encodeAll(keys); err != nil {
		return nil, err
	}
	return started(sshd.Start(l.ctx, cfg))
}

// started turns no node into no server: an interface that holds a nil pointer is not nil.
func started[N interface {
	comparable
	server
}](n N, err error) (server, error) {
	var none N
	if n == none {
		return nil, err
	}
	return n, err
}

// giveNetwork is where a node is to listen: on a free port, or on one of a network of its own.
func (l *Lab) giveNetwork(n *node, i int, own bool) (address string, port int, ns string, err error) {
	address = l.subnet.node(i)
	if !own {
		return address, 0, "", nil
	}
	if n.net, err = newNetwork(address); err != nil {
		return "", 0, "", err
	}
	return address, n.net.addr.Port, n.net.ns.Path(), nil
}

func (l *Lab) node(name string) *node {
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// validName keeps names fit for files, host names and INI.
func validName(name string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`).MatchString(name)
}
