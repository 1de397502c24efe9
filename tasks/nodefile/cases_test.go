package nodefile_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/sshexec"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/nodefile"
)

type applyFunc = func(nodefile.Request, nodefile.Plan) nodefile.Outcome

// tree is everything below a folder, for "nothing was touched".
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("no inode")
		}
		text := info.Mode().String() + " " + strconv.FormatUint(stat.Ino, 10) + " " + info.ModTime().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		}
		all[path] = text
		return nil
	}))
	return all
}

// home is a folder .docker with mode 0700 and, if content is given, config.json
// with mode 0600 in it.
func home(t *testing.T, content ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".docker")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "config.json")
	for _, c := range content {
		require.NoError(t, os.WriteFile(path, []byte(c), 0o600))
	}
	return path
}

func request(paths ...string) nodefile.Request {
	return nodefile.Request{Paths: paths, RunID: run1, KeepBackups: 1}
}

func failure(t *testing.T, f nodefile.FileResult) *nodefile.Error {
	t.Helper()
	assert.Equal(t, nodefile.Failed, f.Status)
	var failed *nodefile.Error
	require.ErrorAs(t, f.Err, &failed)
	return failed
}

// TestN13_Symlinks: a link is followed, not replaced; two paths that are one
// file are written once.
func TestN13_Symlinks(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		target := home(t, "old")
		link := filepath.Join(t.TempDir(), "config.json")
		relative, err := filepath.Rel(filepath.Dir(link), target)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(relative, link))
		folder := filepath.Join(t.TempDir(), "linked")
		require.NoError(t, os.Symlink(filepath.Dir(target), folder))
		outcome := apply(request(target, link, filepath.Join(folder, "config.json")), want("new"))
		for _, f := range outcome.Files {
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Updated, f.Status)
		}
		assert.Contains(t, outcome.Files[1].Notes, "is the same file as "+target)
		assert.Contains(t, outcome.Files[2].Notes, "is the same file as "+target)
		assert.Equal(t, "new", read(t, target))
		info, err := os.Lstat(link)
		require.NoError(t, err)
		assert.Equal(t, fs.ModeSymlink, info.Mode().Type())

		dangling := filepath.Join(t.TempDir(), "config.json")
		to := filepath.Join(t.TempDir(), "real", ".docker", "config.json")
		require.NoError(t, os.Symlink(to, dangling))
		outcome = apply(request(dangling), want("new"))
		require.NoError(t, outcome.Files[0].Err)
		assert.Equal(t, nodefile.Created, outcome.Files[0].Status)
		assert.Equal(t, "new", read(t, to))

		shared := filepath.Join(t.TempDir(), "shared")
		require.NoError(t, os.Mkdir(shared, 0o755))
		dotted := filepath.Join(t.TempDir(), ".docker")
		require.NoError(t, os.Symlink(shared, dotted))
		for _, status := range []nodefile.Status{nodefile.Created, nodefile.Unchanged} {
			outcome = apply(request(filepath.Join(dotted, "config.json")), want("new"))
			require.NoError(t, outcome.Files[0].Err)
			assert.Equal(t, status, outcome.Files[0].Status)
			assert.Equal(t, fs.FileMode(0o755), mode(t, shared), "a folder that only a link calls .docker")
		}

		circle := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.Symlink(circle, circle))
		failed := failure(t, apply(request(circle), want("new")).Files[0])
		assert.Equal(t, nodefile.CauseNotAFile, failed.Cause)
	})
}

// TestIssue5_NotAFile: what stands in the file's place is left alone, each with
// its cause; the other file of the node is written all the same.
func TestIssue5_NotAFile(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		good := home(t)
		folder := home(t)
		require.NoError(t, os.Mkdir(folder, 0o700))
		full := home(t)
		require.NoError(t, os.MkdirAll(filepath.Join(full, "x"), 0o700))
		fifo := home(t)
		require.NoError(t, syscall.Mkfifo(fifo, 0o600))
		above := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(above, nil, 0o600))
		req := request(folder, full, fifo, filepath.Join(above, ".docker", "config.json"), good)
		outcome := apply(req, want("new"))
		for _, f := range outcome.Files[:4] {
			assert.Equal(t, nodefile.CauseNotAFile, failure(t, f).Cause, f.Path)
		}
		assert.Equal(t, nodefile.Created, outcome.Files[4].Status)
		assert.DirExists(t, folder)

		req.RunID, req.Repair = run2, true
		outcome = apply(req, want("new"))
		assert.Equal(t, nodefile.Created, outcome.Files[0].Status)
		assert.Equal(t, "new", read(t, folder))
		assert.Equal(t, nodefile.CauseNotAFile, failure(t, outcome.Files[1]).Cause)
		assert.DirExists(t, filepath.Join(full, "x"))
	})
}

