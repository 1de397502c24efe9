package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"oreg/hack/lab/nodes"
	"oreg/hack/lab/private"
	"oreg/hack/lab/procs"
)

const nodeUsage = "node add|remove|stop|start|pause|resume|set|log|reset|count|ps|exec|block|unblock|name|unit|starts NAME"

func (l *Lab) controlNode(out io.Writer, args []string) (changed bool, err error) {
	verb, name, rest, err := take(args, nodeUsage)
	if err != nil {
		return false, err
	}
	if verb == "add" {
		return true, l.addNode(name, rest)
	}
	chosen, err := l.choose(name)
	if err != nil {
		return false, err
	}
	each := func(do func(n *node) error) error {
		var errs []error
		for _, n := range chosen {
			if err := do(n); err != nil {
				errs = append(errs, fmt.Errorf("node %s: %w", n.name, err))
			}
		}
		return errors.Join(errs...)
	}
	switch verb {
	case "stop":
		for _, n := range chosen {
			n.stop()
		}
		return true, nil
	case "start":
		return true, each(func(n *node) error { return n.start(l.ctx) })
	case "remove":
		err := each((*node).close)
		l.nodes = slices.DeleteFunc(l.nodes, func(n *node) bool { return slices.Contains(chosen, n) })
		return true, err
	case "pause", "resume":
		sig := map[string]syscall.Signal{"pause": syscall.SIGSTOP, "resume": syscall.SIGCONT}[verb]
		return false, each(func(n *node) error { return n.signal(sig) })
	case "set":
		return false, set(chosen, rest)
	case "log":
		return false, printAll(out, events(chosen))
	case "reset":
		return false, each(func(n *node) error { return n.log.Reset() })
	case "count":
		return false, count(out, chosen, rest)
	case "ps":
		return false, each(func(n *node) error { return n.processes(out) })
	case "block", "unblock":
		return false, each(func(n *node) error { return l.block(n, verb == "block", rest) })
	case "unit":
		return false, each(func(n *node) error { return n.setMode(rest) })
	case "starts":
		return false, unitStarts(out, chosen)
	case "name":
		return false, each(func(n *node) error { return n.setHost(rest) })
	}
	return false, fmt.Errorf("node %s: expected %s", verb, nodeUsage)
}

// choose is the node of that name, or all of them.
func (l *Lab) choose(name string) ([]*node, error) {
	if name == "all" {
		return slices.Clone(l.nodes), nil
	}
	if n := l.node(name); n != nil {
		return []*node{n}, nil
	}
	return nil, fmt.Errorf("no node %q", name)
}

