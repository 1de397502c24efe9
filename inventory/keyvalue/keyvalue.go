// Package keyvalue reads "k=v k2='v 2'", the short form of --extra-vars, as
// Ansible's parse_kv does. Every value is a string. Quotes hold blanks
// together and are taken off only where they enclose the whole value; a
// template may hold blanks without quotes; \n and its like are decoded.
package keyvalue

import (
	"errors"
	"strings"
)

// Pair is one assignment.
type Pair struct{ Key, Value string }

// ErrUnbalanced is an open quote or template.
var ErrUnbalanced = errors.New("quote or template without an end")

// Parse returns the assignments in order. Words without "=" are collected
// under the name _raw_params, as Ansible does.
func Parse(args string) ([]Pair, error) {
	words, err := split(args)
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	var raw []string
	for _, word := range words {
		text, ok := decode(word)
		if !ok {
			return nil, errors.New("broken escape, expected \\xHH, \\uHHHH or \\UHHHHHHHH of a character")
		}
		if !strings.Contains(text, "=") {
			raw = append(raw, word)
			continue
		}
		at := equals(text)
		if at < 0 {
			raw = append(raw, strings.ReplaceAll(text, `\=`, "="))
			continue
		}
		pairs = append(pairs, Pair{strip(text[:at]), Unquote(strip(text[at+1:]))})
	}
	if len(raw) > 0 {
		pairs = append(pairs, Pair{"_raw_params", join(raw)})
	}
	return pairs, nil
}

// equals finds the first "=" that no backslash escapes. One in the first place
// does not count.
func equals(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '=' && s[i-1] != '\\' {
			return i
		}
	}
	return -1
}

func join(words []string) string {
	var b strings.Builder
	for _, word := range words {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// Unquote takes off a pair of equal quotes around s.
func Unquote(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[0] == s[len(s)-1] && s[len(s)-2] != '\\' {
		return s[1 : len(s)-1]
	}
	return s
}
