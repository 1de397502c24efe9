//go:build lab

package nodefile_test

import (
	"bufio"
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
	"oreg/tasks/nodefile"
)

// machine is a mount namespace of its own: what is mounted there is gone with
// its holder.
type machine struct {
	t    *testing.T
	path string
	argv []string
	pid  int
}

// newMachine runs setup in a new mount namespace and keeps that.
func newMachine(t *testing.T, shell string, argv []string, setup string) machine {
	t.Helper()
	require.Zero(t, os.Geteuid(), "the laboratory tests mount file systems: run them as root")
	holder := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-ec", setup+"\necho ready; exec cat")
	stdin, err := holder.StdinPipe()
	require.NoError(t, err)
	stdout, err := holder.StdoutPipe()
	require.NoError(t, err)
	holder.Stderr = os.Stderr
	require.NoError(t, holder.Start())
	t.Cleanup(func() {
		assert.NoError(t, stdin.Close())
		assert.NoError(t, holder.Wait())
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "the setup failed: %s", setup)
	require.Equal(t, "ready\n", line)
	return machine{t: t, path: tools(t, shell), argv: argv, pid: holder.Process.Pid}
}

// at is a path of the machine as seen from here.
func (m machine) at(path string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", path)
}

// command starts the machine's shell.
func (m machine) command() *exec.Cmd {
	m.t.Helper()
	shell, err := exec.LookPath(m.argv[0])
	require.NoError(m.t, err)
	args := []string{"--mount", "--target", strconv.Itoa(m.pid), "env", "PATH=" + m.path, shell}
	return exec.Command("nsenter", append(args, m.argv[1:]...)...)
}

func (m machine) run(do func(context.Context, *sshexec.Process) (nodefile.Outcome, error)) nodefile.Outcome {
	m.t.Helper()
	outcome, err := do(m.t.Context(), attach(m.t, m.command()))
	require.NoError(m.t, err)
	return outcome
}

func (m machine) apply(req nodefile.Request, plan nodefile.Plan) nodefile.Outcome {
	m.t.Helper()
	return m.run(func(ctx context.Context, p *sshexec.Process) (nodefile.Outcome, error) {
		return nodefile.Apply(ctx, p, req, plan)
	})
}

func (m machine) restore(req nodefile.Request) nodefile.Outcome {
	m.t.Helper()
	return m.run(func(ctx context.Context, p *sshexec.Process) (nodefile.Outcome, error) {
		return nodefile.Restore(ctx, p, req)
	})
}

// eachMachine makes a machine per shell; DIR in the setup is an empty folder
// .docker.
func eachMachine(t *testing.T, setup string, test func(t *testing.T, m machine, dir string)) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Dir(home(t))
			test(t, newMachine(t, name, argv, strings.ReplaceAll(setup, "DIR", dir)), dir)
		})
	}
}

// TestN13_BindMount: a file that is a mount point is written in place, with a
// backup, and said so; longer, shorter, and back.
func TestN13_BindMount(t *testing.T) {
	const setup = `
echo '{"old":1}' >DIR/real
chmod 600 DIR/real
: >DIR/config.json
mount --bind DIR/real DIR/config.json`
	eachMachine(t, setup, func(t *testing.T, m machine, dir string) {
		file := filepath.Join(dir, "config.json")
		inode, err := os.Stat(m.at(file))
		require.NoError(t, err)
		long := strings.Repeat("long ", 1000)
		for i, content := range []string{long, "short", "shorter\n"} {
			req := nodefile.Request{Paths: []string{file}, RunID: "r" + strconv.Itoa(i), KeepBackups: 9}
			outcome := m.apply(req, want(content))
			require.NoError(t, outcome.Files[0].Err)
			assert.Equal(t, nodefile.Updated, outcome.Files[0].Status)
			assert.Contains(t, outcome.Files[0].Notes, "is a mount point: written in place, after a backup")
			assert.Equal(t, content, read(t, m.at(file)))
			assert.Equal(t, content, read(t, filepath.Join(dir, "real")))
			assert.NotContains(t, names(t, dir), "config.json.oreg-r"+strconv.Itoa(i)+".tmp")
		}
		assert.Equal(t, "short", read(t, file+".oreg-r2"))
		for i, content := range []string{"short", long, "{\"old\":1}\n"} {
			outcome := m.restore(nodefile.Request{Paths: []string{file}, RunID: "r" + strconv.Itoa(2-i)})
			require.NoError(t, outcome.Files[0].Err)
			assert.Equal(t, nodefile.Restored, outcome.Files[0].Status)
			assert.Equal(t, content, read(t, m.at(file)))
		}
		after, err := os.Stat(m.at(file))
		require.NoError(t, err)
		assert.True(t, os.SameFile(inode, after))
	})
}

