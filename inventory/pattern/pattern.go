// Package pattern evaluates Ansible's host patterns, as --limit takes them:
// names, groups, globs, "~regex", "a:b", "a,b", "!x", "&y", "g[0]", "g[-1]",
// "g[0:2]", "g[1:]", "@file".
//
// It follows ansible-core 2.14 (lib/ansible/inventory/manager.py); a test
// compares it with the real InventoryManager. What surprised us there:
//
//   - One comma anywhere makes commas the only separator; without one, what
//     can be read as an address, a name with a port or a range is one pattern,
//     and only the rest is cut at colons.
//   - Plain patterns count first, then "&", then "!", wherever they stand;
//     where there is no plain one, "all" is put in their place.
//   - A glob matches groups and hosts, but a plain name that is a group does
//     not match a host; "." counts as a sign of a glob here.
//   - Subscripts are inclusive; "g[3:0]" is the same as "g[3]"; "g[9]" of a
//     short group is an error, of an empty one it is not, and "g[9:]" never is.
//   - The lines of "@file" are patterns that are not cut any further, and an
//     empty file excludes nobody.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"oreg/inventory/hostrange"
	"oreg/inventory/value"
)

// Inventory is what patterns are evaluated against. The orders are Ansible's:
// groups and hosts as first mentioned, with "all" and "ungrouped" first, and
// the hosts of a group those of its own before those of its children.
type Inventory interface {
	// Groups are the names of all groups, "all" and "ungrouped" included.
	Groups() []string
	// GroupHosts are the names of the hosts of a group and of its descendants.
	GroupHosts(group string) []string
	// Hosts are the names of all hosts.
	Hosts() []string
}

// Result is what patterns select.
type Result struct {
	// Hosts are in Ansible's order, each once. Ansible's implicit localhost is
	// never among them.
	Hosts []string
	// Warnings are Ansible's, such as "could not match supplied host pattern,
	// ignoring: x".
	Warnings []string
}

// What can be wrong, for errors.Is.
var (
	// ErrNoHosts: the limit leaves no host although the inventory has some.
	ErrNoHosts = errors.New("specified hosts and/or --limit does not match any hosts")
	// ErrSubscript: the group has fewer hosts than the subscript asks for.
	ErrSubscript = errors.New("no hosts matched the subscripted pattern")
	// ErrInvalid: a glob or regular expression that Python refuses.
	ErrInvalid = errors.New("invalid host list pattern")
	// ErrUnsupported: a regular expression that Python knows and oreg does not.
	ErrUnsupported = errors.New("unsupported host list pattern")
	// ErrFile: the file of an "@file" cannot be read.
	ErrFile = errors.New("unable to read the limit file")
)

// Error names the pattern that is at fault.
type Error struct {
	Pattern string
	// Kind is one of the sentinels above.
	Kind error
	// Err says more, if there is more to say.
	Err error
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("%v: %s", e.Kind, e.Pattern)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap lets errors.Is reach Kind and Err.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// Limit evaluates a --limit argument. A part "@path" stands for the lines of
// that file, which readFile reads. The result holds every host that the limit
// allows; a caller keeps of its own hosts, in their order, those that are in
// it. Errors are of type *[Error].
func Limit(inv Inventory, limit string, readFile func(path string) ([]byte, error)) (Result, error) {
	var patterns []string
	for _, p := range Split(limit) {
		if !strings.HasPrefix(p, "@") {
			patterns = append(patterns, p)
			continue
		}
		data, err := readFile(p[1:])
		if err != nil {
			return Result{}, &Error{Pattern: p[1:], Kind: ErrFile, Err: err}
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			patterns = append(patterns, strip(line))
		}
	}
	result, err := Select(inv, patterns)
	if err != nil {
		return Result{}, err
	}
	if len(result.Hosts) == 0 && len(inv.Hosts()) > 0 {
		return result, &Error{Pattern: limit, Kind: ErrNoHosts}
	}
	return result, nil
}

// Split cuts a pattern at commas or, where there are none and it is not an
// address or a range, at colons (split_host_pattern).
func Split(s string) []string {
	var parts []string
	if strings.Contains(s, ",") {
		parts = strings.Split(s, ",")
	} else if _, _, ok := hostrange.Split(s); ok {
		parts = []string{s}
	} else {
		parts = cutAtColons(s)
	}
	kept := parts[:0]
	for _, p := range parts {
		if p = strip(p); p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}

// cutAtColons finds runs of what is no blank, colon or bracket, or is a whole
// bracketed expression. A bracket without its partner separates.
func cutAtColons(s string) []string {
	var parts []string
	var run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			parts = append(parts, run.String())
			run.Reset()
		}
	}
	for s != "" {
		if s[0] == '[' {
			if end := strings.IndexByte(s, ']'); end > 0 {
				run.WriteString(s[:end+1])
				s = s[end+1:]
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == ':' || r == '[' || r == ']' || value.IsSpace(r) {
			flush()
		} else {
			run.WriteString(s[:size])
		}
		s = s[size:]
	}
	flush()
	return parts
}

// strip is Python's str.strip.
func strip(s string) string { return strings.TrimFunc(s, value.IsSpace) }
