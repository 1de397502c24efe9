package dockerconfig

import (
	"slices"

	"oreg/inventory/secret"
)

// DriftKind says how a file differs from what it should hold.
type DriftKind string

// The kinds of drift.
const (
	// Missing: no entry for the registry under its canonical key.
	Missing DriftKind = "missing"
	// Differs: the entry does not give every reader the login.
	Differs DriftKind = "differs"
	// Shadowed: something else in the file is used in place of the entry, or
	// beside it: a helper, another spelling of the key.
	Shadowed DriftKind = "shadowed"
	// Leftover: an entry that oreg once wrote and that is no longer wanted.
	Leftover DriftKind = "leftover"
	// Malformed: a reader rejects the file.
	Malformed DriftKind = "malformed"
)

// Drift is one difference. It holds no secret.
type Drift struct {
	Kind DriftKind
	// Key is the key in the file or, when missing, the canonical one; fit for
	// a message.
	Key    string
	Detail string
}

func (d Drift) String() string {
	if d.Key == "" {
		return string(d.Kind) + ": " + d.Detail
	}
	return d.Key + ": " + string(d.Kind) + ": " + d.Detail
}

// Compare says how a file differs from what it should hold; nil existing is a
// file that does not exist. managed are registries that oreg once wrote: those
// no longer among entries are leftovers when they still stand there. Whatever
// [Merge] would change is drift; scoped and wildcard keys, which Merge only
// warns about, are none.
func Compare(existing []byte, entries []Entry, managed []string, form Form) []Drift {
	f := parse(existing, form)
	var drifts []Drift
	for _, p := range f.problems {
		drifts = append(drifts, Drift{Kind: Malformed, Key: p.Key, Detail: p.Reason})
	}
	if f.whole {
		return drifts
	}
	for _, e := range entries {
		drifts = append(drifts, f.compare(e)...)
	}
	for _, note := range f.helpers(entries) {
		drifts = append(drifts, Drift{Kind: Shadowed, Key: note.Key, Detail: note.Text})
	}
	wanted := func(n name) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return parseName(e.Key) == n })
	}
	for _, m := range f.entries().members {
		n := parseName(m.name)
		ours := slices.ContainsFunc(managed, func(host string) bool { return parseName(host) == n })
		if ours && !wanted(n) {
			drifts = append(drifts, Drift{Kind: Leftover, Key: Shown(m.name),
				Detail: "oreg wrote it once and nothing asks for it any more"})
		}
	}
	return drifts
}

// compare looks at one registry.
func (f *file) compare(e Entry) []Drift {
	var drifts []Drift
	key, found := Key(e.Key), 0
	n := parseName(e.Key)
	for _, m := range f.entries().members {
		if parseName(m.name) != n {
			continue
		}
		if m.name != key {
			drifts = append(drifts, Drift{Kind: Shadowed, Key: Shown(m.name),
				Detail: "another spelling of " + key + ": a reader may present its login"})
			continue
		}
		found++
		if s, reason := parseEntry(m.value); reason == "" && !s.holds(e) {
			drifts = append(drifts, Drift{Kind: Differs, Key: key, Detail: s.differs(e)})
		}
	}
	switch {
	case found == 0:
		drifts = append(drifts, Drift{Kind: Missing, Key: key, Detail: "no entry"})
	case found > 1:
		drifts = append(drifts, Drift{Kind: Shadowed, Key: key, Detail: "the key stands there more than once"})
	}
	return drifts
}

// differs says in which way s is not e.
func (s stored) differs(e Entry) string {
	user, password := s.login()
	switch {
	case user == "" && password == "":
		return "the entry holds no login"
	case user != e.User:
		return "another user: " + Shown(user) + " instead of " + Shown(e.User)
	case !secret.New(password).Equal(e.Password):
		return "another password"
	case s.Auth == "":
		return "no auth: podman, skopeo and CRI-O would not see the login"
	case s.IdentityToken != "" || s.RegistryToken != "":
		return "a token beside the login"
	}
	return "a stale username or password beside the auth"
}

// Foreign returns the keys of the entries that are neither wanted nor managed,
// in the order of the file, fit for a message. A malformed file has none.
func Foreign(existing []byte, entries []Entry, managed []string, form Form) []string {
	f := parse(existing, form)
	if f.whole {
		return nil
	}
	var keys []string
	for _, m := range f.entries().members {
		n := parseName(m.name)
		known := slices.ContainsFunc(entries, func(e Entry) bool { return parseName(e.Key) == n }) ||
			slices.ContainsFunc(managed, func(host string) bool { return parseName(host) == n })
		if !known {
			keys = append(keys, Shown(m.name))
		}
	}
	return keys
}
