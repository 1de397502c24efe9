package inventory

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/value"
	"oreg/inventory/yamlvars"
)

// varDir is a folder that may hold group_vars and host_vars.
type varDir struct{ name, path string }

// varDir is the folder beside an inventory file, or the inventory folder.
func (inv *Inventory) varDir(s source) (varDir, bool) {
	if s.hostList {
		return varDir{}, false
	}
	if info, err := os.Stat(s.path); err == nil && info.IsDir() {
		return varDir{s.name, s.path}, true
	}
	return varDir{filepath.Dir(s.name), filepath.Dir(s.path)}, true
}

// varFiles reads group_vars and host_vars, each file once.
type varFiles struct {
	inv *Inventory
	// near are the folders of the inventories, cwd is the current one.
	near []varDir
	cwd  varDir
	// ofHosts are those of them that hold files for hosts, in the order in
	// which they override one another.
	ofHosts []varDir
	// listed are the names in each group_vars and host_vars folder; nil where
	// there is none.
	listed map[string]map[string]bool
	cache  map[string]graph.Vars
}

func newVarFiles(inv *Inventory) *varFiles {
	return &varFiles{
		inv: inv, cwd: varDir{"", inv.options.Dir},
		listed: map[string]map[string]bool{}, cache: map[string]graph.Vars{},
	}
}

const (
	groupVars = "group_vars"
	hostVars  = "host_vars"
)

// read reads what Ansible would read for any host: files of groups without
// hosts are never opened, however broken they are.
func (f *varFiles) read(ctx context.Context, near []varDir) error {
	f.near = near
	wanted := map[*graph.Group]bool{}
	if len(f.inv.graph.Hosts) > 0 {
		wanted[f.inv.graph.Group(graph.All)] = true
	}
	for _, h := range f.inv.graph.Hosts {
		for _, g := range h.Groups {
			wanted[g] = true
		}
	}
	dirs := append(append([]varDir(nil), near...), f.cwd)
	for _, dir := range dirs {
		for _, g := range f.inv.graph.Groups {
			if wanted[g] {
				if err := f.load(ctx, dir, groupVars, g.Name); err != nil {
					return err
				}
			}
		}
		for _, h := range f.inv.graph.Hosts {
			if err := f.load(ctx, dir, hostVars, h.Name); err != nil {
				return err
			}
		}
		if f.listed[filepath.Join(dir.path, hostVars)] != nil {
			f.ofHosts = append(f.ofHosts, dir)
		}
	}
	return nil
}

// vars returns what was read for a name, or nil.
func (f *varFiles) vars(dir varDir, kind, name string) graph.Vars {
	if f.listed[filepath.Join(dir.path, kind)] == nil {
		return nil
	}
	return f.cache[filepath.Join(dir.path, kind)+"\x00"+name]
}

// load reads the files of one name: the first that exists of the name itself
// and with .yml, .yaml and .json; a folder stands for the files in it.
func (f *varFiles) load(ctx context.Context, dir varDir, kind, name string) error {
	folder := filepath.Join(dir.path, kind)
	names, ok := f.listed[folder]
	if !ok {
		names = f.list(filepath.Join(dir.name, kind), folder)
		f.listed[folder] = names
	}
	if names == nil || strings.HasPrefix(name, "/") {
		return nil
	}
	key := folder + "\x00" + name
	if _, done := f.cache[key]; done {
		return nil
	}
	for _, ending := range []string{"", ".yml", ".yaml", ".json"} {
		file := name + ending
		if !strings.Contains(file, "/") && !names[file] {
			continue
		}
		info, err := os.Stat(filepath.Join(folder, file))
		if err != nil {
			continue
		}
		into := graph.Vars{}
		f.cache[key] = into
		found := []string{file}
		if info.IsDir() {
			if found, err = f.walk(folder, file); err != nil {
				f.inv.fail(&Problem{
					Pos: Position{File: filepath.Join(dir.name, kind, file)}, Message: "cannot be read: " + reason(err),
				})
				return nil
			}
		}
		for _, each := range found {
			if err := f.file(ctx, into, filepath.Join(dir.name, kind, each), filepath.Join(folder, each)); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// list reads the names in a folder once, so that ten thousand hosts do not ask
// the file system for four names each.
func (f *varFiles) list(display, folder string) map[string]bool {
	info, err := os.Stat(folder)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		f.inv.warn(&Problem{Pos: Position{File: display}, Message: "is not a folder and is not read"})
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		f.inv.fail(&Problem{Pos: Position{File: display}, Message: "cannot be read: " + reason(err)})
		return nil
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

// walk returns the files in a folder of variable files, relative to root, in
// the order in which they override one another.
func (f *varFiles) walk(root, folder string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		ending := filepath.Ext(strings.TrimLeft(name, "."))
		path := filepath.Join(folder, name)
		info, err := os.Stat(filepath.Join(root, path))
		switch {
		case err != nil:
			continue
		case info.IsDir():
			if ending == "" {
				below, err := f.walk(root, path)
				if err != nil {
					return nil, err
				}
				found = append(found, below...)
			}
		case info.Mode().IsRegular() && (ending == "" || ending == ".yml" || ending == ".yaml" || ending == ".json"):
			found = append(found, path)
		}
	}
	return found, nil
}

// file reads one file into vars.
func (f *varFiles) file(ctx context.Context, into graph.Vars, name, path string) error {
	text, ok, err := f.inv.readText(ctx, name, path)
	if err != nil || !ok {
		return err
	}
	res, p := yamlvars.Parse(text, name)
	switch {
	case p != nil:
		f.inv.fail(p)
		return nil
	case res.Value == nil || res.Value.Kind != value.Vault && !res.Value.IsTrue():
		return nil
	case res.Value.Kind != value.Dict:
		f.inv.fail(&Problem{
			Pos: res.Value.Pos, Message: "holds " + res.Value.TypeName() + ", expected a mapping of variables",
		})
		return nil
	}
	for _, w := range res.Warnings {
		f.inv.warn(w)
	}
	for _, e := range res.Value.Entries {
		into[f.inv.nameID(e)] = e.Value
	}
	return nil
}
