package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
)

// fileChange is what a file is to be.
type fileChange struct {
	content []byte
	notes   []string
}

// fileLossError is a file that would lose registries which nobody said may go.
type fileLossError struct {
	name  string
	hosts []string
}

func (e *fileLossError) Error() string {
	return fmt.Sprintf("%s would lose its login for %s; nothing was written", e.name, strings.Join(e.hosts, ", "))
}

// allowRemoval is the hint for what would go.
func allowRemoval(hosts []string) string {
	return "if they are to go, say so: --allow-remove " + strings.Join(hosts, " --allow-remove ")
}

// pullSecretFile is append, set and remove on a file.
func (a *app) pullSecretFile(ctx context.Context, f *pullSecretFlags, e pullSecretEdit) (*tasks.Report, error) {
	report, err := a.newReport("pull-secret " + e.verb)
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, "")
	if err != nil {
		return nil, err
	}
	present, err := readIfThere(a.absolute(f.to))
	if err != nil {
		return nil, err
	}
	had, err := fileEntries(f.to, present)
	if err != nil && e.verb != "set" && !f.repair {
		return nil, err
	}
	if _, err := e.inFile(f, present); err != nil {
		return nil, err
	}
	cluster := &inventory.Cluster{}
	if len(a.inventories) > 0 { // for --from and the proxies
		if cluster, err = a.readCluster(ctx, false); err != nil {
			return nil, err
		}
	}
	if report, err = a.tryEntries(ctx, report, cluster, e, had); err != nil {
		return report, err
	}
	row, err := a.replaceFile(f.to, fileWrite{
		change: func(present []byte) (fileChange, error) { return e.inFile(f, present) },
		before: func(path string) error { return objects.Before(tasks.KindFile, "", path) },
		backup: f.repair, run: report.Run,
	})
	if err != nil {
		return nil, err
	}
	recorded := row
	recorded.Name = a.absolute(f.to)
	a.record(objects, recorded)
	report.Secrets = append(report.Secrets, row)
	return a.ended(ctx, report, nil)
}

// fileEntries are the logins of a file, which need not exist.
func fileEntries(name string, content []byte) ([]dockerconfig.Found, error) {
	if content == nil {
		return nil, nil
	}
	found, err := dockerconfig.Entries(content, dockerconfig.NodeFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return found, nil
}

// inFile is what append, set or remove make of a file.
func (e pullSecretEdit) inFile(f *pullSecretFlags, present []byte) (fileChange, error) {
	name := f.to
	options := dockerconfig.Options{Form: dockerconfig.NodeFile, Repair: f.repair}
	var result dockerconfig.Result
	var err error
	switch {
	case e.verb == "append":
		result, err = dockerconfig.Merge(present, e.entries, options)
	case e.verb == "set":
		return e.fileSet(name, present)
	case present == nil:
		return fileChange{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	default:
		result, err = dockerconfig.Remove(present, e.hosts, options)
	}
	if err != nil {
		return fileChange{}, fmt.Errorf("%s: %w", name, err)
	}
	change := fileChange{content: result.Content, notes: dockerconfig.Diff(present, result.Content, dockerconfig.NodeFile)}
	for _, n := range result.Notes {
		change.notes = append(change.notes, n.String())
	}
	return change, nil
}

// fileSet replaces a file's content, written compact.
func (e pullSecretEdit) fileSet(name string, present []byte) (fileChange, error) {
	// What cannot be read is replaced: that is what one comes here for.
	had, _ := fileEntries(name, present)
	var lost []string
	for _, host := range e.lost(had) {
		allowed := false
		for _, h := range e.hosts {
			allowed = allowed || dockerconfig.SameRegistry(h, host)
		}
		if !allowed {
			lost = append(lost, dockerconfig.Shown(host))
		}
	}
	if len(lost) > 0 {
		return fileChange{}, &fileLossError{name, lost}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, e.file.Data); err != nil {
		return fileChange{}, fmt.Errorf("%s: %w", name, err)
	}
	return fileChange{content: compact.Bytes(), notes: dockerconfig.Diff(present, compact.Bytes(), dockerconfig.NodeFile)}, nil
}

// fileWrite is how a file is to be replaced.
type fileWrite struct {
	change func(present []byte) (fileChange, error)
	// before is told of a file that is about to be written, by its absolute
	// name; nil does nothing.
	before func(path string) error
	// backup keeps what was there as NAME.oreg-RUN.
	backup bool
	run    string
}

// replaceFile puts a file's new content in its place, as a whole and readable
// by its owner alone. Two oregs that work on one file take turns: the folder is
// locked, as the file itself is replaced. A symbolic link is followed.
func (a *app) replaceFile(name string, w fileWrite) (row tasks.SecretReport, err error) {
	row = tasks.SecretReport{Kind: tasks.KindFile, Name: name, Status: tasks.StatusUnchanged}
	path := a.absolute(name)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	if !a.check {
		folder, err := os.Open(filepath.Dir(path))
		if err != nil {
			return row, err
		}
		defer func() { _ = folder.Close() }() // which unlocks it
		if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
			return row, fmt.Errorf("lock the folder of %s: %w", name, err)
		}
	}
	present, err := readIfThere(path)
	if err != nil {
		return row, err
	}
	next, err := w.change(present)
	if err != nil {
		return row, err
	}
	row.Notes = next.notes
	switch {
	case present == nil:
		row.Status = tasks.StatusCreated
	case !bytes.Equal(present, next.content):
		row.Status = tasks.StatusUpdated
	default:
		return row, nil
	}
	if a.check {
		return row, nil
	}
	if w.before != nil {
		if err := w.before(a.absolute(name)); err != nil {
			return row, err
		}
	}
	if w.backup && present != nil {
		kept := path + ".oreg-" + w.run
		if err := writeWhole(kept, present); err != nil {
			return row, fmt.Errorf("keep what %s holds: %w", name, err)
		}
		row.Notes = append(row.Notes, "what was there is kept in "+kept)
	}
	return row, writeWhole(path, next.content)
}

// readIfThere returns nil for a file that does not exist. A pipe or device is
// refused: the rename would put a file in the place of /dev/stdout itself.
func readIfThere(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &configError{message: path + " is no regular file, so that it cannot be replaced as a whole",
			hint: "name a file with --to; 'oreg pull-secret get --raw' without --to writes to a pipe"}
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && content == nil {
		content = []byte{}
	}
	return content, err
}

// writeWhole replaces a file by rename, so that it is the old one or the new
// one whenever the power goes. The temporary is made 0600.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".oreg-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one that matters
	}
	return err
}
