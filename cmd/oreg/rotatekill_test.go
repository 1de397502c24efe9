//go:build lab

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killer kills rotations and looks at what they leave.
type killer struct {
	ts    *testscript.TestScript
	oreg  string
	roots []string // of the nodes
	flags []string
	seed  uint64
	known int // runs before the kills
}

type listedRun struct{ Run, Ending string }

// killedRotations rotates back and forth between the logins of two files of
// extra variables, kills each rotation at a random instant, and demands that
// `oreg runs` and `oreg verify` tell the truth about every place, and that a
// second rotation completes or a rollback restores every byte:
// `killedrotations N a.yml USER-A b.yml USER-B`.
func killedRotations(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: killedrotations N A.yml USER-A B.yml USER-B")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	k := &killer{ts: ts, seed: uint64(time.Now().UnixNano())}
	ts.Logf("seed %d", k.seed)
	random := rand.New(rand.NewPCG(k.seed, 0)) //nolint:gosec // instants, no secrets
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "oreg")); err == nil {
			k.oreg = filepath.Join(dir, "oreg")
			break
		}
	}
	for _, n := range state(ts).Nodes {
		k.roots = append(k.roots, n.Root)
	}
	k.flags = []string{"-i", ts.Getenv("INV"), "--certs-dir", ts.Getenv("CERTS"), "--allow-realm", "localhost"}
	files, users := []string{args[1], args[3]}, []string{args[2], args[4]}
	now := 0
	k.demand(0, "install", "-e", "@"+files[now])
	begun := time.Now()
	k.demand(0, "rotate", "--restart", "never", "-e", "@"+files[1])
	took := time.Since(begun)
	now = 1
	mended, undone, untouched := 0, 0, 0
	for i := range times {
		next := 1 - now
		before := k.snapshot()
		k.known = len(k.runs())
		attempts := 1 + random.IntN(2)
		for range attempts {
			k.kill(time.Duration(random.Int64N(int64(took)*11/10)), "rotate", "--restart", "never", "-e", "@"+files[next])
		}
		run, changed := k.truth(before, files[next], users[next])
		switch {
		case !changed:
			untouched++
			if diff := compare(before, k.snapshot()); diff != "" {
				ts.Fatalf("attempt %d: the journal knows of no change, but %s", i, diff)
			}
		case random.IntN(2) == 0:
			mended++
			k.demand(0, "rotate", "--restart", "never", "-e", "@"+files[next])
			if r := k.runs(); r[len(r)-1].Ending != "done" {
				ts.Fatalf("attempt %d: the second rotation ended %q", i, r[len(r)-1].Ending)
			}
			k.all(users[next])
			now = next
		default:
			undone++
			k.demand(0, "rollback", "-e", "@"+files[next], "--run", run)
			if diff := compare(before, k.snapshot()); diff != "" {
				ts.Fatalf("attempt %d: after the rollback of %s %s", i, run, diff)
			}
		}
	}
	ts.Logf("%d rotations killed: %d completed by a second one, %d rolled back, %d had changed nothing", times, mended, undone, untouched)
	if mended == 0 || undone == 0 {
		ts.Fatalf("the kills came too early or too late to mean anything")
	}
}

// command is oreg as the script would run it.
func (k *killer) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(k.oreg, append(append([]string{args[0]}, k.flags...), args[1:]...)...)
	cmd.Dir = k.ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + k.ts.Getenv("PATH"), "HOME=" + k.ts.Getenv("HOME")}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// demand runs oreg and wants an exit code.
