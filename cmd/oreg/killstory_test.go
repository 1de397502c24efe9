//go:build lab

package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// absent is the digest of a file that is not there.
const absent = "absent"

// besides are the names that may stand in a node's .docker once a run has
// ended well: the file, one earlier version, and what oreg notes of that one.
var besides = regexp.MustCompile(`^(config|linked)\.json(\.oreg-[0-9A-Za-z]+-[0-9a-f]+(\.state)?)?$`)

// wholeFiles knows what every config.json of some nodes may hold.
type wholeFiles struct {
	*killer
	random *rand.Rand
	nodes  []string // names
	roots  map[string]string
	// digests is, for each wanted state and place, the one whole content.
	digests [2]map[string]string
	vars    [2]string // the files of extra variables that ask for it
	now     int       // what the last complete run asked for
	took    time.Duration
}

// newWholeFiles installs both wanted states on the nodes whose name begins
// with prefix, there and back, and keeps what that makes.
func newWholeFiles(ts *testscript.TestScript, prefix string, vars [2]string) *wholeFiles {
	w := &wholeFiles{killer: &killer{ts: ts, seed: uint64(time.Now().UnixNano())}, roots: map[string]string{}, vars: vars}
	ts.Logf("seed %d", w.seed)
	w.random = rand.New(rand.NewPCG(w.seed, 0)) //nolint:gosec // instants, no secrets
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "oreg")); err == nil {
			w.oreg = filepath.Join(dir, "oreg")
			break
		}
	}
	for _, n := range state(ts).Nodes {
		if strings.HasPrefix(n.Name, prefix) {
			w.nodes = append(w.nodes, n.Name)
			w.roots[n.Name] = n.Root
		}
	}
	w.flags = []string{"-i", ts.Getenv("INV"), "--certs-dir", ts.Getenv("CERTS"), "--only", "nodes", "--limit", strings.Join(w.nodes, ","),
		"--forks", "4"} // few, so that for most of the time some nodes are done and some not
	w.seedFiles()
	for _, next := range []int{0, 1, 0, 1} {
		begun := time.Now()
		w.demand(0, w.install(next)...)
		w.took = time.Since(begun)
		found := w.found()
		if w.digests[next] != nil && !maps.Equal(w.digests[next], found) {
			ts.Fatalf("the same run made something else of the files")
		}
		w.digests[next], w.now = found, next
	}
	for place, digest := range w.digests[0] {
		if digest == absent || digest == w.digests[1][place] {
			ts.Fatalf("%s would be the same before and after", place)
		}
	}
	return w
}

// seedFiles gives nodes what installs have to keep: a file of others, with a
// mode too wide, and a symlink.
func (w *wholeFiles) seedFiles() {
	folder := filepath.Join(w.roots[w.nodes[1]], "var/lib/origin/.docker")
	w.ts.Check(os.MkdirAll(folder, 0o755))
	const foreign = `{"HttpHeaders": {"X-Meta": "kept"}, "auths": {"kept.example.com": {"auth": "a2VwdDprZXB0"}}}`
	w.ts.Check(os.WriteFile(filepath.Join(folder, "config.json"), []byte(foreign), 0o644))
	folder = filepath.Join(w.roots[w.nodes[2]], "root/.docker")
	w.ts.Check(os.MkdirAll(folder, 0o700))
	w.ts.Check(os.WriteFile(filepath.Join(folder, "linked.json"), []byte("{}"), 0o600))
	w.ts.Check(os.Symlink("linked.json", filepath.Join(folder, "config.json")))
}

func (w *wholeFiles) install(next int) []string {
	return []string{"install", "-e", "@" + w.vars[next]}
}

// eachFile calls do for every config.json of the nodes.
func (w *wholeFiles) eachFile(do func(place, path string)) {
	for _, node := range w.nodes {
		w.filesOf(node, do)
	}
}

func (w *wholeFiles) filesOf(node string, do func(place, path string)) {
	for _, path := range []string{"/root/.docker/config.json", "/var/lib/origin/.docker/config.json"} {
		do(node+":"+path, filepath.Join(w.roots[node], path))
	}
}

// digest is a file's, at one instant.
func digest(path string) (string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, nil
	}
	return fmt.Sprintf("%x", sha256.Sum256(content)), err
}

func (w *wholeFiles) found() map[string]string {
	all := map[string]string{}
	w.eachFile(func(place, path string) {
		d, err := digest(path)
		w.ts.Check(err)
		all[place] = d
	})
	return all
}

