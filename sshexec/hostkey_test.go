package sshexec_test

import (
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"oreg/sshexec"
)

func threeKeys(t *testing.T) func(*server) {
	t.Helper()
	ed, _ := ed25519Key(t)
	rsa, _ := rsaKey(t)
	return func(s *server) { s.hostKeys = []ssh.Signer{ed, ecdsaKey(t), rsa} }
}

func line(names string, key ssh.PublicKey) string {
	return names + " " + string(ssh.MarshalAuthorizedKey(key))
}

// TestN1: a server with three host keys, of which known_hosts has any one.
func TestN1_HostKeyAlgorithmsFollowKnownHosts(t *testing.T) {
	t.Parallel()
	s := startServer(t, threeKeys(t))
	name := "[127.0.0.1]:" + strconv.Itoa(s.port())
	other, _ := ed25519Key(t)
	otherName := line("[127.0.0.1]:1", other.PublicKey())
	for _, key := range s.hostKeys {
		public := key.PublicKey()
		same, _ := ed25519Key(t)
		if public.Type() != same.PublicKey().Type() {
			same = key
		}
		for form, text := range map[string]string{
			"plain":                   line(name, public),
			"hashed":                  line(knownhosts.HashHostname(name), public),
			"one of several names":    line("other.example.com,"+name+",third", public),
			"wildcard":                line("[127.0.0.*]:"+strconv.Itoa(s.port()), public),
			"name without the port":   line("127.0.0.1", public),
			"after other lines":       otherName + "# comment\n\n" + line(name, public),
			"beside lines ssh skips":  "garbage\n" + name + " 1024 35 12345\n" + line(name, public) + name + " ssh-unknown AAAA\n",
			"second key of that type": line(name, same.PublicKey()) + line(name, public),
		} {
			t.Run(public.Type()+" "+form, func(t *testing.T) {
				h := newUser(t)
				h.withKey()
				h.write("known_hosts", text)
				connect(t, h.client(), s.target())
				assert.Equal(t, text, h.read("known_hosts"), "N2: strict never writes")
			})
		}
	}
}

func TestHostKeyUnknownAndChanged(t *testing.T) {
	t.Parallel()
	s := startServer(t, threeKeys(t))
	name := "[127.0.0.1]:" + strconv.Itoa(s.port())
	public := s.hostKeys[0].PublicKey()
	other, _ := ed25519Key(t)
	otherECDSA := ecdsaKey(t)
	tests := []struct {
		name, text string
		cause      sshexec.Cause
		message    string
	}{
		{"no file", "", sshexec.CauseHostKeyUnknown, "is not known: ssh-ed25519 " + ssh.FingerprintSHA256(public)},
		{"other hosts only", line("other", public), sshexec.CauseHostKeyUnknown, "is not known"},
		{"negated name", line("!"+name+",[127.0.0.1]:*", public), sshexec.CauseHostKeyUnknown, "is not known"},
		{"changed", line(name, other.PublicKey()), sshexec.CauseHostKeyMismatch, "known_hosts has another ("},
		{"changed, hashed", line(knownhosts.HashHostname(name), other.PublicKey()), sshexec.CauseHostKeyMismatch, "has changed"},
		{"another type known", line(name, otherECDSA.PublicKey()), sshexec.CauseHostKeyMismatch, "has changed"},
		{"the bare name has another", line("127.0.0.1", other.PublicKey()), sshexec.CauseHostKeyUnknown, "is not known"},
		{"revoked", line(name, public) + "@revoked " + line("*", public), sshexec.CauseHostKeyRevoked, "is revoked by "},
		{"revoked alone", "@revoked " + line("[127.0.0.1]:*", public), sshexec.CauseHostKeyRevoked, "is revoked by "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newUser(t)
			h.withKey()
			if test.text != "" {
				h.write("known_hosts", test.text)
			}
			_, err := h.client().Connect(t.Context(), s.target())
			e := failure(t, err, test.cause)
			assert.Contains(t, e.Message, test.message)
			assert.True(t, e.Unreachable)
			assert.False(t, e.Transient, "host keys are never retried")
			assert.NotEmpty(t, e.Hint)
			var key *sshexec.HostKeyError
			require.ErrorAs(t, err, &key)
			assert.Equal(t, name, key.Name)
			assert.True(t, strings.HasPrefix(key.Fingerprint, "SHA256:"))
		})
	}
	assert.Zero(t, s.logins.Load(), "nobody logs in to a server that is not trusted")
}

