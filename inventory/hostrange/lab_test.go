//go:build lab

package hostrange

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory/internal/oracle"
	"oreg/inventory/problem"
	"oreg/inventory/value"
)

func pieces() []string {
	return []string{
		"h", "a", "1", "22", "03", ":", "::", ".", "-", "_", "[", "]", "[1:3]", "[01:03]", "[a:c]", "[a:3]",
		"[1:9:2]", "[x:B]", "[:2]", "[1:]", "[1-2]", "[3:1]", "[3:1:-1]", "[1:3:0]", "[ff:1a]", "10.0.0.", "255",
		"256", "fe80", "dead", "%eth0", "ffff", "0:", "é", "²", "٣", "[٣:5]", "[ 1 : 2 ]", "[+1:3]", "[1:1_0]", "|",
		" ", "[0:3]", "[008:010]", "[a:a]", "[ab:cd]", "K", "ſ", "[Z:a]", "[z:A]", "@",
	}
}

// TestOracleHosts compares with Ansible's expansion of host patterns.
func TestOracleHosts(t *testing.T) {
	oracle.Compare(t, "../testdata/parts.py", pieces(), 6, func(o *oracle.Oracle, _ *rand.Rand, text string) bool {
		ours, err := printed(text)
		if errors.Is(err, ErrTooMany) || len(ours) > 100_000 {
			// Ansible would try.
			return true
		}
		theirs := o.Ask(t, "hosts", text)
		if err != nil {
			ours = ""
		}
		return assert.Equal(t, string(theirs.JSON), ours, "%q", text)
	})
}

// printed is names and port as Python's json prints them.
func printed(text string) (string, error) {
	names, port, err := Expand(text)
	if err != nil {
		return "", err
	}
	list := &value.Value{Kind: value.List}
	for _, n := range names {
		list.Items = append(list.Items, value.NewString(n, problem.Position{}))
	}
	number := &value.Value{Kind: value.Null}
	if port != "" {
		number = &value.Value{Kind: value.Int, Text: port}
	}
	out, err := value.AppendJSON(nil, &value.Value{Kind: value.List, Items: []*value.Value{list, number}}, 0)
	return string(out), err
}
