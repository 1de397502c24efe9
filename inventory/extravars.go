package inventory

import (
	"context"
	"path/filepath"
	"strings"

	"oreg/inventory/keyvalue"
	"oreg/inventory/value"
	"oreg/inventory/yamlvars"
)

// readExtraVars reads the arguments of -e; of equal names the last wins.
func (inv *Inventory) readExtraVars(ctx context.Context) error {
	for _, arg := range inv.options.ExtraVars {
		if arg == "" {
			continue
		}
		at := Position{File: "--extra-vars"}
		switch arg[0] {
		case '@':
			name := keyvalue.Unquote(arg[1:])
			text, ok, err := inv.readText(ctx, name, inv.abs(name))
			if err != nil {
				return err
			}
			if ok {
				inv.extraYAML(text, filepath.Clean(name), false)
			}
		case '/', '.':
			inv.fail(&Problem{Pos: at, Message: "looks like a file name", Hint: "write @ before it"})
		case '[', '{':
			inv.extraYAML(arg, at.File, true)
		default:
			pairs, err := keyvalue.Parse(arg)
			if err != nil {
				inv.fail(&Problem{Pos: at, Message: err.Error()})
				continue
			}
			for _, pair := range pairs {
				inv.warnInline(pair.Key)
				inv.extra[pair.Key] = value.NewString(pair.Value, at)
			}
		}
	}
	return nil
}

func (inv *Inventory) extraYAML(text, name string, inline bool) {
	res, p := yamlvars.Parse(text, name)
	switch {
	case p != nil:
		inv.fail(p)
		return
	case res.Value == nil || res.Value.Kind != value.Dict:
		found := "nothing"
		if res.Value != nil {
			found = res.Value.TypeName()
		}
		inv.fail(&Problem{Pos: Position{File: name}, Message: "holds " + found + ", expected a mapping of variables"})
		return
	}
	for _, w := range res.Warnings {
		inv.warn(w)
	}
	for _, e := range res.Value.Entries {
		if inline {
			inv.warnInline(e.Key.Text)
		}
		inv.extra[inv.nameID(e)] = e.Value
	}
}

// warnInline warns of a secret on the command line, where every user of the
// machine can read it.
func (inv *Inventory) warnInline(name string) {
	if isSecretName(name) {
		inv.warn(&Problem{
			Pos:     Position{File: "--extra-vars"},
			Message: strings.TrimSpace(name) + " is given on the command line, where other users can read it",
			Hint:    "put it in a file and write -e @file",
		})
	}
}
