package etc

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSetHostSaysOneThingOfAName(t *testing.T) {
	const before = "127.0.0.1 localhost n1 # loop\n# 10.0.0.1 a\n10.0.0.2 a b\n10.0.0.3 a\n"
	for _, c := range []struct{ name, address, want string }{
		{"new", "10.0.0.9", "10.0.0.9 new\n" + before},
		{"a", "10.0.0.9", "10.0.0.9 a\n127.0.0.1 localhost n1 # loop\n# 10.0.0.1 a\n10.0.0.2 b\n"},
		{"a", "", "127.0.0.1 localhost n1 # loop\n# 10.0.0.1 a\n10.0.0.2 b\n"},
		{"none", "", before},
	} {
		path := filepath.Join(t.TempDir(), "hosts")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o644))
		require.NoError(t, SetHost(path, c.name, c.address))
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, c.want, string(raw), c.name)
	}
}

func TestFilesKeepTheSystemsUsers(t *testing.T) {
	base, target, root := t.TempDir(), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/false", "shadow": "root:*:1::::::\n", "group": "root:x:0:\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(base, name), []byte(text), 0o600))
	}
	cfg := Config{
		Name: "n1", Listen: &net.TCPAddr{IP: net.IPv4(127, 1, 2, 3), Port: 2222}, HostKeys: [][]byte{[]byte("key")},
		Accounts: []Account{{User: "root", Password: "secret"}}, Options: []string{"MaxStartups 3:30:10"}, Offline: true,
	}
	require.NoError(t, Write(cfg, base, target, root))
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(target, name))
		require.NoError(t, err)
		return string(raw)
	}
	require.Contains(t, read("passwd"), "www:x:33:33")
	require.Contains(t, read("shadow"), "root:$2a$")
	require.NotContains(t, read("shadow"), "secret")
	require.Regexp(t, `(?s)^MaxStartups 3:30:10\nListenAddress 127\.1\.2\.3\nPort 2222\n`, read("ssh/lab_sshd_config"))
	require.NotContains(t, read("resolv.conf"), "nameserver")
	info, err := os.Stat(filepath.Join(target, "ssh/lab_host_key_0"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
