package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ticking is a clock that goes on by a second at each look.
func ticking() func() time.Time {
	t := time.Unix(0, 0)
	return func() time.Time {
		t = t.Add(time.Second)
		return t
	}
}

func TestLongBuildShowsThatItMoves(t *testing.T) {
	var in, out strings.Builder
	for i := range 6 {
		fmt.Fprintf(&in, "go: downloading example.com/m%d v1.0.0\n", i)
	}
	for i := range 30 {
		fmt.Fprintf(&in, "example.com/p%d\n", i)
	}
	in.WriteString("# example.com/p29\n./x.go:1:1: no such thing\n")
	complaints := follow(strings.NewReader(in.String()), APIServer(), &out, ticking())
	require.Equal(t, "# example.com/p29\n./x.go:1:1: no such thing\n", complaints)
	for _, want := range []string{"downloading modules: 5", "building kube-apiserver: 24 of about 1850 packages, 30s", "built kube-apiserver in"} {
		require.Contains(t, out.String(), want)
	}
}

func TestShortBuildIsSilent(t *testing.T) {
	var out strings.Builder
	require.Empty(t, follow(strings.NewReader("oreg/hack/lab/kube-apiserver\n"), APIServer(), &out, ticking()))
	require.Empty(t, out.String())
}
