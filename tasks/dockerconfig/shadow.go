package dockerconfig

import (
	"encoding/json"
	"strings"
)

// shadows are the warnings about what in the file keeps readers from entries
// that stand in it.
func (f *file) shadows(entries []Entry) []Note {
	var notes []Note
	for _, e := range entries {
		n := parseName(e.Key)
		notes = append(notes, f.scoped(n)...)
		for _, m := range f.entries().members {
			if parseName(m.name).covers(n.host) {
				notes = append(notes, Note{Kind: Wildcard, Key: Shown(m.name), Warning: true,
					Text: "the kubelet tries this login too when the one of " + Key(e.Key) + " is refused"})
			}
		}
	}
	return append(notes, f.helpers(entries)...)
}

// scoped are the keys with a path below the registry n.
func (f *file) scoped(n name) []Note {
	var notes []Note
	for _, m := range f.entries().members {
		other := parseName(m.name)
		below, inside := strings.CutPrefix(other.path, n.path)
		if other.host == n.host && inside && below != "" && (n.path == "" || below[0] == '/') {
			notes = append(notes, Note{Kind: Scoped, Key: Shown(m.name), Warning: true,
				Text: "stays: the kubelet and CRI-O prefer this login for images below it"})
		}
	}
	return notes
}

// helpers are the credential helpers that docker and containers/image ask in
// place of reading our entry. The kubelet ignores them.
func (f *file) helpers(entries []Entry) []Note {
	if f.form == DockerCfg {
		return nil
	}
	var notes []Note
	for _, i := range f.root.named("credHelpers") {
		helpers, err := parseObject(f.root.members[i].value)
		if err != nil {
			continue // null
		}
		for _, h := range helpers.members {
			for _, e := range entries {
				if SameRegistry(h.name, e.Key) && h.value != `""` {
					notes = append(notes, Note{Kind: Helper, Key: Shown(h.name), Warning: true,
						Text: "credHelpers: docker, podman and CRI-O ask that helper and never see our entry"})
				}
			}
		}
	}
	if len(entries) == 0 {
		return notes
	}
	store := ""
	for _, i := range f.root.named("credsStore") {
		var s *string
		if json.Unmarshal([]byte(f.root.members[i].value), &s) == nil && s != nil {
			store = *s
		}
	}
	if store != "" {
		notes = append(notes, Note{Kind: Helper, Key: "credsStore", Warning: true,
			Text: "docker asks that store and never sees our entries"})
	}
	return notes
}
