package sshexec_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/sshexec"
)

// fakeSudo puts a sudo before the PATH that behaves as the body says; $mode is
// -n or -S, $prompt the text of -p, and `run` runs the command as it should.
// It logs its arguments and what it was given as a password.
func fakeSudo(t *testing.T, s *server, body string) (log func() string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	script := `#!/bin/sh
echo "args: $*" >> ` + file + `
mode= prompt= user=
while [ $# -gt 0 ]; do
  case "$1" in
    -n|-S) mode=$1;;
    -p) prompt=$2; shift;;
    -u) user=$2; shift;;
    -H) ;;
    --) shift; break;;
  esac
  shift
done
run() { exec "$@"; }
ask() { printf '%s' "$prompt" >&2; read -r password || password='(end of input)'; echo "password: $password" >> ` + file + `; }
` + body
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sudo"), []byte(script), 0o755))
	s.path = dir
	return func() string {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(data)
	}
}

const (
	sudoWithoutPassword = `run "$@"`
	sudoWithPassword    = `
[ "$mode" = -n ] && { echo "sudo: a password is required" >&2; exit 1; }
echo "We trust you have received the usual lecture." >&2
for i in 1 2 3; do
  ask
  [ "$password" = "right horse" ] && run "$@"
  echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1`
)

func become(text string) *sshexec.Become { return &sshexec.Become{Password: password(text)} }

func TestN11_SudoWithoutPassword(t *testing.T) {
	s, h := ready(t)
	log := fakeSudo(t, s, sudoWithoutPassword)
	for _, b := range []*sshexec.Become{become(""), become("not asked for")} {
		target := s.target()
		target.Become = b
		out, err := connect(t, h.client(), target).Run(t.Context(), "cat", []byte("content"))
		require.NoError(t, err)
		assert.Equal(t, "content", string(out))
	}
	assert.Contains(t, log(), "-H -n -u root -- /bin/sh -c")
	assert.NotContains(t, log(), "not asked for")
}

func TestN11_SudoWithPassword(t *testing.T) {
	s, h := ready(t)
	log := fakeSudo(t, s, sudoWithPassword)
	target := s.target()
	target.Become = &sshexec.Become{User: "deployer", Password: password("right horse")}
	conn := connect(t, h.client(), target)
	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "echo script; echo on stderr >&2; exit 4\n")
	require.NoError(t, err)
	out, err := io.ReadAll(p.Stdout)
	require.NoError(t, err)
	assert.Equal(t, "script\n", string(out))
	var exit *sshexec.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	assert.Equal(t, 4, exit.Status)
	assert.NotContains(t, p.Stderr(), "password:", "our prompt is not the command's output")
	assert.Contains(t, p.Stderr(), "on stderr\n")

	arguments, _, _ := strings.Cut(log(), "\n")
	assert.Contains(t, arguments, "-u deployer --")
	assert.NotContains(t, arguments, "horse", "S2: no secret in argv")
	assert.Equal(t, 1, strings.Count(log(), "password: right horse\n"))
}

func TestN11_SudoRefusals(t *testing.T) {
	tests := []struct {
		name, body, password string
		cause                sshexec.Cause
		message, hint        string
	}{
		{"password missing", sudoWithPassword, "", sshexec.CauseBecomePasswordRequired, "sudo wants a password", "-K"},
		{"password wrong", sudoWithPassword, "wrong horse", sshexec.CauseBecomeFailed, "sudo refused the password", "ansible_become_password"},
		{
			"password wrong, asked once", `ask; echo "sudo: 1 incorrect password attempt" >&2; exit 1`, "wrong horse",
			sshexec.CauseBecomeFailed, "sudo refused the password", "-K",
		},
		{
			"requiretty", `echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1`, "",
			sshexec.CauseBecomeFailed, "sudo wants a terminal (requiretty)", "!requiretty",
		},
		{
			"not in sudoers", `ask; echo "core is not in the sudoers file." >&2; exit 1`, "right horse",
			sshexec.CauseBecomeFailed, "core is not in the sudoers file.", "sudoers",
		},
		{
			"not for this command", `echo "Sorry, user core is not allowed to execute '/bin/sh' as root on node." >&2; exit 1`, "",
			sshexec.CauseBecomeFailed, "not allowed to execute", "/bin/sh",
		},
		{
			"unknown user", `echo "sudo: unknown user nobody1" >&2; exit 1`, "",
			sshexec.CauseBecomeFailed, "unknown user nobody1", "ansible_become_user",
		},
		{
			"something else", `echo "sudo: unable to open audit system" >&2; exit 1`, "",
			sshexec.CauseBecomeFailed, "sudo failed: sudo: unable to open audit system", "",
		},
		{"no word at all", `exit 9`, "", sshexec.CauseBecomeFailed, "sudo failed", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, h := ready(t)
			log := fakeSudo(t, s, test.body)
			target := s.target()
			target.Become = become(test.password)
			_, err := connect(t, h.client(), target).Shell(t.Context())
			e := failure(t, err, test.cause)
			assert.Contains(t, e.Message, test.message)
			assert.Contains(t, e.Hint, test.hint)
			assert.False(t, e.Unreachable, "become is a failure, not unreachable")
			assert.False(t, e.Transient)
			assert.NotContains(t, e.Message+e.Hint, "horse")
			assert.LessOrEqual(t, strings.Count(log(), "password: wrong horse"), 1, "presented once")
		})
	}
}

