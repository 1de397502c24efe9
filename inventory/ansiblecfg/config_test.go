package ansiblecfg_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/ansiblecfg"
)

// machine is a current folder, a home and a system file.
type machine struct {
	root, dir, home, system string
	env                     map[string]string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root := t.TempDir()
	m := &machine{
		root: root, dir: filepath.Join(root, "work"), home: filepath.Join(root, "home"),
		system: filepath.Join(root, "etc", "ansible.cfg"), env: map[string]string{},
	}
	for _, dir := range []string{m.dir, m.home, filepath.Dir(m.system)} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	return m
}

func (m *machine) write(t *testing.T, path, content string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (m *machine) options() ansiblecfg.Options {
	return ansiblecfg.Options{
		Dir: m.dir, Home: m.home, System: m.system,
		Env: func(name string) (string, bool) { v, ok := m.env[name]; return v, ok },
	}
}

// load reads a configuration file of the current folder.
func load(t *testing.T, content string, env ...string) (*ansiblecfg.Config, *machine) {
	t.Helper()
	m := newMachine(t)
	m.write(t, filepath.Join(m.dir, "ansible.cfg"), content)
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		m.env[name] = value
	}
	c, err := ansiblecfg.Load(m.options())
	require.NoError(t, err)
	return c, m
}

func notes(list []ansiblecfg.Note) string {
	lines := make([]string, len(list))
	for i, n := range list {
		lines[i] = n.String()
	}
	return strings.Join(lines, "\n")
}

func TestSearchOrder(t *testing.T) {
	m := newMachine(t)
	find := func(want string) {
		t.Helper()
		c, err := ansiblecfg.Load(m.options())
		require.NoError(t, err)
		assert.Equal(t, want, c.File)
	}
	find("")
	find(m.write(t, m.system, "[defaults]\n"))
	inHome := m.write(t, filepath.Join(m.home, ".ansible.cfg"), "[defaults]\n")
	find(inHome)
	inDir := m.write(t, filepath.Join(m.dir, "ansible.cfg"), "[defaults]\n")
	find(inDir)

	m.env["ANSIBLE_CONFIG"] = "~/other.ini"
	find(inDir) // it is not there
	find2 := m.write(t, filepath.Join(m.home, "other.ini"), "[defaults]\n")
	find(find2)
	m.env["ANSIBLE_CONFIG"] = m.root + "/etc"
	find(m.system) // a folder
	m.env["ANSIBLE_CONFIG"] = "../home/other.ini"
	find(find2)
	m.env["ANSIBLE_CONFIG"] = "${SOME}/other.ini"
	m.env["SOME"] = m.home
	find(find2)
}

func TestMissingANSIBLE_CONFIGIsNoted(t *testing.T) {
	m := newMachine(t)
	m.env["ANSIBLE_CONFIG"] = "/does/not/exist.cfg"
	c, err := ansiblecfg.Load(m.options())
	require.NoError(t, err)
	assert.Equal(t, "ANSIBLE_CONFIG: its file is not there or cannot be read", notes(c.Ignored))
}

func TestWorldWritableFolder(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.Chmod(m.dir, 0o777))
	c, err := ansiblecfg.Load(m.options())
	require.NoError(t, err)
	assert.Empty(t, c.Warnings, "nothing there to ignore")

	inDir := m.write(t, filepath.Join(m.dir, "ansible.cfg"), "[defaults]\nforks=3\n")
	c, err = ansiblecfg.Load(m.options())
	require.NoError(t, err)
	assert.Empty(t, c.File)
	assert.False(t, c.Forks.Set)
	assert.Contains(t, notes(c.Warnings), inDir+": ignored, as its folder is writable by everybody")

	m.env["ANSIBLE_CONFIG"] = inDir
	c, err = ansiblecfg.Load(m.options())
	require.NoError(t, err)
	assert.Equal(t, inDir, c.File)
	assert.Empty(t, c.Warnings)
}

