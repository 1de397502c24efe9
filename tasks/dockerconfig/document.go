package dockerconfig

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// object is a JSON object that remembers every byte of its source:
// text(parseObject(s)) == s. Values are kept as text, so that numbers keep
// their spelling.
type object struct {
	members []member
	// tail is the white space before the closing brace.
	tail string
}

// member is one name and value with the white space around them.
type member struct {
	lead  string // before the name
	raw   string // the name with its quotes, as written
	name  string // the name decoded
	colon string // from the name to the value
	value string
	trail string // before the comma that follows
}

var errNotObject = errors.New("not a JSON object")

// parseObject reads one JSON object. The text must be valid JSON already and
// carry no white space around it.
func parseObject(text string) (object, error) {
	var o object
	dec := json.NewDecoder(strings.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o, errNotObject
	}
	pos := int(dec.InputOffset())
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return o, err
		}
		decoded, ok := t.(string)
		if !ok {
			return o, errNotObject
		}
		nameEnd := int(dec.InputOffset())
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return o, err
		}
		end := int(dec.InputOffset())
		before := text[pos:nameEnd]
		nameStart := strings.IndexByte(before, '"')
		lead := before[:nameStart]
		if n := len(o.members); n > 0 {
			var trail string
			trail, lead, _ = strings.Cut(lead, ",")
			o.members[n-1].trail = trail
		}
		o.members = append(o.members, member{
			lead:  lead,
			raw:   before[nameStart:],
			name:  decoded,
			colon: text[nameEnd : end-len(value)],
			value: string(value),
		})
		pos = end
	}
	o.tail = text[pos : len(text)-1]
	return o, nil
}

// text writes the object out.
func (o object) text() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.lead)
		b.WriteString(m.raw)
		b.WriteString(m.colon)
		b.WriteString(m.value)
		b.WriteString(m.trail)
	}
	b.WriteString(o.tail)
	b.WriteByte('}')
	return b.String()
}

// named returns the indexes of the members that a Go reader with a field of
// this name takes: encoding/json ignores case.
func (o object) named(name string) []int {
	var at []int
	for i, m := range o.members {
		if strings.EqualFold(m.name, name) {
			at = append(at, i)
		}
	}
	return at
}

// layout is the white space of a nesting level, taken from what stands there.
type layout struct {
	lead  string // before each name
	unit  string // what one level deeper adds
	tail  string // before the closing brace
	colon string
}

// layoutOf finds how members of o are laid out; outer is the layout of the
// object that holds o.
func layoutOf(o object, outer layout) layout {
	l := layout{lead: "", unit: outer.unit, tail: "", colon: outer.colon}
	if strings.Contains(outer.lead, "\n") {
		l.lead, l.tail = outer.lead+outer.unit, outer.lead
	}
	if n := len(o.members); n > 0 {
		last := o.members[n-1]
		l.lead, l.tail, l.colon = last.lead, o.tail, last.colon
		if deeper, ok := strings.CutPrefix(l.lead, cmp.Or(outer.lead, "\n")); ok && deeper != "" {
			l.unit = deeper
		}
	}
	return l
}

// add appends a member in the layout l.
func (o *object) add(l layout, name, value string) {
	if n := len(o.members); n > 0 {
		o.members[n-1].trail = ""
	}
	o.members = append(o.members, member{lead: l.lead, raw: quote(name), name: name, colon: l.colon, value: value})
	o.tail = l.tail
}

// drop takes out the members for which gone is true.
func (o *object) drop(gone func(int) bool) {
	kept := make([]member, 0, len(o.members))
	for i, m := range o.members {
		if !gone(i) {
			kept = append(kept, m)
		}
	}
	if len(kept) == 0 {
		o.tail = ""
	}
	o.members = kept
}

// write lays out fields (name, value text) as an object inside a member whose
// layout is l.
func (l layout) write(fields [][2]string) string {
	inner := layoutOf(object{}, l)
	var o object
	for _, f := range fields {
		o.add(inner, f[0], f[1])
	}
	return o.text()
}

// quote is s as a JSON string. Encoding a string cannot fail.
func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}
