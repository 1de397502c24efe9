package yamlvars

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// maxDepth bounds nesting, in JSON and in YAML. Python stops at about 1000.
const maxDepth = 500

// jsonReader reads JSON as Python's json.loads does: NaN and Infinity are
// numbers, ints have any size, of equal keys the last wins, and strings hold
// no control characters. Objects of the one key __ansible_vault or
// __ansible_unsafe stand for such values.
type jsonReader struct {
	src   string
	pos   int
	file  string
	line  int
	mark  int // up to where lines were counted
	depth int
}

// ParseJSON reads data, which must be one JSON document.
func ParseJSON(data, file string) (*value.Value, *problem.Problem) {
	r := &jsonReader{src: data, file: file, line: 1}
	v, ok := r.document()
	if !ok {
		return nil, &problem.Problem{Pos: r.at(), Message: "not valid JSON"}
	}
	return v, nil
}

// Furthest is the offset up to which data reads as JSON, for messages about
// text that was meant as such.
func Furthest(data string) int {
	r := &jsonReader{src: data, line: 1}
	_, _ = r.document()
	return r.pos
}

func (r *jsonReader) document() (*value.Value, bool) {
	r.blanks()
	v, ok := r.value()
	r.blanks()
	return v, ok && r.pos == len(r.src)
}

func (r *jsonReader) at() problem.Position {
	for ; r.mark < r.pos && r.mark < len(r.src); r.mark++ {
		if r.src[r.mark] == '\n' {
			r.line++
		}
	}
	return problem.Position{File: r.file, Line: r.line}
}

func (r *jsonReader) blanks() {
	for r.pos < len(r.src) && strings.IndexByte(" \t\n\r", r.src[r.pos]) >= 0 {
		r.pos++
	}
}

func (r *jsonReader) accept(text string) bool {
	if strings.HasPrefix(r.src[r.pos:], text) {
		r.pos += len(text)
		return true
	}
	return false
}

func (r *jsonReader) value() (*value.Value, bool) {
	if r.pos == len(r.src) {
		return nil, false
	}
	at := r.at()
	switch r.src[r.pos] {
	case '{':
		return r.object(at)
	case '[':
		return r.array(at)
	case '"':
		s, ok := r.str()
		return value.NewString(s, at), ok
	}
	for _, word := range []string{"true", "false", "null", "NaN", "Infinity", "-Infinity"} {
		if !r.accept(word) {
			continue
		}
		switch word {
		case "true", "false":
			return value.NewBool(word == "true", word, at), true
		case "null":
			return &value.Value{Kind: value.Null, Raw: word, Pos: at}, true
		case "NaN":
			return value.NewFloat(math.NaN(), word, at), true
		}
		return &value.Value{Kind: value.Float, Text: word, Raw: word, Pos: at}, true
	}
	return r.number(at)
}

func (r *jsonReader) object(at problem.Position) (*value.Value, bool) {
	if r.depth++; r.depth > maxDepth {
		return nil, false
	}
	defer func() { r.depth-- }()
	r.pos++
	var b value.DictBuilder
	for r.blanks(); !r.accept("}"); {
		if len(b.Entries()) > 0 {
			if !r.accept(",") {
				return nil, false
			}
			r.blanks()
		}
		keyAt := r.at()
		key, ok := r.str()
		if !ok {
			return nil, false
		}
		r.blanks()
		if !r.accept(":") {
			return nil, false
		}
		r.blanks()
		v, ok := r.value()
		if !ok {
			return nil, false
		}
		b.Add(value.NewString(key, keyAt), v)
		r.blanks()
	}
	return wrapped(&value.Value{Kind: value.Dict, Pos: at, Entries: b.Entries()}), true
}

// wrapped turns an object with a key of a vault or an unsafe value into it. The
// first such key decides; what else the object holds is lost, in Ansible too.
func wrapped(v *value.Value) *value.Value {
	for _, e := range v.Entries {
		switch e.Key.Text {
		case "__ansible_vault":
			text := e.Value.Text
			switch e.Value.Kind {
			case value.List, value.Dict, value.Vault:
				// Python would encrypt what it prints of them.
				continue
			case value.Null:
				text = "None"
			case value.Float:
				text = strings.ToLower(strings.TrimSuffix(text, "inity"))
			case value.Bool:
				text = strings.ToUpper(text[:1]) + text[1:]
			}
			return &value.Value{Kind: value.Vault, Text: text, Pos: v.Pos}
		case "__ansible_unsafe":
			return unsafe(e.Value)
		}
	}
	return v
}

