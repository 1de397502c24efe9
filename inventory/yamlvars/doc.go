// Package yamlvars reads variable files as Ansible does: as JSON if they are
// JSON in Python's eyes, else as YAML 1.1 in PyYAML's.
//
// The syntax of YAML is read by go.yaml.in/yaml, a port of the same libyaml;
// the meaning of scalars, tags and merges is ours, because a Go library reads
// YAML 1.2 or its own mixture. In PyYAML yes and off are booleans but y and n
// are not, 0644 is 420 and 0o644 a string, 1e3 is a string and 12:30 is 750,
// "=" alone is an error, and an impossible date is one too.
package yamlvars
