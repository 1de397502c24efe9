package main

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

func contains(set []string, s string) bool { return slices.Contains(set, s) }

// list joins words as a sentence does: "a, b or c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// nearest returns the word of the set that was probably meant, or nothing.
func nearest(word string, set []string) string {
	best, distance := "", 3 // two slips of the finger at most
	for _, candidate := range set {
		if d := levenshtein.ComputeDistance(word, candidate); d < distance && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	return best
}
