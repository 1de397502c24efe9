//go:build lab

package oracle

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

// rounds is how many texts [Compare] makes.
const rounds = 30_000

// enough disagreements end [Compare].
const enough = 20

// The seed stands still unless one asks for another: what fails, fails for the
// change at hand. Who changes a reader hunts with -seed 0.
var seedFlag = flag.Uint64("seed", 1, "seed of the random texts; 0 is a fresh one")

// Seed is -seed, or a fresh one for 0. The test logs it.
func Seed(t *testing.T) uint64 {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	return seed
}

// Random is a source with the seed of [Seed].
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), 0))
}

// Compare makes texts of one to most pieces at random and asks agree about
// each, which reports a disagreement itself. script is the path of parts.py.
func Compare(t *testing.T, script string, pieces []string, most int, agree func(o *Oracle, r *rand.Rand, text string) bool) {
	t.Helper()
	r := Random(t)
	o := Start(t, script)
	bad := 0
	for range rounds {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if agree(o, r, b.String()) {
			continue
		}
		if bad++; bad == enough {
			t.Fatal("enough")
		}
	}
}
