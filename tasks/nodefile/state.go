package nodefile

import (
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// The state beside a backup is lines of text:
//
//	oreg-state 1 present 0644 0 0 SHA256 0
//	wrote SHA256
//
// that is: what was there (or "absent - - - -"), with mode, uid, gid and digest,
// how many folders were created, and what the run wrote; a run that writes a
// second time adds a line. A line cut off by a crash is no line: the file had
// not been replaced then.

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// state is the first line for a file as it was found.
func (f *Present) state() string {
	if !f.Exists {
		return fmt.Sprintf("oreg-state 1 absent - - - - %d", f.missing)
	}
	return fmt.Sprintf("oreg-state 1 present %s %d %d %s 0", octal(f.Mode), f.UID, f.GID, f.SHA256)
}

// parseState reads a state; nil if there is none or it is incomplete.
func parseState(run string, lines []string) *Backup {
	if len(lines) < 2 {
		return nil
	}
	fields := strings.Fields(lines[0])
	if len(fields) != 8 || fields[0] != "oreg-state" || fields[1] != "1" {
		return nil
	}
	b := &Backup{RunID: run}
	var err error
	switch fields[2] {
	case "absent":
	case "present":
		b.Existed = true
		mode, err1 := strconv.ParseUint(fields[3], 8, 12)
		uid, err2 := strconv.Atoi(fields[4])
		gid, err3 := strconv.Atoi(fields[5])
		if err1 != nil || err2 != nil || err3 != nil || uid < 0 || gid < 0 || !sha256Hex.MatchString(fields[6]) {
			return nil
		}
		b.Mode, b.UID, b.GID, b.SHA256 = fromOctal(mode), uid, gid, fields[6]
	default:
		return nil
	}
	if b.folders, err = strconv.Atoi(fields[7]); err != nil || b.folders < 0 {
		return nil
	}
	for _, line := range lines[1:] {
		if sum, ok := strings.CutPrefix(line, "wrote "); ok && sha256Hex.MatchString(sum) {
			b.Wrote = append(b.Wrote, sum)
		}
	}
	if len(b.Wrote) == 0 {
		return nil
	}
	return b
}

// octal is a mode as chmod takes it.
func octal(mode fs.FileMode) string {
	bits := uint32(mode.Perm())
	for i, special := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if mode&special != 0 {
			bits |= 0o1000 << i
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// fromOctal is the reverse of octal.
func fromOctal(bits uint64) fs.FileMode {
	mode := fs.FileMode(bits) & fs.ModePerm
	for i, special := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if bits&(0o1000<<i) != 0 {
			mode |= special
		}
	}
	return mode
}