func (l *Lab) addNode(name string, args []string) error {
	flags := pflag.NewFlagSet("node add", pflag.ContinueOnError)
	kind := flags.String("kind", l.cfg.Node.Kind, "")
	groups := flags.StringSlice("groups", []string{"nodes"}, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if l.node(name) != nil {
		return fmt.Errorf("node %s exists", name)
	}
	if *kind == KindInProcess && l.isolation == "" {
		if err := l.decideIsolation(); err != nil {
			return err
		}
	}
	n, err := l.newNode(l.addresses, name, *kind, *groups, false)
	if err != nil {
		return err
	}
	l.addresses++
	l.nodes = append(l.nodes, n)
	return errors.Join(l.furnishCluster(), l.startHearts())
}

func set(chosen []*node, args []string) error {
	flags := pflag.NewFlagSet("node set", pflag.ContinueOnError)
	latency := flags.Duration("latency", 0, "")
	forwarding := flags.Bool("forwarding", true, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, n := range chosen {
		in, ok := n.server.(*nodes.Node)
		if !ok {
			return fmt.Errorf("node %s is an sshd: start the lab with --sshd-option instead", n.name)
		}
		if flags.Changed("latency") {
			in.SetLatency(*latency)
		}
		if flags.Changed("forwarding") {
			in.SetForwarding(*forwarding)
		}
	}
	return nil
}

// contained is a node of processes of its own.
type contained interface {
	PID() int // of its process 1; 0 while it is stopped
	SetHost(name, address string) error
}

var errInProcess = errors.New("it is in the lab's own process")

func (n *node) signal(sig syscall.Signal) error {
	c, ok := n.server.(contained)
	if !ok {
		return fmt.Errorf("%w, which cannot pause", errInProcess)
	}
	return procs.Signal(c.PID(), sig)
}

func (n *node) processes(out io.Writer) error {
	c, ok := n.server.(contained)
	if !ok {
		return fmt.Errorf("%w: its commands are in its log", errInProcess)
	}
	list, err := procs.Of(c.PID())
	if err != nil {
		return err
	}
	return printAll(out, list)
}

// setHost is `node name NAME HOSTNAME [ADDRESS]`.
func (n *node) setHost(args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("expected node name NAME HOSTNAME ADDRESS, or no address to forget the name")
	}
	c, ok := n.server.(contained)
	if !ok {
		return fmt.Errorf("%w, which has the machine's names", errInProcess)
	}
	return c.SetHost(args[0], strings.Join(args[1:], ""))
}

// exec is `node exec NAME -- COMMAND`: as root, with the node's files, names and processes.
func (l *Lab) exec(ctx context.Context, out io.Writer, req Request) error {
	_, name, argv, err := take(req.Args[1:], "node exec NAME -- COMMAND")
	if err != nil {
		return err
	}
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		return errors.New("expected node exec NAME -- COMMAND")
	}
	l.mu.Lock()
	n := l.node(name)
	l.mu.Unlock()
	if n == nil {
		return fmt.Errorf("no node %q", name)
	}
	cmd, err := n.command(ctx, argv)
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.Stdin, cmd.Stdout = strings.NewReader(req.Stdin), out
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("node %s: %s: %w: %s", name, argv[0], err, strings.TrimSpace(stderr.String()))
	}
	_, err = out.Write(stderr.Bytes())
	return err
}

func (n *node) command(ctx context.Context, argv []string) (*exec.Cmd, error) {
	c, ok := n.server.(contained)
	if !ok {
		if n.inside == nil {
			return nil, errors.New("it has no files of its own: run the command on the machine")
		}
		path, err := exec.LookPath(argv[0])
		if err != nil {
			return nil, err
		}
		return private.Command(ctx, *n.inside, append([]string{path}, argv[1:]...)...)
	}
	pid := c.PID()
	if pid == 0 {
		return nil, errors.New("it is stopped")
	}
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(pid), "-a", "--wd=/", "--"}, argv...)...)
	// nsenter forks to enter a process namespace: both go when the asker goes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// events are those of all the nodes, in the order of time.
func events(chosen []*node) []nodes.Event {
	var all []nodes.Event
	for _, n := range chosen {
		all = append(all, n.log.All()...)
	}
	slices.SortStableFunc(all, func(a, b nodes.Event) int { return a.Time.Compare(b.Time) })
	return all
}

func count(out io.Writer, chosen []*node, args []string) error {
	kind := "connect"
	if len(args) > 0 {
		kind = args[0]
	}
	if known := []string{"connect", "auth", "exec", "forward", "disconnect"}; !slices.Contains(known, kind) {
		return fmt.Errorf("event %q: expected one of %v", kind, known)
	}
	all := slices.DeleteFunc(events(chosen), func(e nodes.Event) bool { return e.Event != kind })
	_, err := fmt.Fprintln(out, len(all))
	return err
}

// block is `node block|unblock NAME REGISTRY|api|ADDRESS[:PORT] [--how drop|reject|unreachable]`.
func (l *Lab) block(n *node, block bool, args []string) error {
	flags := pflag.NewFlagSet("node block", pflag.ContinueOnError)
	how := flags.String("how", "reject", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("expected node block NAME REGISTRY|api|ADDRESS[:PORT] [--how drop|reject|unreachable]")
	}
	if n.net == nil {
		return errors.New("it has no network of its own: start the lab with --netns")
	}
	ip, port, err := l.target(flags.Arg(0))
	if err != nil {
		return err
	}
	if block {
		return n.net.ns.Block(ip, port, *how)
	}
	return n.net.ns.Unblock(ip, port)
}