// TestR9_BrokenConfig: a plan that refuses leaves the file alone and the rest
// goes on.
func TestR9_BrokenConfig(t *testing.T) {
	entries := []dockerconfig.Entry{{Key: "r.example.com", User: "u", Password: secret.New("canary-password")}}
	plan := func(repair bool) nodefile.Plan {
		return func(f nodefile.Present) ([]byte, error) {
			r, err := dockerconfig.Merge(f.Content, entries, dockerconfig.Options{Repair: repair})
			return r.Content, err
		}
	}
	eachShell(t, func(t *testing.T, apply applyFunc) {
		broken, empty, good := home(t, `{"auths":{"bad.example.com":{"auth":"%%%"}}}`), home(t, ""), home(t)
		req := request(broken, empty, good)
		outcome := apply(req, plan(false))
		failed := failure(t, outcome.Files[0])
		assert.Equal(t, nodefile.CauseBrokenConfig, failed.Cause)
		require.ErrorContains(t, failed, "bad.example.com")
		var malformed *dockerconfig.MalformedError
		require.ErrorAs(t, failed, &malformed)
		assert.Equal(t, nodefile.CauseBrokenConfig, failure(t, outcome.Files[1]).Cause)
		assert.Equal(t, nodefile.Created, outcome.Files[2].Status)
		assert.Equal(t, []string{"config.json"}, names(t, filepath.Dir(broken)))

		req.RunID = run2
		outcome = apply(req, plan(true))
		for _, f := range outcome.Files[:2] {
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Updated, f.Status)
			assert.True(t, json.Valid([]byte(read(t, f.Path))))
		}
		assert.Contains(t, read(t, outcome.Files[0].Backup), "bad.example.com")
		assert.Empty(t, read(t, outcome.Files[1].Backup))

		// Whatever a plan says, no reader takes an empty file.
		assert.Equal(t, nodefile.CauseBrokenConfig, failure(t, apply(request(good), want("")).Files[0]).Cause)
		assert.NotEmpty(t, read(t, good))
	})
}

// TestN16_Modes: a looser mode is tightened without writing the file, the
// folder only if it is named .docker.
func TestN16_Modes(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		loose := home(t, "same")
		require.NoError(t, os.Chmod(loose, 0o644))
		require.NoError(t, os.Chmod(filepath.Dir(loose), 0o755))
		other := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(other, []byte("old"), 0o664))
		require.NoError(t, os.Chmod(filepath.Dir(other), 0o755))
		stranger := home(t, "same")
		plan := func(f nodefile.Present) ([]byte, error) {
			if f.Path == other {
				return []byte("new"), nil
			}
			return f.Content, nil
		}
		before := tree(t, filepath.Dir(filepath.Dir(loose)))
		check := request(loose, other, stranger)
		check.Check = true
		outcome := apply(check, plan)
		assert.True(t, outcome.Changed())
		assert.Equal(t, nodefile.Updated, outcome.Files[0].Status)
		assert.Equal(t, before, tree(t, filepath.Dir(filepath.Dir(loose))), "--check writes nothing")

		info, err := os.Stat(loose)
		require.NoError(t, err)
		outcome = apply(request(loose, other, stranger), plan)
		for i, status := range []nodefile.Status{nodefile.Updated, nodefile.Updated, nodefile.Unchanged} {
			require.NoError(t, outcome.Files[i].Err)
			assert.Equal(t, status, outcome.Files[i].Status)
		}
		after, err := os.Stat(loose)
		require.NoError(t, err)
		assert.True(t, os.SameFile(info, after), "only the mode")
		assert.Equal(t, info.ModTime(), after.ModTime())
		assert.Equal(t, fs.FileMode(0o600), mode(t, loose))
		assert.Equal(t, fs.FileMode(0o700), mode(t, filepath.Dir(loose)))
		assert.Equal(t, fs.FileMode(0o600), mode(t, other))
		assert.Equal(t, fs.FileMode(0o755), mode(t, filepath.Dir(other)))
		assert.False(t, apply(request(loose, other, stranger), plan).Changed())
		for _, odd := range []fs.FileMode{0o700, 0o620, 0o602, 0o604} {
			require.NoError(t, os.Chmod(loose, odd))
			assert.Equal(t, nodefile.Updated, apply(request(loose), plan).Files[0].Status, "%v", odd)
			assert.Equal(t, fs.FileMode(0o600), mode(t, loose), "%v", odd)
		}
	})
}

// TestO6_CheckWritesNothing: also where folders are missing, and without
// waiting for a lock.
func TestO6_CheckWritesNothing(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		root := t.TempDir()
		missing := filepath.Join(root, "a/b/.docker/config.json")
		present := home(t, "old")
		dir, err := os.Open(filepath.Dir(present))
		require.NoError(t, err)
		defer func() { _ = dir.Close() }()
		require.NoError(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX))
		require.NoError(t, os.WriteFile(present+".oreg-"+run2+".tmp", []byte("x"), 0o600))
		before := tree(t, filepath.Dir(present))
		req := request(missing, present)
		req.Check = true
		req.Before = func([]nodefile.Change) error { return errors.New("nothing may be written") }
		outcome := apply(req, want("new"))
		assert.Equal(t, nodefile.Created, outcome.Files[0].Status)
		assert.Equal(t, nodefile.Updated, outcome.Files[1].Status)
		assert.Equal(t, before, tree(t, filepath.Dir(present)))
		assert.Empty(t, names(t, root))
	})
}

