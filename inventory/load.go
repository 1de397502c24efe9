package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oreg/inventory/graph"
	"oreg/inventory/template"
	"oreg/inventory/value"
	"oreg/inventory/vault"
)

// Options say what to read and what it may reach.
type Options struct {
	// Paths are the inventories in order: files, folders, or lists of hosts
	// ("a,b,"), as given to -i. None is an inventory without hosts.
	Paths []string
	// ExtraVars are the arguments of -e in order: "k=v ...", "{...}", "@file".
	ExtraVars []string
	// Dir is the current folder, absolute: relative paths start there, and its
	// group_vars and host_vars are read as well.
	Dir string
	// Env is the environment of lookup('env') and of "~" and $NAME in paths;
	// nil is an empty one.
	Env func(string) (string, bool)
	// Vault opens what is encrypted; nil refuses it.
	Vault *vault.Secrets
	// AllowScripts lets executable inventories run.
	AllowScripts bool
	// Environ is the environment of inventory scripts, as os.Environ gives it.
	Environ []string
	// ScriptStderr receives what inventory scripts write there; nil drops it.
	ScriptStderr io.Writer
	// Now is the clock of now() in templates; nil refuses it.
	Now func() time.Time
}

// Inventory is what was read. It is not safe for concurrent use.
type Inventory struct {
	options   Options
	graph     *graph.Inventory
	extra     graph.Vars
	files     *varFiles
	engine    *template.Engine
	bases     map[string]*base
	hostBases map[*graph.Host]*base
	warnings  []*Problem
	warned    map[Problem]bool
	same      map[Problem]int // how often, without the place
	problems  Problems
	groups    *value.Value
	// readable are the files, as named in messages, that group or others may
	// read.
	readable map[string]bool
	// keys are the names of variables that are no strings, by their value.
	keys map[*value.Value]*value.Value
}

// Load reads the inventories, the variable files of all groups that have hosts
// and of all hosts, and the extra variables. All mistakes are reported
// together, as [Problems].
func Load(ctx context.Context, o Options) (*Inventory, error) {
	inv := &Inventory{
		options:   o,
		graph:     graph.New(),
		extra:     graph.Vars{},
		bases:     map[string]*base{},
		hostBases: map[*graph.Host]*base{},
		warned:    map[Problem]bool{},
		same:      map[Problem]int{},
		readable:  map[string]bool{},
		keys:      map[*value.Value]*value.Value{},
	}
	inv.files = newVarFiles(inv)
	var dirs []varDir
	for _, path := range o.Paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		source := inv.source(path)
		if err := inv.readSource(ctx, source); err != nil {
			return nil, err
		}
		if dir, ok := inv.varDir(source); ok {
			dirs = append(dirs, dir)
		}
	}
	if len(inv.problems) > 0 {
		return nil, inv.problems
	}
	if err := inv.graph.Reconcile(); err != nil {
		return nil, inv.oneProblem(o.Paths, err)
	}
	inv.warnNames()
	if err := inv.readExtraVars(ctx); err != nil {
		return nil, err
	}
	if err := inv.files.read(ctx, dirs); err != nil {
		return nil, err
	}
	if len(inv.problems) > 0 {
		return nil, inv.problems
	}
	inv.engine = inv.newEngine()
	return inv, nil
}

func (inv *Inventory) oneProblem(paths []string, err error) error {
	p := &Problem{Message: err.Error()}
	if len(paths) > 0 {
		p.Pos.File = paths[0]
	}
	return Problems{p}
}

// maxSame is how many places one and the same warning names: a fleet with a
// trap on each of its lines has one trap, not ten thousand.
const maxSame = 3

// Warnings are what the inventory got away with, each once, in the order in
// which it was noticed. Those of Cluster are added when it is called.
func (inv *Inventory) Warnings() []*Problem {
	list := make([]*Problem, len(inv.warnings))
	said := map[Problem]bool{}
	for i, p := range inv.warnings {
		list[i] = p
		kind := Problem{Message: p.Message, Hint: p.Hint}
		if more := inv.same[kind] - maxSame; more > 0 && !said[kind] {
			said[kind] = true
			first := *p
			first.Message += fmt.Sprintf("; the same in %d more places", inv.same[kind]-1)
			list[i] = &first
		}
	}
	return list
}

func (inv *Inventory) warn(p *Problem) {
	if inv.warned[*p] {
		return
	}
	inv.warned[*p] = true
	kind := Problem{Message: p.Message, Hint: p.Hint}
	if inv.same[kind]++; inv.same[kind] <= maxSame {
		inv.warnings = append(inv.warnings, p)
	}
}

func (inv *Inventory) fail(p *Problem) { inv.problems = append(inv.problems, p) }

// source is one -i argument, or a file in a folder of inventories.
type source struct {
	// name is what the user called it, path where it is.
	name, path string
	hostList   bool
}

func (inv *Inventory) source(path string) source {
	if strings.Contains(path, ",") {
		if _, err := os.Stat(inv.abs(path)); errors.Is(err, os.ErrNotExist) {
			return source{name: path, path: path, hostList: true}
		}
	}
	return source{name: path, path: inv.abs(path)}
}

// abs is Ansible's path rule: "~" and $NAME are replaced, what is relative
// starts in the current folder.
func (inv *Inventory) abs(path string) string {
	env := inv.options.Env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	if strings.Contains(path, "$") {
		path = os.Expand(path, func(name string) string {
			if v, ok := env(name); ok {
				return v
			}
			return "$" + name
		})
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, ok := env("HOME"); ok {
			path = home + path[1:]
		}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(inv.options.Dir, path)
	}
	return filepath.Clean(path)
}

func (inv *Inventory) newEngine() *template.Engine {
	return template.New(template.Options{
		Env: inv.options.Env,
		ReadFile: func(_ context.Context, path string) ([]byte, error) {
			// Ansible looks in the folder "files" first.
			if data, err := readLimited(inv.abs(filepath.Join("files", path))); !filepath.IsAbs(path) && err == nil {
				return data, nil
			}
			return readLimited(inv.abs(path))
		},
		Decrypt: func(ctx context.Context, v *value.Value) (string, error) {
			plain, err := inv.decrypt(ctx, []byte(v.Text), v.Pos.String())
			return string(plain), err
		},
		Host: func(name string) (template.Scope, bool) {
			h := inv.graph.Host(name)
			if h == nil {
				return nil, false
			}
			return inv.scope(h), true
		},
		Hosts: func() []string { return names(inv.graph.Hosts) },
		Now:   inv.options.Now,
	})
}

func (inv *Inventory) decrypt(ctx context.Context, data []byte, name string) ([]byte, error) {
	secrets := inv.options.Vault
	if secrets == nil {
		secrets = vault.New(vault.Options{})
	}
	return secrets.Decrypt(ctx, data, name)
}

// nameID is the name under which a variable is kept. Python lets a name be any
// hashable value; one that is no string is kept aside for printing.
func (inv *Inventory) nameID(e value.Entry) string {
	if !e.Key.IsText() {
		inv.keys[e.Value] = e.Key
	}
	return value.KeyID(e.Key)
}
