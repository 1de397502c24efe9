package inventory

import (
	"strings"
	"unicode"

	"oreg/inventory/graph"
	"oreg/inventory/pyliteral"
	"oreg/inventory/secret"
	"oreg/inventory/template"
	"oreg/inventory/value"
	"oreg/inventory/yamlvars"
)

// masker replaces secrets in what is listed. A nil masker shows everything.
type masker struct {
	// used are variables that no name betrays but that secrets are made of.
	used map[string]bool
	// masked remembers the results: hosts share values.
	masked map[maskKey]*value.Value
}

type maskKey struct {
	name  string
	value *value.Value
}

func (inv *Inventory) masker(o ListOptions) *masker {
	if o.ShowSecrets {
		return nil
	}
	return &masker{used: inv.secretSources(), masked: map[maskKey]*value.Value{}}
}

// secretSources follows the templates of secrets to the variables that they
// are made of, and those of these.
func (inv *Inventory) secretSources() map[string]bool {
	byName := map[string][]*value.Value{}
	add := func(vars graph.Vars) {
		for name, v := range vars {
			byName[name] = append(byName[name], v)
		}
	}
	for _, g := range inv.graph.Groups {
		add(g.Vars)
	}
	for _, h := range inv.graph.Hosts {
		add(h.Vars)
	}
	for _, vars := range inv.files.cache {
		add(vars)
	}
	add(inv.extra)
	used := map[string]bool{}
	var follow func(name string, v *value.Value, secret bool)
	follow = func(name string, v *value.Value, secret bool) {
		switch {
		case v.Kind == value.String && (secret || name == additional) && template.HasTemplate(v.Text):
			for _, word := range words(v.Text) {
				if values, ok := byName[word]; ok && !used[word] {
					used[word] = true
					for _, each := range values {
						follow(word, each, true)
					}
				}
			}
		case v.Kind == value.List || v.Kind == value.Tuple:
			for _, item := range v.Items {
				follow(name, item, secret)
			}
		}
		for _, e := range v.Entries {
			follow(name, e.Value, secret || isSecretName(e.Key.Text))
		}
	}
	for name, values := range byName {
		for _, v := range values {
			follow(name, v, isSecretName(name) && name != additional)
		}
	}
	// What an entry shows of itself stays shown: the list is looked into.
	delete(used, additional)
	return used
}

// words are the identifiers in a text.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func hidden(v *value.Value) *value.Value {
	return &value.Value{Kind: value.String, Text: secret.Redacted, Pos: v.Pos}
}

// value returns v as it may be shown.
func (m *masker) value(name string, v *value.Value) *value.Value {
	if m == nil {
		return v
	}
	key := maskKey{name, v}
	if done := m.masked[key]; done != nil {
		return done
	}
	var shown *value.Value
	switch {
	case name == additional:
		shown = maskEntries(v)
	case isSecretName(name) || m.used[name]:
		shown = hidden(v)
	default:
		shown = maskInside(v)
	}
	m.masked[key] = shown
	return shown
}

// maskEntries shows of the credentials only what says which they are.
func maskEntries(v *value.Value) *value.Value {
	list := v
	if v.Kind == value.String {
		parsed, outcome := pyliteral.Eval(v.Text, v.Pos)
		if outcome != pyliteral.Literal {
			res, p := yamlvars.Parse(v.Text, "")
			if p != nil || res.Value == nil {
				return hidden(v)
			}
			parsed = res.Value
		}
		list = parsed
	}
	if list.Kind != value.List && list.Kind != value.Tuple {
		return hidden(v)
	}
	shown := &value.Value{Kind: value.List, Pos: v.Pos}
	for _, item := range list.Items {
		if item.Kind != value.Dict {
			shown.Items = append(shown.Items, hidden(item))
			continue
		}
		entry := &value.Value{Kind: value.Dict, Pos: item.Pos}
		for _, e := range item.Entries {
			public := false
			switch e.Key.Text {
			case "host", "user", "test_image", "image_name", "test_login", "tls_verify", "delegated":
				public = e.Value.IsScalar() && e.Value.Kind != value.Vault || e.Value.Kind == value.Null
			}
			if public {
				e.Value = maskInside(e.Value)
			} else {
				e.Value = hidden(e.Value)
			}
			entry.Entries = append(entry.Entries, e)
		}
		shown.Items = append(shown.Items, entry)
	}
	return shown
}

// maskInside hides what is secret inside a value whose name is not: vaults,
// keys of mappings with a secret's name, logins in addresses, and texts that
// look like a structure with a secret in it.
func maskInside(v *value.Value) *value.Value {
	switch v.Kind {
	case value.Vault:
		return hidden(v)
	case value.String, value.Unsafe:
		if hasLogin(v.Text) || strings.ContainsAny(v.Text, "{[") && !template.HasTemplate(v.Text) && mentionsSecret(v.Text) {
			return hidden(v)
		}
		return v
	case value.List, value.Tuple:
		shown := *v
		shown.Items = make([]*value.Value, len(v.Items))
		for i, item := range v.Items {
			shown.Items[i] = maskInside(item)
		}
		return &shown
	case value.Dict:
		shown := *v
		shown.Entries = make([]value.Entry, len(v.Entries))
		for i, e := range v.Entries {
			if isSecretName(e.Key.Text) && e.Value.Kind != value.Null {
				e.Value = hidden(e.Value)
			} else {
				e.Value = maskInside(e.Value)
			}
			shown.Entries[i] = e
		}
		return &shown
	}
	return v
}

// hasLogin says whether a text holds an address with a password in it.
func hasLogin(s string) bool {
	for {
		_, rest, ok := strings.Cut(s, "://")
		if !ok {
			return false
		}
		authority := rest
		if end := strings.IndexAny(rest, "/ \t\n'\""); end >= 0 {
			authority = rest[:end]
		}
		if login, _, found := strings.Cut(authority, "@"); found && strings.Contains(login, ":") {
			return true
		}
		s = rest
	}
}

func mentionsSecret(s string) bool {
	for _, word := range words(s) {
		if isSecretName(word) {
			return true
		}
	}
	return false
}