func (k *killer) demand(code int, args ...string) {
	cmd, out := k.command(args...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != code {
		k.ts.Fatalf("oreg %s: %v, expected exit code %d (seed %d)\n%s", strings.Join(args, " "), err, code, k.seed, out)
	}
}

// kill runs oreg and kills it after a while.
func (k *killer) kill(after time.Duration, args ...string) {
	cmd, _ := k.command(args...)
	k.ts.Check(cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
	_ = cmd.Wait()                                                    // killed is no success
	timer.Stop()
}

// snapshot is every config.json with its mode, and the secret's data.
func (k *killer) snapshot() map[string]string {
	all := map[string]string{}
	for i, root := range k.roots {
		for _, path := range []string{"root/.docker/config.json", "var/lib/origin/.docker/config.json"} {
			file := filepath.Join(root, path)
			content, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				k.ts.Check(err)
			}
			info, err := os.Stat(file)
			k.ts.Check(err)
			all[fmt.Sprintf("n%d:/%s", i+1, path)] = info.Mode().String() + " " + string(content)
		}
	}
	out, err := exec.Command("kubectl", "--kubeconfig", k.ts.Getenv("KUBECONFIG_LAB"), "-n", "openshift", "get", "secret", "imagestreamsecret",
		"-o", "jsonpath={.type}{.data}{.metadata.labels}{.metadata.annotations}").Output()
	k.ts.Check(err)
	all["secret"] = string(out)
	return all
}

func compare(before, after map[string]string) string {
	for _, place := range slices.Sorted(maps.Keys(before)) {
		if before[place] != after[place] {
			return place + " differs"
		}
	}
	return ""
}

// holds says whether a place of a snapshot holds a user's login.
func holds(content, user string) bool {
	if !strings.Contains(content, "dockerconfigjson") {
		return strings.Contains(content, base64.StdEncoding.EncodeToString([]byte(user + ":"))[:8])
	}
	_, after, _ := strings.Cut(content, `.dockerconfigjson":"`)
	encoded, _, _ := strings.Cut(after, `"`)
	decoded, _ := base64.StdEncoding.DecodeString(encoded)
	return strings.Contains(string(decoded), `"`+user+`"`)
}

func (k *killer) all(user string) {
	for place, content := range k.snapshot() {
		if !holds(content, user) {
			k.ts.Fatalf("%s does not hold the login of %s", place, user)
		}
	}
}

// runs is what oreg says of its runs, the oldest first.
func (k *killer) runs() []listedRun {
	var doc struct{ Runs []listedRun }
	cmd, _ := k.command("runs", "-o", "json")
	cmd.Args = []string{k.oreg, "runs", "-o", "json"}
	cmd.Stdout, cmd.Stderr = nil, nil
	out, err := cmd.Output()
	k.ts.Check(err)
	k.ts.Check(json.Unmarshal(out, &doc))
	return doc.Runs
}

// truth compares what verify and the journal say with what is on the disks.
func (k *killer) truth(before map[string]string, file, user string) (run string, changed bool) {
	var after map[string]string
	var report struct {
		Hosts []struct {
			Name  string
			Files []struct{ Path, Status string }
		}
		Secrets []struct{ Status string }
	}
	for settled := false; !settled; {
		// What the killed run had sent may still arrive.
		after = k.snapshot()
		cmd, out := k.command("verify", "-e", "@"+file, "-o", "json")
		cmd.Stderr = nil
		_ = cmd.Run() // drift is no success
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			k.ts.Fatalf("oreg verify: %v\n%s", err, out)
		}
		settled = compare(after, k.snapshot()) == ""
	}
	for _, h := range report.Hosts {
		for _, f := range h.Files {
			place := h.Name + ":" + f.Path
			if said, is := f.Status == "unchanged", holds(after[place], user); said != is {
				k.ts.Fatalf("oreg verify says %q of %s, which holds the new login: %v", f.Status, place, is)
			}
		}
	}
	if said, is := report.Secrets[0].Status == "unchanged", holds(after["secret"], user); said != is {
		k.ts.Fatalf("oreg verify says %q of the secret, which holds the new login: %v", report.Secrets[0].Status, is)
	}
	return k.journalTruth(before, after)
}

// journalTruth demands that the killed rotations changed things under one run
// id, that its journal knows of each place that differs from before, and that it
// says of none that it was changed which was not.
func (k *killer) journalTruth(before, after map[string]string) (run string, changed bool) {
	folder := filepath.Join(k.ts.Getenv("HOME"), ".local/state/oreg/runs")
	about, certain := map[string]bool{}, map[string]bool{}
	for _, r := range k.runs()[k.known:] {
		content, err := os.ReadFile(filepath.Join(folder, r.Run+".jsonl"))
		k.ts.Check(err)
		if !bytes.Contains(content, []byte(`"event":"before"`)) {
			continue
		}
		if run != "" {
			k.ts.Fatalf("runs %s and %s both changed something: the second should have continued the first", run, r.Run)
		}
		run = r.Run
		k.read(content, about, certain)
	}
	for place := range before {
		differs := before[place] != after[place]
		if differs && !about[place] {
			k.ts.Fatalf("%s was changed, of which no journal knows", place)
		}
		if certain[place] && !differs {
			journal, _ := os.ReadFile(filepath.Join(folder, run+".jsonl"))
			k.ts.Fatalf("the journal of run %s says that %s was changed, which it was not\n%s", run, place, journal)
		}
	}
	return run, run != ""
}

// read takes from a journal what was about to change, and what certainly did.
func (k *killer) read(content []byte, about, certain map[string]bool) {
	for line := range bytes.Lines(content) {
		var l struct{ Event, Host, Path, Name, Status string }
		if json.Unmarshal(line, &l) != nil {
			continue // the last one, cut off
		}
		place := l.Host + ":" + l.Path
		if l.Name == "imagestreamsecret" {
			place = "secret"
		}
		switch l.Event {
		case "before":
			about[place] = true
		case "after":
			certain[place] = l.Status == "updated" || l.Status == "created"
		}
	}
}
