package tasks

import (
	"fmt"
	"slices"
	"strings"

	"oreg/inventory"
	"oreg/tasks/dockerconfig"
)

// logins are logins as they really stand somewhere, each once, with the places
// where they stand. They are few: a fleet holds the same ones.
type logins struct{ all []*placedLogin }

type placedLogin struct {
	dockerconfig.Found
	places []string
}

// add notes that a place holds a login.
func (l *logins) add(place string, found dockerconfig.Found) {
	for _, p := range l.all {
		if dockerconfig.SameRegistry(p.Key, found.Key) && sameLogin(p.Found, found) {
			if !slices.Contains(p.places, place) {
				p.places = append(p.places, place)
			}
			return
		}
	}
	l.all = append(l.all, &placedLogin{Found: found, places: []string{place}})
}

func sameLogin(a, b dockerconfig.Found) bool {
	return a.User == b.User && a.Password.Equal(b.Password) && a.Token == b.Token
}

// at is how messages call the places of a login.
func (p *placedLogin) at() string {
	if len(p.places) == 1 {
		return p.places[0]
	}
	return fmt.Sprintf("%s and %d more places", p.places[0], len(p.places)-1)
}

// credentials makes the logins checkable. Image, TLS and the rest are those of
// the inventory's credential for the same registry; a registry that the
// inventory lacks gets the defaults. index says which login a credential is
// of. What cannot be tried is a warning.
func (l *logins) credentials(known []inventory.Credential, what string) (made []inventory.Credential, index []int, warnings []string) {
	for i, p := range l.all {
		if p.Token {
			warnings = append(warnings, fmt.Sprintf("%s for %s holds a token in place of a password, which cannot be tried (%s)", what, dockerconfig.Shown(p.Key), p.at()))
			continue
		}
		if p.User == "" && p.Password.IsZero() {
			continue // left to a helper: nothing is presented
		}
		source := what + " of " + p.at()
		found := false
		for _, c := range known {
			if dockerconfig.SameRegistry(registryKey(c), p.Key) {
				c.User, c.Password, c.Source = p.User, p.Password, source
				made, index, found = append(made, c), append(index, i), true
			}
		}
		if found {
			continue
		}
		registry, err := inventory.ParseRegistryHost(p.Key)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s for the key %q cannot be tried: it %v", what, dockerconfig.Shown(p.Key), err))
			continue
		}
		c := inventory.Credential{
			Host: registry.Host, Scope: registry.Scope, User: p.User, Password: p.Password,
			Source: source, TestLogin: true, TLSVerify: true,
		}
		c.Image, c.ImageNamed = registry.TestImage("")
		made, index = append(made, c), append(index, i)
	}
	return made, index, warnings
}

// registryKey is the registry of a credential as config.json names it, not
// yet in canonical form.
func registryKey(c inventory.Credential) string {
	return strings.TrimSuffix(c.Host+"/"+c.Scope, "/")
}

// replacedLogins are the logins of one version of a file that another one
// does not have in the same way: by registry, not by key. A version that its
// readers reject has none.
func replacedLogins(before, after []byte, form dockerconfig.Form) []dockerconfig.Found {
	was, err := dockerconfig.Entries(before, form)
	if err != nil || before == nil {
		return nil
	}
	is, err := dockerconfig.Entries(after, form)
	if err != nil || after == nil {
		is = nil
	}
	return slices.DeleteFunc(was, func(w dockerconfig.Found) bool { return stands(is, w) })
}

// stands says whether a login stands in a list, under any key of its registry.
func stands(list []dockerconfig.Found, login dockerconfig.Found) bool {
	return slices.ContainsFunc(list, func(f dockerconfig.Found) bool {
		return dockerconfig.SameRegistry(f.Key, login.Key) && sameLogin(f, login)
	})
}
