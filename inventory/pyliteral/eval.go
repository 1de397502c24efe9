package pyliteral

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// Outcome is what literal_eval does with a text.
type Outcome uint8

const (
	// Literal: the value was made.
	Literal Outcome = iota
	// NotLiteral: a SyntaxError or ValueError. Ansible keeps the text.
	NotLiteral
	// Refused: any other exception, which makes Ansible reject the file: an
	// unhashable key, or nesting beyond what Python's parser can hold.
	Refused
)

// maxIntDigits is Python's limit on decimal digits in an int literal.
const maxIntDigits = 4300

// Eval evaluates src, a value of an INI inventory. Each value that is not a
// string carries as Raw the source that it was made of.
func Eval(src string, at problem.Position) (*value.Value, Outcome) {
	// Python's parser refuses surrogates, which is how Ansible holds bytes
	// that are not UTF-8.
	trimmed := strings.TrimLeft(src, " \t")
	if !couldBeLiteral(trimmed) || strings.Contains(src, "\x00") || !utf8.ValidString(src) {
		return nil, NotLiteral
	}
	tree, tooDeep := parse(trimmed)
	switch {
	case tooDeep:
		return nil, Refused
	case tree == nil:
		return nil, NotLiteral
	}
	e := evaluator{src: trimmed, at: at}
	v := e.convert(tree)
	if v == nil {
		return nil, e.why
	}
	if !v.IsText() {
		v.Raw = src
	}
	// Ansible turns bytes into text, but only outside of collections.
	if v.Kind == value.Bytes {
		v.Kind, v.Raw = value.String, ""
	}
	return v, Literal
}

// couldBeLiteral rules out what starts with a name that no literal starts
// with: whatever follows, Python raises a SyntaxError or a ValueError first.
func couldBeLiteral(s string) bool {
	if s == "" {
		return false
	}
	if c := s[0]; c != '_' && c|0x20 < 'a' || c|0x20 > 'z' {
		return true
	}
	n := 0
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	switch s[:n] {
	case "True", "False", "None", "set":
		return true
	}
	return n < len(s) && (s[n] == '\'' || s[n] == '"') && isStringPrefix(s[:n])
}

type evaluator struct {
	src string
	at  problem.Position
	why Outcome
}

func (e *evaluator) fail(why Outcome) *value.Value {
	e.why = why
	return nil
}

func (e *evaluator) convert(n *node) *value.Value {
	if n == nil {
		return e.fail(NotLiteral)
	}
	raw := e.src[n.start:n.end]
	switch n.kind {
	case nodeConst:
		return e.constant(n, raw)
	case nodeTuple, nodeList:
		v := &value.Value{Kind: value.List, Raw: raw, Pos: e.at, Items: make([]*value.Value, 0, len(n.kids))}
		if n.kind == nodeTuple {
			v.Kind = value.Tuple
		}
		for _, kid := range n.kids {
			item := e.convert(kid)
			if item == nil {
				return nil
			}
			v.Items = append(v.Items, item)
		}
		return v
	case nodeSet, nodeEmptySet:
		return e.set(n, raw)
	case nodeDict:
		return e.dict(n, raw)
	case nodeSign:
		return e.signed(n, raw)
	case nodeSum:
		left, right := n.kids[0], n.kids[1]
		l := e.signed(left, "")
		if l == nil {
			return nil
		}
		r := e.signed(right, "")
		if r == nil || right.kind == nodeSign || l.Kind == value.Complex || r.Kind != value.Complex {
			return e.fail(NotLiteral)
		}
		return &value.Value{Kind: value.Complex, Text: raw, Raw: raw, Pos: e.at}
	}
	return e.fail(NotLiteral)
}

func (e *evaluator) set(n *node, raw string) *value.Value {
	var members value.DictBuilder
	for _, kid := range n.kids {
		item := e.convert(kid)
		switch {
		case item == nil:
			return nil
		case !value.Hashable(item):
			return e.fail(Refused)
		}
		members.Add(item, item)
	}
	v := &value.Value{Kind: value.Set, Raw: raw, Pos: e.at}
	for _, m := range members.Entries() {
		v.Items = append(v.Items, m.Key)
	}
	return v
}

func (e *evaluator) dict(n *node, raw string) *value.Value {
	var b value.DictBuilder
	for i := 0; i < len(n.kids); i += 2 {
		k := e.convert(n.kids[i])
		if k == nil {
			return nil
		}
		v := e.convert(n.kids[i+1])
		switch {
		case v == nil:
			return nil
		case !value.Hashable(k):
			return e.fail(Refused)
		}
		b.Add(k, v)
	}
	return &value.Value{Kind: value.Dict, Raw: raw, Pos: e.at, Entries: b.Entries()}
}

// signed is a number with at most one sign: "--1" and "-True" are none.
func (e *evaluator) signed(n *node, raw string) *value.Value {
	number, sign := n, ""
	if n.kind == nodeSign {
		number, sign = n.kids[0], n.op
	}
	if number.kind != nodeConst || number.tok.kind != tokNumber {
		return e.fail(NotLiteral)
	}
	v := e.constant(number, raw)
	if v == nil || sign != "-" {
		return v
	}
	switch v.Kind {
	case value.Int, value.Float:
		switch {
		case v.Kind == value.Int && v.Text == "0":
		default:
			v.Text = "-" + v.Text
		}
	}
	return v
}

func (e *evaluator) constant(n *node, raw string) *value.Value {
	switch {
	case n.isText:
		return value.NewString(n.text, e.at)
	case n.isBytes:
		return &value.Value{Kind: value.Bytes, Text: n.text, Raw: raw, Pos: e.at}
	}
	switch n.tok.text {
	case "True", "False":
		return value.NewBool(n.tok.text == "True", raw, e.at)
	case "None":
		return &value.Value{Kind: value.Null, Raw: raw, Pos: e.at}
	case "...":
		return &value.Value{Kind: value.Ellipsis, Raw: raw, Pos: e.at}
	}
	return e.number(n.tok.text, raw)
}

func (e *evaluator) number(text, raw string) *value.Value {
	digits := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	base := 10
	if len(digits) > 2 && digits[0] == '0' {
		switch digits[1] {
		case 'x':
			base = 16
		case 'o':
			base = 8
		case 'b':
			base = 2
		}
	}
	if base != 10 {
		i, ok := new(big.Int).SetString(digits[2:], base)
		if !ok {
			return e.fail(NotLiteral)
		}
		return &value.Value{Kind: value.Int, Text: i.String(), Raw: raw, Pos: e.at}
	}
	if strings.HasSuffix(digits, "j") {
		return &value.Value{Kind: value.Complex, Text: text, Raw: raw, Pos: e.at}
	}
	if strings.ContainsAny(digits, ".e") {
		// Out of range is infinity, in Python as in Go.
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil && f == 0 {
			return e.fail(NotLiteral)
		}
		return value.NewFloat(f, raw, e.at)
	}
	if len(digits) > maxIntDigits {
		return e.fail(NotLiteral)
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		digits = "0"
	}
	return &value.Value{Kind: value.Int, Text: digits, Raw: raw, Pos: e.at}
}
