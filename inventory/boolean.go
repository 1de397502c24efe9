package inventory

import (
	"strings"

	"oreg/inventory/value"
)

// parseBool knows every word that Ansible takes for a boolean somewhere: the
// types themselves, and the words of its boolean filter in any case.
func parseBool(v *value.Value) (b, ok bool) {
	switch v.Kind {
	case value.Bool, value.Int, value.Float, value.String, value.Unsafe:
	default:
		return false, false
	}
	switch strings.ToLower(strings.TrimFunc(v.Text, value.IsSpace)) {
	case "true", "yes", "on", "1", "y", "t", "1.0":
		return true, true
	case "false", "no", "off", "0", "n", "f", "0.0", "-0.0":
		return false, true
	}
	return false, false
}

// suggest returns the known word that is nearest to an unknown one, or "".
func suggest(word string, known []string) string {
	best, distance := "", 3
	folded := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(word))
	for _, k := range known {
		if d := edits(folded, k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
