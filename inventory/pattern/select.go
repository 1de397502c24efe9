package pattern

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Select evaluates patterns that were split already (_evaluate_patterns). No
// host at all is not an error. Errors are of type *[Error].
func Select(inv Inventory, patterns []string) (Result, error) {
	s := &selector{inv: inv, groups: set(inv.Groups()), hosts: set(inv.Hosts()), known: map[string][]string{}}
	var plain, and, not []string
	for _, p := range patterns {
		switch {
		case p == "":
		case p[0] == '!':
			not = append(not, p)
		case p[0] == '&':
			and = append(and, p)
		default:
			plain = append(plain, p)
		}
	}
	if len(plain) == 0 {
		plain = []string{"all"}
	}

	var result Result
	have := map[string]bool{}
	for _, p := range plain {
		matched := []string{p}
		if !s.hosts[p] {
			var err error
			if matched, err = s.match(p); err != nil {
				return Result{}, err
			}
		}
		for _, host := range matched {
			if !have[host] {
				have[host] = true
				result.Hosts = append(result.Hosts, host)
			}
		}
	}
	for _, p := range slices.Concat(and, not) {
		// A host may be called "!x", and then it is added like any other.
		if s.hosts[p] {
			if !slices.Contains(result.Hosts, p) {
				result.Hosts = append(result.Hosts, p)
			}
			continue
		}
		matched, err := s.match(p[1:])
		if err != nil {
			return Result{}, err
		}
		that := set(matched)
		keep := p[0] == '&'
		result.Hosts = slices.DeleteFunc(result.Hosts, func(h string) bool { return that[h] != keep })
	}
	result.Hosts = slices.DeleteFunc(result.Hosts, func(h string) bool { return !s.hosts[h] })
	result.Warnings = s.warnings
	return result, nil
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

type selector struct {
	inv           Inventory
	groups, hosts map[string]bool
	// known are the hosts of patterns already seen, so that each warns once.
	known    map[string][]string
	warnings []string
}

// match evaluates one pattern without its "!" or "&" (_match_one_pattern).
func (s *selector) match(p string) ([]string, error) {
	if p == "" {
		return nil, &Error{Pattern: p, Kind: ErrInvalid, Err: errors.New("nothing follows the ! or &")}
	}
	if hosts, ok := s.known[p]; ok {
		return hosts, nil
	}
	expr, sub, err := s.splitSubscript(p)
	if err != nil {
		return nil, err
	}
	hosts, err := s.enumerate(expr)
	if err != nil {
		return nil, err
	}
	hosts, ok := sub.apply(hosts)
	if !ok {
		return nil, &Error{Pattern: p, Kind: ErrSubscript}
	}
	s.known[p] = hosts
	return hosts, nil
}

// enumerate lists the hosts of the groups that a pattern matches and, where it
// matches none or is more than a name, the hosts that it matches itself
// (_enumerate_matches).
func (s *selector) enumerate(p string) ([]string, error) {
	matches, err := matcher(p)
	if err != nil {
		return nil, err
	}
	var found []string
	anyGroup := false
	for _, group := range s.candidates(p, s.inv.Groups, s.groups) {
		if matches(group) {
			anyGroup = true
			found = append(found, s.inv.GroupHosts(group)...)
		}
	}
	if !anyGroup || p[0] == '~' || strings.ContainsAny(p, ".?*[") {
		for _, host := range s.candidates(p, s.inv.Hosts, s.hosts) {
			if matches(host) {
				found = append(found, host)
			}
		}
	}
	if len(found) == 0 && isLocalhost(p) {
		found = append(found, s.localhost(p))
	}
	if len(found) == 0 && !anyGroup && p != "all" {
		s.warn("could not match supplied host pattern, ignoring: " + p)
	}
	return found, nil
}

// candidates are the names that p could match: itself alone if it is neither a
// glob nor a regular expression, so that a retry file of thousands of names is
// not compared with thousands of hosts.
func (s *selector) candidates(p string, all func() []string, known map[string]bool) []string {
	if p[0] == '~' || strings.ContainsAny(p, "*?[") {
		return all()
	}
	if known[p] {
		return []string{p}
	}
	return nil
}

func (s *selector) warn(text string) { s.warnings = append(s.warnings, text) }

// localhost is the host that a name of this machine stands for: whichever of
// its names is listed, else the implicit host, which Select leaves out.
func (s *selector) localhost(p string) string {
	if i := slices.IndexFunc(s.inv.Hosts(), isLocalhost); i >= 0 {
		return s.inv.Hosts()[i]
	}
	return p
}

// isLocalhost is C.LOCALHOST.
func isLocalhost(p string) bool { return p == "localhost" || p == "127.0.0.1" || p == "::1" }

// subscript is what follows a name in brackets. The zero value is none.
type subscript struct {
	given      bool
	start, end int
	// isRange is false for "[n]", and for "[n:0]": Ansible takes an end of 0
	// for none.
	isRange bool
	// toEnd is "[n:]".
	toEnd bool
}

// PATTERN_WITH_SUBSCRIPT of the inventory manager.
func subscriptSyntax() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]$`)
}

func (s *selector) splitSubscript(p string) (string, subscript, error) {
	if p[0] == '~' || !strings.HasSuffix(p, "]") {
		return p, subscript{}, nil
	}
	m := subscriptSyntax().FindStringSubmatch(p)
	if m == nil {
		return p, subscript{}, nil
	}
	sub := subscript{given: true}
	var errs [2]error
	if m[2] != "" {
		sub.start, errs[0] = strconv.Atoi(m[2])
	} else {
		sub.start, errs[0] = strconv.Atoi(m[3])
		if sub.toEnd = m[5] == ""; !sub.toEnd {
			sub.end, errs[1] = strconv.Atoi(m[5])
		}
		sub.isRange = sub.toEnd || sub.end != 0
		if m[4] == "-" {
			s.warn("use [x:y] inclusive subscripts instead of [x-y] which has been removed: " + p)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		// No inventory is that long; the number is beyond an int.
		return "", subscript{}, &Error{Pattern: p, Kind: ErrSubscript}
	}
	return m[1], sub, nil
}

// apply is _apply_subscript; false is its IndexError.
func (sub subscript) apply(hosts []string) ([]string, bool) {
	n := len(hosts)
	switch {
	case !sub.given || n == 0:
		return hosts, true
	case sub.isRange:
		end := n
		if !sub.toEnd {
			end = min(sub.end, n-1) + 1
		}
		return hosts[min(sub.start, end):end], true
	}
	i := sub.start
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, false
	}
	return hosts[i : i+1], true
}
