package nodefile

import (
	"strings"
	"unicode"

	"oreg/sshexec"
)

// The causes of files and folders, beside those of [sshexec].
const (
	CausePermissionDenied sshexec.Cause = "permission-denied"
	CauseDiskFull         sshexec.Cause = "disk-full"
	CauseReadOnly         sshexec.Cause = "read-only"
	CauseBrokenConfig     sshexec.Cause = "broken-config"
	CauseNotAFile         sshexec.Cause = "not-a-file"
	CauseChangedUnder     sshexec.Cause = "changed-underneath"
	CauseLocked           sshexec.Cause = "locked"
	CauseManaged          sshexec.Cause = "managed-by-operator"
)

// Error is why one file, or the whole node, could not be worked on.
type Error struct {
	Cause sshexec.Cause
	// Message is one sentence that names the path; Hint says what to do.
	Message, Hint string
	Err           error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the underlying error, for example dockerconfig's
// MalformedError.
func (e *Error) Unwrap() error { return e.Err }

// classify finds the cause in what a command of the node said. There is
// nothing else to go by: the shell has only text for errno. The script runs
// with LC_ALL=C; the texts are those of glibc and of musl. The laboratory tests
// hold it to real full, read-only and quota-bound file systems.
func classify(text string) (sshexec.Cause, string) {
	for _, known := range []struct {
		text, hint string
		cause      sshexec.Cause
	}{
		{"No space left on device", "free space or inodes on that file system", CauseDiskFull},
		{"uota exceeded", "the disk quota is used up: raise it or free space", CauseDiskFull},
		{"File too large", "a file size limit is in force on the node (ulimit -f)", CauseDiskFull},
		{"Read-only file system", "mount it writable, or choose another path", CauseReadOnly},
		{"Permission denied", "use --become, or log in as root", CausePermissionDenied},
		{"Operation not permitted", "use --become; as root, look for an immutable attribute (lsattr)", CausePermissionDenied},
		{"Not a directory", "something else stands where a folder is expected", CauseNotAFile},
		{"Is a directory", "move the folder away", CauseNotAFile},
		{"File exists", "something else stands where a folder is expected", CauseNotAFile},
	} {
		if strings.Contains(text, known.text) {
			return known.cause, known.hint
		}
	}
	return sshexec.CauseCommandFailed, "look at the node"
}

// maxSaid bounds what a message quotes of a node's words, in bytes.
const maxSaid = 300

// said makes a node's words fit for a message.
func said(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.TrimSpace(text)
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "..."
	}
	return text
}

// stepError is what the script's "err" line means.
func stepError(path, step, text string) *Error {
	switch step {
	case "changed":
		return &Error{Cause: CauseChangedUnder, Message: path + " was changed by somebody else meanwhile: left alone", Hint: "run it again"}
	case "locked":
		return lockedError(path)
	case "digest":
		return &Error{Cause: sshexec.CauseCommandFailed, Message: "what arrived for " + path + " is not what was sent: left alone", Hint: "run it again; if it stays, look at the node's disk"}
	}
	if step == "rmdir" {
		return &Error{Cause: CauseNotAFile, Message: "a folder that is not empty stands in place of " + path, Hint: "move it away"}
	}
	what := map[string]string{
		"mkdir":   "cannot create the folder of ",
		"create":  "cannot create a temporary file beside ",
		"write":   "cannot write the new content beside ",
		"backup":  "cannot keep the previous version of ",
		"chown":   "cannot keep the owner of ",
		"chmod":   "cannot set the mode of ",
		"rename":  "cannot replace ",
		"inplace": "cannot write in place, and what was there was put back: ",
	}[step]
	if what == "" {
		what = "cannot work on "
	}
	cause, hint := classify(text)
	message := what + path
	if text = said(text); text != "" {
		message += ": " + text
	}
	return &Error{Cause: cause, Message: message, Hint: hint}
}

func lockedError(path string) *Error {
	return &Error{Cause: CauseLocked, Message: "another run of oreg is working on " + path,
		Hint: "wait until it has ended; on a node without flock(1), remove the .oreg-lock beside the file if nobody runs oreg there"}
}
