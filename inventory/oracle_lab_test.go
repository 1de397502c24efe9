//go:build lab

package inventory

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	parts "oreg/inventory/internal/oracle"
)

var (
	updateFlag = flag.Bool("update", false, "write testdata/agreed.txtar")
	casesFlag  = flag.Int("cases", 2000, "how many random inventories are compared with Ansible")
)

// systemPython is the interpreter that Debian's ansible-core belongs to.
const systemPython = "/usr/bin/python3"

// oracle is one long-lived process of the real Ansible.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// question is one case; its fields are those that oracle.py reads.
type question struct {
	Dir           string   `json:"dir"`
	Sources       []string `json:"sources"`
	ExtraVars     []string `json:"extra_vars,omitempty"`
	VaultPassword string   `json:"vault_password,omitempty"`
	Host          string   `json:"host,omitempty"`
}

type answer struct {
	List     []byte   `json:"list"`
	Error    string   `json:"error"`
	Line     int      `json:"line"`
	Warnings []string `json:"warnings"`
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	script, err := filepath.Abs("testdata/oracle.py")
	require.NoError(t, err)
	home := t.TempDir()
	config := filepath.Join(home, "ansible.cfg")
	require.NoError(t, os.WriteFile(config, nil, 0o600))
	cmd := exec.CommandContext(t.Context(), systemPython, script)
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+config, "HOME="+home, "ANSIBLE_LOCAL_TEMP="+home, "LC_ALL=C.UTF-8")
	cmd.Dir = home
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "the oracle needs %s with Debian's ansible-core: apt-get install ansible-core", systemPython)
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("oracle: %s", stderr.String())
		}
	})
	o := &oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hosts"), []byte("h x=1\n"), 0o600))
	first := o.ask(t, question{Dir: dir, Sources: []string{"hosts"}})
	require.Contains(t, string(first.List), `"x": 1`, "the oracle does not answer; is ansible-core installed for %s?", systemPython)
	return o
}

func (o *oracle) ask(t *testing.T, q question) answer {
	t.Helper()
	line, err := json.Marshal(q)
	require.NoError(t, err)
	_, err = o.in.Write(append(line, '\n'))
	require.NoError(t, err, "the oracle ended; is ansible-core installed for %s?", systemPython)
	reply, err := o.out.ReadBytes('\n')
	require.NoError(t, err, "the oracle ended; is ansible-core installed for %s?", systemPython)
	var a answer
	require.NoError(t, json.Unmarshal(reply, &a))
	return a
}

// listing is what oreg prints, or why it does not.
func listing(t *testing.T, q question) (string, error) {
	t.Helper()
	o := Options{Paths: q.Sources, ExtraVars: q.ExtraVars, Dir: q.Dir, AllowScripts: true}
	if q.VaultPassword != "" {
		o.Vault = withPassword(q.VaultPassword)
	}
	inv, err := Load(t.Context(), o)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if q.Host != "" {
		err = inv.Host(&b, q.Host, ListOptions{ShowSecrets: true})
	} else {
		err = inv.List(&b, ListOptions{ShowSecrets: true})
	}
	return strings.TrimSuffix(b.String(), "\n"), err
}

// disagreement compares oreg with Ansible; empty is agreement. It also says
// whether Ansible refused the inventory.
func disagreement(t *testing.T, o *oracle, q question) (diff string, refused bool) {
	t.Helper()
	theirs := o.ask(t, q)
	ours, err := listing(t, q)
	switch {
	case theirs.Error != "" && err != nil:
		return lineDifference(q, theirs, err), true
	case theirs.Error == "" && err == nil && ours == string(theirs.List):
		return "", false
	case theirs.Error != "":
		return fmt.Sprintf("Ansible refuses: %s (line %d)\n%s\noreg prints: %s",
			theirs.Error, theirs.Line, strings.Join(theirs.Warnings, "\n"), ours), true
	case err != nil:
		return fmt.Sprintf("oreg refuses: %v\nAnsible prints: %s", err, theirs.List), false
	case strings.Contains(strings.Join(theirs.Warnings, "\n"), "Could not sort") && sameJSON(ours, string(theirs.List)):
		return "", false
	}
	return "Ansible prints:\n" + string(theirs.List) + "\noreg prints:\n" + ours, false
}

