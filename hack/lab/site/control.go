package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"oreg/hack/lab/nodes"
	"oreg/hack/lab/registry"
	"oreg/hack/lab/sshd"
)

// Control carries out one `lab ctl` command. The commands are listed in the doc comment of command
// lab. One runs at a time.
func (l *Lab) Control(out io.Writer, req Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(req.Args) == 0 {
		return errors.New("expected node, registry, api, inventory, state or down")
	}
	verb, rest := req.Args[0], req.Args[1:]
	changed, err := false, error(nil)
	switch verb {
	case "node":
		changed, err = l.controlNode(out, rest)
	case "registry":
		changed, err = l.controlRegistry(out, rest, req.Stdin)
	case "api":
		changed, err = l.controlAPI(rest)
	case "inventory":
		changed = true
	case "state":
		err = json.NewEncoder(out).Encode(l.snapshot())
	case "down":
		l.down()
	default:
		err = fmt.Errorf("%q: expected node, registry, api, inventory, state or down", verb)
	}
	if err != nil || !changed {
		return err
	}
	return l.refresh()
}

// take splits a command into verb, name and the rest.
func take(args []string, usage string) (verb, name string, rest []string, err error) {
	if len(args) < 2 {
		return "", "", nil, errors.New("expected " + usage)
	}
	return args[0], args[1], args[2:], nil
}

const nodeUsage = "node add|remove|stop|start|pause|resume|set|log|reset|count|ps NAME"

func (l *Lab) controlNode(out io.Writer, args []string) (changed bool, err error) {
	verb, name, rest, err := take(args, nodeUsage)
	if err != nil {
		return false, err
	}
	if verb == "add" {
		return true, l.addNode(name, rest)
	}
	chosen := l.nodes
	if name != "all" {
		n := l.node(name)
		if n == nil {
			return false, fmt.Errorf("no node %q", name)
		}
		chosen = []*node{n}
	}
	switch verb {
	case "stop":
		for _, n := range chosen {
			n.stop()
		}
		return true, nil
	case "start":
		for _, n := range chosen {
			err = errors.Join(err, n.Restart(l.ctx))
		}
		return true, err
	case "remove":
		for _, n := range chosen {
			n.stop()
			err = errors.Join(err, n.log.Close())
		}
		l.nodes = slices.DeleteFunc(l.nodes, func(n *node) bool { return slices.Contains(chosen, n) })
		return true, err
	case "pause", "resume":
		return false, signalAll(chosen, map[string]syscall.Signal{"pause": syscall.SIGSTOP, "resume": syscall.SIGCONT}[verb])
	case "set":
		return false, set(chosen, rest)
	case "log":
		return false, printAll(out, events(chosen))
	case "reset":
		for _, n := range chosen {
			err = errors.Join(err, n.log.Reset())
		}
		return false, err
	case "count":
		kind := "connect"
		if len(rest) > 0 {
			kind = rest[0]
		}
		if known := []string{"connect", "auth", "exec", "forward", "disconnect"}; !slices.Contains(known, kind) {
			return false, fmt.Errorf("event %q: expected one of %v", kind, known)
		}
		all := events(chosen)
		_, err = fmt.Fprintln(out, len(slices.DeleteFunc(all, func(e nodes.Event) bool { return e.Event != kind })))
		return false, err
	case "ps":
		return false, processes(out, chosen)
	}
	return false, fmt.Errorf("node %s: expected %s", verb, nodeUsage)
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
	n, err := l.newNode(l.addresses, name, *kind, *groups)
	if err != nil {
		return err
	}
	l.addresses++
	l.nodes = append(l.nodes, n)
	return l.furnishCluster()
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

func signalAll(chosen []*node, sig syscall.Signal) error {
	for _, n := range chosen {
		real, ok := n.server.(*sshd.Node)
		if !ok {
			return fmt.Errorf("node %s is in this process, which cannot pause", n.name)
		}
		if err := real.Signal(sig); err != nil {
			return err
		}
	}
	return nil
}

func processes(out io.Writer, chosen []*node) error {
	for _, n := range chosen {
		real, ok := n.server.(*sshd.Node)
		if !ok {
			return fmt.Errorf("node %s is in this process: its commands are in its log", n.name)
		}
		list, err := real.Processes()
		if err != nil {
			return err
		}
		if err := printAll(out, list); err != nil {
			return err
		}
	}
	return nil
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

const registryUsage = "registry add|remove|stop|start|log|reset|count|passwd|deluser NAME"

func (l *Lab) controlRegistry(out io.Writer, args []string, stdin string) (changed bool, err error) {
	verb, name, rest, err := take(args, registryUsage)
	if err != nil {
		return false, err
	}
	if verb == "add" {
		flags := pflag.NewFlagSet("registry add", pflag.ContinueOnError)
		auth := flags.String("auth", registry.AuthBasic, "")
		tls := flags.String("tls", registry.TLSLabCA, "")
		if err := flags.Parse(rest); err != nil {
			return false, err
		}
		return true, l.addRegistry(name, *auth, *tls)
	}
	r := l.registry(name)
	if r == nil {
		return false, fmt.Errorf("no registry %q", name)
	}
	switch verb {
	case "remove":
		return true, l.removeRegistry(name)
	case "stop":
		return true, r.Stop()
	case "start":
		return true, r.Restart()
	case "log":
		return false, printAll(out, r.Log().All())
	case "reset":
		return false, r.Log().Reset()
	case "count":
		kind := ""
		if len(rest) > 0 {
			kind = rest[0]
		}
		n, known := registry.Count(r.Log().All(), kind)
		if !known {
			return false, fmt.Errorf("%q: expected all, authenticated, failed or anonymous", kind)
		}
		_, err := fmt.Fprintln(out, n)
		return false, err
	case "passwd":
		flags := pflag.NewFlagSet("registry passwd", pflag.ContinueOnError)
		access := flags.String("access", registry.AccessPull, "")
		if err := flags.Parse(rest); err != nil {
			return false, err
		}
		if flags.NArg() != 1 || strings.TrimSuffix(stdin, "\n") == "" {
			return false, errors.New("expected registry passwd NAME USER, and the password on standard input")
		}
		return true, r.SetAccount(registry.Account{User: flags.Arg(0), Password: strings.TrimSuffix(stdin, "\n"), Access: *access})
	case "deluser":
		if len(rest) != 1 {
			return false, errors.New("expected registry deluser NAME USER")
		}
		return true, r.DeleteAccount(rest[0])
	}
	return false, fmt.Errorf("registry %s: expected %s", verb, registryUsage)
}

func (l *Lab) controlAPI(args []string) (changed bool, err error) {
	if l.kube == nil {
		return false, errors.New("this lab has no Kubernetes API")
	}
	if len(args) == 1 {
		switch args[0] {
		case "stop":
			return true, l.kube.Stop()
		case "start":
			return true, l.kube.Restart(l.ctx)
		case "pause":
			return true, l.kube.Pause(true)
		case "resume":
			return true, l.kube.Pause(false)
		}
	}
	return false, errors.New("expected api stop|start|pause|resume")
}

// printAll prints a JSON line for each.
func printAll[T any](out io.Writer, list []T) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// downTimeout is how long a lab may take to end before `lab down` kills it.
const downTimeout = 20 * time.Second
