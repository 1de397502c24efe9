package template

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"oreg/inventory/value"
)

// object is what an expression can be: a *value.Value (of any kind but Vault),
// nativeText, *undefined, function, or one of the things that only exist while
// a template is rendered (*hostVars, *hostScope, *loop, *namespace).
type object any

// nativeText is Ansible's NativeJinjaText: the result of "string" or "to_json",
// which stays text even where it looks like a list.
type nativeText string

// markup is Python's Markup, which "escape" and "safe" yield: it escapes what
// is added to it and says "Markup(...)" in a list, so here it can be written
// and nothing else.
type markup string

// undefined is Ansible's AnsibleUndefined: it may be asked whether it is
// defined, and replaced by a default; whatever else is done with it fails.
type undefined struct {
	// what is the name: `"x"`, `"x.y"`.
	what string
	// cause is why a variable that exists has no value.
	cause *Error
	// lenient is Jinja's own kind, which an "if" without "else" yields: it is
	// empty text, but cannot be calculated with.
	lenient bool
}

func (u *undefined) err() *Error {
	if u.cause != nil {
		return u.cause
	}
	return &Error{Kind: ErrUndefined, What: u.what}
}

// function is something that can be called.
type function struct {
	name string
	call func(f *frame, args arguments) (object, error)
}

// view is what range() and a dictionary's items(), keys() and values() yield:
// it can be gone through and counted, and Ansible makes it a list where it
// comes out of a template, but before that its text is "dict_keys(['a'])", no
// list can be added to it, and to_json refuses it.
type view struct {
	name string
	list *value.Value
}

// unrolled is a view as the list of what it shows, and anything else as it is.
func unrolled(o object) object {
	if v, ok := o.(*view); ok {
		return v.list
	}
	return o
}

// namespace is what namespace() makes.
type namespace struct{ attrs map[string]object }

func pyNone() *value.Value { return &value.Value{Kind: value.Null} }

func pyBool(b bool) *value.Value {
	return &value.Value{Kind: value.Bool, Text: strconv.FormatBool(b)}
}

func pyStr(s string) *value.Value { return &value.Value{Kind: value.String, Text: s} }

func pyInt(n *big.Int) *value.Value { return &value.Value{Kind: value.Int, Text: n.String()} }

func pySmall(n int) *value.Value { return &value.Value{Kind: value.Int, Text: strconv.Itoa(n)} }

func pyFloat(f float64) *value.Value {
	return &value.Value{Kind: value.Float, Text: value.FormatFloat(f)}
}

func pyList(items []*value.Value) *value.Value {
	return &value.Value{Kind: value.List, Items: items}
}

func pyTuple(items ...*value.Value) *value.Value {
	return &value.Value{Kind: value.Tuple, Items: items}
}

func pyStrings(texts []string) *value.Value {
	items := make([]*value.Value, len(texts))
	for i, s := range texts {
		items[i] = pyStr(s)
	}
	return pyList(items)
}

// plain is the data that an object stands for, or the error that Python or
// Jinja would raise.
func plain(o object) (*value.Value, error) {
	switch o := o.(type) {
	case *value.Value:
		return o, nil
	case nativeText:
		return pyStr(string(o)), nil
	case *undefined:
		if o.lenient {
			return pyStr(""), nil
		}
		return nil, o.err()
	case markup:
		return nil, failf(ErrUnsupported, "escaped text as a value is not supported; it can only be written")
	case *view:
		return nil, failf(ErrUnsupported, "%s as a value is not supported; make it a list: | list", o.name)
	case *hostVars, *hostScope:
		return nil, failf(ErrUnsupported, "hostvars as a whole is not supported; name a host and a variable")
	}
	return nil, failf(ErrUnsupported, "%s is not supported as a value", typeName(o))
}

func isLenient(o object) bool {
	u, ok := o.(*undefined)
	return ok && u.lenient
}

// strict is plain, for what even Jinja's lenient kind of undefined refuses.
func strict(o object) (*value.Value, error) {
	if u, ok := o.(*undefined); ok {
		return nil, u.err()
	}
	return plain(o)
}

// typeName is the Python type, for messages.
func typeName(o object) string {
	switch o := o.(type) {
	case *value.Value:
		return o.TypeName()
	case nativeText:
		return "a string"
	case *undefined:
		return "something undefined"
	case *view:
		return o.name
	case markup:
		return "escaped text"
	case *function:
		return "a function"
	case *namespace:
		return "a namespace"
	case *loop:
		return "loop"
	}
	return "hostvars"
}

// isTrue is Python's bool().
func isTrue(o object) (bool, error) {
	switch o := o.(type) {
	case *view:
		return o.list.IsTrue(), nil
	case markup:
		return o != "", nil
	case *value.Value, nativeText, *undefined:
		v, err := plain(o)
		if err != nil {
			return false, err
		}
		return v.IsTrue(), nil
	}
	return true, nil
}

// str is Python's str().
func str(v *value.Value) (string, error) {
	switch v.Kind {
	case value.String, value.Unsafe:
		return v.Text, nil
	case value.Date:
		return strings.Replace(v.Text, "T", " ", 1), nil
	}
	return repr(v)
}

// repr is Python's repr().
func repr(v *value.Value) (string, error) {
	var b strings.Builder
	if err := appendRepr(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

func appendRepr(b *strings.Builder, v *value.Value) error {
	switch v.Kind {
	case value.Null:
		b.WriteString("None")
	case value.Bool:
		b.WriteString(map[string]string{"true": "True", "false": "False"}[v.Text])
	case value.Int:
		b.WriteString(v.Text)
	case value.Float:
		text, isSpecial := map[string]string{"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}[v.Text]
		if !isSpecial {
			text = v.Text
		}
		b.WriteString(text)
	case value.String, value.Unsafe:
		appendQuoted(b, v.Text)
	case value.List:
		return appendItems(b, v.Items, "[", "]")
	case value.Tuple:
		if len(v.Items) == 1 {
			return appendItems(b, v.Items, "(", ",)")
		}
		return appendItems(b, v.Items, "(", ")")
	case value.Dict:
		b.WriteByte('{')
		for i, e := range v.Entries {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := appendRepr(b, e.Key); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := appendRepr(b, e.Value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return failf(ErrUnsupported, "%s as text is not supported", v.TypeName())
	}
	return nil
}

func appendItems(b *strings.Builder, items []*value.Value, before, after string) error {
	b.WriteString(before)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := appendRepr(b, item); err != nil {
			return err
		}
	}
	b.WriteString(after)
	return nil
}

// appendQuoted is the repr of a Python str.
func appendQuoted(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(escapeRune(r))
		}
	}
	b.WriteRune(quote)
}

func escapeRune(r rune) string {
	hex := strconv.FormatInt(int64(r), 16)
	switch {
	case r < 0x100:
		return `\x` + strings.Repeat("0", 2-len(hex)) + hex
	case r < 0x10000:
		return escapeUnit(r)
	}
	return `\U` + strings.Repeat("0", 8-len(hex)) + hex
}

// escapeUnit is "\u" and four digits.
func escapeUnit(r rune) string {
	hex := strconv.FormatInt(int64(r), 16)
	return `\u` + strings.Repeat("0", 4-len(hex)) + hex
}
