package nodefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
)

// Plan computes what a file should hold from what it holds. nil content leaves
// the file as it is. An error leaves it alone and becomes the file's error: an
// [*Error] as it is, dockerconfig's MalformedError as broken-config. It is
// called once per file, in the request's order.
type Plan func(Present) (content []byte, err error)

// Apply brings the files of one node to what plan wants. It ends the process.
//
// The error is about the whole node: an [*Error], an [*sshexec.Error], or what
// ended the context; the Outcome then holds what is known, with Unknown set
// where it is not. What went wrong with single files is in the Outcome alone.
func Apply(ctx context.Context, p *sshexec.Process, req Request, plan Plan) (Outcome, error) {
	return exchange(ctx, p, req, false, func(j *job) { j.decide(plan) })
}

// decide asks the plan and turns the answer into orders.
func (j *job) decide(plan Plan) {
	if !j.start() {
		return
	}
	f := j.present
	want, err := plan(*f)
	if err != nil {
		j.fail(planError(f.Path, err))
		return
	}
	switch {
	case want == nil && !f.Exists:
		j.result.Status = Missing
	case want == nil || (f.Exists && bytes.Equal(want, f.Content)):
		j.tighten()
	case len(want) == 0 || len(want) > dockerconfig.MaxSize:
		j.fail(&Error{Cause: CauseBrokenConfig, Message: fmt.Sprintf("%d bytes are no content for %s", len(want), f.Path)})
		return
	default:
		j.put(want)
	}
	j.blocked()
	j.sweep()
}

// planError is a plan's error as the file's.
func planError(path string, err error) error {
	var own *Error
	var malformed *dockerconfig.MalformedError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &malformed):
		return &Error{Cause: CauseBrokenConfig, Err: err, Message: path + ": " + err.Error(),
			Hint: "mend it by hand, or use --repair to replace what is broken (a backup is kept)"}
	}
	return &Error{Cause: sshexec.CauseCommandFailed, Err: err, Message: path + ": " + err.Error()}
}

// tighten repairs mode and folder of a file whose content is right.
func (j *job) tighten() {
	f := j.present
	if f.Exists && f.Mode != 0o600 {
		j.order("chmod")
		j.note("mode was %s, is 0600", octal(f.Mode))
		j.result.Status, j.result.Mode = Updated, 0o600
		j.pending = true
	}
	j.folder()
	j.owner()
}

// folder tightens the folder if it is named .docker.
func (j *job) folder() {
	f := j.present
	if folder := path.Dir(f.Resolved); f.dirty() {
		j.order("tighten")
		j.note("mode of %s was %s, is 0700", folder, octal(f.FolderMode))
		j.pending = true
		if j.result.Status == Unchanged {
			j.result.Status = Updated
		}
	}
}

// owner notes what is not changed.
func (j *job) owner() {
	if f := j.present; f.Exists && f.Foreign {
		j.note("owner uid %d is kept and can read it", f.UID)
	}
}

// put orders new content.
func (j *job) put(want []byte) {
	f := j.present
	expect, owner, keep := "absent", "-", "none"
	j.result.Status = Created
	if f.Exists {
		expect, keep = f.SHA256, "new"
		j.result.Status = Updated
		if f.Foreign {
			owner = fmt.Sprintf("%d:%d", f.UID, f.GID)
		}
		if f.Mode != 0o600 {
			j.note("mode was %s, is 0600", octal(f.Mode))
		}
		if f.Links > 1 {
			j.note("has %d more hard links, which keep the previous content", f.Links-1)
		}
		j.owner()
	} else {
		j.result.UID, j.result.GID = -1, -1
		if f.folderInPlace {
			expect = "folder"
			j.note("an empty folder stood in its place and is removed")
		}
	}
	if b := f.Backup; b != nil && (!b.Existed || slices.Contains(f.suffixes, b.RunID)) {
		keep = "again"
		if f.SHA256 != b.SHA256 && !slices.Contains(b.Wrote, f.SHA256) {
			j.note("was changed by somebody else since this run first wrote it")
		}
	}
	sum := digest(want)
	j.result.SHA256, j.result.Mode = sum, 0o600
	state := "-"
	if keep != "again" {
		state = f.state()
	}
	if f.Exists && j.req.KeepBackups > 0 {
		j.result.Backup = f.Resolved + ".oreg-" + j.req.RunID
	}
	j.folder()
	j.order("put", strconv.Itoa(len(want)), sum, expect, owner, keep, state)
	j.payload = want
	j.expect(sum)
}

// sweep orders the removal of temporaries of dead runs and of backups that
// are too many.
func (j *job) sweep() {
	if j.req.Check || j.result.Status == Failed {
		return
	}
	f := j.present
	for _, suffix := range f.suffixes {
		if id, ok := strings.CutSuffix(suffix, ".tmp"); ok && runID.MatchString(id) {
			j.order("rm", suffix)
		}
	}
	wrote := j.payload != nil
	purge := j.req.Purge != nil && j.req.Purge(*f)
	if !wrote && !purge {
		return
	}
	old := slices.DeleteFunc(slices.Clone(f.Backups), func(id string) bool { return wrote && id == j.req.RunID })
	room := j.req.KeepBackups
	if wrote {
		room--
		if room < 0 {
			old = append(old, j.req.RunID)
		}
	}
	if purge {
		room = 0
	}
	room = min(max(room, 0), len(old))
	for _, id := range old[:len(old)-room] {
		j.order("rm", id)
		j.order("rm", id+".state")
	}
}
