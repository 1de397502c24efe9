// Package pattern evaluates Ansible's host patterns, as --limit takes them:
// names, groups, globs, "~regex", "a:b", "a,b", "!x", "&y", "g[0]", "g[0:2]",
// "@file".
//
// It follows ansible-core 2.14 (lib/ansible/inventory/manager.py).
package pattern

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

// Result is what a pattern selects.
type Result struct {
	// Hosts are in Ansible's order, each once.
	Hosts []string
	// Warnings are Ansible's, such as "could not match supplied host pattern,
	// ignoring: x".
	Warnings []string
}

// Split cuts a pattern at commas or, where there are none and it is not an
// address or a range, at colons, as Ansible does.
func Split(s string) []string { return split(s) }

// Limit evaluates a --limit argument. Parts of the form "@file" stand for the
// lines of that file, which readFile reads. The result holds every host that
// the limit allows; a caller keeps of its own list those that are in it. No
// host at all is [ErrNoHosts].
func Limit(inv Inventory, limit string, readFile func(path string) ([]byte, error)) (Result, error) {
	return limitTo(inv, limit, readFile)
}

// Select evaluates patterns that were split already. No host is not an error.
func Select(inv Inventory, patterns []string) (Result, error) { return selectHosts(inv, patterns) }
