//go:build lab

package sshexec_test

import (
	"bufio"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRealSSHD_RunAndShell(t *testing.T) {
	server, home := startSSHD(t, sshdOptions{}), newHome(t)
	server.authorize(t, "", home.key)
	home.write(t, "known_hosts", server.known(t, "ed25519"))
	conn, err := home.client(t).Connect(t.Context(), server.target())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()

	out, err := conn.Run(t.Context(), "cat; echo err >&2", []byte("hello"))
	require.NoError(t, err)
	assert.Equal(t, "hello", string(out))

	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	// dash reads ahead: the answer may go only when the script has asked.
	_, err = io.WriteString(p.Stdin, "f() { echo ask; read -r answer; echo \"got $answer\"; exit 3; }\nf; exit\n")
	require.NoError(t, err)
	out2 := bufio.NewReader(p.Stdout)
	line, err := out2.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ask\n", line)
	_, err = io.WriteString(p.Stdin, "yes\n")
	require.NoError(t, err)
	got, err := io.ReadAll(out2)
	require.NoError(t, err)
	assert.Equal(t, "got yes\n", string(got))
	assert.ErrorContains(t, p.Wait(), "status 3")
}