// TestIssue5_ReadOnly: a read-only file system is named as such, whether the
// file is there or not; a dry run foresees it.
func TestIssue5_ReadOnly(t *testing.T) {
	const setup = `
printf old >DIR/config.json
chmod 600 DIR/config.json
mount --bind DIR DIR
mount -o remount,bind,ro DIR`
	eachMachine(t, setup, func(t *testing.T, m machine, dir string) {
		req := request(filepath.Join(dir, "config.json"), filepath.Join(dir, "new", "config.json"))
		for _, f := range m.apply(req, want("new")).Files {
			failed := failure(t, f)
			assert.Equal(t, nodefile.CauseReadOnly, failed.Cause, failed.Message)
		}
		req.Check = true
		if m.argv[0] != "busybox" {
			// busybox's test believes that root can write everywhere.
			for _, f := range m.apply(req, want("new")).Files {
				assert.Equal(t, nodefile.CausePermissionDenied, failure(t, f).Cause)
			}
		}
		assert.Equal(t, []string{"config.json"}, names(t, dir))
		assert.Equal(t, "old", read(t, filepath.Join(dir, "config.json")))
	})
}

// TestIssue5_DiskFull: out of blocks, out of blocks for the backup alone, out
// of inodes: the cause is the same, the old file whole, no temporary stays and
// the next file of the node is written.
func TestIssue5_DiskFull(t *testing.T) {
	big := strings.Repeat("b", 40_000)
	for _, tt := range []struct{ name, setup string }{
		{"blocks", `mount -t tmpfs -o size=64k,mode=700 none DIR; dd if=/dev/zero of=DIR/config.json bs=4096 count=5 2>/dev/null; dd if=/dev/zero of=DIR/fill bs=4096 count=10 2>/dev/null`},
		{"backup", `mount -t tmpfs -o size=64k,mode=700 none DIR; dd if=/dev/zero of=DIR/config.json bs=4096 count=5 2>/dev/null`},
		{"inodes", `mount -t tmpfs -o size=1m,nr_inodes=3,mode=700 none DIR; echo old >DIR/config.json; echo >DIR/fill`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachMachine(t, tt.setup+"\nchmod 600 DIR/config.json", func(t *testing.T, m machine, dir string) {
				file, good := filepath.Join(dir, "config.json"), home(t)
				before := read(t, m.at(file))
				outcome := m.apply(request(file, good), want(big))
				failed := failure(t, outcome.Files[0])
				assert.Equal(t, nodefile.CauseDiskFull, failed.Cause, failed.Message)
				assert.Equal(t, before, read(t, m.at(file)))
				require.NoError(t, outcome.Files[1].Err)
				assert.Equal(t, big, read(t, good))
				for _, name := range names(t, m.at(dir)) {
					assert.NotContains(t, name, ".tmp")
				}
			})
		})
	}
}

// TestIssue5_DiskFullInPlace: a mount point that cannot take the new content
// gets the old back.
func TestIssue5_DiskFullInPlace(t *testing.T) {
	const setup = `
mkdir DIR/small
mount -t tmpfs -o size=8k none DIR/small
printf old >DIR/small/real
chmod 600 DIR/small/real
: >DIR/config.json
mount --bind DIR/small/real DIR/config.json`
	eachMachine(t, setup, func(t *testing.T, m machine, dir string) {
		file := filepath.Join(dir, "config.json")
		failed := failure(t, m.apply(request(file), want(strings.Repeat("x", 30_000))).Files[0])
		assert.Equal(t, nodefile.CauseDiskFull, failed.Cause, failed.Message)
		assert.Equal(t, "old", read(t, m.at(file)))
	})
}

// TestIssue5_Immutable: root itself may be refused.
func TestIssue5_Immutable(t *testing.T) {
	eachMachine(t, "", func(t *testing.T, m machine, dir string) {
		file := filepath.Join(dir, "config.json")
		require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
		require.NoError(t, exec.Command("chattr", "+i", file).Run(), "chattr needs ext4 or xfs below %s", dir)
		outcome := m.apply(request(file), want("new"))
		require.NoError(t, exec.Command("chattr", "-i", file).Run())
		failed := failure(t, outcome.Files[0])
		assert.Equal(t, nodefile.CausePermissionDenied, failed.Cause)
		assert.Contains(t, failed.Hint, "lsattr")
		assert.Equal(t, "old", read(t, file))
		assert.NotContains(t, names(t, dir), "config.json.oreg-"+run1+".tmp")
	})
}

// TestN13_OwnerKept: a file of another user stays his, is reported, and comes
// back to him.
func TestN13_OwnerKept(t *testing.T) {
	owner := func(path string) (uint32, uint32) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		stat, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		return stat.Uid, stat.Gid
	}
	eachMachine(t, "", func(t *testing.T, m machine, dir string) {
		file := filepath.Join(dir, "config.json")
		require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
		require.NoError(t, os.Chown(file, 1234, 1235))
		found, _, err := nodefile.Read(t.Context(), attach(t, m.command()), request(file))
		require.NoError(t, err)
		require.Len(t, found[0].Findings(), 1)
		assert.Contains(t, found[0].Findings()[0], "uid 1234")

		outcome := m.apply(request(file), want("new"))
		require.NoError(t, outcome.Files[0].Err)
		assert.Contains(t, outcome.Files[0].Notes, "owner uid 1234 is kept and can read it")
		uid, gid := owner(file)
		assert.Equal(t, []uint32{1234, 1235}, []uint32{uid, gid})
		assert.Equal(t, fs.FileMode(0o600), mode(t, file))
		uid, _ = owner(file + ".oreg-" + run1)
		assert.Zero(t, uid, "the backup is root's")

		require.NoError(t, os.Chown(file, 0, 0))
		require.NoError(t, m.restore(request(file)).Files[0].Err)
		uid, gid = owner(file)
		assert.Equal(t, []uint32{1234, 1235}, []uint32{uid, gid})
		assert.Equal(t, "old", read(t, file))
	})
}

