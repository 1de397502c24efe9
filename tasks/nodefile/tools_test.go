package nodefile_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// wrapped is a PATH in which a tool is a script of the test; REAL in it is the
// tool itself.
func wrapped(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		path, err := exec.LookPath(name)
		if err != nil {
			path = "true" // a tool that this machine does not have
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "REAL", path)+"\n"), 0o755))
	}
	return dir + ":" + os.Getenv("PATH")
}

// TestS2_NothingInArgumentsOrEnvironment: every tool that the script starts
// notes its arguments and environment, and the modes of what lies beside the
// file; the content is in none of them.
func TestS2_NothingInArgumentsOrEnvironment(t *testing.T) {
	const canary = "c4nary-pa55word"
	names := []string{"cat", "chmod", "chown", "dd", "flock", "ls", "mkdir", "mv", "readlink", "restorecon", "rm", "rmdir", "sha256sum", "sleep", "wc"}
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			file, missing := home(t, `{"old":"`+canary+`"}`), filepath.Join(home(t), "..", "..", "new", ".docker", "config.json")
			log := filepath.Join(t.TempDir(), "log")
			scripts := map[string]string{}
			for _, tool := range names {
				scripts[tool] = "{ echo tool " + tool + ` "$@"; /usr/bin/env; /bin/ls -lA ` + filepath.Dir(file) + "; } >>" + log + `; exec REAL "$@"`
			}
			path := wrapped(t, scripts)
			for _, do := range []func(*sshexec.Process) (nodefile.Outcome, error){
				func(p *sshexec.Process) (nodefile.Outcome, error) {
					return nodefile.Apply(t.Context(), p, request(file, missing), want(`{"new":"`+canary+`"}`))
				},
				func(p *sshexec.Process) (nodefile.Outcome, error) {
					return nodefile.Restore(t.Context(), p, request(file, missing))
				},
			} {
				p, _ := start(t, path, argv...)
				outcome, err := do(p)
				require.NoError(t, err)
				for _, f := range outcome.Files {
					require.NoError(t, f.Err)
				}
				assert.True(t, outcome.Changed())
			}
			noted := read(t, log)
			for _, tool := range []string{"dd", "sha256sum", "mv", "flock", "rm", "mkdir"} {
				assert.Contains(t, noted, "tool "+tool+" ", "the wrapper works")
			}
			assert.Contains(t, noted, run1+".tmp")
			assert.NotContains(t, noted, canary)
			assert.NotContains(t, noted, base64.StdEncoding.EncodeToString([]byte(canary))[:12])
			for line := range strings.Lines(noted) {
				if strings.Contains(line, "config.json") && strings.HasPrefix(line, "-") {
					assert.True(t, strings.HasPrefix(line, "-rw-------"), line)
				}
			}
		})
	}
}

// TestN12_DamagedOnTheWay: what the disk did not take as it was sent does not
// replace the file, and a backup that is not the file does not count as one.
func TestN12_DamagedOnTheWay(t *testing.T) {
	for what, pattern := range map[string]string{"content": "ibs=1*conv=fsync", "backup": "if=*config.json\\ *conv=fsync"} {
		t.Run(what, func(t *testing.T) {
			file := home(t, "old")
			path := wrapped(t, map[string]string{"dd": `case "$*" in ` + pattern + `) REAL "$@"; printf x;; *) exec REAL "$@";; esac`})
			p, _ := start(t, path, "sh")
			outcome, err := nodefile.Apply(t.Context(), p, request(file), want("new"))
			require.NoError(t, err)
			assert.Equal(t, sshexec.CauseCommandFailed, failure(t, outcome.Files[0]).Cause)
			assert.Equal(t, "old", read(t, file))
			assert.NotContains(t, names(t, filepath.Dir(file)), "config.json.oreg-"+run1+".tmp")
		})
	}
}

// TestIssue5_Quota: this is how dd says it; no file system with quotas is at
// hand everywhere.
func TestIssue5_Quota(t *testing.T) {
	file, good := home(t, "old"), home(t)
	path := wrapped(t, map[string]string{"dd": `case "$*" in
		"ibs=1 obs=3 count=3 conv=fsync") REAL "$@" of=/dev/null 2>/dev/null; echo "dd: error writing 'standard output': Disk quota exceeded" >&2; exit 1;;
		*) exec REAL "$@";; esac`})
	p, _ := start(t, path, "sh")
	outcome, err := nodefile.Apply(t.Context(), p, request(file, good), func(f nodefile.Present) ([]byte, error) {
		if f.Path == good {
			return []byte("good"), nil
		}
		return []byte("new"), nil
	})
	require.NoError(t, err)
	failed := failure(t, outcome.Files[0])
	assert.Equal(t, nodefile.CauseDiskFull, failed.Cause, failed.Message)
	assert.Contains(t, failed.Hint, "quota")
	assert.Equal(t, "old", read(t, file))
	assert.Equal(t, "good", read(t, good))
}

// TestN16_Label: where restorecon exists, the new file has its label before it
// takes the old one's place.
func TestN16_Label(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			file := home(t, "old")
			log := filepath.Join(t.TempDir(), "log")
			path := wrapped(t, map[string]string{"restorecon": `echo "$@" >>` + log + `; cat ` + file + ` >>` + log})
			p, _ := start(t, path, argv...)
			outcome, err := nodefile.Apply(t.Context(), p, request(file), want("new"))
			require.NoError(t, err)
			require.NoError(t, outcome.Files[0].Err)
			assert.Equal(t, file+".oreg-"+run1+".tmp\nold", read(t, log))
		})
	}
}

// TestS2_PlantedLink: a link that somebody put where the temporary goes is not
// followed, even if it cannot be removed.
func TestS2_PlantedLink(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			file, victim := home(t, "old"), filepath.Join(t.TempDir(), "victim")
			require.NoError(t, os.WriteFile(victim, []byte("untouched"), 0o600))
			for _, suffix := range []string{".tmp", ""} {
				require.NoError(t, os.Symlink(victim, file+".oreg-"+run1+suffix))
			}
			p, _ := start(t, wrapped(t, map[string]string{"rm": "exit 1"}), argv...)
			outcome, err := nodefile.Apply(t.Context(), p, request(file), want("new"))
			require.NoError(t, err)
			assert.Equal(t, nodefile.CauseNotAFile, failure(t, outcome.Files[0]).Cause)
			assert.Equal(t, "untouched", read(t, victim))
			assert.Equal(t, "old", read(t, file))
		})
	}
}
