//go:build lab

package ansiblecfg_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/ansiblecfg"
	"oreg/inventory/internal/oracle"
)

type answer struct {
	Values map[string]any
	Error  string
}

func ask(t *testing.T, o *oracle.Oracle, m *machine, file any) answer {
	t.Helper()
	var a answer
	o.Exchange(t, map[string]any{"dir": m.dir, "file": file, "env": m.env}, &a)
	return a
}

// values are the settings of c that are set, as JSON would have them.
func values(t *testing.T, c *ansiblecfg.Config) map[string]any {
	t.Helper()
	set := map[string]any{}
	if c.File != "" {
		set["File"] = c.File
	}
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct && f.FieldByName("Set").Bool() {
			set[v.Type().Field(i).Name] = f.FieldByName("Value").Interface()
		}
	}
	delete(set, "VaultIDMatch") // a boolean only here
	data, err := json.Marshal(set)
	require.NoError(t, err)
	var plain map[string]any
	require.NoError(t, json.Unmarshal(data, &plain))
	return plain
}

func compare(t *testing.T, o *oracle.Oracle, m *machine, file any, shown string) {
	t.Helper()
	want := ask(t, o, m, file)
	c, err := ansiblecfg.Load(m.options())
	if want.Error != "" {
		assert.Error(t, err, "%s\n%s", want.Error, shown)
		return
	}
	if err != nil && strings.Contains(err.Error(), "expected a whole number above 0") {
		return // Ansible takes 0 and below here, and refuses it later
	}
	require.NoError(t, err, shown)
	if want.Values["File"] == nil {
		delete(want.Values, "File")
	}
	assert.Equal(t, want.Values, values(t, c), shown)
}

func TestLabSearchAgainstAnsible(t *testing.T) {
	m := newMachine(t)
	o := oracle.Start(t, "testdata/oracle.py")
	m.system, m.env["HOME"] = "/etc/ansible/ansible.cfg", m.home
	check := func(what string) { t.Helper(); compare(t, o, m, nil, what) }
	check("nothing")
	m.write(t, filepath.Join(m.home, ".ansible.cfg"), "[defaults]\nforks=1\ninventory=a,b")
	check("home")
	m.write(t, filepath.Join(m.dir, "ansible.cfg"), "[defaults]\nforks=2\nprivate_key_file=../k")
	check("folder")
	require.NoError(t, os.Chmod(m.dir, 0o777))
	check("folder that everybody can write")
	require.NoError(t, os.Chmod(m.dir, 0o755))
	m.env["ANSIBLE_CONFIG"] = "~/x.cfg"
	check("missing")
	m.write(t, filepath.Join(m.home, "x.cfg"), "[defaults]\nforks=3\nvault_password_file=~/$HOME/$NONE")
	check("ANSIBLE_CONFIG")
	m.write(t, filepath.Join(m.root, "etc", "ansible.cfg"), "[defaults]\nforks=4")
	m.env["ANSIBLE_CONFIG"] = "../etc"
	check("ANSIBLE_CONFIG is a folder")
	m.env["ANSIBLE_CONFIG"] = m.write(t, filepath.Join(m.root, "x.conf"), "[defaults]\n")
	check("another extension")
	m.env = map[string]string{
		"HOME": m.home, "ANSIBLE_INVENTORY": "x, ~/y,{{CWD}}/z,${HOME}/w", "ANSIBLE_PRIVATE_KEY_FILE": "k", "ANSIBLE_SSH_ARGS": "'a'", "ANSIBLE_TIMEOUT": "4",
		"ANSIBLE_SSH_TIMEOUT": " 5 ", "ANSIBLE_SUDO_USER": "me", "ANSIBLE_VAULT_IDENTITY_LIST": "a@b, 'c@d'", "ANSIBLE_BECOME": "ON",
	}
	check("environment")
}

func TestLabRandomAgainstAnsible(t *testing.T) {
	m := newMachine(t)
	m.env["HOME"] = m.home
	o := oracle.Start(t, "testdata/oracle.py")
	r := oracle.Random(t)
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	for n := range 1500 {
		var b strings.Builder
		used := map[string]bool{}
		for range 1 + r.IntN(12) {
			b.WriteString(pick("", "", "", " ", "  ", "\t"))
			switch r.IntN(14) {
			case 0, 1, 2:
				section := pick("defaults", "ssh_connection", "privilege_escalation", "DEFAULT", "sudo_become_plugin", "x.y")
				if !used[section] || r.IntN(20) == 0 {
					b.WriteString("[" + section + "]" + pick("", "", " ; c", " x", "]"))
				}
				used[section] = true
			case 3:
				b.WriteString(pick("# c", "; c", "", "", "#x=1", "-o A=b", "[", "[]", "=", "x"))
			default:
				key := pick("\"a", "-", "forks", "timeout", "Inventory", "remote_user", "private_key_file", "become", "become_user", "user", "ssh_args", "ssh_args", "ssh_common_args", "ask_pass", "vault_identity_list", "x")
				if !used[key] || r.IntN(20) == 0 {
					b.WriteString(key + pick("=", " = ", ": ", " :", "") + pick(
						"5", " 7 ", "a b", "'a'", `"a"`, "`a`", `"""`, "a ; c", "a;c", "a # c", "~/x", "$HOME/x", "{{CWD}}/x", "a,b , c", "yes", "False", "maybe", "%(x)s", `a\`, "[x]", "é\u00a0", "\x01", "-C", "1_0", "a=b", "'a\\'",
					) + pick("", "", "", " ", " ;"))
				}
				used[key] = true
			}
			b.WriteString(pick("\n", "\n", "\n", "\r\n", "\n\n"))
		}
		file := m.write(t, filepath.Join(m.dir, "ansible.cfg"), b.String())
		compare(t, o, m, file, fmt.Sprintf("%d: %q", n, b.String()))
		if t.Failed() {
			t.FailNow()
		}
	}
}

// ansible-config itself, for what the oracle's way around it might miss.
func TestLabAnsibleConfigDump(t *testing.T) {
	program, err := exec.LookPath("ansible-config")
	require.NoError(t, err, "ansible-config is needed: apt-get install ansible-core")
	c, m := load(t, "[defaults]\n  inventory = hosts, ~/more ; both\n  forks = 12\n  remote_user = \"me\"\n\n[privilege_escalation]\nbecome=yes\n")
	cmd := exec.CommandContext(t.Context(), program, "dump", "--only-changed")
	cmd.Dir = m.dir
	cmd.Env = []string{"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	require.NoError(t, err)
	file := m.dir + "/ansible.cfg"
	for _, want := range []string{
		fmt.Sprintf("DEFAULT_HOST_LIST(%s) = ['%s', '%s']", file, c.Inventory.Value[0], c.Inventory.Value[1]),
		fmt.Sprintf("DEFAULT_FORKS(%s) = %d", file, c.Forks.Value),
		fmt.Sprintf("DEFAULT_REMOTE_USER(%s) = %s", file, c.RemoteUser.Value),
		fmt.Sprintf("DEFAULT_BECOME(%s) = True", file),
	} {
		assert.Contains(t, string(out), want)
	}
}
