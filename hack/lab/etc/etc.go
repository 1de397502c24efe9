// Package etc writes the files of /etc that make a system a node of the lab: users and sudoers, the
// host's keys and sshd's configuration, names.
//
// What surprised us: sudo resolves the host name, slowly where nobody answers for it, so that it is
// in hosts. libxcrypt verifies bcrypt, and sshd and sudo verify through it.
package etc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// SSHDConfig is where sshd's configuration is, on the node.
const SSHDConfig = "/etc/ssh/lab_sshd_config"

// firstUID is the user id of the first added account, above those that a machine is likely to have.
const firstUID = 52000

// Account is a user that the node has besides those of the system (root is changed, not added).
type Account struct {
	User     string
	Password string
	Sudo     string // "", nopasswd or password
}

// Config is what the files say.
type Config struct {
	Name          string // host name
	Listen        *net.TCPAddr
	HostKeys      [][]byte // private keys as OpenSSH writes them
	AuthorizedKey string   // accepted for every account
	Accounts      []Account
	Options       []string // lines of sshd_config that go before ours: sshd takes the first value
	Offline       bool     // no name server is asked: names are those in hosts
}

type file struct {
	text string
	mode fs.FileMode
}

// Write writes the files into the folder target, from those in base, which may be the same; users
// that base has stay, so that files keep their owners' names. Homes are made below root.
func Write(cfg Config, base, target, root string) error {
	files := map[string]file{}
	if err := users(cfg, base, root, files); err != nil {
		return err
	}
	var config strings.Builder
	for _, o := range cfg.Options {
		fmt.Fprintln(&config, o)
	}
	fmt.Fprintf(&config, "ListenAddress %s\nPort %d\nPidFile none\nUseDNS no\n", cfg.Listen.IP, cfg.Listen.Port)
	for i, key := range cfg.HostKeys {
		name := fmt.Sprintf("ssh/lab_host_key_%d", i)
		files[name] = file{string(key), 0o600}
		fmt.Fprintf(&config, "HostKey /etc/%s\n", name)
	}
	config.WriteString("AuthorizedKeysFile /etc/ssh/lab_authorized_keys\nPermitRootLogin yes\nPasswordAuthentication yes\n" +
		"UsePAM no\nPrintMotd no\nAcceptEnv LANG LC_*\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n")
	files["ssh/lab_authorized_keys"] = file{cfg.AuthorizedKey + "\n", 0o644}
	files[strings.TrimPrefix(SSHDConfig, "/etc/")] = file{config.String(), 0o600}
	files["hostname"] = file{cfg.Name + "\n", 0o644}
	if cfg.Offline {
		files["resolv.conf"] = file{"# Nobody answers here; names are in /etc/hosts.\noptions timeout:1 attempts:1\n", 0o644}
	}
	hosts, err := os.ReadFile(filepath.Join(base, "hosts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files["hosts"] = file{fmt.Sprintf("%s\n127.0.0.1 localhost %s\n", hosts, cfg.Name), 0o644}
	for name, f := range files {
		path := filepath.Join(target, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			return err
		}
		if err := os.Chmod(path, f.mode); err != nil { // whatever the umask
			return err
		}
	}
	return nil
}

// users adds the accounts to passwd, shadow, group and sudoers.d.
func users(cfg Config, base, root string, files map[string]file) error {
	tables := map[string][]byte{}
	for _, name := range []string{"passwd", "shadow", "group"} {
		raw, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			return err
		}
		tables[name] = raw
	}
	add := func(table, user, format string, args ...any) {
		tables[table] = append(without(tables[table], user), fmt.Sprintf(user+":"+format+"\n", args...)...)
	}
	var sudoers strings.Builder
	shell := "/bin/sh"
	if _, err := os.Stat("/bin/bash"); err == nil {
		shell = "/bin/bash" // as on the machines that nodes are
	}
	for i, a := range cfg.Accounts {
		// The lowest cost will do.
		hash, err := bcrypt.GenerateFromPassword([]byte(a.Password), bcrypt.MinCost)
		if err != nil {
			return fmt.Errorf("hashing a password: %w", err)
		}
		add("shadow", a.User, "%s:19000:0:99999:7:::", hash)
		if a.User == "root" {
			continue
		}
		uid, home := firstUID+i, "/home/"+a.User
		add("passwd", a.User, "x:%d:%d::%s:%s", uid, uid, home, shell)
		add("group", a.User, "x:%d:", uid)
		switch a.Sudo {
		case "nopasswd":
			fmt.Fprintf(&sudoers, "%s ALL=(ALL:ALL) NOPASSWD: ALL\n", a.User)
		case "password":
			fmt.Fprintf(&sudoers, "%s ALL=(ALL:ALL) ALL\n", a.User)
		}
		dir := filepath.Join(root, home)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chown(dir, uid, uid); err != nil {
			return err
		}
	}
	files["passwd"], files["group"] = file{string(tables["passwd"]), 0o644}, file{string(tables["group"]), 0o644}
	files["shadow"] = file{string(tables["shadow"]), 0o600}
	files["sudoers.d/oreg-lab"] = file{sudoers.String(), 0o440}
	return nil
}

// SetHost makes a hosts file say that name is at address, and nothing else of that name; with an
// empty address it says nothing of it. The file is written in place, as it may be seen through a mount.
func SetHost(path, name, address string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b strings.Builder
	if address != "" {
		fmt.Fprintf(&b, "%s %s\n", address, name)
	}
	for line := range strings.Lines(string(raw)) {
		entry, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(entry)
		if len(fields) > 1 && slices.Contains(fields[1:], name) {
			fields = slices.DeleteFunc(fields, func(f string) bool { return f == name })
			if len(fields) == 1 {
				continue
			}
			line = strings.Join(fields, " ") + "\n"
		}
		b.WriteString(line)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// without drops a user's line, and makes sure that the last line is ended.
func without(file []byte, user string) []byte {
	var out []byte
	for line := range strings.Lines(string(file)) {
		if !strings.HasPrefix(line, user+":") {
			out = append(out, strings.TrimRight(line, "\n")+"\n"...)
		}
	}
	return out
}
