package nodefile

import (
	"context"
	"fmt"
	"path"

	"oreg/sshexec"
)

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

// Findings says in what way a file that is there is open to others than the
// user that the script runs as (root), one line each: anything but mode 0600,
// another owner, a .docker folder that others may enter.
func (f Present) Findings() []string {
	if !f.Exists {
		return nil
	}
	var found []string
	if f.Mode != 0o600 {
		found = append(found, fmt.Sprintf("mode is %s, expected 0600", octal(f.Mode)))
	}
	if f.Foreign {
		found = append(found, fmt.Sprintf("owner is uid %d, who can read it, expected the user that oreg works as (root): chown it", f.UID))
	}
	if f.dirty() {
		found = append(found, fmt.Sprintf("mode of %s is %s, expected 0700", path.Dir(f.Resolved), octal(f.FolderMode)))
	}
	return found
}
