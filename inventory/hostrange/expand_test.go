package hostrange

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpand(t *testing.T) {
	tests := []struct {
		token, port string
		names       string
	}{
		{"h", "", "h"},
		{"h:22", "22", "h"},
		{"h:0022", "22", "h"},
		{"h:0", "0", "h"},
		{"h_:22", "", "h_:22"},
		{"u@h:22", "", "u@h:22"},
		{"h:x", "", "h:x"},
		{"::1", "", "::1"},
		{"[::1]:22", "22", "::1"},
		{"fe80::1%eth0", "", "fe80::1%eth0"},
		{"[fe80::1%eth0]:22", "22", "fe80::1%eth0"},
		{"[h:22]:33", "22", "h"},
		{"h[1:3]", "", "h1 h2 h3"},
		{"h[1:2]:22", "22", "h1 h2"},
		{"h[01:03]", "", "h01 h02 h03"},
		{"h[08:11]", "", "h08 h09 h10 h11"},
		{"h[1:03]", "", "h1 h2 h3"},
		{"h[:2]", "", "h0 h1 h2"},
		{"h[1:9:4]", "", "h1 h5 h9"},
		{"h[a:c]x", "", "hax hbx hcx"},
		{"h[y:B]", "", "hy hz hA hB"},
		{"h[a:e:2]", "", "ha hc he"},
		{"h[ab:cd]", "", "ha hb hc"},
		{"[1:2].x", "", "1.x 2.x"},
		{"h[1:2]-[a:b]", "", "h1-a h1-b h2-a h2-b"},
		{"h[3:1]", "", ""},
		{"h[3:1:-1]", "", "h3"},
		{"h[c:e:-1]", "", ""},
		{"h[+1:1_0:4]", "", "h1 h5 h9"},
		{"h[٣:5]", "", "h3 h4 h5"},
		{"h[1:999999999:999999998]", "", "h1 h999999999"},
		{"2001:db8::[a:b]", "", "2001:db8::a 2001:db8::b"},
		{"10.0.0.[1:2]:22", "22", "10.0.0.1 10.0.0.2"},
		{"h|0:1[", "", "h0 h1"},
	}
	for _, test := range tests {
		names, port, err := Expand(test.token)
		require.NoError(t, err, test.token)
		assert.Equal(t, test.port, port, test.token)
		assert.Equal(t, test.names, strings.Join(names, " "), test.token)
	}
}

func TestExpandRefuses(t *testing.T) {
	for _, token := range []string{
		"h[", "h[]", "h[1]", "h[1-3]", "h[1:2:3:4]", "h[1:", "h[1:]", "h[:]", "h[01:3]", "h[00:3]", "h[A:c]", "h[c:a]", "h[a:3]", "h[1:c]", "h[aa:cc]", "h[1:3:0]",
		"h[a:c:0]", "h[1:2:x]", "h|[1:2]", "[::1]",
	} {
		_, _, err := Expand(token)
		require.ErrorContains(t, err, "host range", token)
		assert.NotContains(t, err.Error(), token)
	}
}

func TestHugeRangesAreRefused(t *testing.T) {
	for _, token := range []string{
		"n[0:999999999]", "n[0:99999999999999999999999999]", "n[0:9999]-[0:9999]", "n[0:250000]", "n[0:99][0:99][0:99][0:99]", "n[-9999999999999999999:1]",
		"n[0:99999999999999999999999999:99999999999999999999]",
	} {
		_, _, err := Expand(token)
		require.ErrorIs(t, err, ErrTooMany, token)
	}
	// Many ranges of nothing are no work.
	names, _, err := Expand("n" + strings.Repeat("[0:249999]", 50) + "[3:1]")
	require.NoError(t, err)
	assert.Empty(t, names)
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"h[1:3]", "h[01:03:2].x:22", "[::1]:22", "2001:db8::[1:f]", "h[a:c]-[x:Z]", "h[3:1:-1]", "10.0.0.[1:3]", "|["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		names, port, err := Expand(token)
		if err != nil {
			return
		}
		if len(names) > MaxHosts {
			t.Fatalf("%d names", len(names))
		}
		if strings.Trim(port, "0123456789") != "" {
			t.Fatalf("port %q", port)
		}
		for _, name := range names {
			if strings.Contains(name, "[") {
				t.Fatalf("a bracket is left in %q", name)
			}
		}
	})
}
