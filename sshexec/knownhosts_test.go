package sshexec

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func testKey(t testing.TB, seed byte) ssh.PublicKey {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer.PublicKey()
}

func TestKnownHostsLinesThatAreLeftOut(t *testing.T) {
	key := string(ssh.MarshalAuthorizedKey(testKey(t, 1)))
	k, bad := parseKnownHosts("/kh", []byte("a "+key+
		"short\n"+
		"b ssh-rsa "+strings.Fields(key)[1]+"\n"+
		"c ssh-ed25519 not-base64!\n"+
		"@unknown d "+key+
		"|2|x|y "+key+
		"|1|x|y "+key+
		", "+key+
		"  # comment\n\n"+
		"E,[f]:22 "+key))
	var lines []string
	for _, b := range bad {
		place, _, _ := strings.Cut(b, ": ")
		lines = append(lines, place)
	}
	assert.Equal(t, []string{"/kh:2", "/kh:3", "/kh:4", "/kh:5", "/kh:6", "/kh:7", "/kh:8"}, lines)
	assert.Len(t, k.lookup("a"), 1)
	assert.Len(t, k.lookup("e"), 1, "names are lower case")
	assert.Empty(t, k.lookup("b"))
	for _, b := range bad {
		assert.NotContains(t, b, strings.Fields(key)[1])
	}
}

func TestKnownName(t *testing.T) {
	assert.Equal(t, "host", knownName("Host", 22))
	assert.Equal(t, "[host]:2222", knownName("host", 2222))
	assert.Equal(t, "::1", knownName("[::1]", 22))
	assert.Equal(t, "[::1]:23", knownName("::1", 23))
	for _, addr := range []string{"host:22", "host:2222", "10.0.0.1:22", "[::1]:22", "[::1]:24"} {
		host, port, ok := strings.Cut(addr, "]:")
		if !ok {
			host, port, _ = strings.Cut(addr, ":")
		}
		n := 0
		_, err := fmt.Sscan(port, &n)
		require.NoError(t, err)
		assert.Equal(t, knownhosts.Normalize(addr), knownName(strings.TrimPrefix(host, "["), n), "as x/crypto writes it")
	}
}

// FuzzKnownHosts: no line makes us panic or spoils another one, and what
// x/crypto's stricter reader accepts says the same of a host there and here.
func FuzzKnownHosts(f *testing.F) {
	key := string(ssh.MarshalAuthorizedKey(testKey(f, 1)))
	f.Add("host "+key, "host")
	f.Add("*.example.com,!bad.example.com "+key, "bad.example.com")
	f.Add(knownhosts.HashHostname("host")+" "+key, "host")
	f.Add("@revoked * "+key, "x")
	f.Add("@cert-authority [h]:* "+key, "h")
	f.Fuzz(func(t *testing.T, text, name string) {
		good := "certainly.known " + string(ssh.MarshalAuthorizedKey(testKey(t, 2)))
		k, _ := parseKnownHosts("f", []byte(text+"\n"+good))
		require.NotEmpty(t, k.lookup("certainly.known"))
		for _, line := range k.lookup(name) {
			require.NotNil(t, line.key)
			require.Contains(t, []string{"", "revoked", "cert-authority"}, line.marker)
		}
		again, _ := parseKnownHosts("f", []byte(good+text))
		require.NotNil(t, again)
	})
}

// TestKnownHostsIsReadOnce: thousands of hosts ask at the same moment. A
// pipe can be read once only.
func TestKnownHostsIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	line := knownhosts.Line([]string{"node"}, testKey(t, 1)) + "\n"
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(line), 0o600) }()
	c := New(Options{})
	answers := make(chan *knownHosts)
	for range 20 {
		go func() {
			k, _ := c.knownFile(path) // nil on an error, which is seen below
			answers <- k
		}()
	}
	for range 20 {
		select {
		case k := <-answers:
			require.NotNil(t, k)
			assert.Len(t, k.lookup("node"), 1)
		case <-time.After(10 * time.Second):
			require.Fail(t, "the file is read again")
		}
	}
	require.NoError(t, <-written)
}
