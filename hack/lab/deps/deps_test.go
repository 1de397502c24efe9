package deps_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/deps"
)

func TestAdviceNamesEachProgramAndEachPackageOnce(t *testing.T) {
	two := []deps.Program{
		{Name: "a", Package: "p", For: "this"},
		{Name: "b", Package: "p", For: "that"},
	}
	require.Equal(t, "missing programs:\n  a                      for this\n  b                      for that\nas root: apt-get install p", deps.Advice(two, true))
	require.Contains(t, deps.Advice(two, false), "on Debian they are the packages: p")
}

func TestEveryProgramSaysWhatItIsFor(t *testing.T) {
	for _, p := range deps.Programs() {
		require.NotEmpty(t, p.Package, p.Name)
		require.NotEmpty(t, p.For, p.Name)
	}
}
