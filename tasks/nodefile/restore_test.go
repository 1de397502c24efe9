package nodefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// node is one shell with the three operations.
type node struct {
	t    *testing.T
	path string
	argv []string
}

func (n node) apply(req nodefile.Request, plan nodefile.Plan) nodefile.Outcome {
	n.t.Helper()
	p, _ := start(n.t, n.path, n.argv...)
	outcome, err := nodefile.Apply(n.t.Context(), p, req, plan)
	require.NoError(n.t, err)
	return outcome
}

func (n node) restore(req nodefile.Request) nodefile.Outcome {
	n.t.Helper()
	p, _ := start(n.t, n.path, n.argv...)
	outcome, err := nodefile.Restore(n.t.Context(), p, req)
	require.NoError(n.t, err)
	return outcome
}

func (n node) read(req nodefile.Request) []nodefile.Present {
	n.t.Helper()
	p, _ := start(n.t, n.path, n.argv...)
	found, errs, err := nodefile.Read(n.t.Context(), p, req)
	require.NoError(n.t, err)
	require.NoError(n.t, errors.Join(errs...))
	return found
}

func eachNode(t *testing.T, test func(t *testing.T, n node)) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, node{t: t, path: tools(t, name), argv: argv})
		})
	}
}

// TestT6_Restore puts back byte for byte, with the mode, what the run replaced,
// takes away what it created, folders too, and leaves nothing of itself.
func TestT6_Restore(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		old := "{\n \"auths\": {},\n\n \"x\": 1e3 }\n\n"
		replaced := home(t, old)
		require.NoError(t, os.Chmod(replaced, 0o640))
		root := t.TempDir()
		created := filepath.Join(root, "data/.docker/config.json")
		tightened := home(t, "new")
		require.NoError(t, os.Chmod(tightened, 0o644))
		req := request(replaced, created, tightened)
		before := names(t, filepath.Dir(replaced))
		assert.True(t, n.apply(req, want("new")).Changed())

		found := n.read(req)
		require.NotNil(t, found[0].Backup)
		assert.Equal(t, old, string(found[0].Backup.Content))
		assert.Equal(t, fs.FileMode(0o640), found[0].Backup.Mode)
		assert.Equal(t, []string{run1}, found[0].Backups)
		require.NotNil(t, found[1].Backup)
		assert.False(t, found[1].Backup.Existed)
		assert.Nil(t, found[2].Backup)

		check := req
		check.Check = true
		untouched := tree(t, filepath.Dir(replaced))
		assert.Equal(t, nodefile.Restored, n.restore(check).Files[0].Status)
		assert.Equal(t, untouched, tree(t, filepath.Dir(replaced)))

		outcome := n.restore(req)
		for i, status := range []nodefile.Status{nodefile.Restored, nodefile.Removed, nodefile.Unchanged} {
			require.NoError(t, outcome.Files[i].Err)
			assert.Equal(t, status, outcome.Files[i].Status)
		}
		assert.Equal(t, old, read(t, replaced))
		assert.Equal(t, fs.FileMode(0o640), mode(t, replaced))
		assert.Equal(t, before, names(t, filepath.Dir(replaced)))
		assert.Empty(t, names(t, root))

		req.Written = map[string][]string{replaced: {found[0].SHA256}, created: {found[1].SHA256}}
		outcome = n.restore(req)
		assert.False(t, outcome.Changed(), "a second rollback finds nothing to do")
		require.NoError(t, outcome.Files[0].Err)
		assert.Contains(t, outcome.Files[0].Notes[0], "or that was put back already")
	})
}

// TestT6_RestoreWithoutItsBackup: a file that still is what the run wrote is not
// said to be put back.
func TestT6_RestoreWithoutItsBackup(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		path, gone := home(t, "old"), home(t, "old")
		req := request(path, gone)
		req.KeepBackups = 0
		written := n.apply(req, want("new")).Files[0].SHA256
		require.NoError(t, os.RemoveAll(filepath.Dir(gone))) // installed anew
		for _, f := range []string{path + ".oreg-" + run1, path + ".oreg-" + run1 + ".state"} {
			require.NoError(t, os.RemoveAll(f))
		}
		req.Written = map[string][]string{path: {"another", written}, gone: {written}}
		outcome := n.restore(req)
		require.ErrorContains(t, outcome.Files[0].Err, "is what run "+run1+" wrote, and the backup of what was there is gone")
		assert.Equal(t, "new", read(t, path))
		require.NoError(t, outcome.Files[1].Err)
		assert.NoFileExists(t, gone)
	})
}