// broken says what is wrong with the files of a node right now: each has to be
// the whole old or the whole new one, or not there if it was not before.
func (w *wholeFiles) broken(node string, fresh bool) (err error) {
	w.filesOf(node, func(place, path string) {
		found, failed := digest(path)
		whole := found == w.digests[0][place] || found == w.digests[1][place] || fresh && found == absent
		if !whole && err == nil {
			err = errors.Join(failed, fmt.Errorf("%s is neither the old nor the new file (%s)", place, found))
		}
	})
	return err
}

// completed demands the wanted state, and nothing of the dead beside it.
func (w *wholeFiles) completed(next int, about string) {
	w.demand(0, w.install(next)...)
	w.now = next
	w.eachFile(func(place, path string) {
		if d, err := digest(path); err != nil || d != w.digests[next][place] {
			w.ts.Fatalf("%s: %s is not what the next run wants: %v (seed %d)", about, place, err, w.seed)
		}
		info, err := os.Stat(path)
		w.ts.Check(err)
		if info.Mode().Perm() != 0o600 {
			w.ts.Fatalf("%s: %s has mode %v", about, place, info.Mode())
		}
		w.tidy(place, filepath.Dir(path), about)
	})
	if info, err := os.Lstat(filepath.Join(w.roots[w.nodes[2]], "root/.docker/config.json")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		w.ts.Fatalf("%s: the symlink was replaced: %v", about, err)
	}
}

// tidy demands that a folder holds nothing but the file and whole backups.
func (w *wholeFiles) tidy(place, folder, about string) {
	entries, err := os.ReadDir(folder)
	w.ts.Check(err)
	for _, e := range entries {
		match := besides.FindStringSubmatch(e.Name())
		if match == nil {
			w.ts.Fatalf("%s: %s stands beside %s after the next run (seed %d)", about, e.Name(), place, w.seed)
		}
		if match[2] == "" || match[3] != "" {
			continue
		}
		d, err := digest(filepath.Join(folder, e.Name()))
		if err != nil || d != w.digests[0][place] && d != w.digests[1][place] {
			w.ts.Fatalf("%s: the backup %s of %s is neither whole file: %v (seed %d)", about, e.Name(), place, err, w.seed)
		}
	}
}

// killedInstalls kills installs on the nodes whose name begins with PREFIX at
// N random instants, one to seven in a row, each asking for the other state,
// and looks at every file after each kill, and after a run that is left to end:
// `killedinstalls N PREFIX A.yml B.yml`.
func killedInstalls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: killedinstalls N PREFIX A.yml B.yml")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := newWholeFiles(ts, args[1], [2]string{args[2], args[3]})
	// The last node never has a file before.
	fresh := w.nodes[len(w.nodes)-1]
	halfway, killed := 0, 0
	for killed < times {
		w.filesOf(fresh, func(_, path string) { ts.Check(os.RemoveAll(filepath.Dir(path))) })
		w.filesOf(w.nodes[w.random.IntN(len(w.nodes)-1)], func(_, path string) {
			path, err := filepath.EvalSymlinks(path)
			ts.Check(err)
			ts.Check(os.WriteFile(path+".oreg-20200101T000000Z-0000.tmp", []byte("half"), 0o600)) // of a run long dead
		})
		next := w.now
		for range 1 + w.random.IntN(7) {
			next = 1 - next
			before := w.found()
			after := time.Duration(w.random.Int64N(int64(w.took) * 21 / 20))
			w.kill(after, w.install(next)...)
			killed++
			for _, node := range w.nodes {
				if err := w.broken(node, node == fresh); err != nil {
					ts.Fatalf("kill %d after %v: %v (seed %d)", killed, after, err, w.seed)
				}
			}
			if found := w.found(); !maps.Equal(found, before) && !maps.Equal(found, w.digests[next]) {
				halfway++
			}
		}
		begun := time.Now()
		w.completed(next, fmt.Sprintf("after kill %d", killed))
		w.took = (w.took + max(time.Since(begun), w.took/2)) / 2 // the machine's pace changes
	}
	ts.Logf("%d installs killed, %d of them with some files written and some not", killed, halfway)
	if halfway < times/20 {
		ts.Fatalf("only %d of %d kills came while files were being written", halfway, killed)
	}
}

