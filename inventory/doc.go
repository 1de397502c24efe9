// Package inventory reads an Ansible inventory as data, hosts, groups and
// variables, and takes from it the credentials and nodes that oreg acts on.
//
// Start with [Load]; [Inventory.Cluster] gives what oreg acts on,
// [Inventory.List] and [Inventory.Host] print what ansible-inventory prints.
// It follows ansible-core 2.14 exactly: tests with the tag lab hold every
// reader, and random inventories as a whole, to the real one. The rooms are
// ini, yamlvars, pyliteral, hostrange and keyvalue for what is written, graph
// for hosts and groups, value for one variable.
//
// What surprised us: ansible-inventory shows half of a file that it refuses and
// exits 0, so a refusal here is an error. A file is tried as a script and as
// YAML before INI, and all three may take it. group_vars/all of a folder beats
// the variables that the inventory gives to a group. With several inventories
// their folders come one after the other, whatever the depth of a group. A
// broken group_vars file of a group without hosts is never read.
//
// Left out on purpose: TOML inventories and inventory plugins, which are
// refused by name; implicit localhost; vars plugins and hash_behaviour. Where
// the YAML library differs from libyaml (a tab after "?", "\/" in double quotes,
// a byte order mark inside a file), a document may be refused that Ansible
// reads.
//
// Credentials are text taken verbatim. Where Ansible would make a number of a
// password, the source text counts and a warning says so. No message holds a
// value.
package inventory
