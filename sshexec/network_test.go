package sshexec_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/sshexec"
)

// broken is a network before a server; toxics make it slow or cut it.
type broken struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

func breakNetwork(t *testing.T, upstream string) *broken {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", upstream)
	require.NoError(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	return &broken{t, proxy}
}

// toxic adds one; direction is "upstream", towards the server, or "downstream".
func (b *broken) toxic(kind, direction, attributes string) {
	b.t.Helper()
	_, err := b.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":{%s}}`, kind, direction, attributes)))
	require.NoError(b.t, err)
}

// target is the server's, by way of the broken network; known_hosts knows it
// by an alias.
func (b *broken) target(s *server, h *home) sshexec.Target {
	_, port, err := net.SplitHostPort(b.proxy.Listen)
	require.NoError(b.t, err)
	n, err := strconv.Atoi(port)
	require.NoError(b.t, err)
	h.write("known_hosts", line("alias", s.hostKeys[0].PublicKey()))
	target := s.target()
	target.Port, target.Args = n, []string{"-o", "HostKeyAlias=alias"}
	return target
}

func TestN7_SlowNetworks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, kind, attributes string
		timeout                time.Duration
		cause                  sshexec.Cause
		text                   string
	}{
		{"latency is fine", "latency", `"latency":20,"jitter":5`, 10 * time.Second, "", ""},
		{"small pieces are fine", "slicer", `"average_size":7,"size_variation":3,"delay":10`, 10 * time.Second, "", ""},
		{"latency beyond the timeout", "latency", `"latency":2000`, 400 * time.Millisecond, sshexec.CauseTimeout, "SSH banner"},
		{"too little bandwidth", "bandwidth", `"rate":1`, 900 * time.Millisecond, sshexec.CauseTimeout, "within 900ms ("},
		{"nothing comes through", "timeout", `"timeout":0`, 300 * time.Millisecond, sshexec.CauseTimeout, "SSH banner"},
		{"reset", "reset_peer", `"timeout":20`, 10 * time.Second, sshexec.CauseConnectionLost, "closed the connection"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, h := ready(t)
			network := breakNetwork(t, s.addr())
			network.toxic(test.kind, "downstream", test.attributes)
			target := network.target(s, h)
			h.options.Timeout = test.timeout
			conn, err := h.client().Connect(t.Context(), target)
			if test.cause == "" {
				require.NoError(t, err)
				out, err := conn.Run(t.Context(), "echo through", nil)
				require.NoError(t, err)
				assert.Equal(t, "through\n", string(out))
				require.NoError(t, conn.Close())
				return
			}
			e := failure(t, err, test.cause)
			assert.Contains(t, e.Message, test.text)
			assert.True(t, e.Unreachable)
			assert.True(t, e.Transient)
		})
	}
}

// TestConnectionCutAnywhereInTheHandshake: whatever arrived, the host is
// unreachable for a cause that another try may mend.
func TestConnectionCutAnywhereInTheHandshake(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	for _, direction := range []string{"downstream", "upstream"} {
		for _, size := range []int{0, 5, 21, 22, 200, 900, 1500, 2000, 2300} {
			t.Run(fmt.Sprintf("%s %d", direction, size), func(t *testing.T) {
				network := breakNetwork(t, s.addr())
				network.toxic("limit_data", direction, fmt.Sprintf(`"bytes":%d`, size))
				conn, err := h.client().Connect(t.Context(), network.target(s, h))
				if err == nil {
					require.NoError(t, conn.Close())
					t.Fatal("the handshake takes fewer bytes than that")
				}
				e := failure(t, err, sshexec.CauseConnectionLost)
				assert.True(t, e.Unreachable)
				assert.True(t, e.Transient)
			})
		}
	}
}

// TestConnectionCutWithinTheData: a command whose input or output breaks off
// is never a success.
func TestConnectionCutWithinTheData(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // 256 KiB
	for _, test := range []struct{ kind, direction, attributes string }{
		{"limit_data", "upstream", `"bytes":100000`},
		{"limit_data", "downstream", `"bytes":100000`},
		{"reset_peer", "upstream", `"timeout":0`},
	} {
		t.Run(test.kind+" "+test.direction, func(t *testing.T) {
			dir := t.TempDir() // outlives the server's commands
			s, h := ready(t)
			network := breakNetwork(t, s.addr())
			if test.kind == "reset_peer" {
				network.toxic("bandwidth", "upstream", `"rate":100`)
			}
			target := network.target(s, h)
			conn := connect(t, h.client(), target)
			file := filepath.Join(dir, "sent")
			network.toxic(test.kind, test.direction, test.attributes)
			out, err := conn.Run(t.Context(), "tee "+file, content)
			e := failure(t, err, sshexec.CauseConnectionLost)
			assert.True(t, e.Transient)
			assert.Less(t, len(out), len(content))
			if data, err := os.ReadFile(file); err == nil {
				assert.True(t, bytes.HasPrefix(content, data), "what arrived is a beginning of what was sent")
			}
		})
	}
}

func TestNetworkThatStopsMidCommand(t *testing.T) {
	t.Parallel()
	s, h := ready(t)
	h.options.CommandTimeout = 500 * time.Millisecond
	network := breakNetwork(t, s.addr())
	conn := connect(t, h.client(), network.target(s, h))
	p, err := conn.Shell(t.Context())
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "echo first; read -r line; echo second\n")
	require.NoError(t, err)
	first := make([]byte, 6)
	_, err = io.ReadFull(p.Stdout, first)
	require.NoError(t, err)
	network.toxic("timeout", "downstream", `"timeout":0`)
	_, err = io.WriteString(p.Stdin, "line\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(p.Stdout)
	failure(t, err, sshexec.CauseTimeout)
	assert.Empty(t, rest)
	e := failure(t, p.Wait(), sshexec.CauseTimeout)
	assert.Contains(t, e.Message, "no sign of life")
}