func TestRevokedForAnotherHostDoesNotCount(t *testing.T) {
	s, h := ready(t)
	h.write("known_hosts", s.known()+"@revoked "+line("elsewhere", s.hostKeys[0].PublicKey()))
	connect(t, h.client(), s.target())
}

func TestHostKeyAliasAndOtherFiles(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	h.write("known_hosts", "")
	h.write("mine", line("the-alias", s.hostKeys[0].PublicKey()))
	target := s.target()
	target.Args = []string{"-o", "HostKeyAlias=the-alias", "-o", "UserKnownHostsFile=/dev/null ~/.ssh/mine"}
	connect(t, h.client(), target)

	target.Args = []string{"-o", "HostKeyAlias=the-alias", "-o", "GlobalKnownHostsFile=~/.ssh/mine"}
	connect(t, h.client(), target)

	target.Args = []string{"-o", "HostKeyAlias=another"}
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseHostKeyUnknown)
	assert.Contains(t, e.Message, "the host key of another is not known")
}

func TestHostCertificates(t *testing.T) {
	authority, _ := ed25519Key(t)
	host := ecdsaKey(t)
	certificate := func(by ssh.Signer, change func(*ssh.Certificate)) *ssh.Certificate {
		c := &ssh.Certificate{
			Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1", "node"},
			ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		}
		if change != nil {
			change(c)
		}
		require.NoError(t, c.SignCert(rand.Reader, by))
		return c
	}
	cert := func(change func(*ssh.Certificate)) ssh.Signer {
		signer, err := ssh.NewCertSigner(certificate(authority, change), host)
		require.NoError(t, err)
		return signer
	}
	ca := "@cert-authority " + line("[127.0.0.1]:*", authority.PublicKey())
	// signed is a certificate of an RSA authority, made by one algorithm.
	rsaAuthority, _ := rsaKey(t)
	signed := func(algorithm string) ssh.Signer {
		by, err := ssh.NewSignerWithAlgorithms(rsaAuthority.(ssh.AlgorithmSigner), []string{algorithm})
		require.NoError(t, err)
		signer, err := ssh.NewCertSigner(certificate(by, nil), host)
		require.NoError(t, err)
		return signer
	}
	rsaCA := "@cert-authority " + line("*", rsaAuthority.PublicKey())
	tests := []struct {
		name  string
		cert  ssh.Signer
		known string
		args  []string
		cause sshexec.Cause
	}{
		{"authority known", cert(nil), ca, nil, ""},
		{"authority of the bare name", cert(nil), "@cert-authority " + line("127.0.0.*", authority.PublicKey()), nil, ""},
		{"for an alias", cert(nil), "@cert-authority " + line("node", authority.PublicKey()), []string{"-o", "HostKeyAlias=node"}, ""},
		{"no authority, plain key known", cert(nil), line("127.0.0.1", host.PublicKey()), nil, ""},
		{"no authority", cert(nil), "", nil, sshexec.CauseHostKeyUnknown},
		{"another authority", cert(nil), "@cert-authority " + line("*", host.PublicKey()), nil, sshexec.CauseHostKeyUnknown},
		{"expired", cert(func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter + 60 }), ca, nil, sshexec.CauseHostKeyMismatch},
		{"another name", cert(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other"} }), ca, nil, sshexec.CauseHostKeyMismatch},
		{"a user's certificate", cert(func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), ca, nil, sshexec.CauseHostKeyMismatch},
		{"signed with SHA-256", signed(ssh.KeyAlgoRSASHA256), rsaCA, nil, ""},
		{"signed with SHA-1", signed(ssh.KeyAlgoRSA), rsaCA, nil, sshexec.CauseHostKeyMismatch},
		{"authority revoked", cert(nil), ca + "@revoked " + line("*", authority.PublicKey()), nil, sshexec.CauseHostKeyRevoked},
		{"key revoked", cert(nil), ca + "@revoked " + line("*", host.PublicKey()), nil, sshexec.CauseHostKeyRevoked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := startServer(t, func(s *server) { s.hostKeys = []ssh.Signer{test.cert, host} })
			h := newUser(t)
			h.withKey()
			h.write("known_hosts", test.known)
			target := s.target()
			target.Args = test.args
			conn, err := h.client().Connect(t.Context(), target)
			if test.cause == "" {
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				return
			}
			failure(t, err, test.cause)
		})
	}
}