func TestN11_NoSudoOnTheHost(t *testing.T) {
	s, h := ready(t)
	s.path = t.TempDir()
	s.runs(func(ch ssh.Channel, line string) {
		s.shell(ch, strings.Replace(line, "sudo ", "sudo-that-is-not-there ", 1))
	})
	target := s.target()
	target.Become = become("")
	_, err := connect(t, h.client(), target).Shell(t.Context())
	failure(t, err, sshexec.CauseBecomeFailed)
}

// TestN11_PasswordOnlyAfterOurPrompt: a program in sudo's place that asks with
// words of its own gets nothing, and neither does the shell when sudo asks
// for nothing.
func TestN11_PasswordOnlyAfterOurPrompt(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	h.options.CommandTimeout = 500 * time.Millisecond
	log := fakeSudo(t, s, `printf 'Password: ' >&2; read -r password; echo "password: $password" >> "$(dirname "$0")/log"; sleep 5`)
	target := s.target()
	target.Become = become("right horse")
	_, err := connect(t, h.client(), target).Shell(t.Context())
	failure(t, err, sshexec.CauseTimeout)
	assert.NotContains(t, log(), "horse")

	fakeSudo(t, s, sudoWithoutPassword)
	out, err := connect(t, h.client(), target).Run(t.Context(), "cat", []byte("mine\n"))
	require.NoError(t, err)
	assert.Equal(t, "mine\n", string(out))
}

func TestRootNeedsNoSudo(t *testing.T) {
	s, h := ready(t)
	fakeSudo(t, s, `exit 1`)
	target := s.target()
	target.User, target.Become = "root", become("")
	_, err := connect(t, h.client(), target).Run(t.Context(), "true", nil)
	require.NoError(t, err)
	target.Become.User = "other"
	_, err = connect(t, h.client(), target).Run(t.Context(), "true", nil)
	failure(t, err, sshexec.CauseBecomeFailed)
}

func TestGate_SudoPasswordIsPresentedOnOneHostAlone(t *testing.T) {
	t.Parallel()
	h := newUser(t)
	h.withKey()
	var known strings.Builder
	var logs []func() string
	var targets []sshexec.Target
	for range 6 {
		s := startServer(t)
		logs = append(logs, fakeSudo(t, s, sudoWithPassword))
		known.WriteString(s.known())
		targets = append(targets, s.target())
	}
	h.write("known_hosts", known.String())
	c := h.client()
	all := func(given string) map[sshexec.Cause]int {
		errs := make(chan error, len(targets))
		for _, target := range targets {
			target.Become = become(given)
			go func() {
				conn, err := c.Connect(t.Context(), target)
				if err == nil {
					_, err = conn.Run(t.Context(), "true", nil)
					if closeErr := conn.Close(); err == nil {
						err = closeErr
					}
				}
				errs <- err
			}()
		}
		counts := map[sshexec.Cause]int{}
		for range targets {
			var e *sshexec.Error
			if err := <-errs; errors.As(err, &e) {
				counts[e.Cause]++
				assert.False(t, e.Unreachable, "the login was fine")
			} else {
				assert.NoError(t, err)
				counts[""]++
			}
		}
		return counts
	}
	count := func(text string) (n int) {
		for _, log := range logs {
			n += strings.Count(log(), text)
		}
		return n
	}
	assert.Equal(t, map[sshexec.Cause]int{sshexec.CauseBecomeFailed: 1, sshexec.CauseNotTried: 5}, all("wrong horse"))
	assert.Equal(t, 1, count("password: wrong horse"))
	assert.Equal(t, map[sshexec.Cause]int{"": 6}, all("right horse"))
	assert.Equal(t, 6, count("password: right horse"))
}

// TestS2_NoSecretInRemoteArguments: the line that sshd gets names the user
// and our nonce, and nothing else.
func TestS2_NoSecretInRemoteArguments(t *testing.T) {
	s, h := ready(t)
	fakeSudo(t, s, sudoWithPassword)
	lines := make(chan string, 1)
	s.runs(func(ch ssh.Channel, line string) {
		lines <- line
		s.shell(ch, line)
	})
	target := s.target()
	target.Password, target.Become = password("ssh horse"), become("right horse")
	_, err := connect(t, h.client(), target).Run(t.Context(), "true", nil)
	require.NoError(t, err)
	assert.Regexp(t, `^env LC_ALL=C sudo -H -S -p oreg-[0-9a-f]{24}-password: -u root -- /bin/sh -c 'LC_ALL=C; export LC_ALL; echo oreg-[0-9a-f]{24}; true'$`, <-lines)
}