// lineDifference compares where an INI inventory was refused: the first mistake
// that oreg reports must be the one where Ansible stopped.
func lineDifference(q question, theirs answer, err error) string {
	var ours Problems
	if !strings.Contains(theirs.Error, "Completely failed") || len(q.Sources) != 1 || theirs.Line == 0 || !errors.As(err, &ours) {
		return ""
	}
	if first := ours[0]; filepath.Base(first.Pos.File) != "hosts" || first.Pos.Line == theirs.Line ||
		strings.Contains(first.Message, "YAML") || strings.HasPrefix(theirs.Error, "Ansible") && yamlShown(q) {
		return ""
	}
	return fmt.Sprintf("Ansible stops in line %d, oreg says: %v\n%s", theirs.Line, err, strings.Join(theirs.Warnings, "\n"))
}

// yamlShown says whether oreg reports what is wrong with a file as YAML.
func yamlShown(q question) bool {
	text, err := os.ReadFile(filepath.Join(q.Dir, q.Sources[0]))
	return err == nil && looksLikeYAML(q.Sources[0], string(text))
}

// question writes the files of a case into a folder and asks about them.
func (c testCase) question(t *testing.T, dir string) question {
	t.Helper()
	o := c.options(t, dir)
	return question{Dir: o.Dir, Sources: o.Paths, ExtraVars: o.ExtraVars, VaultPassword: c.vaultPassword}
}

// TestOracleTable holds the cases that every build checks against what Ansible
// said of them once, to what Ansible says of them here. With -update it writes
// that down anew.
func TestOracleTable(t *testing.T) {
	o := startOracle(t)
	archive := &txtar.Archive{Comment: []byte("What ansible-inventory --list of ansible-core 2.14 prints of the table cases.\n")}
	for _, c := range agreedCases(t) {
		t.Run(c.name, func(t *testing.T) {
			q := c.question(t, t.TempDir())
			diff, refused := disagreement(t, o, q)
			assert.Empty(t, diff)
			assert.False(t, refused, "Ansible refuses it")
			if *updateFlag {
				list := o.ask(t, q).List
				archive.Files = append(archive.Files, txtar.File{Name: c.name, Data: append(list, '\n')})
			}
		})
	}
	if *updateFlag && !t.Failed() {
		require.NoError(t, os.WriteFile(goldenFile, txtar.Format(archive), 0o600))
	}
}

// TestOracleHost compares what --host prints.
func TestOracleHost(t *testing.T) {
	o := startOracle(t)
	for _, host := range []string{"h1", "h2", "h3", "*2", "g[0]"} {
		q := testCase{files: iniFile("[g]\nh1 x=1 y='a b'\nh2\n[all]\nh3 z=[1]\n")}.question(t, t.TempDir())
		q.Host = host
		diff, _ := disagreement(t, o, q)
		assert.Empty(t, diff)
	}
}

// TestOracleInvalid: Ansible refuses each inventory of the table, where the
// table says.
func TestOracleInvalid(t *testing.T) {
	o := startOracle(t)
	for _, c := range invalidCases() {
		t.Run(c.text, func(t *testing.T) {
			if strings.Contains(c.text, "999999999999") {
				// Ansible would try.
				return
			}
			q := testCase{files: iniFile(c.text)}.question(t, t.TempDir())
			theirs := o.ask(t, q)
			assert.NotEmpty(t, theirs.Error)
			assert.Equal(t, c.line, theirs.Line)
		})
	}
}

// TestOracleRandom compares random inventories. To see a failure again, run it
// with the seed that it prints.
func TestOracleRandom(t *testing.T) {
	seed := parts.Seed(t)
	o := startOracle(t)
	root := t.TempDir()
	bad, refused := 0, 0
	for i := range *casesFlag {
		c := generate(rand.New(rand.NewPCG(seed, uint64(i))))
		dir := filepath.Join(root, fmt.Sprint(i))
		q := c.question(t, dir)
		diff, no := disagreement(t, o, q)
		if no {
			refused++
		}
		require.NoError(t, os.RemoveAll(dir))
		if diff == "" {
			continue
		}
		var shown strings.Builder
		for name, content := range c.files {
			fmt.Fprintf(&shown, "--- %s\n%q\n", name, content)
		}
		t.Errorf("seed %d case %d: sources %v extra %q\n%s\n%s", seed, i, c.sources, c.extra, shown.String(), diff)
		if bad++; bad == 5 {
			t.Fatal("five disagreements are enough")
		}
	}
	t.Logf("%d of them refused by both", refused)
}
