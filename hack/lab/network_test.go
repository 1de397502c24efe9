//go:build lab

package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/site"
)

// dial connects through a node, as oreg's direct-tcpip does, and says whether something answered.
const dial = `curl -sk -o /dev/null --max-time 2 -w '%{http_code}/%{exitcode}' `

func TestNodesWithNetworksOfTheirOwn(t *testing.T) {
	r := startLab(t, "--nodes", "2", "--node-kind", "sshd", "--netns", "--kube=false", "--registries", "basic,bearer")
	basic, bearer := "https://"+r.Registries[0].Host+"/v2/", "https://"+r.Registries[1].Host+"/v2/"
	from := func(node int, url string) string {
		out, _ := r.ssh(t, node, "root", "", dial+url) // curl fails where the test wants it to
		return out
	}
	require.True(t, r.Nodes[0].NetNS)
	require.Equal(t, "401/0", from(0, basic))

	r.ctl(t, "node", "block", "n2", "basic")
	require.Equal(t, "000/7", from(1, basic), "refused")
	require.Equal(t, "401/0", from(1, bearer))
	require.Equal(t, "401/0", from(0, basic), "another node's firewall")
	r.ctl(t, "node", "block", "n2", r.Registries[0].Host, "--how", "drop")
	require.Equal(t, "000/28", from(1, basic), "time-out")
	r.ctl(t, "node", "unblock", "n2", "basic")
	require.Equal(t, "401/0", from(1, basic))
	r.ctlFails(t, "expected the name of a registry", "node", "block", "n2", "basics")

	r.ctl(t, "registry", "stop", "bearer")
	require.Equal(t, "000/7", from(1, bearer), "stopped is refused inside too")
	r.ctl(t, "registry", "start", "bearer")
	require.Equal(t, "401/0", from(1, bearer))

	_, port, err := net.SplitHostPort(r.Registries[0].Host)
	require.NoError(t, err)
	host, _, _ := net.SplitHostPort(r.Registries[0].Host)
	named := "https://registry.example.com:" + port + "/v2/"
	r.ctl(t, "node", "name", "n1", "registry.example.com", host)
	require.Equal(t, "401/0", from(0, named))
	require.Equal(t, "000/6", from(1, named), "a name of n1 alone")
	r.ctl(t, "node", "stop", "n1")
	r.ctl(t, "node", "start", "n1")
	require.Equal(t, "401/0", from(0, named), "kept over a restart")
	r.ctl(t, "node", "name", "n1", "registry.example.com")
	require.Equal(t, "000/6", from(0, named))

	// Through one node to another, and into a node beside its sshd.
	n2 := r.Nodes[1]
	require.Equal(t, "000/1", from(0, "http://"+net.JoinHostPort(n2.Address, itoa(n2.Port))), "an SSH banner is no HTTP")
	require.Equal(t, "n2", r.ctl(t, "node", "exec", "n2", "--", "hostname"))
	r.ctlFails(t, "exit status 3: oh", "node", "exec", "n2", "--", "sh", "-c", "echo oh >&2; exit 3")

	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // killed
	r.requireGone(t, false)
	require.NoError(t, site.Down(t.Context(), r.Dir))
}

func TestExecRunsInsideNodesOfEachKind(t *testing.T) {
	r := startLab(t, "--nodes", "1", "--node-kind", "sshd", "--kube=false", "--registries", "")
	r.ctl(t, "node", "add", "n2", "--kind", "inprocess")
	for _, n := range []string{"n1", "n2"} {
		r.ctl(t, "node", "exec", n, "--", "sh", "-c", "hostname > /var/lib/origin/name")
		require.FileExists(t, r.Dir+"/nodes/"+n+"/root/var/lib/origin/name")
		require.Equal(t, n, r.ctl(t, "node", "exec", n, "--", "cat", "/var/lib/origin/name"))
	}
	r.ctlFails(t, "expected node exec NAME -- COMMAND", "node", "exec", "n1")
	r.ctlFails(t, "--netns", "node", "block", "n1", "api")
}
