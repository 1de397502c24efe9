//go:build lab

package sshexec_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/sshexec"
)

func TestRealSSHD_Logins(t *testing.T) {
	t.Run("TestN6 rsa-sha2 only", func(t *testing.T) {
		server, home := lab(t, sshdOptions{hostKeys: []string{"rsa"}, config: "PubkeyAcceptedAlgorithms rsa-sha2-256\nHostKeyAlgorithms rsa-sha2-512"})
		require.NoError(t, os.Remove(home.key))
		key := home.file("id_rsa")
		keygen(t, "-t", "rsa", "-b", "2048", "-f", key)
		server.authorize(t, "", key)
		works(t, home.client(t), server.target())
		o := home.options()
		o.AgentSocket = sshAgent(t, key)
		require.NoError(t, os.Remove(key))
		works(t, newClient(t, o), server.target())
	})
	t.Run("ecdsa key", func(t *testing.T) {
		server, home := lab(t, sshdOptions{})
		key := home.file("k")
		keygen(t, "-t", "ecdsa", "-f", key)
		server.authorize(t, "", key)
		target := server.target()
		target.IdentityFile = "~/.ssh/k"
		works(t, home.client(t), target)
	})
	t.Run("encrypted key asked once", func(t *testing.T) {
		server, home := lab(t, sshdOptions{})
		for _, form := range [][]string{{"-t", "ed25519"}, {"-t", "rsa", "-m", "PEM"}} {
			key := filepath.Join(t.TempDir(), "k")
			keygen(t, append(form, "-N", "open sesame", "-f", key)...)
			server.authorize(t, "", key)
			asked := 0
			o := home.options()
			o.Prompt = func(_ context.Context, _ string) (secret.Text, error) {
				asked++
				return secret.New("open sesame"), nil
			}
			client := newClient(t, o)
			target := server.target()
			target.IdentityFile = key
			works(t, client, target)
			works(t, client, target)
			assert.Equal(t, 1, asked)
		}
	})
	t.Run("TestN5 crowded agent", func(t *testing.T) {
		server, home := lab(t, sshdOptions{})
		var crowd []string
		for i := range 8 {
			key := filepath.Join(home.dir, "crowd"+strconv.Itoa(i))
			keygen(t, "-t", "ed25519", "-f", key)
			crowd = append(crowd, key)
		}
		o := home.options()
		o.AgentSocket = sshAgent(t, crowd...)
		target := server.target()
		// The default key's turn comes after the agent's.
		_, err := newClient(t, o).Connect(t.Context(), target)
		e := failure(t, err, sshexec.CauseAuthFailed)
		assert.Contains(t, e.Hint, "MaxAuthTries", "this is x/crypto's text for sshd's disconnect")
		target.IdentityFile = home.key
		works(t, newClient(t, o), target)
	})
	t.Run("user certificate", func(t *testing.T) {
		home := newHome(t)
		authority := filepath.Join(home.dir, "ca")
		keygen(t, "-t", "ed25519", "-f", authority)
		keygen(t, "-s", authority, "-I", "user", "-n", "root", home.key+".pub")
		server := startSSHD(t, sshdOptions{config: "TrustedUserCAKeys " + authority + ".pub"})
		home.write(t, "known_hosts", server.known(t, "ed25519"))
		works(t, home.client(t), server.target())
		require.NoError(t, os.Remove(home.key+"-cert.pub"))
		_, err := home.client(t).Connect(t.Context(), server.target())
		failure(t, err, sshexec.CauseAuthFailed)
	})
	for method, config := range map[string]string{
		"password":             "PasswordAuthentication yes",
		"keyboard-interactive": "UsePAM yes\nKbdInteractiveAuthentication yes",
		"key, then password":   "PasswordAuthentication yes\nAuthenticationMethods publickey,password",
	} {
		t.Run(method, func(t *testing.T) {
			server, home := lab(t, sshdOptions{config: config, accounts: true})
			if method != "key, then password" {
				require.NoError(t, os.Remove(home.key))
			}
			target := server.target()
			target.User, target.Password = "core", secret.New("wrong horse")
			_, err := home.client(t).Connect(t.Context(), target)
			e := failure(t, err, sshexec.CauseAuthFailed)
			assert.Contains(t, e.Message, "password refused")
			refusals := func() int {
				log := server.log.String()
				return strings.Count(log, "Failed password") + strings.Count(log, "PAM: Authentication failure")
			}
			require.Eventually(t, func() bool { return refusals() > 0 }, 10*time.Second, 10*time.Millisecond, "sshd logs when it gets to it")
			assert.Equal(t, 1, refusals(), "presented once")
			target.Password = secret.New(labPassword)
			works(t, home.client(t), target)
		})
	}
	t.Run("no shell", func(t *testing.T) {
		server, home := lab(t, sshdOptions{accounts: true})
		target := server.target()
		target.User = "noshell"
		conn, err := home.client(t).Connect(t.Context(), target)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = conn.Shell(t.Context())
		e := failure(t, err, sshexec.CauseCommandFailed)
		assert.Contains(t, e.Message, "not available")
	})
	t.Run("forced command", func(t *testing.T) {
		server := startSSHD(t, sshdOptions{})
		home := newHome(t)
		server.authorize(t, `command="echo menu only >&2; exit 5"`, home.key)
		home.write(t, "known_hosts", server.known(t, "ed25519"))
		conn, err := home.client(t).Connect(t.Context(), server.target())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = conn.Shell(t.Context())
		e := failure(t, err, sshexec.CauseCommandFailed)
		assert.Contains(t, e.Message, "menu only")
	})
}