func TestSettings(t *testing.T) {
	c, m := load(t, `
[defaults]
inventory = hosts, ~/inv,/abs/../etc/hosts , {{CWD}}/x
forks = 1_0
timeout = 30
remote_user = 'cloud user'
remote_port = 2222
private_key_file = keys/id_ed25519
ask_pass = Yes
ask_vault_pass = off
vault_password_file = $PW/vault
vault_identity_list = dev@~/dev, 'prod@prompt'
vault_id_match = False
[privilege_escalation]
become = True
become_user = admin
become_method = su
become_ask_pass = 1
[ssh_connection]
ssh_args = -C -o "ControlPersist=60s" ; note
ssh_common_args = '-o ProxyJump=bastion'
ssh_extra_args =
`, "PW=/secrets")
	file := filepath.Join(m.dir, "ansible.cfg")
	from := func(line int, name string) string { return fmt.Sprintf("%s:%d %s", file, line, name) }
	assert.Equal(t, file, c.File)
	assert.Equal(t, []string{m.dir + "/hosts", m.home + "/inv", "/etc/hosts", m.dir + "/x"}, c.Inventory.Value)
	assert.Equal(t, ansiblecfg.Setting[int]{Value: 10, Set: true, From: from(4, "[defaults] forks")}, c.Forks)
	assert.Equal(t, 30, c.Timeout.Value)
	assert.Equal(t, "cloud user", c.RemoteUser.Value)
	assert.Equal(t, 2222, c.RemotePort.Value)
	assert.Equal(t, m.dir+"/keys/id_ed25519", c.PrivateKeyFile.Value)
	assert.True(t, c.AskPass.Value)
	assert.Equal(t, ansiblecfg.Setting[bool]{Value: false, Set: true, From: from(10, "[defaults] ask_vault_pass")}, c.AskVaultPass)
	assert.Equal(t, "/secrets/vault", c.VaultPasswordFile.Value)
	assert.Equal(t, []string{"dev@~/dev", "prod@prompt"}, c.VaultIdentityList.Value)
	assert.False(t, c.VaultIDMatch.Value)
	assert.True(t, c.Become.Value)
	assert.Equal(t, "admin", c.BecomeUser.Value)
	assert.Equal(t, "su", c.BecomeMethod.Value)
	assert.True(t, c.BecomeAskPass.Value)
	assert.Equal(t, `-C -o "ControlPersist=60s"`, c.SSHArgs.Value)
	assert.Equal(t, "-o ProxyJump=bastion", c.SSHCommonArgs.Value)
	assert.Equal(t, ansiblecfg.Setting[string]{Set: true, From: from(22, "[ssh_connection] ssh_extra_args")}, c.SSHExtraArgs)
	assert.Len(t, c.Taken, 18)
	assert.Empty(t, c.Ignored)
	assert.Empty(t, c.Warnings)
}

func TestEnvironmentWins(t *testing.T) {
	c, m := load(t, "[defaults]\nforks=3\ninventory=a\ntimeout=3\n[ssh_connection]\ntimeout=4\n",
		"ANSIBLE_FORKS=7", "ANSIBLE_INVENTORY=b,../c", "ANSIBLE_BECOME_USER=x", "ANSIBLE_SUDO_USER=y", "ANSIBLE_REMOTE_USER=")
	assert.Equal(t, ansiblecfg.Setting[int]{Value: 7, Set: true, From: "ANSIBLE_FORKS"}, c.Forks)
	assert.Equal(t, []string{m.dir + "/b", m.root + "/c"}, c.Inventory.Value)
	assert.Equal(t, 4, c.Timeout.Value)
	assert.Equal(t, "y", c.BecomeUser.Value)
	assert.True(t, c.RemoteUser.Set)
	file := filepath.Join(m.dir, "ansible.cfg")
	assert.Equal(t, strings.Join([]string{
		"ANSIBLE_BECOME_USER: overridden by ANSIBLE_SUDO_USER",
		file + ":2 [defaults] forks: overridden by ANSIBLE_FORKS",
		file + ":3 [defaults] inventory: overridden by ANSIBLE_INVENTORY",
		file + ":4 [defaults] timeout: overridden by " + file + ":6 [ssh_connection] timeout",
	}, "\n"), notes(c.Ignored))
}

