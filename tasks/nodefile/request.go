package nodefile

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode"

	"oreg/sshexec"
)

// DefaultLockWait is how long a run waits for another one that holds the lock,
// before it says locked.
const DefaultLockWait = 30 * time.Second

// DefaultSilence is how long a node may say nothing before it is given up.
const DefaultSilence = 60 * time.Second

// DefaultGrace is how long writes in flight may take after the context ended.
const DefaultGrace = 10 * time.Second

// ManagedMarker is the file that the machine-config daemon keeps on the nodes
// that it manages: what oreg wrote there it would take for a fault.
const ManagedMarker = "/etc/machine-config-daemon/currentconfig"

// systemPath is where the script looks for tools after the shell's own path,
// which lacks the sbin folders (restorecon) for ordinary users.
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// MaxPaths is how many files one exchange can cover: each has a descriptor of
// the shell, and POSIX knows nine.
const MaxPaths = 6

// Request is what to do on one node.
type Request struct {
	// Paths are absolute and at most [MaxPaths]. Two that turn out to be the
	// same file are worked on once and reported twice.
	Paths []string
	// RunID names backups: letters, digits and dashes. Runs are ordered by it.
	RunID string
	// Check does every read and writes nothing; it takes no lock.
	Check bool
	// Repair replaces an empty folder that stands in the file's place, as
	// docker leaves one behind when it mounts a file that is not there.
	Repair bool
	// KeepBackups is how many earlier versions stay, this run's included; 0
	// leaves none. It is applied where this run wrote.
	KeepBackups int
	// Purge is asked, after the plan, whether every backup of earlier runs
	// beside a file is to go, also where nothing else is done to it; nil keeps
	// them.
	Purge func(Present) bool
	// Written are, by path, the digests of what the run to be undone meant to
	// write, as far as that is known. [Restore] tells by it a file whose backup
	// is gone from one that the run never wrote.
	Written map[string][]string
	// LockWait, Silence and Grace are [DefaultLockWait], [DefaultSilence] and
	// [DefaultGrace] when 0. LockWait is counted in tenths of a second.
	LockWait, Silence, Grace time.Duration
	// Before is called with what is about to be written, before anything of it
	// is sent; its error stops the exchange with nothing written. It is for the
	// journal.
	Before func([]Change) error

	// marker is ManagedMarker and systemPath is systemPath, unless a test has
	// its own.
	marker, systemPath string
}

// Change is one file that is about to be written.
type Change struct {
	// Path is as in the request, Resolved with its symlinks followed.
	Path, Resolved string
	// Old and New are SHA-256 in hex; empty for no file.
	Old, New string
	// Mode, UID and GID are those of the present file.
	Mode     fs.FileMode
	UID, GID int
}

// Present is a file as it was found.
type Present struct {
	// Path is as in the request, Resolved with its symlinks followed.
	Path, Resolved string
	Exists         bool
	// Content is the whole file; nil if it does not exist, never nil if it does.
	Content []byte
	// SHA256 is its digest in hex; empty if it does not exist.
	SHA256   string
	Mode     fs.FileMode
	UID, GID int
	// Links is the number of hard links.
	Links int
	// Foreign says that the file belongs to another user than the one that
	// the script runs as.
	Foreign bool
	// FolderMode is the mode of the folder that holds the file, if there is
	// one.
	FolderExists bool
	FolderMode   fs.FileMode
	// Backups are the ids of the runs whose backup or state stands beside the
	// file, oldest first.
	Backups []string
	// Backup is what the run of the request left there, or nil.
	Backup *Backup

	// missing is the number of folders that would have to be created.
	missing int
	// writable is whether the nearest folder can be written to.
	writable bool
	// linked says that the folder is a symbolic link.
	linked bool
	// folderInPlace is a folder where the file should be.
	folderInPlace bool
	// suffixes are what else stands beside it, after "PATH.oreg-".
	suffixes []string
	// samePlace is the index of the earlier path that is the same file, or -1.
	samePlace int
	// err is why the file cannot be worked on.
	err error
}

