package nodefile

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"oreg/sshexec"
)

// Restore undoes what the run of the request wrote: the file that was there
// before comes back byte for byte, with its mode and owner; a file that the run
// created goes, and so do the folders it created for it, if nothing else is in
// them. The backup goes with it, so that a second Restore finds nothing to do.
//
// A file that is no longer what the run wrote is left alone: Failed, with the
// cause changed-underneath; so is one that is what the run wrote, as
// [Request.Written] tells, and whose backup is gone, with the cause
// command-failed. Where the run wrote nothing, or it is undone already, the file
// is Unchanged. A mode that was only tightened stays so.
//
// It ends the process. Errors are as with [Apply].
func Restore(ctx context.Context, p *sshexec.Process, req Request) (Outcome, error) {
	return exchange(ctx, p, req, true, (*job).restore)
}

// restore decides from what stands there and what the run left beside it.
func (j *job) restore() {
	if !j.start() {
		return
	}
	f, b := j.present, j.present.Backup
	if b == nil && f.Exists && slices.Contains(j.req.Written[f.Path], f.SHA256) {
		j.fail(&Error{Cause: sshexec.CauseCommandFailed, Message: fmt.Sprintf("%s is what run %s wrote, and the backup of what was there is gone: left alone", f.Path, j.req.RunID),
			Hint: "install the wanted credential again instead"})
		return
	}
	if b == nil {
		j.note("has no backup of run %s: it wrote nothing here, or that was put back already", j.req.RunID)
		j.sweep()
		return
	}
	ours := f.Exists && slices.Contains(b.Wrote, f.SHA256)
	switch {
	case f.Exists == b.Existed && f.SHA256 == b.SHA256:
		j.note("is as it was before run %s", j.req.RunID)
	case !ours:
		j.fail(&Error{Cause: CauseChangedUnder, Message: fmt.Sprintf("%s is not what run %s wrote: left alone", f.Path, j.req.RunID),
			Hint: "somebody changed it since; the version before the run is " + f.Resolved + ".oreg-" + j.req.RunID})
		return
	case !b.Existed:
		j.order("unlink", strconv.Itoa(b.folders), f.SHA256)
		j.result.Status, j.result.SHA256, j.result.Mode = Removed, "", 0
		j.expect("")
	case digest(b.Content) != b.SHA256:
		j.fail(&Error{Cause: sshexec.CauseCommandFailed, Message: fmt.Sprintf("the backup of %s by run %s is gone or damaged: left alone", f.Path, j.req.RunID),
			Hint: "install the wanted credential again instead"})
		return
	default:
		owner := "-"
		if f.Foreign || b.UID != f.UID || b.GID != f.GID {
			owner = fmt.Sprintf("%d:%d", b.UID, b.GID)
		}
		j.order("restore", strconv.Itoa(len(b.Content)), b.SHA256, f.SHA256, owner, octal(b.Mode))
		j.result.Status, j.result.SHA256, j.result.Mode = Restored, b.SHA256, b.Mode
		j.result.UID, j.result.GID = b.UID, b.GID
		j.expect(b.SHA256)
	}
	j.order("rm", b.RunID)
	j.order("rm", b.RunID+".state")
	j.blocked()
	j.sweep()
}