// TestT6_RestoreLeavesOthersChanges: what changed since is skipped, also
// between the look and the write; another run's work is not this run's.
func TestT6_RestoreLeavesOthersChanges(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		edited, gone, foreign, damaged := home(t, "old"), home(t, "old"), home(t), home(t, "old")
		req := request(edited, gone, foreign, damaged)
		require.True(t, n.apply(req, want("new")).Changed())
		require.NoError(t, os.WriteFile(edited, []byte("theirs"), 0o600))
		require.NoError(t, os.Remove(gone))
		require.NoError(t, os.WriteFile(foreign, []byte("theirs"), 0o600))
		require.NoError(t, os.WriteFile(damaged+".oreg-"+run1, []byte("x"), 0o600))
		outcome := n.restore(req)
		for _, f := range outcome.Files[:3] {
			assert.Equal(t, nodefile.CauseChangedUnder, failure(t, f).Cause)
		}
		assert.Equal(t, sshexec.CauseCommandFailed, failure(t, outcome.Files[3]).Cause)
		assert.Equal(t, "theirs", read(t, edited))
		assert.NoFileExists(t, gone)
		assert.Equal(t, "theirs", read(t, foreign))
		assert.Equal(t, "new", read(t, damaged))

		req.RunID = run2
		for _, f := range n.restore(req).Files {
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Unchanged, f.Status)
		}

		// One would be put back, the other, which the run created, taken away.
		for path, old := range map[string]bool{home(t, "old"): true, home(t): false} {
			req = request(path)
			require.True(t, n.apply(req, want("new")).Changed())
			announced := 0
			req.Before = func(changes []nodefile.Change) error {
				announced += len(changes)
				return os.WriteFile(path, []byte("theirs"), 0o600)
			}
			assert.Equal(t, nodefile.CauseChangedUnder, failure(t, n.restore(req).Files[0]).Cause)
			assert.Equal(t, 1, announced)
			assert.Equal(t, "theirs", read(t, path))
			assert.FileExists(t, path+".oreg-"+run1+".state", "what would have been put back is not thrown away")
			if old {
				assert.Equal(t, "old", read(t, path+".oreg-"+run1))
			}
		}
	})
}

// TestT6_SameRunTwice: a run that was continued is undone by one rollback.
func TestT6_SameRunTwice(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		present, absent := home(t, "0"), home(t)
		req := request(present, absent)
		for _, content := range []string{"1", "2", "3"} {
			require.True(t, n.apply(req, want(content)).Changed())
		}
		outcome := n.restore(req)
		assert.Equal(t, nodefile.Restored, outcome.Files[0].Status)
		assert.Equal(t, "0", read(t, present))
		assert.Equal(t, nodefile.Removed, outcome.Files[1].Status)
		assert.NoFileExists(t, absent)
	})
}

// TestT6_BrokenState: what a run left that was killed before it replaced the
// file does not keep it from being undone after it went on.
func TestT6_BrokenState(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		for _, state := range []string{"", "oreg-state 1 pres", "oreg-state 1 present 0600 0 0 x 0\nwrote y\n", "something else\n"} {
			file := home(t, "old")
			require.NoError(t, os.WriteFile(file+".oreg-"+run1, []byte("half"), 0o600))
			require.NoError(t, os.WriteFile(file+".oreg-"+run1+".state", []byte(state), 0o600))
			require.NoError(t, n.apply(request(file), want("new")).Files[0].Err)
			f := n.restore(request(file)).Files[0]
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Restored, f.Status, state)
			assert.Equal(t, "old", read(t, file))
		}
	})
}

// TestN16_Findings: each way in which a file is open to others, and none where
// there is none. Nothing is changed.
func TestN16_Findings(t *testing.T) {
	eachNode(t, func(t *testing.T, n node) {
		good, missing, loose, open := home(t, "x"), home(t), home(t, "x"), home(t, "x")
		require.NoError(t, os.Chmod(loose, 0o644|fs.ModeSetuid))
		require.NoError(t, os.Chmod(filepath.Dir(open), 0o711))
		before := tree(t, filepath.Dir(loose))
		found := n.read(request(good, missing, loose, open))
		assert.Empty(t, found[0].Findings())
		assert.Empty(t, found[1].Findings())
		assert.Equal(t, []string{"mode is 4644, expected 0600"}, found[2].Findings())
		assert.Equal(t, []string{"mode of " + filepath.Dir(open) + " is 0711, expected 0700"}, found[3].Findings())
		assert.Equal(t, before, tree(t, filepath.Dir(loose)))
	})
}