func TestN2_AcceptNewWritesOnce(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	h.write("known_hosts", "no.end.of.line ssh-ed25519 AAAA")
	h.options.HostKeyChecking = sshexec.HostKeysAcceptNew
	var wait sync.WaitGroup
	for range 2 {
		c := h.client() // two clients are like two processes
		for range 4 {
			wait.Go(func() {
				conn, err := c.Connect(t.Context(), s.target())
				if assert.NoError(t, err) {
					assert.NoError(t, conn.Close())
				}
			})
		}
	}
	wait.Wait()
	assert.Equal(t, "no.end.of.line ssh-ed25519 AAAA\n"+s.known(), h.read("known_hosts"))
	connect(t, h.client(), s.target())
	assert.Equal(t, 1, strings.Count(h.read("known_hosts"), "[127.0.0.1]"))
}

// TestN2_AcceptNewWaitsForTheFile: another oreg that writes known_hosts at the
// same time has it to itself, and what it wrote is not written again.
func TestN2_AcceptNewWaitsForTheFile(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	h.write("known_hosts", "")
	h.options.HostKeyChecking = sshexec.HostKeysAcceptNew
	other, err := os.OpenFile(h.path("known_hosts"), os.O_RDWR|os.O_APPEND, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	connected := make(chan error, 1)
	go func() {
		conn, err := h.client().Connect(t.Context(), s.target())
		if err == nil {
			err = conn.Close()
		}
		connected <- err
	}()
	assert.Never(t, func() bool { return h.read("known_hosts") != "" }, 300*time.Millisecond, 10*time.Millisecond)
	_, err = other.WriteString(s.known())
	require.NoError(t, err)
	require.NoError(t, other.Close()) // gives the lock back
	require.NoError(t, <-connected)
	assert.Equal(t, s.known(), h.read("known_hosts"))
}

func TestAcceptNewHashesWhereToldTo(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	target := s.target()
	target.Args = []string{"-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts=yes"}
	connect(t, h.client(), target)
	assert.Regexp(t, `^\|1\|[^|]+\|[^ ]+ ssh-ed25519 `, h.read("known_hosts"))
	target.Args = nil
	connect(t, h.client(), target)
}

func TestAcceptNewRefusesAChangedKey(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	other, _ := ed25519Key(t)
	h.write("known_hosts", line("[127.0.0.1]:"+strconv.Itoa(s.port()), other.PublicKey()))
	h.options.HostKeyChecking = sshexec.HostKeysAcceptNew
	_, err := h.client().Connect(t.Context(), s.target())
	failure(t, err, sshexec.CauseHostKeyMismatch)
}

func TestAcceptNewWithoutAFile(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	h.options.HostKeyChecking = sshexec.HostKeysAcceptNew
	target := s.target()
	target.Args = []string{"-o", "UserKnownHostsFile=none"}
	_, err := h.client().Connect(t.Context(), target)
	e := failure(t, err, sshexec.CauseHostKeyUnknown)
	assert.Contains(t, e.Hint, "UserKnownHostsFile is none")
	target.Args = []string{"-o", "UserKnownHostsFile=/dev/null"}
	connect(t, h.client(), target)
}

// TestCheckingOff: by an explicit argument only; with a warning; and a key
// that is not the known one gets no password.
func TestCheckingOff(t *testing.T) {
	s := startServer(t)
	passwordOnly(s, "password", "right horse")
	h := newUser(t)
	target := s.target()
	target.Password = password("right horse")
	target.Args = []string{"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"}
	connect(t, h.client(), target)
	require.NotEmpty(t, h.warned())
	assert.Contains(t, h.warned()[0], "host key checking is off")
	assert.Contains(t, h.warned()[0], "oreg trust")

	other, _ := ed25519Key(t)
	h.write("known_hosts", line("[127.0.0.1]:"+strconv.Itoa(s.port()), other.PublicKey()))
	target.Args = []string{"-o", "StrictHostKeyChecking=no"}
	_, err := h.client().Connect(t.Context(), target)
	failure(t, err, sshexec.CauseAuthFailed)
	assert.EqualValues(t, 1, s.passwords.Load())
}

func TestN10_ScanAndTrust(t *testing.T) {
	s := startServer(t, threeKeys(t))
	h := newUser(t)
	h.withKey()
	c := h.client()
	info, err := c.ScanHostKey(t.Context(), s.target())
	require.NoError(t, err)
	assert.Equal(t, "node", info.Host)
	assert.Equal(t, "[127.0.0.1]:"+strconv.Itoa(s.port()), info.Name)
	assert.Equal(t, ssh.FingerprintSHA256(s.hostKeys[0].PublicKey()), info.Fingerprint)
	assert.False(t, info.Known)
	require.NotNil(t, info.Problem)
	assert.Equal(t, sshexec.CauseHostKeyUnknown, info.Problem.Cause)
	assert.Equal(t, h.path("known_hosts"), info.File)
	assert.Zero(t, s.logins.Load(), "a scan does not log in")

	require.NoError(t, c.AddKnownHost(info))
	require.NoError(t, c.AddKnownHost(info))
	assert.Equal(t, 1, strings.Count(h.read("known_hosts"), "\n"))
	connect(t, c, s.target())
	info, err = c.ScanHostKey(t.Context(), s.target())
	require.NoError(t, err)
	assert.True(t, info.Known)

	other, _ := ed25519Key(t)
	h.write("known_hosts", line(info.Name, other.PublicKey()))
	c = h.client()
	info, err = c.ScanHostKey(t.Context(), s.target())
	require.NoError(t, err)
	require.NotNil(t, info.Problem)
	err = c.AddKnownHost(info)
	failure(t, err, sshexec.CauseHostKeyMismatch)

	refused := s.target()
	refused.Port = refusedPort(t)
	_, err = c.ScanHostKey(t.Context(), refused)
	failure(t, err, sshexec.CauseRefused)
}

func TestScanStopsAtAnUntrustedBastion(t *testing.T) {
	bastion, node := startServer(t), startServer(t)
	h := newUser(t)
	h.withKey()
	c := h.client()
	target := node.target()
	target.Args = []string{"-J", "jumper@127.0.0.1:" + strconv.Itoa(bastion.port())}
	info, err := c.ScanHostKey(t.Context(), target)
	require.NoError(t, err)
	assert.Equal(t, "[127.0.0.1]:"+strconv.Itoa(bastion.port()), info.Name)
	assert.False(t, info.Known)
	require.NotNil(t, info.Problem)
	require.NoError(t, c.AddKnownHost(info))
	info, err = c.ScanHostKey(t.Context(), target)
	require.NoError(t, err)
	assert.Equal(t, "[127.0.0.1]:"+strconv.Itoa(node.port()), info.Name)
	require.NoError(t, c.AddKnownHost(info))
	connect(t, c, target)
}

func TestKnownHostsThatCannotBeRead(t *testing.T) {
	s := startServer(t)
	h := newUser(t)
	h.withKey()
	target := s.target()
	target.Args = []string{"-o", "UserKnownHostsFile=" + h.dir} // a directory
	_, err := h.client().Connect(t.Context(), target)
	var e *sshexec.Error
	require.ErrorAs(t, err, &e)
	assert.Contains(t, e.Message, h.dir)
}
