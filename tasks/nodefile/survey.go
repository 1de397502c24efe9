package nodefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
)

// runID is a backup's suffix; the dot is what tells states and temporaries
// apart.
var runID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,63}$`)

// survey reads the first half of the answer: what stands on the node. The
// error is about the whole node.
func (s *session) survey() ([]Present, error) {
	greeting, err := s.hello()
	if err != nil {
		return nil, s.broken(err)
	}
	if greeting == "nohash" {
		s.close()
		return nil, &Error{Cause: sshexec.CauseCommandFailed, Message: "the node has neither sha256sum nor shasum: what is written could not be verified",
			Hint: "install coreutils, or put busybox's sha256sum into the path"}
	}
	if greeting != "hello 1" {
		return nil, s.broken(&protocolError{"another script answered"})
	}
	found := make([]Present, len(s.req.Paths))
	kinds := make([]string, len(found))
	states := make([][]string, len(found))
	var listing []string
	listed := 0
	for {
		text, ours, err := s.line()
		if err != nil {
			return nil, s.broken(err)
		}
		if !ours {
			if len(listing) == listed {
				return nil, s.broken(&protocolError{"a line that is not the script's"})
			}
			listing = append(listing, text)
			continue
		}
		verb, rest, _ := strings.Cut(text, " ")
		if verb == "ready" {
			break
		}
		if verb == "managed" {
			s.close()
			return nil, &Error{Cause: CauseManaged, Message: "the machine-config operator manages this node (" + s.req.marker + "): a file written by hand would make it degraded",
				Hint: "use oreg pull-secret, or --platform 4"}
		}
		if verb == "ls" {
			listed, err = strconv.Atoi(rest)
			if err != nil || listed < 0 || listed > 2*len(found) {
				return nil, s.broken(&protocolError{"ls " + rest})
			}
			continue
		}
		number, rest, _ := strings.Cut(rest, " ")
		i, err := strconv.Atoi(number)
		if err != nil || i < 1 || i > len(found) {
			return nil, s.broken(&protocolError{"no such file: " + said(text)})
		}
		i--
		switch verb {
		case "file":
			found[i].Path = s.req.Paths[i]
			kinds[i], err = found[i].place(rest, i)
		case "data":
			found[i].Content, err = s.content(&found[i])
		case "bak":
			if found[i].Backup == nil {
				found[i].Backup = &Backup{RunID: s.req.RunID}
			}
			found[i].Backup.Content, err = s.content(&found[i])
		case "beside":
			found[i].suffixes = append(found[i].suffixes, rest)
		case "state":
			states[i] = append(states[i], rest)
		default:
			err = &protocolError{"an unknown word: " + said(verb)}
		}
		if err != nil {
			return nil, s.broken(err)
		}
	}
	if i := slices.Index(kinds, ""); i >= 0 {
		return nil, s.broken(&protocolError{"no answer for " + s.req.Paths[i]})
	}
	if err := list(found, kinds, listing); err != nil {
		return nil, s.broken(err)
	}
	for i := range found {
		found[i].finish(kinds[i], s.req.RunID, states[i])
	}
	return found, nil
}

// place reads the rest of a "file" line: kind, folders missing, writable, own,
// folder a link, resolved path.
func (f *Present) place(text string, index int) (kind string, err error) {
	fields := strings.SplitN(text, " ", 6)
	if len(fields) != 6 || !strings.HasPrefix(fields[5], "/") {
		return "", &protocolError{"a broken file line"}
	}
	kind = fields[0]
	f.samePlace = -1
	if number, ok := strings.CutPrefix(kind, "same"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > index {
			return "", &protocolError{"a broken file line"}
		}
		f.samePlace = n - 1
		kind = "same"
	}
	if f.missing, err = strconv.Atoi(fields[1]); err != nil || f.missing < 0 {
		return "", &protocolError{"a broken file line"}
	}
	f.writable = fields[2] == "1"
	f.Foreign = fields[3] == "0"
	f.linked = fields[4] == "1"
	f.Resolved = fields[5]
	return kind, nil
}

// content reads one file's bytes.
func (s *session) content(f *Present) ([]byte, error) {
	content, status, err := s.blob()
	if err != nil {
		return nil, err
	}
	if status != "0" && f.err == nil {
		f.err = &Error{Cause: sshexec.CauseCommandFailed, Message: "cannot read " + f.Path, Hint: "look at the node's disk"}
	}
	return content, nil
}

// list takes modes and owners from ls, whose lines are in the order of the
// names; the names themselves are not looked at, as they may be mangled.
func list(found []Present, kinds, listing []string) error {
	type target struct {
		name   string
		file   int
		folder bool
	}
	var targets []target
	for i, f := range found {
		folder := f.Resolved[:strings.LastIndexByte(f.Resolved, '/')]
		if folder == "" {
			folder = "/"
		}
		folder += "/." // of a link, the folder behind it
		switch kinds[i] {
		case "file":
			targets = append(targets, target{folder, i, true}, target{f.Resolved, i, false})
		case "absent":
			if f.missing == 0 {
				targets = append(targets, target{folder, i, true})
			}
		}
	}
	if len(targets) != len(listing) {
		return &protocolError{fmt.Sprintf("ls shows %d of %d", len(listing), len(targets))}
	}
	slices.SortStableFunc(targets, func(a, b target) int { return strings.Compare(a.name, b.name) })
	for n, t := range targets {
		mode, links, uid, gid, err := parseListing(listing[n])
		if err != nil {
			return err
		}
		f := &found[t.file]
		if t.folder {
			f.FolderExists, f.FolderMode = true, mode
			continue
		}
		f.Mode, f.Links, f.UID, f.GID = mode, links, uid, gid
	}
	return nil
}

// parseListing reads the start of a line of ls -ldn: mode, links, owner, group.
func parseListing(line string) (mode fs.FileMode, links, uid, gid int, err error) {
	fields := strings.Fields(line)
	broken := &protocolError{"a line of ls that POSIX does not know"}
	if len(fields) < 4 || len(fields[0]) < 10 {
		return 0, 0, 0, 0, broken
	}
	for i, c := range []byte(fields[0][1:10]) {
		bit := fs.FileMode(1) << (8 - i)
		special := []fs.FileMode{2: fs.ModeSetuid, 5: fs.ModeSetgid, 8: fs.ModeSticky}
		switch {
		case c == '-':
		case c == "rwxrwxrwx"[i]:
			mode |= bit
		case i%3 == 2 && (c == 's' || c == 't'):
			mode |= bit | special[i]
		case i%3 == 2 && (c == 'S' || c == 'T'):
			mode |= special[i]
		default:
			return 0, 0, 0, 0, broken
		}
	}
	numbers := make([]int, 3)
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(fields[i+1]); err != nil || numbers[i] < 0 {
			return 0, 0, 0, 0, broken
		}
	}
	return mode, numbers[0], numbers[1], numbers[2], nil
}

// finish turns a kind into facts or an error.
func (f *Present) finish(kind, run string, state []string) {
	fail := func(cause sshexec.Cause, message, hint string) {
		f.err = &Error{Cause: cause, Message: message, Hint: hint}
	}
	switch kind {
	case "absent":
	case "file":
		f.Exists = true
		if f.Content == nil {
			f.Content = []byte{}
		}
		f.SHA256 = digest(f.Content)
		if len(f.Content) > dockerconfig.MaxSize {
			fail(CauseBrokenConfig, fmt.Sprintf("%s is larger than %d bytes", f.Path, dockerconfig.MaxSize), "a config.json is never that large: look at it")
		}
	case "dir":
		f.folderInPlace = true
		fail(CauseNotAFile, f.Path+" is a folder", "remove it: docker makes one when it mounts a file that is not there (--repair removes an empty one)")
	case "other":
		fail(CauseNotAFile, f.Path+" is neither a file nor a folder", "remove it")
	case "notdir":
		fail(CauseNotAFile, "something that is no folder stands above "+f.Path, "remove it")
	case "loop":
		fail(CauseNotAFile, "the symbolic links of "+f.Path+" lead nowhere", "remove them")
	case "denied":
		fail(CausePermissionDenied, "no permission to read "+f.Path, "use --become, or log in as root")
	case "locked":
		f.err = lockedError(f.Path)
	case "same":
	default:
		fail(sshexec.CauseCommandFailed, "the node's answer about "+f.Path+" makes no sense", "")
	}
	f.sortBackups()
	if b := parseState(run, state); b != nil {
		if f.Backup != nil {
			b.Content = f.Backup.Content
		}
		f.Backup = b
	} else {
		f.Backup = nil
	}
}

// sortBackups finds the runs among what stands beside the file.
func (f *Present) sortBackups() {
	for _, suffix := range f.suffixes {
		id := strings.TrimSuffix(suffix, ".state")
		if runID.MatchString(id) && !slices.Contains(f.Backups, id) {
			f.Backups = append(f.Backups, id)
		}
	}
	slices.Sort(f.Backups)
}

// digest is the SHA-256 in hex.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
