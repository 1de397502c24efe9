package inventory

import (
	"context"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/problem"
	"oreg/inventory/pyliteral"
	"oreg/inventory/value"
	"oreg/inventory/yamlvars"
)

// additional reads openshift_additional_registry_credentials.
func (r *reader) additional(
	ctx context.Context, h *graph.Host, v *variable, deployment, tag string,
) []Credential {
	list := v.value
	if list.IsText() {
		if list = r.structure(ctx, h, v); list == nil {
			return nil
		}
	}
	if list.Kind != value.List && list.Kind != value.Tuple {
		hint := ""
		if list.Kind == value.Dict {
			hint = "write [ and ] around it"
		}
		r.fail(v.at(), hint, "%s is %s, expected a list of mappings", additional, list.TypeName())
		return nil
	}
	image := "openshift3/ose-pod:" + tag
	if deployment == Origin {
		image = "openshift/origin:" + tag
	}
	var creds []Credential
	for i, item := range list.Items {
		if cred := r.entry(item, entryName(i), image); cred != nil {
			creds = append(creds, *cred)
		}
	}
	if !v.vaulted && len(creds) > 0 && v.source.Kind != value.Vault && !needsRendering(v.source) {
		r.inlineWarning(v.at(), additional)
	}
	return creds
}

// structure parses a list that Ansible left a string, because it is JSON or
// YAML rather than Python ("true", "null", names without quotes).
func (r *reader) structure(ctx context.Context, h *graph.Host, v *variable) *value.Value {
	// The text as written: templates inside it are rendered value by value,
	// so that a quote in a password cannot break the list.
	text := v.value.Text
	rendered := v.source != v.value
	if rendered && v.source.IsText() && !strings.HasPrefix(strings.TrimSpace(v.source.Text), "{{") &&
		!strings.HasPrefix(strings.TrimSpace(v.source.Text), "{%") {
		text, rendered = v.source.Text, false
	}
	if parsed, outcome := pyliteral.Eval(text, v.at()); outcome == pyliteral.Literal {
		return r.inner(ctx, h, v, parsed, rendered)
	}
	res, p := yamlvars.Parse(text, v.at().File)
	if p != nil || res.Value == nil || res.Value.IsText() {
		column := max(pyliteral.Furthest(text), yamlvars.Furthest(text)) + 1
		r.fail(v.at(), "", "%s is neither a Python literal nor JSON nor YAML: it goes wrong at character %d of the value; "+
			"expected [{'host': '...', 'user': '...', 'password': '...'}]", additional, column)
		return nil
	}
	return r.inner(ctx, h, v, move(res.Value, v.at()), rendered)
}

// inner renders the templates in a structure that was parsed out of a string.
func (r *reader) inner(ctx context.Context, h *graph.Host, v *variable, parsed *value.Value, done bool) *value.Value {
	if done || !needsRendering(parsed) {
		return parsed
	}
	res, err := r.inv.engine.Render(ctx, v.name, parsed, r.inv.scope(h))
	if err != nil {
		r.renderProblem(v.name, v.source, err)
		return nil
	}
	v.vaulted = v.vaulted || res.Vaulted
	return res.Value
}

// move sets the place of a value that was parsed out of a string: lines are
// counted from the string's own.
func move(v *value.Value, at problem.Position) *value.Value {
	c := *v
	c.Pos = at
	for i, item := range v.Items {
		if i == 0 {
			c.Items = make([]*value.Value, len(v.Items))
		}
		c.Items[i] = move(item, at)
	}
	for i, e := range v.Entries {
		if i == 0 {
			c.Entries = make([]value.Entry, len(v.Entries))
		}
		c.Entries[i] = value.Entry{Key: move(e.Key, at), Value: move(e.Value, at)}
	}
	return &c
}

// entryKeys are the keys of one entry.
func entryKeys() []string {
	return []string{"host", "user", "password", "test_login", "test_image", "tls_verify", "delegated", "image_name"}
}

// entry reads one credential; nil where it has a mistake.
func (r *reader) entry(item *value.Value, name, image string) *Credential {
	if item.Kind != value.Dict {
		r.fail(item.Pos, "", "%s is %s, expected a mapping with host, user and password", name, item.TypeName())
		return nil
	}
	before := len(r.problems)
	fields := r.fields(item, name)
	c := &Credential{Source: source2(item.Pos, name), User: defaultUser, TestLogin: true, TLSVerify: true}
	for _, key := range []string{"host", "password"} {
		if fields[key] == nil {
			r.fail(item.Pos, "", "%s has no %s", name, key)
		}
	}
	var host RegistryHost
	if v := fields["host"]; v != nil {
		host = r.host(v, name+".host")
		c.Host, c.Scope = host.Host, host.Scope
	}
	if v := fields["user"]; v != nil {
		c.User = r.user(v, name+".user")
	}
	if v := fields["password"]; v != nil {
		c.Password = r.passwordText(v, name+".password")
	}
	for key, into := range map[string]*bool{
		"test_login": &c.TestLogin, "tls_verify": &c.TLSVerify, "delegated": &c.Delegated,
	} {
		if v := fields[key]; v != nil {
			*into, _ = r.boolean(v, name+"."+key)
		}
	}
	c.Image = strings.TrimSuffix(c.Host+"/"+c.Scope, "/") + "/" + image
	if v := fields["test_image"]; v != nil {
		s, ok := r.verbatim(v, name+".test_image")
		if !ok || !v.IsScalar() {
			r.fail(v.Pos, "", "%s.test_image is %s, expected text", name, v.TypeName())
		} else if s != "" {
			c.Image, c.ImageNamed = namedImage(host, s), true
		}
	}
	if len(r.problems) > before {
		return nil
	}
	return c
}

// fields checks the keys of an entry. A null is as good as absent.
func (r *reader) fields(item *value.Value, name string) map[string]*value.Value {
	fields := map[string]*value.Value{}
	for _, e := range item.Entries {
		known := false
		for _, key := range entryKeys() {
			known = known || e.Key.IsText() && e.Key.Text == key
		}
		if !known {
			hint := "known keys are " + strings.Join(entryKeys()[:7], ", ")
			if near := suggest(e.Key.Text, entryKeys()); near != "" {
				hint = "did you mean " + near + "?"
			}
			r.fail(e.Key.Pos, hint, "%s has an unknown key", name)
			continue
		}
		if e.Value.Kind != value.Null {
			fields[e.Key.Text] = e.Value
		}
	}
	if old := fields["image_name"]; old != nil {
		r.warn(old.Pos, "write test_image", "%s.image_name is an old name of test_image", name)
		if fields["test_image"] != nil {
			r.fail(old.Pos, "", "%s has both image_name and test_image, which are the same", name)
		}
		fields["test_image"] = old
	}
	return fields
}

// host checks a registry host.
func (r *reader) host(v *value.Value, name string) RegistryHost {
	s, ok := r.verbatim(v, name)
	if !ok {
		r.fail(v.Pos, "", "%s is %s, expected text", name, v.TypeName())
		return RegistryHost{}
	}
	host, err := ParseRegistryHost(s)
	if err != nil {
		r.fail(v.Pos, "", "%s %s", name, err.Error())
		return RegistryHost{}
	}
	r.portWarning(host.Host, v.Pos, name)
	if !strings.ContainsAny(host.Host, ".:") && host.Host != "localhost" {
		r.warn(v.Pos, "", "%s has neither dot nor port: in an image name it would be taken for a user of Docker Hub", name)
	}
	return host
}
