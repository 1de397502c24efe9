package site

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"oreg/hack/lab/cgroup"
	"oreg/hack/lab/etc"
	"oreg/hack/lab/machine"
	"oreg/hack/lab/record"
)

// sweepAge is how old a control group without a process must be to be a dead lab's.
const sweepAge = 10 * time.Minute

// machineBase is the tree from which machines are copied, made when the first one needs it.
func (l *Lab) machineBase() (string, error) {
	l.baseOnce.Do(func() {
		if l.baseErr = cgroup.Sweep(l.cfg.Now().Add(-sweepAge)); l.baseErr == nil {
			l.base, l.baseErr = l.cfg.MachineBase(l.ctx)
		}
	})
	return l.base, l.baseErr
}

func (l *Lab) machine(n *node, i int, dir string, keys []*sshKey) (server, error) {
	if l.cfg.Node.Trace {
		return nil, errors.New("--trace is for sshd nodes: a machine has no strace")
	}
	base, err := l.machineBase()
	if err != nil {
		return nil, err
	}
	if _, _, _, err = l.giveNetwork(n, i, true); err != nil {
		return nil, err
	}
	if n.starts, err = record.New[machine.UnitStart](filepath.Join(dir, "starts.jsonl")); err != nil {
		return nil, err
	}
	system := etc.Config{
		Name: n.name, Listen: n.net.addr, AuthorizedKey: l.clientKey.line(), Accounts: l.nodeAccounts(),
		Options: l.cfg.Node.SSHDOptions, Offline: true,
	}
	if system.HostKeys, err = encodeAll(keys); err != nil {
		return nil, err
	}
	kubelet, err := l.kubeletOf(n)
	if err != nil {
		return nil, err
	}
	started, err := started(machine.Start(l.ctx, machine.Config{
		Kubelet: kubelet,
		Base:    base, Dir: dir, Root: n.root, Cgroup: filepath.Join(cgroup.Of(l.cfg.Dir), n.name), Net: n.net.ns,
		System: system, Log: n.log, Starts: n.starts, Beat: n.heart.beat, Now: l.cfg.Now,
	}))
	if err != nil {
		return nil, err
	}
	n.server = started
	errs := []error{l.giveCerts(n)}
	for _, r := range l.registries {
		errs = append(errs, tellContainerd(n, r))
	}
	return started, errors.Join(errs...)
}

func (l *Lab) nodeAccounts() []etc.Account {
	var list []etc.Account
	for _, a := range l.state.Accounts {
		list = append(list, etc.Account{User: a.User, Password: a.Password, Sudo: a.Sudo})
	}
	return list
}

func encodeAll(keys []*sshKey) ([][]byte, error) {
	var all [][]byte
	for _, k := range keys {
		private, err := k.encode("")
		if err != nil {
			return nil, err
		}
		all = append(all, private)
	}
	return all, nil
}

// setMode is `node unit NAME MODE`.
func (n *node) setMode(args []string) error {
	m, ok := n.server.(*machine.Machine)
	if !ok || len(args) != 1 {
		return errors.New("expected node unit NAME ok|fail|crash|hang, of a full machine")
	}
	return m.SetMode(args[0])
}

// unitStarts prints the starts of the chosen nodes' services, in the order of time.
func unitStarts(out io.Writer, chosen []*node) error {
	var all []machine.UnitStart
	for _, n := range chosen {
		if n.starts == nil {
			return fmt.Errorf("node %s is no full machine and has no service", n.name)
		}
		all = append(all, n.starts.All()...)
	}
	slices.SortStableFunc(all, func(a, b machine.UnitStart) int { return a.Time.Compare(b.Time) })
	return printAll(out, all)
}
