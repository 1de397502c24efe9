package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestO5_HostNamesAreShortened: "38 nodes: host-key-mismatch: n1..n38".
func TestO5_HostNamesAreShortened(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"", ""},
		{"n1", "n1"},
		{"n1 n2", "n1, n2"},
		{"n1 n2 n3", "n1..n3"},
		{"n1 n2 n3 n5 n7 n8 n9 n10", "n1..n3, n5, n7..n10"},
		{"n08 n09 n10", "n08..n10"},
		{"n9 n10 n11", "n9..n11"},
		{"n9 n010 n011", "n9, n010, n011"},
		{"a1.example.com a2.example.com a3.example.com", "a1.example.com..a3.example.com"},
		{"a1.x a2.y a3.x", "a1.x, a2.y, a3.x"},
		{"n1 n1 n1", "n1, n1, n1"},
		{"n18446744073709551615 n0 n1", "n18446744073709551615, n0, n1"},
		{"r1n1 r1n2 r1n3 r2n1", "r1n1..r1n3, r2n1"},
		{"m n1", "m, n1"},
	} {
		assert.Equal(t, c.want, ranges(strings.Fields(c.names)), c.names)
	}
}
