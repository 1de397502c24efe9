package tasks

import (
	"slices"
	"strings"

	"oreg/tasks/dockerconfig"
	"oreg/validate"
)

// ReportVersion is the version of the JSON document. It grows when a field
// changes its meaning or goes away; new fields do not count.
const ReportVersion = 1

// Report is the outcome of a run, one JSON document.
type Report struct {
	Version     int                `json:"version"`
	Command     string             `json:"command"`
	Run         string             `json:"run"`
	Check       bool               `json:"check"`
	Changed     bool               `json:"changed"`
	Credentials []CredentialReport `json:"credentials"`
	Secrets     []SecretReport     `json:"secrets"`
	Hosts       []HostReport       `json:"hosts"`
	Recap       Recap              `json:"recap"`
	// Rotation is nil for every command but rotate.
	Rotation *RotationReport `json:"rotation,omitempty"`
	Warnings []string        `json:"warnings"`
}

// CredentialReport is a verdict as the JSON document shows it.
type CredentialReport struct {
	Host       string `json:"host"`
	User       string `json:"user"`
	Source     string `json:"source"`
	Image      string `json:"image"`
	From       string `json:"from"`
	Status     string `json:"status"`
	Login      string `json:"login"`
	Pull       string `json:"pull"`
	Cause      string `json:"cause"`
	Detail     string `json:"detail"`
	Hint       string `json:"hint"`
	Auth       string `json:"auth"`
	Realm      string `json:"realm"`
	Digest     string `json:"digest"`
	DurationMS int64  `json:"duration_ms"`
	// Probe says that this is what a node saw without presenting the login.
	Probe bool `json:"-"`
	// Unasked is why the node could not be asked at all.
	Unasked error `json:"-"`
}

// Failure is why a host, file or secret is not as wanted.
type Failure struct {
	Cause   string `json:"cause"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// SecretReport is one secret of the cluster, or another object that has to do
// with secrets.
type SecretReport struct {
	// Kind is empty for a secret, else one of the kinds.
	Kind      string   `json:"kind,omitempty"`
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Status    string   `json:"status"`
	Error     *Failure `json:"error"`
	// Notes say what is odd about it; Diff is for --diff. Neither holds a
	// secret.
	Notes []string `json:"notes,omitempty"`
	Diff  []string `json:"diff,omitempty"`
}

// The statuses of hosts, of their files and of secrets.
const (
	StatusOK          = "ok"
	StatusChanged     = "changed"
	StatusFailed      = "failed"
	StatusUnreachable = "unreachable"
	StatusSkipped     = "skipped"
	StatusCreated     = "created"
	StatusUpdated     = "updated"
	StatusUnchanged   = "unchanged"
	StatusRemoved     = "removed"
	StatusRestored    = "restored"
	StatusMissing     = "missing"
	StatusDrift       = "drift"
)

// HostReport is one node.
type HostReport struct {
	Name       string       `json:"name"`
	Status     string       `json:"status"`
	Files      []FileReport `json:"files"`
	Error      *Failure     `json:"error"`
	DurationMS int64        `json:"duration_ms"`
	// Restarted says that the node's service was restarted and came back.
	Restarted bool `json:"restarted,omitempty"`
}

// FileReport is one config.json of a node.
type FileReport struct {
	Path   string `json:"path"`
	Status string `json:"status"`
	SHA256 string `json:"sha256"`
	// Notes say what is odd about the file; Diff is for --diff. Neither holds
	// a secret.
	Notes []string `json:"notes,omitempty"`
	Diff  []string `json:"diff,omitempty"`

	// logins are what the file holds, as far as it was read for that.
	logins []dockerconfig.Found
}

// Recap counts hosts, as Ansible's does.
type Recap struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Failed      int `json:"failed"`
	Unreachable int `json:"unreachable"`
	Skipped     int `json:"skipped"`
}

// credentialReport turns a verdict into its JSON form.
func credentialReport(r validate.Result) CredentialReport {
	hint := r.Hint
	if r.ByHand != "" && r.Cause != "" {
		hint = strings.TrimPrefix(hint+"\nby hand: "+r.ByHand, "\n")
	}
	return CredentialReport{
		Host: r.Host, User: r.User, Source: r.Source, Image: r.Image, From: r.From,
		Status: string(r.Status), Login: string(r.Login), Pull: string(r.Pull),
		Cause: string(r.Cause), Detail: r.Detail, Hint: hint,
		Auth: r.Auth, Realm: r.Realm, Digest: r.Digest,
		DurationMS: r.Duration.Milliseconds(),
	}
}

// NewReport returns a document whose lists are empty and not null.
func NewReport(command, run string, check bool) *Report {
	return &Report{
		Version: ReportVersion, Command: command, Run: run, Check: check,
		Credentials: []CredentialReport{}, Secrets: []SecretReport{},
		Hosts: []HostReport{}, Warnings: []string{},
	}
}

// Finish counts the recap and decides Changed.
func (r *Report) Finish() {
	r.Recap = Recap{}
	for _, h := range r.Hosts {
		switch h.Status {
		case StatusOK:
			r.Recap.OK++
		case StatusChanged:
			r.Recap.Changed++
			r.Changed = true
		case StatusUnreachable:
			r.Recap.Unreachable++
		case StatusSkipped:
			r.Recap.Skipped++
		default:
			r.Recap.Failed++
		}
		for _, f := range h.Files {
			r.Changed = r.Changed || changes(f.Status)
		}
	}
	for _, s := range r.Secrets {
		r.Changed = r.Changed || changes(s.Status)
	}
}

func changes(status string) bool {
	switch status {
	case StatusCreated, StatusUpdated, StatusRemoved, StatusRestored:
		return true
	}
	return false
}

// AnySecretAmiss says whether a secret failed or is not as the inventory
// wants it.
func (r *Report) AnySecretAmiss() bool {
	for _, s := range r.Secrets {
		if amiss(s.Status) {
			return true
		}
	}
	return false
}

// AnyHostAmiss says whether a host failed, or a file of it is not as the
// inventory wants it. An unreachable host does not count.
func (r *Report) AnyHostAmiss() bool {
	for _, h := range r.Hosts {
		if h.Status == StatusFailed {
			return true
		}
		for _, f := range h.Files {
			if amiss(f.Status) {
				return true
			}
		}
	}
	return false
}

// RotationAmiss says whether a rotation stopped early, or left a place with an
// old login. Hosts that were left out on purpose do not count.
func (r *Report) RotationAmiss() bool {
	return r.Rotation != nil && (r.Rotation.Stopped != "" ||
		slices.ContainsFunc(r.Rotation.StillOld, func(p OldPlace) bool { return p.Host+p.Node+p.Secret+p.Pool != "" }))
}

func amiss(status string) bool {
	return status == StatusFailed || status == StatusMissing || status == StatusDrift
}
