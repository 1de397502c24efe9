package inventory

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fleet writes an inventory of n hosts, half of them in ranges, in 50 groups
// below OSEv3, with group_vars for each group, and returns its folder.
func fleet(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	const groups = 50
	var b strings.Builder
	b.WriteString("[OSEv3:children]\nmasters\nnodes\n\n[OSEv3:vars]\nansible_user=root\nansible_become=true\n" +
		"openshift_deployment_type=openshift-enterprise\noreg_auth_user='lab|svc'\noreg_auth_password='p#1'\n" +
		"openshift_additional_registry_credentials=[{'host':'r.example.com','user':'u','password':'p'}]\n\n" +
		"[masters]\nh00000.example.com\n\n[nodes:children]\n")
	for g := range groups {
		fmt.Fprintf(&b, "zone%02d\n", g)
	}
	per := n / groups
	for g := range groups {
		fmt.Fprintf(&b, "\n[zone%02d]\n", g)
		first := g * per
		fmt.Fprintf(&b, "h[%05d:%05d].example.com openshift_node_group_name='node-config-compute'\n", first, first+per/2-1)
		for i := first + per/2; i < first+per; i++ {
			fmt.Fprintf(&b, "h%05d.example.com ansible_host=10.%d.%d.%d openshift_node_group_name='node-config-compute' rack=%d\n",
				i, i>>16&255, i>>8&255, i&255, i%40)
		}
	}
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "hosts"), []byte(b.String()), 0o600))
	require.NoError(tb, os.Mkdir(filepath.Join(dir, "group_vars"), 0o700))
	for g := range groups {
		content := fmt.Sprintf("zone: %d\nntp_servers: [10.0.0.1, 10.0.0.2]\nlabels:\n  region: primary\n  zone: z%d\nopenshift_node_data_dir: /var/lib/origin\n", g, g)
		require.NoError(tb, os.WriteFile(filepath.Join(dir, "group_vars", fmt.Sprintf("zone%02d.yml", g)), []byte(content), 0o600))
	}
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "group_vars", "all.yml"), []byte("a: 1\nb: yes\nc: text\n"), 0o600))
	return dir
}

// The bar: 10,000 hosts, 50 groups and group_vars in 0.3 s and 100 MB, and
// time linear in hosts.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d-hosts", n), func(b *testing.B) {
			dir := fleet(b, n)
			b.ReportAllocs()
			for b.Loop() {
				_, err := Load(b.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkCluster(b *testing.B) {
	dir := fleet(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		inv, err := Load(b.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
		require.NoError(b, err)
		_, err = inv.Cluster(b.Context(), ClusterOptions{RequireNodes: true})
		require.NoError(b, err)
	}
}

func BenchmarkList(b *testing.B) {
	dir := fleet(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		inv, err := Load(b.Context(), Options{Paths: []string{"hosts"}, Dir: dir})
		require.NoError(b, err)
		require.NoError(b, inv.List(io.Discard, ListOptions{}))
	}
}
