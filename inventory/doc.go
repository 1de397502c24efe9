// Package inventory reads an Ansible inventory as data, hosts, groups and
// variables, and takes from it the credentials and nodes that oreg acts on.
//
// It follows ansible-core 2.14 exactly (the tests hold it to the real
// ansible-inventory), and keeps for every value the file and line that it
// came from.
package inventory