// TestIssue5_NoPermission: a user without become, in every place where it can
// fail: reading, seeing, creating, replacing another's file.
func TestIssue5_NoPermission(t *testing.T) {
	require.Zero(t, os.Geteuid(), "this test becomes another user: run it as root")
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			root, err := os.MkdirTemp("/var/tmp", "oreg")
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, os.RemoveAll(root)) })
			require.NoError(t, os.Chmod(root, 0o755))
			file := func(dir string, dirMode, fileMode fs.FileMode, uid int) string {
				dir = filepath.Join(root, dir)
				require.NoError(t, os.Mkdir(dir, 0o700))
				path := filepath.Join(dir, "config.json")
				if fileMode != 0 {
					require.NoError(t, os.WriteFile(path, []byte("old"), fileMode))
				}
				require.NoError(t, os.Chown(dir, uid, uid))
				require.NoError(t, os.Chmod(dir, dirMode))
				return path
			}
			unreadable := file("unreadable", 0o755, 0o600, 0)
			invisible := file("invisible", 0o700, 0o600, 0)
			unwritable := file("unwritable", 0o755, 0o644, 0)
			uncreatable := file("uncreatable", 0o755, 0, 0)
			stolen := file("stolen", 0o755, 0o644, 65534)
			fine := file("fine", 0o700, 0, 65534)
			path := tools(t, name)
			for dir := path; name == "busybox" && dir != "/tmp"; dir = filepath.Dir(dir) {
				require.NoError(t, os.Chmod(dir, 0o755))
			}
			req := request(unreadable, invisible, unwritable, uncreatable, stolen, fine)
			for _, check := range []bool{true, false} {
				req.Check = check
				shell, err := exec.LookPath(argv[0])
				require.NoError(t, err)
				cmd := &exec.Cmd{Path: shell, Args: argv, Env: []string{"PATH=" + path}, Dir: "/",
					SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}
				outcome, err := nodefile.Apply(t.Context(), attach(t, cmd), req, want("new"))
				require.NoError(t, err)
				for _, f := range outcome.Files[:4] {
					failed := failure(t, f)
					assert.Equal(t, nodefile.CausePermissionDenied, failed.Cause, "%s: %s", f.Path, failed.Message)
				}
				if !check {
					assert.Equal(t, nodefile.CausePermissionDenied, failure(t, outcome.Files[4]).Cause)
					assert.Equal(t, "old", read(t, stolen))
					assert.Equal(t, "new", read(t, fine))
				}
				assert.Equal(t, nodefile.Created, outcome.Files[5].Status)
			}
		})
	}
}

// TestN12_StreamCutAtEveryByte is the whole of TestN12_StreamCutInScript and
// TestN12_StreamCutInData.
func TestN12_StreamCutAtEveryByte(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tools(t, name)
			file := home(t, "old")
			script, err := nodefile.Script(request(file), "nonce")
			require.NoError(t, err)
			for n := range len(script) - 1 {
				cutScript(t, argv, path, script, n, file)
			}
			total := cutData(t, argv, path, 1<<20)
			for n := range total {
				cutData(t, argv, path, n)
			}
		})
	}
}

// TestN12_KilledTwoHundredTimes is the whole of TestN12_KilledAtAnyInstant.
func TestN12_KilledTwoHundredTimes(t *testing.T) {
	for name, argv := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killAtRandom(t, argv, tools(t, name), 200)
		})
	}
}

// TestN13_BindMountKilled: written in place, the file is the old one or the
// new one with blanks after it, at any instant.
func TestN13_BindMountKilled(t *testing.T) {
	const setup = `
: >DIR/real
chmod 600 DIR/real
: >DIR/config.json
mount --bind DIR/real DIR/config.json`
	eachMachine(t, setup, func(t *testing.T, m machine, dir string) {
		file, whole, took := filepath.Join(dir, "config.json"), false, 30*time.Millisecond
		old, young := strings.Repeat("a", 9000), strings.Repeat("b", 3000)
		for range 60 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "real"), []byte(old), 0o600))
			cmd := m.command()
			// The whole group dies, dd included.
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			p := attach(t, cmd)
			timer := time.AfterFunc(rand.N(took), func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			_, err := nodefile.Apply(t.Context(), p, request(file), want(young))
			timer.Stop()
			if err == nil {
				whole = true
			} else if !whole {
				took += took / 10
			}
			now := strings.TrimRight(read(t, filepath.Join(dir, "real")), " ")
			require.True(t, now == old || now == young, "%d bytes", len(now))
		}
		require.True(t, whole, "every run was killed: nothing was shown")
	})
}