func TestPathsAreRelativeToTheirFile(t *testing.T) {
	m := newMachine(t)
	m.write(t, filepath.Join(m.home, ".ansible.cfg"), "[defaults]\ninventory = inv/hosts\nvault_password_file = {{CWD}}/pw\n")
	c, err := ansiblecfg.Load(m.options())
	require.NoError(t, err)
	assert.Equal(t, []string{m.home + "/inv/hosts"}, c.Inventory.Value)
	assert.Equal(t, m.dir+"/pw", c.VaultPasswordFile.Value)
}

// The dialect of Python's configparser, where ini.v1 differs.
func TestDialect(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"indented keys", "[ssh_connection]\n  retries = 3\n  ssh_args = -C\n", "-C"},
		{"a key less indented", "[ssh_connection]\n    retries = 3\n  ssh_args = -C\n", "-C"},
		{"continued", "[ssh_connection]\nssh_args = -C\n  -o A=b\n\t-o C=d\n", "-C\n-o A=b\n-o C=d"},
		{"continued past comments and empty lines", "[ssh_connection]\nssh_args = -C\n# x\n\n  ; y\n  -o A=b ; z\n\n", "-C\n\n-o A=b"},
		{"continued from nothing", "[ssh_connection]\nssh_args =\n  -C\n", "\n-C"},
		{"an indented section does not end a value", "[ssh_connection]\nssh_args = -C\n [defaults]\n", "-C\n[defaults]"},
		{"number sign", "[ssh_connection]\nssh_args = a # b\n", "a # b"},
		{"semicolon in a word", "[ssh_connection]\nssh_args = a;b ;c\n", "a;b"},
		{"nothing but a comment", "[ssh_connection]\nssh_args = ; x\n", ""},
		{"percent", "[ssh_connection]\nssh_args = -o ControlPath=%(directory)s/%%h\n", "-o ControlPath=%(directory)s/%%h"},
		{"backslash at the end", "[ssh_connection]\nssh_args = a\\\nx = b\n", `a\`},
		{"backquotes", "[ssh_connection]\nssh_args = `a` b\n", "`a` b"},
		{"three quotes", "[ssh_connection]\nssh_args = \"\"\"a\nx=1\n", `"""a`},
		{"one pair of quotes goes", "[ssh_connection]\nssh_args = \"'a'\"\n", "'a'"},
		{"a quote that is escaped stays", "[ssh_connection]\nssh_args = \"a\\\"\n", `"a\"`},
		{"colon", "[ssh_connection]\nssh_args: a=b\n", "a=b"},
		{"capitals in the key", "[ssh_connection]\nSSH_Args = a\n", "a"},
		{"blanks before the section's end", "[ssh_connection] x ]\n[ssh_connection]\nssh_args = a\n", "a"},
		{"CRLF", "[ssh_connection]\r\nssh_args = a\r\n", "a"},
		{"defaults of all sections", "[DEFAULT]\nssh_args = a\n[ssh_connection]\n", "a"},
		{"defaults of all sections, twice", "[DEFAULT]\nx = a\n[ssh_connection]\n[DEFAULT]\nssh_args = b\n", "b"},
		{"a quote in front of a key", "[ssh_connection]\n\"a = b\n- = c\n- d = e\nssh_args = f\n", "f"},
		{"control characters", "[ssh_connection]\nssh_args = \x01\n x\n", "\x01\nx"},
		{"not UTF-8", "[ssh_connection]\nssh_args = \xff\n", "\xff"},
		{"a section with a dot", "[ssh_connection.x]\nssh_args = b\n[ssh_connection]\nssh_args = a\n", "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := load(t, tc.text)
			assert.True(t, c.SSHArgs.Set)
			assert.Equal(t, tc.want, c.SSHArgs.Value)
		})
	}
}

func TestOtherSectionsDoNotCount(t *testing.T) {
	for _, text := range []string{
		"[DEFAULT]\nssh_args = a\n", "[ ssh_connection ]\nssh_args = a\n", "[SSH_CONNECTION]\nssh_args = a\n", "[ssh_connection.x]\nssh_args = a\n[ssh_connection]\n",
	} {
		c, _ := load(t, text)
		assert.False(t, c.SSHArgs.Set, text)
		assert.Contains(t, notes(c.Ignored), "ssh_args: not used by oreg", text)
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, message string }{
		{"no section", "canary = 1\n", "ansible.cfg:1: there is something before the first [section]"},
		{"a byte order mark", "\ufeff[defaults]\n", "ansible.cfg:1: there is something before the first [section]"},
		{"no key", "[defaults]\nforks = 1\ncanary\n", "ansible.cfg:3: neither a [section] nor a \"key = value\""},
		{"empty key", "[defaults]\n= canary\n", "ansible.cfg:2: neither a [section]"},
		{"key twice", "[defaults]\nforks = 1\n\nForks = 2\n", "ansible.cfg:4: forks is set a second time in [defaults]"},
		{"section twice", "[defaults]\n[a]\n[defaults]\n", "ansible.cfg:3: section [defaults] begins a second time"},
		{"not a number", "[defaults]\nforks = canary\n", "ansible.cfg:2: [defaults] forks: expected a whole number above 0"},
		{"no forks", "[defaults]\nforks = 0\n", "ansible.cfg:2: [defaults] forks: expected a whole number above 0"},
		{"several", "[defaults]\nforks = x\ntimeout = y\n", "timeout: expected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(t)
			m.write(t, filepath.Join(m.dir, "ansible.cfg"), tc.text)
			_, err := ansiblecfg.Load(m.options())
			var configErr *ansiblecfg.Error
			require.ErrorAs(t, err, &configErr)
			require.ErrorContains(t, err, tc.message)
			assert.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestErrorsOfTheEnvironment(t *testing.T) {
	m := newMachine(t)
	m.env["ANSIBLE_FORKS"] = "many"
	_, err := ansiblecfg.Load(m.options())
	require.ErrorContains(t, err, "ANSIBLE_FORKS: expected a whole number above 0")

	m = newMachine(t)
	m.env["ANSIBLE_CONFIG"] = m.write(t, filepath.Join(m.dir, "x.yml"), "defaults:\n")
	_, err = ansiblecfg.Load(m.options())
	require.ErrorContains(t, err, "x.yml: is not taken for a configuration file")
}

func TestUnreadableConfiguration(t *testing.T) {
	m := newMachine(t)
	require.NoError(t, os.Mkdir(filepath.Join(m.dir, "ansible.cfg"), 0o755))
	_, err := ansiblecfg.Load(m.options())
	require.ErrorContains(t, err, "ansible.cfg: cannot be read: is a directory")
}

func TestEmptyIsNotSet(t *testing.T) {
	c, m := load(t, "[defaults]\ninventory =\nprivate_key_file=\nforks=\nask_pass=\nvault_identity_list=\n", "ANSIBLE_VAULT_PASSWORD_FILE=")
	assert.False(t, c.Inventory.Set || c.PrivateKeyFile.Set || c.Forks.Set || c.AskPass.Set || c.VaultIdentityList.Set || c.VaultPasswordFile.Set)
	assert.Len(t, c.Ignored, 6)
	assert.Contains(t, notes(c.Ignored), m.dir+"/ansible.cfg:2 [defaults] inventory: empty, so it counts as not set")
	assert.Contains(t, notes(c.Ignored), "ANSIBLE_VAULT_PASSWORD_FILE: empty")
}

func TestHostKeyCheckingIsRecordedAndNotFollowed(t *testing.T) {
	c, _ := load(t, "[defaults]\nhost_key_checking = no\n")
	assert.True(t, c.HostKeyChecking.Set)
	assert.False(t, c.HostKeyChecking.Value)
	assert.Contains(t, c.HostKeyChecking.From, "ansible.cfg:2 [defaults] host_key_checking")
	c, _ = load(t, "[ssh_connection]\nhost_key_checking = yes\n", "ANSIBLE_SSH_HOST_KEY_CHECKING=False")
	assert.Equal(t, "ANSIBLE_SSH_HOST_KEY_CHECKING", c.HostKeyChecking.From)
	assert.False(t, c.HostKeyChecking.Value)
	c, _ = load(t, "[ssh_connection]\nhost_key_checking = yes\n")
	assert.True(t, c.HostKeyChecking.Value)
	assert.Empty(t, c.Warnings)
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct{ text, env, want string }{
		{"become = ture\n", "", "[defaults] become"},
		{"hash_behaviour = merge\n", "", "ansible.cfg:2 [defaults] hash_behaviour: not followed"},
		{"hash_behaviour = replace\n", "", ""},
		{"jinja2_native = no\n", "", ""},
		{"jinja2_native = yes\n", "", "jinja2_native: not followed"},
		{"error_on_undefined_vars = 1\n", "", ""},
		{"", "ANSIBLE_HASH_BEHAVIOUR=merge", "ANSIBLE_HASH_BEHAVIOUR: not followed"},
		{"", "ANSIBLE_BECOME=ture", "ANSIBLE_BECOME: is no boolean, and therefore false"},
		{"nocows = 1\n", "", ""},
	} {
		c, _ := load(t, "[defaults]\n"+tc.text, tc.env)
		if tc.want == "" || strings.HasPrefix(tc.text, "become") {
			assert.Empty(t, c.Warnings, tc.text)
			continue
		}
		assert.Contains(t, notes(c.Warnings), tc.want)
	}
}

func TestPath(t *testing.T) {
	opts := ansiblecfg.Options{Dir: "/site", Home: "/home/u", Env: func(name string) (string, bool) {
		v, ok := map[string]string{"A": "x", "B": "$A", "E": ""}[name]
		return v, ok
	}}
	for in, want := range map[string]string{
		"a": "/site/a", "../a": "/a", "/a//b/./c": "/a/b/c", "~": "/home/u", "~/a": "/home/u/a", "~no-such-user/a": "/site/~no-such-user/a",
		"~root/a": "/root/a", "$A/${A}": "/site/x/x", "$B": "/site/$A", "$C": "/site/$C", "${C": "/site/${C", "a$": "/site/a$", "a$E/b": "/site/a/b", "": "/site", "${}": "/site/${}",
		"$A$A": "/site/xx", "$Aé": "/site/xé",
	} {
		assert.Equal(t, want, opts.Path(in), in)
	}
	assert.Equal(t, "/x/~", ansiblecfg.Options{Dir: "/x"}.Path("~"), "no home")
}

// FuzzLoad: a file is read or refused with its name, never with its content,
// and reading it twice gives the same.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"[defaults]\nforks = 5\n", "[a]\nb\n c\n", "[DEFAULT]\nx=1\n[defaults]\n", "[a]\nx=`\n", "[a]\n\"x\"=1\n-=2\n-=3\n",
		"[a]\nx=\x01y\n", "[a\x01]\nx\x01=1\n z\n", "\ufeff[a]\n", "[a]\r\nx=\r1\r\n", "[]\n[a]]\n", "[a]\n#=1\n;=2\nx ;=3\n", "[-]\n=\n:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := newMachine(t)
		m.write(t, m.system, text)
		first, err := ansiblecfg.Load(m.options())
		if err != nil {
			var configErr *ansiblecfg.Error
			require.ErrorAs(t, err, &configErr)
			require.Equal(t, m.system, configErr.File)
			return
		}
		second, err := ansiblecfg.Load(m.options())
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}
