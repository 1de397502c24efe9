package nodefile

import (
	"context"
	"fmt"
	"path"

	"oreg/sshexec"
)

// Verify compares the files of one node with what they should be and changes
// nothing. judge says in what way a content is wrong, one line each, without a
// secret; it is not called for a file that is missing. To its lines come those
// about mode and owner: anything but 0600 and the user that the script runs as
// (root), and a .docker folder that others may enter.
//
// A file is Unchanged, Missing, Drift (see FileResult.Drifts) or Failed. It
// ends the process. Errors are as with [Apply].
func Verify(ctx context.Context, p *sshexec.Process, req Request, judge func(Present) []string) (Outcome, error) {
	req.Check = true
	return exchange(ctx, p, req, false, func(j *job) { j.verify(judge) })
}

func (j *job) verify(judge func(Present) []string) {
	if !j.start() {
		return
	}
	f := j.present
	if !f.Exists {
		j.result.Status = Missing
		return
	}
	drifts := judge(*f)
	if f.Mode != 0o600 {
		drifts = append(drifts, fmt.Sprintf("mode is %s, expected 0600", octal(f.Mode)))
	}
	if f.Foreign {
		drifts = append(drifts, fmt.Sprintf("owner is uid %d, expected the user that oreg works as (root): chown it, or let oreg keep it so", f.UID))
	}
	if folder := path.Dir(f.Resolved); f.dirty() {
		drifts = append(drifts, fmt.Sprintf("mode of %s is %s, expected 0700", folder, octal(f.FolderMode)))
	}
	if j.result.Drifts = drifts; len(drifts) > 0 {
		j.result.Status = Drift
	}
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
