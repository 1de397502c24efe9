package dockerconfig

import (
	"strings"

	"oreg/inventory/secret"
)

// Found is an entry of a file as its readers understand it.
type Found struct {
	// Key is the key as it stands in the file; a message takes [Shown] of it, as
	// somebody may have written a login into it.
	Key string
	// User and Password are what is presented; both empty for an entry without
	// a login, as credential helpers leave them.
	User     string
	Password secret.Text
	// Token says that an identity or registry token stands in the entry; User
	// and Password are then not the whole login.
	Token bool

	// raw is the entry's text, to see a change of form.
	raw secret.Text
}

// Entries returns the entries of a file in its order, each key once: of two,
// the last counts. A file that a reader rejects is a [*MalformedError].
func Entries(existing []byte, form Form) ([]Found, error) {
	f := parse(existing, form)
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.found(), nil
}

// found decodes the entries that can be decoded.
func (f *file) found() []Found {
	var all []Found
	at := map[string]int{}
	for _, m := range f.entries().members {
		s, reason := parseEntry(m.value)
		if reason != "" {
			continue
		}
		user, password := s.login()
		entry := Found{Key: m.name, User: user, Password: secret.New(password),
			Token: s.IdentityToken != "" || s.RegistryToken != "", raw: secret.New(m.value)}
		if i, ok := at[m.name]; ok {
			all[i] = entry
			continue
		}
		at[m.name] = len(all)
		all = append(all, entry)
	}
	return all
}

// DetectForm tells the older form, a bare map of entries, from the one with
// "auths". It is for files of unknown origin; what is not clearly the older
// form is [DockerConfigJSON].
func DetectForm(existing []byte) Form {
	f := parse(existing, DockerCfg)
	if f.whole || len(f.root.members) == 0 || len(f.root.named("auths")) > 0 {
		return DockerConfigJSON
	}
	for _, m := range f.root.members {
		o, err := parseObject(m.value)
		if err != nil || len(o.named("auth"))+len(o.named("username")) == 0 {
			return DockerConfigJSON
		}
	}
	return DockerCfg
}

// Diff tells two versions of a file apart, one line per key, without a
// secret:
//
//   - registry.example.com: user new
//     ~ registry.example.com: user old -> new, password changed
//   - https://registry.example.com/v1/: user old
//
// nil is a file that does not exist.
func Diff(before, after []byte, form Form) []string {
	old, young := parse(before, form), parse(after, form)
	var lines []string
	for _, p := range old.problems {
		lines = append(lines, "! "+p.String())
	}
	was, is := old.found(), young.found()
	find := func(all []Found, key string) (Found, bool) {
		for _, e := range all {
			if e.Key == key {
				return e, true
			}
		}
		return Found{}, false
	}
	for _, o := range was {
		n, ok := find(is, o.Key)
		if !ok {
			lines = append(lines, "- "+Shown(o.Key)+": user "+Shown(o.User))
			continue
		}
		if text := o.changed(n); text != "" {
			lines = append(lines, "~ "+Shown(o.Key)+": "+text)
		}
	}
	for _, n := range is {
		if _, ok := find(was, n.Key); !ok {
			lines = append(lines, "+ "+Shown(n.Key)+": user "+Shown(n.User))
		}
	}
	return lines
}

// changed says what differs between two entries of one key.
func (e Found) changed(n Found) string {
	var texts []string
	if e.User != n.User {
		texts = append(texts, "user "+Shown(e.User)+" -> "+Shown(n.User))
	}
	if !e.Password.Equal(n.Password) {
		texts = append(texts, "password changed")
	}
	if e.Token && !n.Token {
		texts = append(texts, "token removed")
	}
	if len(texts) == 0 && !e.raw.Equal(n.raw) {
		texts = append(texts, "same login, written in the form that every reader accepts")
	}
	return strings.Join(texts, ", ")
}
