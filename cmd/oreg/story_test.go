//go:build lab

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestStories runs each command as a user would, against a lab of real parts
// that every story starts for itself with `labup`.
func TestStories(t *testing.T) {
	for _, name := range []string{"OREG_LAB"} {
		require.NotEmpty(t, os.Getenv(name), "%s must name the lab's program: run `make test`", name)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/lab",
		Setup: func(env *testscript.Env) error {
			env.Setenv("OREG_LAB", os.Getenv("OREG_LAB"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			// The caller's PATH may hold what the machine's own does not.
			return os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "labup": labUp, "lab": labCtl, "nosecret": noSecret, "labcount": labCount, "interrupted": interrupted, "starts": starts, "batches": batches, "killedrotations": killedRotations, "killedinstalls": killedInstalls, "killedservers": killedServers, "logins": logins, "expected": expected, "importer": importer,
			"pod": pod, "kubeletreads": kubeletReads,
			"procedure": procedure, "sameobject": sameObject, "atwrite": atWrite,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// labState is the part of the lab's state document that stories use.
type labState struct {
	Dir        string `json:"dir"`
	Inventory  string `json:"inventory"`
	Wrong      string `json:"inventory_wrong"`
	KnownHosts string `json:"known_hosts"`
	CertsDir   string `json:"certs_dir"`
	SSH        struct {
		Key        string `json:"key"`
		Passphrase string `json:"key_passphrase"`
	} `json:"ssh"`
	Accounts []struct {
		User     string `json:"user"`
		Password string `json:"password"`
	} `json:"accounts"`
	Registries []struct {
		Name     string `json:"name"`
		Host     string `json:"host"`
		Accounts []struct {
			User     string `json:"user"`
			Password string `json:"password"`
		} `json:"accounts"`
	} `json:"registries"`
	Nodes []struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		Port    int    `json:"port"`
		Root    string `json:"root"`
		Trace   string `json:"trace"`
	} `json:"nodes"`
	Kubernetes struct {
		Kubeconfig string `json:"kubeconfig"`
		Server     string `json:"server"`
	} `json:"kubernetes"`
}

// secrets lists every password of the lab in each form that must not be seen.
func (s labState) secrets() []string {
	var out []string
	add := func(user, password string) {
		if len(password) < 6 {
			return
		}
		// strace writes what is not ASCII as octal: the rest of it is looked for too.
		for _, run := range strings.FieldsFunc(password, func(r rune) bool { return r >= 0x80 }) {
			if len(run) >= 6 {
				out = append(out, run)
			}
		}
		out = append(out, password, base64.StdEncoding.EncodeToString([]byte(password)),
			base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	add("", s.SSH.Passphrase)
	add("nobody", "never#tried "+s.SSH.Passphrase) // the entry with test_login False
	for _, a := range s.Accounts {
		add(a.User, a.Password)
	}
	for _, r := range s.Registries {
		for _, a := range r.Accounts {
			add(a.User, a.Password)
		}
	}
	return out
}

// labUp starts a lab for this script and sets variables to what it made:
// $INV, $INV_WRONG, $KNOWN_HOSTS, $CERTS, $KUBECONFIG_LAB, $KEY, for each registry $REG_NAME,
// for each node $ROOT_NAME. It ends with the script.
func labUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("labup cannot be negated")
	}
	dir := ts.MkAbs("lab")
	lab := exec.Command(ts.Getenv("OREG_LAB"), append([]string{"up", "--dir", dir, "--json", "--until-eof"}, args...)...)
	stdin, err := lab.StdinPipe()
	ts.Check(err)
	stdout, err := lab.StdoutPipe()
	ts.Check(err)
	var stderr bytes.Buffer
	lab.Stderr = &stderr
	ts.Check(lab.Start())
	ts.Defer(func() {
		_ = stdin.Close() // the end of its input tells the lab to end
		_, _ = io.Copy(io.Discard, stdout)
		if err := lab.Wait(); err != nil {
			ts.Logf("the lab ended badly: %v\n%s", err, stderr.String())
		}
	})
	line, err := bufio.NewReaderSize(stdout, 1<<20).ReadBytes('\n')
	if err != nil {
		_ = stdin.Close()
		ts.Fatalf("the lab did not start: %v\n%s", err, stderr.String())
	}
	var state labState
	ts.Check(json.Unmarshal(line, &state))
	ts.Setenv("LABDIR", dir)
	ts.Setenv("INV", state.Inventory)
	ts.Setenv("INV_WRONG", state.Wrong)
	ts.Setenv("KNOWN_HOSTS", state.KnownHosts)
	ts.Setenv("CERTS", state.CertsDir)
	ts.Setenv("KEY", state.SSH.Key)
	ts.Setenv("KUBECONFIG_LAB", state.Kubernetes.Kubeconfig)
	for _, r := range state.Registries {
		ts.Setenv("REG_"+r.Name, r.Host)
	}
	for _, n := range state.Nodes {
		ts.Setenv("ROOT_"+n.Name, n.Root)
		ts.Setenv("ADDRESS_"+n.Name, n.Address)
		ts.Setenv("TRACE_"+n.Name, n.Trace)
		ts.Setenv("PORT_"+n.Name, fmt.Sprint(n.Port))
	}
}

// state reads the state document of the script's lab.
func state(ts *testscript.TestScript) labState {
	var s labState
	content, err := os.ReadFile(filepath.Join(ts.Getenv("LABDIR"), "state.json"))
	ts.Check(err)
	ts.Check(json.Unmarshal(content, &s))
	return s
}

// labCtl passes a command on to the running lab: `lab registry stop basic`.
func labCtl(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(ts.Getenv("OREG_LAB"), append([]string{"ctl", "--dir", ts.Getenv("LABDIR")}, args...)...)
	if neg != (err != nil) {
		ts.Fatalf("lab ctl %s: %v", strings.Join(args, " "), err)
	}
}

// labCount demands a number from one of the lab's records:
// `labcount 1 registry count basic failed`.
func labCount(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: labcount N ctl-words...")
	}
	labCtl(ts, false, args[1:])
	got := strings.TrimSpace(ts.ReadFile("stdout"))
	if (got == args[0]) == neg {
		ts.Fatalf("%s: %s, expected %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// noSecret demands that no password of the lab, in any form, stands in the
// last command's output or in the files named.
func noSecret(ts *testscript.TestScript, neg bool, args []string) {
	texts := map[string]string{"stdout": ts.ReadFile("stdout"), "stderr": ts.ReadFile("stderr")}
	for _, name := range args {
		texts[name] = ts.ReadFile(name)
	}
	found := ""
	for name, text := range texts {
		for _, s := range state(ts).secrets() {
			if strings.Contains(text, s) {
				found = name
			}
		}
	}
	switch {
	case found != "" && !neg:
		ts.Fatalf("a secret stands in %s", found)
	case found == "" && neg:
		ts.Fatalf("no secret found, though one was expected")
	}
}

// logins prints what a config.json, or a secret's base64 of one, holds: a
// line "host user digest-of-password" each, sorted. Two places with the same
// lines hold the same credentials.
func logins(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: logins FILE")
	}
	content := []byte(strings.TrimSpace(ts.ReadFile(args[0])))
	if decoded, err := base64.StdEncoding.DecodeString(string(content)); err == nil {
		content = decoded
	}
	var config struct {
		Auths map[string]struct {
			Auth string `json:"auth"`
		} `json:"auths"`
	}
	ts.Check(json.Unmarshal(content, &config))
	var lines []string
	for host, entry := range config.Auths {
		pair, err := base64.StdEncoding.DecodeString(entry.Auth)
		ts.Check(err)
		user, password, _ := strings.Cut(string(pair), ":")
		lines = append(lines, fmt.Sprintf("%s %s %x", host, user, sha256.Sum256([]byte(password))))
	}
	slices.Sort(lines)
	_, err := fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
	ts.Check(err)
}

// expected prints the same lines for the lab's own pull accounts: what every
// place has to hold beside the entry that is not tested.
func expected(ts *testscript.TestScript, neg bool, args []string) {
	var lines []string
	add := func(host, user, password string) {
		lines = append(lines, fmt.Sprintf("%s %s %x", host, user, sha256.Sum256([]byte(password))))
	}
	for _, r := range state(ts).Registries {
		for _, a := range r.Accounts {
			if a.User == "lab|svc" {
				add(r.Host, a.User, a.Password)
			}
		}
	}
	slices.Sort(lines)
	_, err := fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
	ts.Check(err)
}
