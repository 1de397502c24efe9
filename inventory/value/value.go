// Package value is one variable of an inventory as Ansible would hold it, with
// the text and the place that it came from.
//
// Python's types decide: a tuple prints like a list but may be a key of a
// dict, 1 and 1.0 and True are the same key, an int has any size, and a float
// keeps its point when it is printed. The source text is kept beside a number
// or a boolean because credentials are text taken verbatim: a password of 0777
// must not become 511.
package value

import (
	"strconv"
	"strings"

	"oreg/inventory/problem"
)

// Kind is the type that Ansible gives a value.
type Kind uint8

// The kinds. Date is a YAML date or time. Set, Bytes, Complex and Ellipsis
// exist in Python literals, but Ansible itself cannot print them.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Unsafe
	Vault
	Date
	List
	Tuple
	Dict
	Set
	Bytes
	Complex
	Ellipsis
)

// Value is one value. It is not changed after it was made, so that hosts of a
// range share it.
type Value struct {
	Kind Kind
	// Text is the content of a String, of an Unsafe string (never templated)
	// and of Bytes; of a Vault the encrypted text; of an Int the decimal
	// digits; of a Float what Python's repr prints; of a Date ISO 8601; of a
	// Bool "true" or "false".
	Text string
	// Raw is the text in the source that this value was read from. It is empty
	// for strings, and for values that no single text stands for.
	Raw string
	Pos problem.Position
	// Items are the elements of a List, Tuple or Set.
	Items []*Value
	// Entries are those of a Dict in the order of first mention.
	Entries []Entry
}

// Entry is one key of a Dict. Keys need not be strings.
type Entry struct{ Key, Value *Value }

// NewString returns a String.
func NewString(s string, at problem.Position) *Value {
	return &Value{Kind: String, Text: s, Pos: at}
}

// NewBool returns a Bool.
func NewBool(b bool, raw string, at problem.Position) *Value {
	return &Value{Kind: Bool, Text: strconv.FormatBool(b), Raw: raw, Pos: at}
}

// NewFloat returns a Float.
func NewFloat(f float64, raw string, at problem.Position) *Value {
	return &Value{Kind: Float, Text: FormatFloat(f), Raw: raw, Pos: at}
}

// IsText says whether Ansible holds v as a string.
func (v *Value) IsText() bool { return v.Kind == String || v.Kind == Unsafe }

// IsScalar says whether v is neither a collection nor null.
func (v *Value) IsScalar() bool {
	switch v.Kind {
	case Null, List, Tuple, Dict, Set, Ellipsis:
		return false
	}
	return true
}

// IsTrue is Python's bool().
func (v *Value) IsTrue() bool {
	switch v.Kind {
	case Null:
		return false
	case Bool:
		return v.Text == "true"
	case Int:
		return v.Text != "0"
	case Float:
		f, err := strconv.ParseFloat(v.Text, 64)
		return err != nil || f != 0
	case String, Unsafe, Vault, Bytes:
		return v.Text != ""
	case List, Tuple, Set:
		return len(v.Items) > 0
	case Dict:
		return len(v.Entries) > 0
	}
	return true
}

// Get returns the entry of a Dict with that string key, or nil.
func (v *Value) Get(key string) *Value {
	for _, e := range v.Entries {
		if e.Key.IsText() && e.Key.Text == key {
			return e.Value
		}
	}
	return nil
}

// TypeName is the kind in words for messages: "a number", "a list".
func (v *Value) TypeName() string {
	switch v.Kind {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Int, Float, Complex:
		return "a number"
	case String, Unsafe:
		return "a string"
	case Vault:
		return "a vault-encrypted value"
	case Date:
		return "a date"
	case List, Tuple:
		return "a list"
	case Dict:
		return "a mapping"
	case Set:
		return "a set"
	case Bytes:
		return "bytes"
	}
	return "an ellipsis"
}

// FormatFloat prints f as Python's repr does, except that infinity and NaN
// print as Python's json does.
func FormatFloat(f float64) string {
	switch {
	case f > 1.7976931348623157e308:
		return "Infinity"
	case f < -1.7976931348623157e308:
		return "-Infinity"
	case f != f:
		return "NaN"
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(text, "e")
	// The exponent of FormatFloat's own output always parses.
	exp, _ := strconv.Atoi(exponent)
	if exp < -4 || exp >= 16 {
		return text
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
