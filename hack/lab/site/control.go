package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"oreg/hack/lab/registry"
)

// Control carries out one `lab ctl` command. The commands are listed in the doc comment of command
// lab. One runs at a time.
func (l *Lab) Control(ctx context.Context, out io.Writer, req Request) error {
	if len(req.Args) > 1 && req.Args[0] == "node" && req.Args[1] == "exec" {
		return l.exec(ctx, out, req) // it may take its time, and others need not wait
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(req.Args) == 0 {
		return errors.New("expected node, registry, api, kubelet, inventory, state or down")
	}
	verb, rest := req.Args[0], req.Args[1:]
	changed, err := false, error(nil)
	switch verb {
	case "node":
		changed, err = l.controlNode(out, rest)
	case "registry":
		changed, err = l.controlRegistry(out, rest, req.Stdin)
	case "api":
		changed, err = l.controlAPI(out, rest)
	case "kubelet":
		changed, err = l.controlKubelet(out, rest)
	case "inventory":
		changed = true
	case "state":
		err = json.NewEncoder(out).Encode(l.snapshot())
	case "down":
		l.down()
	default:
		err = fmt.Errorf("%q: expected node, registry, api, kubelet, inventory, state or down", verb)
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

func (l *Lab) controlAPI(out io.Writer, args []string) (changed bool, err error) {
	if l.kube == nil {
		return false, errors.New("this lab has no Kubernetes API")
	}
	if len(args) == 1 {
		switch args[0] {
		case "stop":
			return true, l.stopAPI()
		case "start":
			return true, l.startAPI()
		case "refused":
			if l.proxy == nil {
				return false, errors.New("this lab's API refuses nothing: start it with --api-version 1.11")
			}
			return false, printAll(out, l.proxy.Log().All())
		case "pause":
			return true, l.kube.Pause(true)
		case "resume":
			return true, l.kube.Pause(false)
		}
	}
	return false, errors.New("expected api stop|start|pause|resume|refused")
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
