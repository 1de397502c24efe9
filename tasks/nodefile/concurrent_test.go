package nodefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/nodefile"
)

// TestT1_ChangedUnderneath: a change between reading and writing is not lost.
func TestT1_ChangedUnderneath(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		present, absent, removed, replaced := home(t, "old"), home(t), home(t, "old"), home(t, "old")
		other := home(t, "old")
		outcome := apply(request(present, absent, removed, replaced, other), func(f nodefile.Present) ([]byte, error) {
			switch f.Path {
			case present, absent:
				return []byte("new"), os.WriteFile(f.Path, []byte("theirs"), 0o600)
			case removed:
				return []byte("new"), os.Remove(f.Path)
			case replaced:
				return []byte("new"), errors.Join(os.Remove(f.Path), os.Mkdir(f.Path, 0o700))
			}
			return []byte("new"), nil
		})
		for _, f := range outcome.Files[:4] {
			assert.Equal(t, nodefile.CauseChangedUnder, failure(t, f).Cause, f.Path)
			assert.NotContains(t, names(t, filepath.Dir(f.Path)), "config.json.oreg-"+run1+".tmp")
		}
		assert.Equal(t, "theirs", read(t, present))
		assert.Equal(t, "theirs", read(t, absent))
		assert.NoFileExists(t, removed)
		assert.Empty(t, names(t, replaced))
		assert.Equal(t, "new", read(t, other))
	})
}

// TestIssue5_StaleTemporaries of dead runs go, also where nothing is written;
// what is not ours stays.
func TestIssue5_StaleTemporaries(t *testing.T) {
	eachShell(t, func(t *testing.T, apply applyFunc) {
		path := home(t, "same")
		for _, suffix := range []string{".oreg-" + run2 + ".tmp", ".oreg-" + run1 + ".tmp", ".oreg-" + run2, ".oreg-notes.txt", ".bak"} {
			require.NoError(t, os.WriteFile(path+suffix, []byte("x"), 0o600))
		}
		outcome := apply(request(path), want("same"))
		assert.Equal(t, nodefile.Unchanged, outcome.Files[0].Status)
		assert.Equal(t, []string{"config.json", "config.json.bak", "config.json.oreg-" + run2, "config.json.oreg-notes.txt"}, names(t, filepath.Dir(path)))
	})
}

// TestIssue6_Locked: a run waits for another one, and says so in the end; the
// lock ends with its holder and leaves nothing behind. busybox has no flock:
// there a file names the holder, who is dead when no process of that number
// started at that time.
func TestIssue6_Locked(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			path, free := home(t, "old"), home(t)
			req := request(path, free)
			req.LockWait = 300 * time.Millisecond
			if name == "busybox" {
				req = nodefile.WithPath(req, "/nowhere")
			}
			apply := func() nodefile.Outcome {
				p, _ := start(t, tools(t, name), argv...)
				outcome, err := nodefile.Apply(t.Context(), p, req, want("new"))
				require.NoError(t, err)
				return outcome
			}
			file := filepath.Join(filepath.Dir(path), ".oreg-lock")
			holder := strconv.Itoa(os.Getpid())
			if name == "busybox" {
				stat := strings.Fields(read(t, "/proc/self/stat"))
				require.NoError(t, os.WriteFile(file, []byte(holder+" "+stat[21]+"\n"), 0o600))
			}
			dir, err := os.Open(filepath.Dir(path))
			require.NoError(t, err)
			require.NoError(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX))
			outcome := apply()
			assert.Equal(t, nodefile.CauseLocked, failure(t, outcome.Files[0]).Cause)
			assert.Equal(t, nodefile.Created, outcome.Files[1].Status)
			assert.Equal(t, "old", read(t, path))

			require.NoError(t, dir.Close())
			if name == "busybox" {
				require.NoError(t, os.WriteFile(file, []byte(holder+" 1\n"), 0o600))
			}
			outcome = apply()
			require.NoError(t, outcome.Files[0].Err)
			assert.Equal(t, "new", read(t, path))
			assert.NotContains(t, names(t, filepath.Dir(path)), ".oreg-lock")
		})
	}
}

// TestIssue6_OneAtATime: many runs at once on one file, each adding a line to
// what it found: no line is lost.
func TestIssue6_OneAtATime(t *testing.T) {
	const runs = 5
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			path := home(t, "")
			results := make(chan error, runs)
			for i := range runs {
				req := nodefile.Request{Paths: []string{path}, RunID: "r" + strconv.Itoa(i)}
				if name == "busybox" {
					req = nodefile.WithPath(req, "/nowhere")
				}
				p, _ := start(t, tools(t, name), argv...)
				go func() {
					outcome, err := nodefile.Apply(t.Context(), p, req, func(f nodefile.Present) ([]byte, error) {
						return append(f.Content, req.RunID...), nil
					})
					if err == nil {
						err = outcome.Files[0].Err
					}
					results <- err
				}()
			}
			for range runs {
				require.NoError(t, <-results)
			}
			assert.Len(t, read(t, path), 2*runs)
		})
	}
}
