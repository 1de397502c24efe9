package nodefile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
)

// Plan computes what a file should hold from what it holds. nil content leaves
// the file as it is. An error leaves it alone and becomes the file's error: an
// [*Error] as it is, dockerconfig's MalformedError as broken-config. It is
// called once per file, in the request's order.
type Plan func(Present) (content []byte, err error)

// prepare checks a request and fills in the defaults.
func (r Request) prepare() (Request, error) {
	if len(r.Paths) == 0 || len(r.Paths) > MaxPaths {
		return r, fmt.Errorf("%d paths for one node: expected 1 to %d", len(r.Paths), MaxPaths)
	}
	for _, p := range r.Paths {
		if !path.IsAbs(p) || strings.HasSuffix(p, "/") || len(p) > 4096 || strings.ContainsFunc(p, unicode.IsControl) {
			return r, fmt.Errorf("%q is not an absolute path of a file", p)
		}
	}
	if !runID.MatchString(r.RunID) {
		return r, fmt.Errorf("%q is not a run id: expected letters, digits and dashes", r.RunID)
	}
	r.LockWait = cmp.Or(r.LockWait, DefaultLockWait)
	r.Silence = cmp.Or(r.Silence, DefaultSilence)
	r.Grace = cmp.Or(r.Grace, DefaultGrace)
	r.marker = cmp.Or(r.marker, ManagedMarker)
	return r, nil
}

// Read reports what stands on the node and changes nothing. Files that cannot
// be read have an error in the second value, at the same index. The backups of
// the request's run are read as well.
//
// It ends the process. The error is about the whole node: an [*Error], an
// [*sshexec.Error], or what ended the context.
func Read(ctx context.Context, p *sshexec.Process, req Request) ([]Present, []error, error) {
	req, err := req.prepare()
	if err != nil {
		p.Kill()
		return nil, nil, err
	}
	s, err := newSession(ctx, p, req, opRead, true)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.survey()
	if err != nil {
		return nil, nil, err
	}
	s.close()
	errs := make([]error, len(found))
	for i := range found {
		if j := found[i].samePlace; j >= 0 {
			at, p := found[j], found[i].Path
			found[i] = at
			found[i].Path, found[i].samePlace = p, j
			errs[i] = errs[j]
			continue
		}
		errs[i] = found[i].err
	}
	return found, errs, nil
}

// Apply brings the files of one node to what plan wants. It ends the process.
//
// The error is about the whole node: an [*Error], an [*sshexec.Error], or what
// ended the context; the Outcome then holds what is known, with Unknown set
// where it is not. What went wrong with single files is in the Outcome alone.
func Apply(ctx context.Context, p *sshexec.Process, req Request, plan Plan) (Outcome, error) {
	req, err := req.prepare()
	if err != nil {
		p.Kill()
		return Outcome{}, err
	}
	op := opWrite
	if req.Check {
		op = opRead
	}
	s, err := newSession(ctx, p, req, op, false)
	if err != nil {
		return Outcome{}, err
	}
	found, err := s.survey()
	if err != nil {
		return Outcome{}, err
	}
	jobs := make([]*job, len(found))
	for i := range found {
		jobs[i] = &job{index: i, present: &found[i], req: &req}
		if found[i].samePlace < 0 {
			jobs[i].decide(plan)
		}
	}
	return s.run(jobs)
}

// job is what is to be done to one file.
type job struct {
	index   int
	present *Present
	req     *Request
	result  FileResult
	content []byte
	// orders are the lines for the script, payload what follows the first.
	orders  []string
	payload []byte
	change  *Change
	// pending is whether the script owes an answer for the file itself.
	pending bool
}

// order adds a line for the script.
func (j *job) order(verb string, args ...string) {
	j.orders = append(j.orders, strings.Join(append([]string{verb, strconv.Itoa(j.index + 1)}, args...), " "))
}

func (j *job) note(format string, args ...any) {
	j.result.Notes = append(j.result.Notes, fmt.Sprintf(format, args...))
}

// start fills in the result from what was found and says whether the file can
// be worked on.
func (j *job) start() bool {
	f := j.present
	j.result = FileResult{Path: f.Path, Resolved: f.Resolved, Status: Unchanged,
		SHA256: f.SHA256, Mode: f.Mode, UID: f.UID, GID: f.GID}
	if f.err != nil {
		j.fail(f.err)
		return false
	}
	if f.Resolved != f.Path {
		j.note("is a symbolic link to %s, which is followed", f.Resolved)
	}
	return true
}