// unsafe marks all strings in v as never to be templated.
func unsafe(v *value.Value) *value.Value {
	c := *v
	switch v.Kind {
	case value.String:
		c.Kind = value.Unsafe
	case value.List, value.Tuple:
		c.Items = make([]*value.Value, len(v.Items))
		for i, item := range v.Items {
			c.Items[i] = unsafe(item)
		}
	case value.Dict:
		c.Entries = make([]value.Entry, len(v.Entries))
		for i, e := range v.Entries {
			c.Entries[i] = value.Entry{Key: unsafe(e.Key), Value: unsafe(e.Value)}
		}
	}
	return &c
}

func (r *jsonReader) array(at problem.Position) (*value.Value, bool) {
	if r.depth++; r.depth > maxDepth {
		return nil, false
	}
	defer func() { r.depth-- }()
	r.pos++
	v := &value.Value{Kind: value.List, Pos: at}
	for r.blanks(); !r.accept("]"); {
		if len(v.Items) > 0 {
			if !r.accept(",") {
				return nil, false
			}
			r.blanks()
		}
		item, ok := r.value()
		if !ok {
			return nil, false
		}
		v.Items = append(v.Items, item)
		r.blanks()
	}
	return v, true
}

func (r *jsonReader) number(at problem.Position) (*value.Value, bool) {
	start := r.pos
	r.accept("-")
	if !r.accept("0") && !r.digits() {
		return nil, false
	}
	float := false
	if mark := r.pos; r.accept(".") {
		if float = r.digits(); !float {
			r.pos = mark
		}
	}
	if mark := r.pos; r.accept("e") || r.accept("E") {
		if !r.accept("+") {
			r.accept("-")
		}
		if r.digits() {
			float = true
		} else {
			r.pos = mark
		}
	}
	text := r.src[start:r.pos]
	if !float {
		digits := text
		if digits == "-0" {
			digits = "0"
		}
		return &value.Value{Kind: value.Int, Text: digits, Raw: text, Pos: at}, len(digits) <= maxIntDigits
	}
	f, err := strconv.ParseFloat(text, 64)
	return value.NewFloat(f, text, at), err == nil || math.IsInf(f, 0)
}

// maxIntDigits is Python's limit on the decimal digits of an int.
const maxIntDigits = 4300

func (r *jsonReader) digits() bool {
	start := r.pos
	for r.pos < len(r.src) && r.src[r.pos] >= '0' && r.src[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

func (r *jsonReader) str() (string, bool) {
	if !r.accept(`"`) {
		return "", false
	}
	var b strings.Builder
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == '"':
			r.pos++
			return b.String(), true
		case c < 0x20:
			return "", false
		case c == '\\':
			r.pos++
			if !r.escape(&b) {
				return "", false
			}
		default:
			b.WriteByte(c)
			r.pos++
		}
	}
	return "", false
}

func (r *jsonReader) escape(b *strings.Builder) bool {
	if r.pos == len(r.src) {
		return false
	}
	c := r.src[r.pos]
	r.pos++
	if at := strings.IndexByte(`"\/bfnrt`, c); at >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[at])
		return true
	}
	if c != 'u' {
		return false
	}
	code, ok := r.hex4()
	if !ok {
		return false
	}
	if code >= 0xd800 && code <= 0xdbff {
		if mark := r.pos; r.accept(`\u`) {
			if low, ok := r.hex4(); ok && low >= 0xdc00 && low <= 0xdfff {
				b.WriteRune(0x10000 + (code-0xd800)<<10 + (low - 0xdc00))
				return true
			}
			r.pos = mark
		}
	}
	if code >= 0xd800 && code <= 0xdfff {
		// A lone surrogate, which Python can hold and UTF-8 cannot.
		b.Write([]byte{0xe0 | byte(code>>12), 0x80 | byte(code>>6)&0x3f, 0x80 | byte(code)&0x3f})
		return true
	}
	b.WriteRune(code)
	return true
}

func (r *jsonReader) hex4() (rune, bool) {
	if r.pos+4 > len(r.src) || strings.Trim(r.src[r.pos:r.pos+4], "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	code, err := strconv.ParseUint(r.src[r.pos:r.pos+4], 16, 32)
	r.pos += 4
	return rune(code), err == nil && code <= utf8.MaxRune
}
