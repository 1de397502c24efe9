package sshexec_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// replyOnly answers our first line and ends, so that no process is started.
func replyOnly(ch ssh.Channel, line string) {
	if start := indexOfNonce(line); start >= 0 {
		_, _ = io.WriteString(ch, line[start:start+29]+"\n")
	}
	exitStatus(ch, 0)
}

func indexOfNonce(line string) int {
	for i := 0; i+5 < len(line); i++ {
		if line[i:i+5] == "oreg-" {
			return i
		}
	}
	return -1
}

// BenchmarkConnectAndRun against BenchmarkBareHandshakeAndExec is what all of
// this package costs beyond x/crypto: configuration, keys, known_hosts (here
// with 5,000 other hosts), deadlines and become. The server runs in the same
// process, for both.
func BenchmarkConnectAndRun(b *testing.B) {
	s, h := benchServer(b)
	var known []byte
	for i := range 5000 {
		known = fmt.Appendf(known, "node%d.example.com,10.1.%d.%d %s", i, i/250, i%250, ssh.MarshalAuthorizedKey(s.hostKeys[0].PublicKey()))
	}
	h.write("known_hosts", string(known)+s.known())
	c := h.client()
	target := s.target()
	b.ReportAllocs()
	for b.Loop() {
		conn, err := c.Connect(b.Context(), target)
		require.NoError(b, err)
		_, err = conn.Run(b.Context(), "true", nil)
		require.NoError(b, err)
		require.NoError(b, conn.Close())
	}
}

func BenchmarkBareHandshakeAndExec(b *testing.B) {
	s, h := benchServer(b)
	pem, err := os.ReadFile(h.path("id_ed25519"))
	require.NoError(b, err)
	signer, err := ssh.ParsePrivateKey(pem)
	require.NoError(b, err)
	config := &ssh.ClientConfig{
		User: "core", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   ssh.FixedHostKey(s.hostKeys[0].PublicKey()),
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}
	b.ReportAllocs()
	for b.Loop() {
		raw, err := net.Dial("tcp", s.addr())
		require.NoError(b, err)
		conn, chans, reqs, err := ssh.NewClientConn(raw, s.addr(), config)
		require.NoError(b, err)
		client := ssh.NewClient(conn, chans, reqs)
		session, err := client.NewSession()
		require.NoError(b, err)
		_, err = session.Output("true")
		require.NoError(b, err)
		require.NoError(b, client.Close())
	}
}

func benchServer(b *testing.B) (*server, *home) {
	b.Helper()
	s, h := startServer(b, func(s *server) { s.session = replyOnly }), newUser(b)
	h.withKey()
	return s, h
}