// killedServers kills the sshd of each node whose name begins with PREFIX at a
// random instant of each of several installs, N times in all: half of the
// times with everything that runs on the node, half of the times sshd's own
// processes of the connection alone, so that the node script outlives them:
// `killedservers N PREFIX A.yml B.yml`.
func killedServers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: killedservers N PREFIX A.yml B.yml")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := newWholeFiles(ts, args[1], [2]string{args[2], args[3]})
	killed, failed := 0, 0
	for round := 1; killed < times; round++ {
		if round > times {
			ts.Fatalf("%d kills in %d installs: they came when there was nothing to kill", killed, round)
		}
		next := 1 - w.now
		outcomes := make(chan serverKill, len(w.nodes))
		for _, node := range w.nodes {
			after := time.Duration(w.random.Int64N(int64(w.took) * 21 / 20))
			whole := w.random.IntN(2) == 0
			go func() { outcomes <- w.killServer(node, after, whole) }()
		}
		cmd, out := w.command(w.install(next)...)
		_ = cmd.Run() // some nodes may be lost
		code := cmd.ProcessState.ExitCode()
		if !slices.Contains([]int{0, 2, 4}, code) {
			ts.Fatalf("round %d: exit code %d (seed %d)\n%s", round, code, w.seed, out)
		}
		if code != 0 {
			failed++
		}
		for range w.nodes {
			o := <-outcomes
			if o.err == nil {
				o.err = w.broken(o.node, false)
			}
			if o.err != nil {
				ts.Fatalf("round %d: %v (seed %d)\n%s", round, o.err, w.seed, out)
			}
			killed += o.killed
		}
		if d := w.found(); code == 0 && !maps.Equal(d, w.digests[next]) {
			ts.Fatalf("round %d: exit code 0, but not every file is the new one (seed %d)\n%s", round, w.seed, out)
		}
		w.completed(next, fmt.Sprintf("round %d", round))
	}
	ts.Logf("sshd killed %d times, %d installs had to leave nodes to the next one", killed, failed)
}

// serverKill is what became of killing one node's sshd.
type serverKill struct {
	node   string
	killed int
	err    error
}

// killServer kills a node's sshd, looks at the node's files at once, and lets
// sshd come back.
func (w *wholeFiles) killServer(node string, after time.Duration, everything bool) serverKill {
	o := serverKill{node: node}
	<-time.After(after)
	if !everything {
		o.killed, o.err = killSessions(w.ts.Getenv("LABDIR"), node)
		o.err = errors.Join(o.err, w.broken(node, false))
		return o
	}
	o.killed = 1
	o.err = errors.Join(w.ctl("node", "stop", node), w.broken(node, false), w.ctl("node", "start", node))
	return o
}

// ctl tells the running lab something, from any goroutine.
func (w *wholeFiles) ctl(args ...string) error {
	lab := exec.Command(w.ts.Getenv("OREG_LAB"), append([]string{"ctl", "--dir", w.ts.Getenv("LABDIR")}, args...)...)
	if out, err := lab.CombinedOutput(); err != nil {
		return fmt.Errorf("lab ctl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// killSessions kills -9 the processes that a node's sshd has for its
// connections. It says 1 if there were any, else 0.
func killSessions(labDir, node string) (killed int, err error) {
	content, err := os.ReadFile(filepath.Join(labDir, "state.json"))
	if err != nil {
		return 0, err
	}
	var s struct {
		Nodes []struct {
			Name string `json:"name"`
			PID  int    `json:"pid"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(content, &s); err != nil {
		return 0, err
	}
	children, err := childrenOf()
	if err != nil {
		return 0, err
	}
	var sessions []process
	for _, n := range s.Nodes {
		if n.Name == node && n.PID != 0 {
			sessions = children[n.PID]
		}
	}
	for len(sessions) > 0 {
		p := sessions[0]
		sessions = append(sessions[1:], children[p.pid]...)
		if !strings.HasPrefix(p.name, "sshd") {
			continue
		}
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err == nil { // it may have ended
			killed = 1
		}
	}
	return killed, nil
}

type process struct {
	pid  int
	name string
}

// childrenOf lists this machine's processes by their parent.
func childrenOf() (map[int][]process, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	all := map[int][]process{}
	for _, folder := range folders {
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			continue // it has ended
		}
		// PID (NAME) STATE PARENT ...; a name may hold anything.
		before, after, _ := strings.Cut(string(stat), " (")
		end := strings.LastIndex(after, ") ")
		fields := strings.Fields(after[end+1:])
		pid, err := strconv.Atoi(before)
		if err != nil || end < 0 || len(fields) < 2 {
			return nil, fmt.Errorf("%s/stat: %q", folder, stat)
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s/stat: %q", folder, stat)
		}
		all[parent] = append(all[parent], process{pid, after[:end]})
	}
	return all, nil
}