// sshAgent runs a real ssh-agent that holds the keys.
func sshAgent(t *testing.T, keys ...string) (socket string) {
	t.Helper()
	needProgram(t, "/usr/bin/ssh-agent", "openssh-client")
	dir, err := os.MkdirTemp("", "agent")
	require.NoError(t, err)
	socket = filepath.Join(dir, "s")
	cmd := exec.Command("/usr/bin/ssh-agent", "-D", "-a", socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		require.NoError(t, os.RemoveAll(dir))
	})
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, 10*time.Second, 5*time.Millisecond)
	for _, key := range keys {
		add := exec.Command("ssh-add", "-q", key)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		out, err := add.CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
	}
	return socket
}

func TestN11_RealSudo(t *testing.T) {
	tests := []struct {
		name, sudoers, password string
		cause                   sshexec.Cause
		message                 string
	}{
		{"NOPASSWD", "core ALL=(ALL) NOPASSWD: ALL", "", "", ""},
		{"NOPASSWD for the shell alone", "core ALL=(ALL) NOPASSWD: /bin/sh", "", "", ""},
		{"NOPASSWD, password given", "core ALL=(ALL) NOPASSWD: ALL", labPassword, "", ""},
		{"password", "core ALL=(ALL) ALL", labPassword, "", ""},
		{"password with a lecture", "Defaults lecture=always\ncore ALL=(ALL) ALL", labPassword, "", ""},
		{"password with another prompt", "Defaults passprompt_override\ncore ALL=(ALL) ALL", labPassword, "", ""},
		{"password missing", "core ALL=(ALL) ALL", "", sshexec.CauseBecomePasswordRequired, "sudo wants a password"},
		{"password wrong", "core ALL=(ALL) ALL", "wrong horse", sshexec.CauseBecomeFailed, "sudo refused the password"},
		{"requiretty", "Defaults requiretty\ncore ALL=(ALL) NOPASSWD: ALL", "", sshexec.CauseBecomeFailed, "requiretty"},
		{"requiretty, password given", "Defaults requiretty\ncore ALL=(ALL) ALL", labPassword, sshexec.CauseBecomeFailed, "requiretty"},
		{"not in sudoers", "", labPassword, sshexec.CauseBecomeFailed, "core is not in the sudoers file"},
		{"not in sudoers, no password", "", "", sshexec.CauseBecomePasswordRequired, "sudo wants a password"},
		{"another command only", "core ALL=(ALL) NOPASSWD: /bin/ls", labPassword, sshexec.CauseBecomeFailed, "not allowed to execute"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, home := lab(t, sshdOptions{sudoers: test.sudoers + "\n# core"})
			target := server.target()
			target.User, target.Become = "core", &sshexec.Become{Password: secret.New(test.password)}
			conn, err := home.client(t).Connect(t.Context(), target)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			out, err := conn.Run(t.Context(), "id -un; cat", []byte("content"))
			if test.cause != "" {
				e := failure(t, err, test.cause)
				assert.Contains(t, e.Message, test.message)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "root\ncontent", string(out))
		})
	}
	t.Run("another user", func(t *testing.T) {
		server, home := lab(t, sshdOptions{sudoers: "core ALL=(ALL) ALL"})
		target := server.target()
		target.User = "core"
		target.Become = &sshexec.Become{User: "nobody", Password: secret.New(labPassword)}
		conn, err := home.client(t).Connect(t.Context(), target)
		require.NoError(t, err)
		out, err := conn.Run(t.Context(), "id -un", nil)
		require.NoError(t, err)
		assert.Equal(t, "nobody\n", string(out))
		require.NoError(t, conn.Close())
		target.Become.User = "nobody-at-all"
		conn, err = home.client(t).Connect(t.Context(), target)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = conn.Run(t.Context(), "id -un", nil)
		failure(t, err, sshexec.CauseBecomeFailed)
	})
}

// TestS2_RealSSHD: while a login with a password and a sudo with one run, no
// process of the machine has either in its arguments or environment.
func TestS2_RealSSHD_NoSecretInProcesses(t *testing.T) {
	server, home := lab(t, sshdOptions{config: "PasswordAuthentication yes", sudoers: "core ALL=(ALL) ALL"})
	require.NoError(t, os.Remove(home.key))
	target := server.target()
	target.User, target.Password = "core", secret.New(labPassword)
	target.Become = &sshexec.Become{Password: secret.New(labPassword)}
	stop := make(chan struct{})
	var found []string
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, name := range []string{"cmdline", "environ"} {
				files, _ := filepath.Glob("/proc/[0-9]*/" + name)
				for _, file := range files {
					// A process that has ended has nothing to show.
					if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), labPassword) {
						found = append(found, file)
					}
				}
			}
		}
	})
	conn, err := home.client(t).Connect(t.Context(), target)
	require.NoError(t, err)
	// The same look from within, where our sshd, sudo and sh certainly live.
	out, err := conn.Run(t.Context(), `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'`, nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	close(stop)
	wait.Wait()
	assert.Empty(t, found)
	assert.NotContains(t, string(out), labPassword)
	assert.Regexp(t, `oreg-[0-9a-f]{24}-password:`, string(out), "the look did see our sudo")
}
