package sshd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// firstUID is the user id of the first added account, above those that a machine is likely to have.
const firstUID = 52000

// seed is the folder whose content lies over the node's /etc.
func (n *Node) seed() string { return filepath.Join(n.cfg.Dir, "etc") }

// writeSeed writes users, keys and sshd's configuration. The machine's own users stay, so that
// files keep their owners' names.
func (n *Node) writeSeed() error {
	files := map[string]seedFile{}
	if err := n.users(files); err != nil {
		return err
	}
	var config strings.Builder
	for _, o := range n.cfg.Options {
		fmt.Fprintln(&config, o)
	}
	host, port, err := net.SplitHostPort(n.addr.String())
	if err != nil {
		return err
	}
	fmt.Fprintf(&config, "ListenAddress %s\nPort %s\nPidFile none\nUseDNS no\n", host, port)
	for i, key := range n.cfg.HostKeys {
		name := fmt.Sprintf("ssh/lab_host_key_%d", i)
		files[name] = seedFile{string(key), 0o600}
		fmt.Fprintf(&config, "HostKey /etc/%s\n", name)
	}
	config.WriteString("AuthorizedKeysFile /etc/ssh/lab_authorized_keys\nPermitRootLogin yes\nPasswordAuthentication yes\n" +
		"UsePAM no\nPrintMotd no\nAcceptEnv LANG LC_*\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n")
	files["ssh/lab_authorized_keys"] = seedFile{n.cfg.AuthorizedKey + "\n", 0o644}
	files["ssh/lab_sshd_config"] = seedFile{config.String(), 0o600}
	files["hostname"] = seedFile{n.cfg.Name + "\n", 0o644}
	for name, f := range files {
		path := filepath.Join(n.seed(), name)
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

type seedFile struct {
	text string
	mode os.FileMode
}

// users adds the accounts to passwd, shadow, group and sudoers.d.
func (n *Node) users(files map[string]seedFile) error {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return err
	}
	group, err := os.ReadFile("/etc/group")
	if err != nil {
		return err
	}
	var sudoers strings.Builder
	shell := "/bin/sh"
	if _, err := os.Stat("/bin/bash"); err == nil {
		shell = "/bin/bash" // as on the machines that nodes are
	}
	for i, a := range n.cfg.Accounts {
		// libxcrypt verifies bcrypt, and sshd and sudo verify through it. The lowest cost will do.
		hash, err := bcrypt.GenerateFromPassword([]byte(a.Password), bcrypt.MinCost)
		if err != nil {
			return fmt.Errorf("hashing a password: %w", err)
		}
		shadow = append(without(shadow, a.User), fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", a.User, hash)...)
		if a.User == "root" {
			continue
		}
		uid, home := firstUID+i, "/home/"+a.User
		passwd = append(without(passwd, a.User), fmt.Sprintf("%s:x:%d:%d::%s:%s\n", a.User, uid, uid, home, shell)...)
		group = append(without(group, a.User), fmt.Sprintf("%s:x:%d:\n", a.User, uid)...)
		switch a.Sudo {
		case "nopasswd":
			fmt.Fprintf(&sudoers, "%s ALL=(ALL:ALL) NOPASSWD: ALL\n", a.User)
		case "password":
			fmt.Fprintf(&sudoers, "%s ALL=(ALL:ALL) ALL\n", a.User)
		}
		dir := filepath.Join(n.cfg.Root, home)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chown(dir, uid, uid); err != nil {
			return err
		}
	}
	files["passwd"], files["group"] = seedFile{string(passwd), 0o644}, seedFile{string(group), 0o644}
	files["shadow"] = seedFile{string(shadow), 0o600}
	files["sudoers.d/oreg-lab"] = seedFile{sudoers.String(), 0o440}
	// sudo resolves the host name, slowly where nobody answers for it.
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	files["hosts"] = seedFile{fmt.Sprintf("%s\n127.0.0.1 localhost %s\n", hosts, n.cfg.Name), 0o644}
	return nil
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