func (j *job) fail(err error) {
	j.result.Status, j.result.Err = Failed, err
	j.orders, j.payload, j.change, j.pending = nil, nil, nil, false
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
	if j.req.Check && j.result.Status != Unchanged && j.result.Status != Missing && !f.writable {
		j.fail(&Error{Cause: CausePermissionDenied, Message: "no permission to write in the folder of " + f.Path + ", or it is mounted read-only",
			Hint: "use --become, or log in as root"})
		return
	}
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
	folder := path.Dir(f.Resolved)
	if f.FolderExists && path.Base(folder) == ".docker" && f.FolderMode&0o077 != 0 {
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
	}
	if b := f.Backup; b != nil && (!b.Existed || slices.Contains(f.suffixes, b.RunID)) {
		keep = "again"
		if f.SHA256 != b.SHA256 && !slices.Contains(b.Wrote, f.SHA256) {
			j.note("was changed by somebody else since this run first wrote it")
		}
	}
	j.content = want
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
	j.pending = true
	j.change = &Change{Path: f.Path, Resolved: f.Resolved, Old: f.SHA256, New: sum, Mode: f.Mode, UID: f.UID, GID: f.GID}
}

// sweep orders the removal of temporaries of dead runs and of backups that
// are too many.
func (j *job) sweep() {
	if j.req.Check {
		return
	}
	f := j.present
	for _, suffix := range f.suffixes {
		if id, ok := strings.CutSuffix(suffix, ".tmp"); ok && runID.MatchString(id) {
			j.order("rm", suffix)
		}
	}
	wrote := j.change != nil
	if !wrote && !j.req.PurgeBackups {
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
	if j.req.PurgeBackups {
		room = 0
	}
	room = min(max(room, 0), len(old))
	for _, id := range old[:len(old)-room] {
		j.order("rm", id)
		j.order("rm", id+".state")
	}
}

// run sends the orders and reads what became of them.
func (s *session) run(jobs []*job) (Outcome, error) {
	if s.req.Check {
		s.close()
		return outcome(jobs), nil
	}
	var send bytes.Buffer
	var changes []Change
	for _, j := range jobs {
		if j.change != nil {
			changes = append(changes, *j.change)
		}
		for _, order := range j.orders {
			send.WriteString(order + "\n")
			if strings.HasPrefix(order, "put ") {
				send.Write(j.payload)
			}
		}
	}
	if send.Len() == 0 {
		s.close()
		return outcome(jobs), nil
	}
	if s.req.Before != nil && len(changes) > 0 {
		if err := s.req.Before(changes); err != nil {
			s.p.Kill()
			s.close()
			return undone(jobs, err), err
		}
	}
	if !s.commit() {
		err := s.broken(context.Cause(s.ctx))
		return undone(jobs, err), err
	}
	send.WriteString("go\n")
	s.idle.Reset(s.req.Silence)
	// A failed write shows in the answer that does not come, with a better
	// reason.
	_, sendErr := io.Copy(s.p.Stdin, &send)
	if err := s.answers(jobs); err != nil {
		err = s.broken(errors.Join(err, sendErr))
		for _, j := range jobs {
			if j.pending {
				j.result.Status, j.result.Err, j.result.Unknown = Failed, err, true
			}
		}
		return outcome(jobs), err
	}
	s.close()
	return outcome(jobs), nil
}

// undone marks everything that was to be done as failed.
func undone(jobs []*job, err error) Outcome {
	for _, j := range jobs {
		if len(j.orders) > 0 && j.result.Status != Unchanged {
			j.fail(err)
			j.result.SHA256, j.result.Mode, j.result.UID, j.result.GID = j.present.SHA256, j.present.Mode, j.present.UID, j.present.GID
		}
	}
	return outcome(jobs)
}

// answers reads the second half of the script's answer.
func (s *session) answers(jobs []*job) error {
	for {
		verb, rest, err := s.next()
		if err != nil {
			return err
		}
		if verb == "done" {
			break
		}
		fields := strings.SplitN(rest, " ", 3)
		i, err := strconv.Atoi(fields[0])
		if err != nil || i < 1 || i > len(jobs) || !jobs[i-1].pending {
			return &protocolError{"no such file: " + said(rest)}
		}
		j := jobs[i-1]
		fields = append(fields, "", "")
		switch verb {
		case "ok":
			if fields[1] == "inplace" {
				j.note("is a mount point: written in place, after a backup")
			}
		case "err":
			j.result.Status, j.result.Err = Failed, stepError(j.present.Path, fields[1], fields[2])
			j.result.SHA256, j.result.Mode, j.result.Backup = j.present.SHA256, j.present.Mode, ""
		default:
			return &protocolError{"an unknown word: " + said(verb)}
		}
	}
	for _, j := range jobs {
		j.pending = false
	}
	return nil
}

// outcome collects the results; a path that is the same file as an earlier one
// has that one's.
func outcome(jobs []*job) Outcome {
	var o Outcome
	for _, j := range jobs {
		if at := j.present.samePlace; at >= 0 {
			same := o.Files[at]
			j.result = same
			j.result.Path = j.present.Path
			j.result.Notes = append(slices.Clone(same.Notes), "is the same file as "+same.Path)
		}
		o.Files = append(o.Files, j.result)
	}
	return o
}
