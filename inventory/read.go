package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/hostrange"
	"oreg/inventory/ini"
	"oreg/inventory/value"
	"oreg/inventory/vault"
	"oreg/inventory/yamlvars"
)

// maxFile bounds the size in bytes of one inventory or variable file.
const maxFile = 256 << 20

// readLimited reads a file that is not absurdly large.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	// Nothing was written: closing cannot lose anything.
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("larger than %d MiB", maxFile>>20)
	}
	return data, err
}

// readText reads a file and, if it is a vault, opens it. A failure other than
// the end of ctx is reported as a problem, and ok is false.
func (inv *Inventory) readText(ctx context.Context, name, path string) (text string, ok bool, err error) {
	data, err := readLimited(path)
	if err != nil {
		inv.fail(&Problem{Pos: Position{File: name}, Message: "cannot be read: " + reason(err)})
		return "", false, nil
	}
	if !vault.IsEncrypted(data) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o044 != 0 {
			inv.readable[name] = true
		}
		return string(data), true, nil
	}
	plain, err := inv.decrypt(ctx, data, name)
	var failed *vault.Error
	switch {
	case errors.As(err, &failed):
		message := strings.TrimPrefix(failed.Error(), name+": ")
		inv.fail(&Problem{Pos: Position{File: name}, Message: message, Hint: failed.Hint()})
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return string(plain), true, nil
}

// reason is what went wrong without the path, which the message names already.
func reason(err error) string {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// readSource reads one inventory: a list of hosts, a folder or a file. An
// error is the end of ctx; mistakes are kept as problems.
func (inv *Inventory) readSource(ctx context.Context, s source) error {
	if s.hostList {
		inv.readHostList(s)
		return nil
	}
	info, err := os.Stat(s.path)
	switch {
	case err != nil:
		inv.fail(&Problem{Pos: Position{File: s.name}, Message: "cannot be read: " + reason(err)})
		return nil
	case !info.IsDir():
		return inv.readFile(ctx, s, info)
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		inv.fail(&Problem{Pos: Position{File: s.name}, Message: "cannot be read: " + reason(err)})
		return nil
	}
	found := false
	for _, entry := range entries {
		if ignored(entry.Name()) {
			continue
		}
		found = true
		below := source{name: filepath.Join(s.name, entry.Name()), path: filepath.Join(s.path, entry.Name())}
		if err := inv.readSource(ctx, below); err != nil {
			return err
		}
	}
	if !found {
		inv.fail(&Problem{Pos: Position{File: s.name}, Message: "the folder holds no inventory"})
	}
	return nil
}

// ignored says whether Ansible passes over a name in a folder of inventories.
func ignored(name string) bool {
	switch {
	case strings.HasPrefix(name, "."):
		return true
	case name == "host_vars" || name == "group_vars" || name == "vars_plugins":
		return true
	}
	for _, ending := range []string{
		".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry",
	} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// readHostList reads "host1,host2:22".
func (inv *Inventory) readHostList(s source) {
	for _, name := range strings.Split(s.path, ",") {
		if name = strings.TrimFunc(name, value.IsSpace); name == "" {
			continue
		}
		host, port, ok := hostrange.Split(name)
		if !ok || strings.Contains(host, "[") {
			host, port = name, ""
		}
		if inv.graph.Host(host) != nil {
			continue
		}
		at := Position{File: s.name}
		if err := inv.graph.AddHost(host, graph.Ungrouped, portValue(port, at), s.path); err != nil {
			inv.fail(&Problem{Pos: at, Message: err.Error()})
		}
	}
}

func portValue(port string, at Position) *value.Value {
	if port == "" {
		return nil
	}
	return &value.Value{Kind: value.Int, Text: port, Raw: port, Pos: at}
}

// readFile tries the formats in Ansible's order: script, YAML, INI.
func (inv *Inventory) readFile(ctx context.Context, s source, info os.FileInfo) error {
	text, ok, err := inv.readText(ctx, s.name, s.path)
	if err != nil || !ok {
		return err
	}
	executable := info.Mode().Perm()&0o111 != 0
	shebang := strings.HasPrefix(text, "#!")
	if executable || shebang {
		switch {
		case inv.options.AllowScripts:
			done, err := inv.readScript(ctx, s)
			if done || err != nil {
				return err
			}
		case shebang:
			inv.fail(&Problem{
				Pos: Position{File: s.name, Line: 1}, Message: "is a script",
				Hint: "--allow-inventory-scripts runs it",
			})
			return nil
		}
	}
	var yamlProblem *Problem
	if mayBeYAML(s.path, text) {
		if yamlProblem = inv.readYAML(s, text); yamlProblem == nil {
			return nil
		}
	}
	problems := ini.Parse(inv.graph, text, ini.Options{
		File: s.name, Source: s.path, Sensitive: isCredential, Warn: inv.warn,
	})
	switch {
	case len(problems) == 0:
	case yamlProblem != nil && looksLikeYAML(s.path, text):
		inv.fail(yamlProblem)
	case filepath.Ext(s.path) == ".toml":
		inv.fail(&Problem{
			Pos: Position{File: s.name}, Message: "TOML inventories are not read; only INI, YAML and scripts are",
			Hint: "ansible-inventory --list --export --yaml converts it",
		})
	default:
		inv.problems = append(inv.problems, problems...)
		if executable {
			inv.problems = append(inv.problems, &Problem{
				Pos: Position{File: s.name}, Message: "the file is executable and was read as data",
				Hint: "--allow-inventory-scripts runs it",
			})
		}
	}
	return nil
}

// mayBeYAML leaves out what Ansible's YAML reader does not look at or always
// refuses: a text whose first line is a section header.
func mayBeYAML(path, text string) bool {
	switch filepath.Ext(path) {
	case "", ".yml", ".yaml", ".json":
	default:
		// A leading dot is no extension in Python.
		if strings.LastIndexByte(filepath.Base(path), '.') > 0 {
			return false
		}
	}
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line[0] != '['
		}
	}
	return true
}

// looksLikeYAML decides whose message helps when neither format fits.
func looksLikeYAML(path, text string) bool {
	switch filepath.Ext(path) {
	case ".yml", ".yaml", ".json":
		return true
	}
	start := strings.TrimSpace(text)
	return strings.HasPrefix(start, "---") || strings.HasPrefix(start, "{") ||
		strings.HasPrefix(start, "all:")
}

// readYAML reads a YAML or JSON inventory, or says why it is none.
func (inv *Inventory) readYAML(s source, text string) *Problem {
	res, p := yamlvars.Parse(text, s.name)
	if p != nil {
		return p
	}
	y := yamlInventory{inv: inv, source: s}
	if p := y.read(res.Value); p != nil {
		return p
	}
	for _, w := range res.Warnings {
		inv.warn(w)
	}
	return nil
}