// String is the path: a printed Present shows no content.
func (f Present) String() string { return f.Path }

// GoString is as String, for %#v.
func (f Present) GoString() string { return f.Path }

// dirty says whether the folder is to be tightened: it is named .docker and
// others may enter it. A link may lead to a folder that serves something else.
func (f Present) dirty() bool {
	return f.FolderExists && !f.linked && path.Base(path.Dir(f.Resolved)) == ".docker" && f.FolderMode&0o077 != 0
}

// Backup is what a run left beside a file.
type Backup struct {
	RunID string
	// Existed says whether there was a file before the run.
	Existed bool
	// Content is the file before the run.
	Content []byte
	// SHA256 is its digest; Mode, UID and GID were its own.
	SHA256   string
	Mode     fs.FileMode
	UID, GID int
	// Wrote are the digests of what the run put there, in order.
	Wrote []string
	// folders is how many folders the run created for the file.
	folders int
}

// String is the run's id: a printed Backup shows no content.
func (b Backup) String() string { return b.RunID }

// GoString is as String, for %#v.
func (b Backup) GoString() string { return b.RunID }

// Status is what was done to, or found at, one file.
type Status string

// The statuses. With Check, created and updated mean "would be".
const (
	Created   Status = "created"
	Updated   Status = "updated"
	Unchanged Status = "unchanged"
	Removed   Status = "removed"
	Restored  Status = "restored"
	Missing   Status = "missing"
	Failed    Status = "failed"
)

// FileResult is the outcome of one file.
type FileResult struct {
	Path, Resolved string
	Status         Status
	// SHA256, Mode, UID and GID are those of the file as it stands now, as far
	// as known; SHA256 is empty without a file.
	SHA256   string
	Mode     fs.FileMode
	UID, GID int
	// Backup is where the previous version lies, if this run kept it.
	Backup string
	// Notes are for the user, without secrets.
	Notes []string
	// Err is an [*Error] when Status is Failed.
	Err error
	// Unknown says that the connection ended between sending the content and
	// learning what became of it: the file is the old one or the new one.
	Unknown bool
}

// Outcome is the result of one exchange, one FileResult for each path in the
// request's order.
type Outcome struct{ Files []FileResult }

// Changed says whether any file was, or with Check would be, changed.
func (o Outcome) Changed() bool {
	for _, f := range o.Files {
		switch f.Status {
		case Created, Updated, Removed, Restored:
			return true
		}
	}
	return false
}

// prepare checks a request and fills in the defaults.
func (r Request) prepare() (Request, error) {
	if len(r.Paths) == 0 || len(r.Paths) > MaxPaths {
		return r, &Error{Cause: sshexec.CauseCommandFailed, Message: fmt.Sprintf("%d files for one node: expected 1 to %d", len(r.Paths), MaxPaths)}
	}
	for _, p := range r.Paths {
		if !path.IsAbs(p) || strings.HasSuffix(p, "/") || len(p) > 4096 || strings.ContainsFunc(p, unicode.IsControl) {
			return r, &Error{Cause: CauseNotAFile, Message: fmt.Sprintf("%q is not the absolute path of a file", said(p)),
				Hint: "look at openshift_node_data_dir and docker_auth_credentials_path in the inventory"}
		}
	}
	if !runID.MatchString(r.RunID) {
		return r, &Error{Cause: sshexec.CauseCommandFailed, Message: fmt.Sprintf("%q is not a run id: expected letters, digits and dashes", said(r.RunID))}
	}
	r.LockWait = cmp.Or(r.LockWait, DefaultLockWait)
	r.Silence = cmp.Or(r.Silence, DefaultSilence)
	r.Grace = cmp.Or(r.Grace, DefaultGrace)
	r.systemPath = cmp.Or(r.systemPath, systemPath)
	r.marker = cmp.Or(r.marker, ManagedMarker)
	return r, nil
}
