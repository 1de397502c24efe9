package value

import (
	"math/big"
	"strconv"
	"strings"
)

// DictBuilder collects entries as a Python dict does: equal keys are one key,
// the first key and the last value stay.
type DictBuilder struct {
	entries []Entry
	index   map[string]int
}

// Add sets key to v. It says whether the key was there before.
func (b *DictBuilder) Add(key, v *Value) (duplicate bool) {
	if b.index == nil {
		b.index = map[string]int{}
	}
	id := KeyID(key)
	if i, ok := b.index[id]; ok {
		b.entries[i].Value = v
		return true
	}
	b.index[id] = len(b.entries)
	b.entries = append(b.entries, Entry{key, v})
	return false
}

// Entries returns what was collected.
func (b *DictBuilder) Entries() []Entry { return b.entries }

// Hashable says whether Python accepts v as a key.
func Hashable(v *Value) bool {
	switch v.Kind {
	case List, Dict, Set:
		return false
	case Tuple:
		for _, item := range v.Items {
			if !Hashable(item) {
				return false
			}
		}
	}
	return true
}

// KeyID is equal for keys that are equal in Python: 1, 1.0 and True are, and
// so are a plain and an unsafe string. A string key without a NUL at its start
// is its own id, so that maps of variables can be keyed by name.
func KeyID(v *Value) string {
	switch v.Kind {
	case String, Unsafe:
		if strings.HasPrefix(v.Text, "\x00") {
			return "\x00s" + v.Text
		}
		return v.Text
	case Null:
		return "\x00null"
	case Bool:
		if v.Text == "true" {
			return "\x00n1"
		}
		return "\x00n0"
	case Int:
		return "\x00n" + v.Text
	case Float:
		f, err := strconv.ParseFloat(v.Text, 64)
		if err == nil {
			if i, accuracy := big.NewFloat(f).Int(nil); accuracy == big.Exact && i != nil {
				return "\x00n" + i.String()
			}
		}
		return "\x00n" + v.Text
	case Tuple:
		var b strings.Builder
		b.WriteString("\x00t")
		for _, item := range v.Items {
			id := KeyID(item)
			b.WriteString(strconv.Itoa(len(id)) + ":" + id)
		}
		return b.String()
	}
	return "\x00" + strconv.Itoa(int(v.Kind)) + v.Text
}
