package nodefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/nodefile"
)

const (
	run1 = "20261121T101500Z-0001"
	run2 = "20261121T101600Z-0002"
)

// want is a plan that asks for the same content everywhere.
func want(content string) nodefile.Plan {
	return func(nodefile.Present) ([]byte, error) { return []byte(content), nil }
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// names are the entries of a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// eachShell runs a test in every shell.
func eachShell(t *testing.T, test func(t *testing.T, apply func(nodefile.Request, nodefile.Plan) nodefile.Outcome)) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tools(t, name)
			test(t, func(req nodefile.Request, plan nodefile.Plan) nodefile.Outcome {
				t.Helper()
				p, cmd := start(t, path, argv...)
				outcome, err := nodefile.Apply(t.Context(), p, req, plan)
				require.NoError(t, err, p.Stderr())
				assert.Empty(t, p.Stderr())
				assert.Empty(t, names(t, cmd.Dir), "S5: nothing in the folder for temporary files")
				return outcome
			})
		})
	}
}

// TestN14_T7_S5_TwoFiles: both files of the installer in one exchange, folders made,
// then nothing touched, then replaced with a backup.
func TestN14_T7_S5_TwoFiles(t *testing.T) {
	eachShell(t, func(t *testing.T, apply func(nodefile.Request, nodefile.Plan) nodefile.Outcome) {
		root := t.TempDir()
		kubelet := filepath.Join(root, "var/lib/origin/.docker/config.json")
		runtime := filepath.Join(root, "it's root/.docker/config.json")
		req := nodefile.Request{Paths: []string{kubelet, runtime}, RunID: run1, KeepBackups: 1}
		outcome := apply(req, want("{\"a\":\n1}"))
		require.Len(t, outcome.Files, 2)
		for i, path := range req.Paths {
			f := outcome.Files[i]
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Created, f.Status)
			assert.Equal(t, "{\"a\":\n1}", read(t, path))
			assert.Equal(t, fs.FileMode(0o600), mode(t, path))
			assert.Equal(t, fs.FileMode(0o700), mode(t, filepath.Dir(path)))
			assert.Equal(t, fs.FileMode(0o755), mode(t, filepath.Dir(filepath.Dir(path))))
			assert.Equal(t, []string{"config.json", "config.json.oreg-" + run1 + ".state"}, names(t, filepath.Dir(path)))
		}

		before, err := os.Stat(kubelet)
		require.NoError(t, err)
		req.RunID = run2
		outcome = apply(req, want("{\"a\":\n1}"))
		for _, f := range outcome.Files {
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Unchanged, f.Status)
			assert.Empty(t, f.Notes)
		}
		after, err := os.Stat(kubelet)
		require.NoError(t, err)
		assert.True(t, os.SameFile(before, after))
		assert.Equal(t, before.ModTime(), after.ModTime())

		outcome = apply(req, want("{}"))
		for i, path := range req.Paths {
			f := outcome.Files[i]
			require.NoError(t, f.Err)
			assert.Equal(t, nodefile.Updated, f.Status)
			assert.Equal(t, "{}", read(t, path))
			assert.Equal(t, "{\"a\":\n1}", read(t, f.Backup))
			assert.Equal(t, fs.FileMode(0o600), mode(t, f.Backup))
			assert.Equal(t, []string{"config.json", "config.json.oreg-" + run2, "config.json.oreg-" + run2 + ".state"},
				names(t, filepath.Dir(path)), "one earlier version stays")
		}
	})
}