// TestT6_KeepBackups: how many versions stay, and none where asked.
func TestT6_KeepBackups(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		path := home(t, "0")
		backups := func() (all []string) {
			for _, name := range names(t, filepath.Dir(path)) {
				if id, ok := strings.CutPrefix(name, "config.json.oreg-"); ok && !strings.HasSuffix(id, ".state") {
					all = append(all, id+"="+read(t, filepath.Join(filepath.Dir(path), name)))
				}
			}
			return all
		}
		step := func(run, content string, keep int) {
			outcome := apply(nodefile.Request{Paths: []string{path}, RunID: run, KeepBackups: keep}, want(content))
			require.NoError(t, outcome.Files[0].Err)
		}
		step("r1", "1", 3)
		step("r2", "2", 3)
		step("r3", "3", 3)
		assert.Equal(t, []string{"r1=0", "r2=1", "r3=2"}, backups())
		step("r4", "4", 2)
		assert.Equal(t, []string{"r3=2", "r4=3"}, backups())
		step("r4", "5", 2)
		assert.Equal(t, []string{"r3=2", "r4=3"}, backups(), "the same run keeps what was there before it")
		step("r5", "5", 1)
		assert.Equal(t, []string{"r3=2", "r4=3"}, backups(), "nothing was written, nothing goes")
		outcome := apply(nodefile.Request{Paths: []string{path}, RunID: "r5", KeepBackups: 1}, func(nodefile.Present) ([]byte, error) {
			return []byte("6"), os.WriteFile(path, []byte("theirs"), 0o600)
		})
		assert.Equal(t, nodefile.CauseChangedUnder, failure(t, outcome.Files[0]).Cause)
		assert.Subset(t, backups(), []string{"r3=2", "r4=3"}, "a write that failed takes no earlier version away")
		require.NoError(t, os.WriteFile(path, []byte("5"), 0o600))
		outcome = apply(nodefile.Request{Paths: []string{path}, RunID: "r6", Purge: func(nodefile.Present) bool { return true }}, want("5"))
		assert.Equal(t, nodefile.Unchanged, outcome.Files[0].Status)
		assert.Equal(t, []string{"config.json"}, names(t, filepath.Dir(path)))
		step("r7", "7", 0)
		assert.Equal(t, []string{"config.json"}, names(t, filepath.Dir(path)))
	})
}

// TestN17_ManagedNode is refused before anything is looked at.
func TestN17_ManagedNode(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			path := home(t, "old")
			marker := filepath.Join(t.TempDir(), "currentconfig")
			require.NoError(t, os.WriteFile(marker, nil, 0o600))
			p, _ := start(t, tools(t, name), argv...)
			_, err := nodefile.Apply(t.Context(), p, nodefile.WithMarker(request(path), marker), want("new"))
			var failed *nodefile.Error
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, nodefile.CauseManaged, failed.Cause)
			assert.Contains(t, failed.Hint, "pull-secret")
			assert.Equal(t, "old", read(t, path))
		})
	}
}

// TestBefore: the journal hears of a write before it, and can stop it.
func TestBefore(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		path := home(t, "old")
		req := request(path)
		var heard []nodefile.Change
		req.Before = func(c []nodefile.Change) error {
			heard = c
			assert.Equal(t, "old", read(t, path))
			return nil
		}
		outcome := apply(req, want("new"))
		require.Len(t, heard, 1)
		assert.Equal(t, outcome.Files[0].SHA256, heard[0].New)
		assert.Len(t, heard[0].Old, 64)
	})
	p, _ := start(t, os.Getenv("PATH"), "sh")
	path := home(t, "old")
	req := request(path)
	full := errors.New("the journal's disk is full")
	req.Before = func([]nodefile.Change) error { return full }
	outcome, err := nodefile.Apply(t.Context(), p, req, want("new"))
	require.ErrorIs(t, err, full)
	assert.Equal(t, nodefile.Failed, outcome.Files[0].Status)
	assert.Equal(t, []string{"config.json"}, names(t, filepath.Dir(path)))
}

// TestNoDigestTool: without a way to verify, nothing is written.
func TestNoDigestTool(t *testing.T) {
	dir := tools(t, "busybox")
	require.NoError(t, os.Remove(filepath.Join(dir, "sha256sum")))
	path := home(t, "old")
	p, _ := start(t, dir, "busybox", "sh")
	req := nodefile.WithPath(request(path), dir)
	_, err := nodefile.Apply(t.Context(), p, req, want("new"))
	var failed *nodefile.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, sshexec.CauseCommandFailed, failed.Cause)
	assert.ErrorContains(t, failed, "sha256sum")
}
