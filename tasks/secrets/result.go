package secrets

import (
	"fmt"

	"oreg/inventory"
	"oreg/inventory/secret"
)

// The secret that image streams of the openshift namespace are imported with.
const (
	DefaultNamespace = "openshift"
	DefaultName      = "imagestreamsecret"
)

// The marks that oreg leaves on a secret.
const (
	ManagedByLabel  = "app.kubernetes.io/managed-by"
	ManagedBy       = "oreg"
	HostsAnnotation = "oreg/hosts"
	RunAnnotation   = "oreg/run"
)

// Status is what became of a secret, in the words of the JSON report.
type Status string

// The statuses. With Check, Created, Updated and Removed say what would be.
const (
	StatusCreated   Status = "created"
	StatusUpdated   Status = "updated"
	StatusUnchanged Status = "unchanged"
	StatusRemoved   Status = "removed"
	StatusRestored  Status = "restored"
	StatusMissing   Status = "missing"
	StatusDrift     Status = "drift"
	StatusSkipped   Status = "skipped"
	StatusFailed    Status = "failed"
)

// Entry is one credential as a secret holds it.
type Entry struct {
	// Key is the registry as config.json names it: host[:port][/path], and
	// https://index.docker.io/v1/ for Docker Hub.
	Key      string
	User     string
	Password secret.Text
}

// Entries turns the inventory's credentials into entries.
func Entries(credentials []inventory.Credential) []Entry {
	entries := make([]Entry, 0, len(credentials))
	seen := map[string]bool{}
	for _, c := range credentials {
		key := c.Host
		switch {
		case c.Scope != "":
			key += "/" + c.Scope
		case c.Host == "docker.io":
			key = "https://index.docker.io/v1/"
		}
		if !seen[key] {
			seen[key] = true
			entries = append(entries, Entry{Key: key, User: c.User, Password: c.Password})
		}
	}
	return entries
}

// ChangeKind says what happens to an entry.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"
	Changed ChangeKind = "changed"
	Removed ChangeKind = "removed"
)

// Change is what happens to one entry of a secret, without its value.
type Change struct {
	Host string
	Kind ChangeKind
	// User is the new one, empty for a removal.
	User string
	// Detail says what differs: "password", "user and password", ...
	Detail string
}

// String is a line of a diff.
func (c Change) String() string {
	switch c.Kind {
	case Added:
		return fmt.Sprintf("+ %s (user %s)", c.Host, c.User)
	case Removed:
		return "- " + c.Host
	}
	return fmt.Sprintf("~ %s (user %s): %s", c.Host, c.User, c.Detail)
}

// Result is what became of one secret.
type Result struct {
	Namespace, Name string
	Status          Status
	Changes         []Change
	// Notes say what else was done or seen; they hold no secret.
	Notes []string
	// Err is an error of package kube in most cases.
	Err error
}
