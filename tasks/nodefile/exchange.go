package nodefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"oreg/sshexec"
)

// exchange does one exchange; decide turns what was found into orders.
func exchange(ctx context.Context, p *sshexec.Process, req Request, backup bool, decide func(*job)) (Outcome, error) {
	req, err := req.prepare()
	if err != nil {
		p.Kill()
		return Outcome{}, err
	}
	op := opWrite
	if req.Check {
		op = opRead
	}
	s, err := newSession(ctx, p, req, op, backup)
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
			decide(jobs[i])
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
	if f.folderInPlace && j.req.Repair {
		f.err = nil
	}
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

// blocked lets a dry run foresee that the node would refuse.
func (j *job) blocked() {
	f := j.present
	if j.req.Check && j.pending && !f.writable {
		j.fail(&Error{Cause: CausePermissionDenied, Message: "no permission to write in the folder of " + f.Path + ", or it is mounted read-only",
			Hint: "use --become, or log in as root"})
	}
}

// expect says that the script owes an answer, after which the file has the
// digest sum.
func (j *job) expect(sum string) {
	f := j.present
	j.pending = true
	j.change = &Change{Path: f.Path, Resolved: f.Resolved, Old: f.SHA256, New: sum, Mode: f.Mode, UID: f.UID, GID: f.GID}
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
	s.done()
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
