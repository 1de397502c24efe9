package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"oreg/inventory/value"
	"oreg/inventory/yamlvars"
)

// readScript runs an inventory script with --list, and with --host for each
// host if the list has no _meta. Where the system cannot run the file it is no
// script, and done is false.
func (inv *Inventory) readScript(ctx context.Context, s source) (done bool, err error) {
	out, p, err := inv.run(ctx, s, "--list")
	switch {
	case err != nil:
		return true, err
	case p == nil && out == nil:
		return false, nil
	case p == nil:
		p = inv.scriptList(ctx, s, string(out))
	}
	if p != nil {
		inv.fail(p)
	}
	return true, ctx.Err()
}

// run executes a script. Nil output without a problem is a file that cannot be
// executed; an error is the end of ctx.
func (inv *Inventory) run(ctx context.Context, s source, args ...string) ([]byte, *Problem, error) {
	cmd := exec.CommandContext(ctx, s.path, args...)
	cmd.Dir = inv.options.Dir
	cmd.Env = append([]string{}, inv.options.Environ...)
	out := &limited{left: maxFile}
	cmd.Stdout, cmd.Stderr = out, inv.options.ScriptStderr
	if cmd.Stderr == nil {
		cmd.Stderr = io.Discard
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case out.left < 0:
		return nil, scriptProblem(s, "the script printed more than %d MiB", maxFile>>20), nil
	case errors.As(err, &exit):
		return nil, scriptProblem(s, "the script failed with exit status %d", exit.ExitCode()), nil
	case err != nil:
		return nil, nil, nil
	}
	return append(out.Bytes(), '\n'), nil, nil
}

func scriptProblem(s source, format string, args ...any) *Problem {
	return &Problem{Pos: Position{File: s.name}, Message: fmt.Sprintf(format, args...)}
}

// limited collects output up to a bound.
type limited struct {
	bytes.Buffer
	left int
}

var errTooMuch = errors.New("too much output")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooMuch
	}
	return l.Buffer.Write(p)
}

func (inv *Inventory) scriptList(ctx context.Context, s source, out string) *Problem {
	list, p := yamlvars.ParseJSON(out, s.name)
	switch {
	case p != nil:
		return scriptProblem(s, "line %d of what the script printed is not valid JSON", p.Pos.Line)
	case list.Kind != value.Dict:
		return scriptProblem(s, "the script printed %s, expected a mapping of groups", list.TypeName())
	}
	r := scriptReader{inv: inv, source: s}
	var meta *value.Value
	for _, e := range list.Entries {
		if e.Key.Text == "_meta" {
			meta = e.Value.Get("hostvars")
			continue
		}
		if p := r.group(e.Key.Text, e.Value); p != nil {
			return p
		}
	}
	switch {
	case meta == nil || meta.Kind == value.Null:
		return r.hostByHost(ctx)
	case meta.Kind != value.Dict:
		return scriptProblem(s, "hostvars of _meta are %s, expected a mapping", meta.TypeName())
	}
	for _, host := range r.hosts {
		vars := meta.Get(host)
		if vars == nil {
			continue
		}
		if p := r.vars(host, vars); p != nil {
			return p
		}
	}
	return nil
}

type scriptReader struct {
	inv    *Inventory
	source source
	hosts  []string
	known  map[string]bool
}

func (r *scriptReader) problem(format string, args ...any) *Problem {
	return scriptProblem(r.source, format, args...)
}

// group reads a group: a list of hosts, a mapping of hosts, vars and children,
// or the variables of a host of that name.
func (r *scriptReader) group(name string, data *value.Value) *Problem {
	if err := r.inv.graph.AddGroup(name); err != nil {
		return r.problem("group: %v", err)
	}
	hosts, vars, children := data, (*value.Value)(nil), (*value.Value)(nil)
	if data.Kind == value.Dict {
		hosts, vars, children = data.Get("hosts"), data.Get("vars"), data.Get("children")
		if hosts == nil && vars == nil && children == nil {
			hosts = &value.Value{Kind: value.List, Items: []*value.Value{value.NewString(name, data.Pos)}}
			vars = data
		}
	}
	if hosts != nil {
		if hosts.Kind != value.List {
			return r.problem("hosts of group %s are %s, expected a list", name, hosts.TypeName())
		}
		for _, host := range hosts.Items {
			if p := r.host(name, host); p != nil {
				return p
			}
		}
	}
	if vars != nil {
		if vars.Kind != value.Dict {
			return r.problem("vars of group %s are %s, expected a mapping", name, vars.TypeName())
		}
		if p := r.set(name, vars); p != nil {
			return p
		}
	}
	return r.children(name, children)
}

func (r *scriptReader) host(group string, host *value.Value) *Problem {
	if !host.IsText() {
		return r.problem("a host of group %s is %s, expected a string", group, host.TypeName())
	}
	if err := r.inv.graph.AddHost(host.Text, group, nil, r.source.path); err != nil {
		return r.problem("host: %v", err)
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	if !r.known[host.Text] {
		r.known[host.Text] = true
		r.hosts = append(r.hosts, host.Text)
	}
	return nil
}

func (r *scriptReader) children(parent string, children *value.Value) *Problem {
	if children == nil {
		return nil
	}
	items := children.Items
	switch children.Kind {
	case value.List:
	case value.Dict:
		for _, e := range children.Entries {
			items = append(items, e.Key)
		}
	default:
		return r.problem("children of group %s are %s, expected a list", parent, children.TypeName())
	}
	for _, child := range items {
		if !child.IsText() {
			return r.problem("a child of group %s is %s, expected a string", parent, child.TypeName())
		}
		if err := r.inv.graph.AddGroup(child.Text); err != nil {
			return r.problem("group: %v", err)
		}
		if err := r.inv.graph.AddChild(parent, child.Text); err != nil {
			return r.problem("%v", err)
		}
	}
	return nil
}

// vars sets the variables of a host.
func (r *scriptReader) vars(host string, vars *value.Value) *Problem {
	if vars.Kind != value.Dict {
		return r.problem("variables of host %s are %s, expected a mapping", host, vars.TypeName())
	}
	return r.set(host, vars)
}

func (r *scriptReader) set(entity string, vars *value.Value) *Problem {
	for _, e := range vars.Entries {
		if err := r.inv.graph.SetVariable(entity, r.inv.nameID(e), e.Value); err != nil {
			return r.problem("%v", err)
		}
	}
	return nil
}

// hostByHost asks the script for each host, as very old ones need it.
func (r *scriptReader) hostByHost(ctx context.Context) *Problem {
	for _, host := range r.hosts {
		out, p, err := r.inv.run(ctx, r.source, "--host", host)
		switch {
		case err != nil:
			return nil
		case p != nil:
			return p
		case len(bytes.TrimSpace(out)) == 0:
			continue
		}
		res, p := yamlvars.Parse(string(out), r.source.name)
		switch {
		case p != nil:
			return r.problem("what the script printed for host %s is neither JSON nor YAML", host)
		case res.Value == nil:
			continue
		}
		if p := r.vars(host, res.Value); p != nil {
			return p
		}
	}
	return nil
}
