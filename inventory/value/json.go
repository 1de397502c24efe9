package value

import (
	"fmt"
	"io"
	"sort"
	"strconv"
)

// UnprintableError says that Ansible could not print the inventory either: its
// JSON encoder has no form for the kind.
type UnprintableError struct{ Value *Value }

func (e *UnprintableError) Error() string {
	return fmt.Sprintf("%s has no JSON form", e.Value.TypeName())
}

// AppendJSON appends v as ansible-inventory prints it: indented by four,
// sorted keys, text as it is. depth is the indentation of the line it starts
// on.
func AppendJSON(dst []byte, v *Value, depth int) ([]byte, error) {
	switch v.Kind {
	case Null:
		return append(dst, "null"...), nil
	case Bool, Int, Float:
		return append(dst, v.Text...), nil
	case String, Date:
		return AppendString(dst, v.Text), nil
	case Unsafe:
		return appendWrapped(dst, "__ansible_unsafe", v.Text, depth), nil
	case Vault:
		return appendWrapped(dst, "__ansible_vault", v.Text, depth), nil
	case List, Tuple:
		return appendList(dst, v.Items, depth)
	case Dict:
		return appendDict(dst, v, depth)
	}
	return nil, &UnprintableError{v}
}

func appendWrapped(dst []byte, key, text string, depth int) []byte {
	dst = append(dst, '{')
	dst = NewLine(dst, depth+1)
	dst = AppendString(dst, key)
	dst = append(dst, ": "...)
	dst = AppendString(dst, text)
	dst = NewLine(dst, depth)
	return append(dst, '}')
}

func appendList(dst []byte, items []*Value, depth int) ([]byte, error) {
	if len(items) == 0 {
		return append(dst, "[]"...), nil
	}
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = NewLine(dst, depth+1)
		var err error
		if dst, err = AppendJSON(dst, item, depth+1); err != nil {
			return nil, err
		}
	}
	dst = NewLine(dst, depth)
	return append(dst, ']'), nil
}

func appendDict(dst []byte, v *Value, depth int) ([]byte, error) {
	if len(v.Entries) == 0 {
		return append(dst, "{}"...), nil
	}
	entries := append([]Entry(nil), v.Entries...)
	if sortable(entries) {
		sort.SliceStable(entries, func(i, j int) bool { return keyLess(entries[i].Key, entries[j].Key) })
	}
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = NewLine(dst, depth+1)
		name, ok := KeyText(e.Key)
		if !ok {
			return nil, &UnprintableError{e.Key}
		}
		dst = AppendString(dst, name)
		dst = append(dst, ": "...)
		var err error
		if dst, err = AppendJSON(dst, e.Value, depth+1); err != nil {
			return nil, err
		}
	}
	dst = NewLine(dst, depth)
	return append(dst, '}'), nil
}

// KeyText is how Python's json prints a key of a dict; false where it cannot.
func KeyText(k *Value) (string, bool) {
	switch k.Kind {
	case String, Unsafe, Int, Float, Bool:
		return k.Text, true
	case Null:
		return "null", true
	}
	return "", false
}

// sortable says whether Python can compare all keys with one another.
func sortable(entries []Entry) bool {
	text, number := 0, 0
	for _, e := range entries {
		switch e.Key.Kind {
		case String, Unsafe:
			text++
		case Int, Float, Bool:
			number++
		}
	}
	return len(entries) == 1 || text == len(entries) || number == len(entries)
}

func keyLess(a, b *Value) bool {
	if a.IsText() {
		return a.Text < b.Text
	}
	return number(a) < number(b)
}

func number(v *Value) float64 {
	switch v.Text {
	case "true":
		return 1
	case "false":
		return 0
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil {
		return 0
	}
	return f
}

// NewLine appends a line end and the indentation of depth.
func NewLine(dst []byte, depth int) []byte {
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, "    "...)
	}
	return dst
}

// AppendString appends s quoted as Python's json does with ensure_ascii off.
// Bytes that are not UTF-8 stay as they are, as Ansible prints them.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// WriteJSON writes v and a line end.
func WriteJSON(w io.Writer, v *Value) error {
	out, err := AppendJSON(nil, v, 0)
	if err != nil {
		return err
	}
	_, err = w.Write(append(out, '\n'))
	return err
}
