package template

import (
	"crypto/md5"  //nolint:gosec // what Ansible's filter of that name computes
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strings"
	"unicode/utf8"

	"oreg/inventory/value"
)

func encodeFilters() map[string]filter {
	return map[string]filter{
		"b64encode": filterEncode, "b64decode": filterDecode, "to_json": filterToJSON(false), "to_nice_json": filterToJSON(true),
		"from_json": filterFromJSON, "hash": filterHash, "md5": filterDigest("md5"), "sha1": filterDigest("sha1"), "checksum": filterDigest("sha1"),
	}
}

func utf8Only(args arguments, filter string) error {
	p, err := args.bind(filter, "encoding=")
	if err != nil {
		return err
	}
	encoding, err := p.text("encoding", "utf-8")
	if err != nil {
		return err
	}
	if name := strings.ToLower(encoding); name != "utf-8" && name != "utf8" {
		return failf(ErrUnsupported, "%s with another encoding than UTF-8 is not supported", filter)
	}
	return nil
}

func filterEncode(f *frame, in object, args arguments) (object, error) {
	if err := utf8Only(args, "b64encode"); err != nil {
		return nil, err
	}
	s, err := textOf(in)
	if err != nil {
		return nil, err
	}
	return pyStr(base64.StdEncoding.EncodeToString([]byte(s))), f.run.grow(2*len(s), 0)
}

// filterDecode skips what is not of the alphabet, as Python does.
func filterDecode(f *frame, in object, args arguments) (object, error) {
	if err := utf8Only(args, "b64decode"); err != nil {
		return nil, err
	}
	s, err := textOf(in)
	if err != nil {
		return nil, err
	}
	s = strings.Map(func(r rune) rune {
		if r == '+' || r == '/' || r == '=' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return -1
	}, s)
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, failf(ErrEvaluate, "b64decode of what is no base64")
	}
	if !utf8.Valid(data) {
		return nil, failf(ErrUnsupported, "b64decode to something else than UTF-8 text is not supported")
	}
	return pyStr(string(data)), f.run.grow(len(data), 0)
}

func filterToJSON(nice bool) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		p, err := args.bind("to_json", "indent=", "sort_keys=", "ensure_ascii=")
		if err != nil {
			return nil, failf(ErrUnsupported, "to_json with other options than indent, sort_keys and ensure_ascii is not supported")
		}
		if len(args.positional) > 0 && !nice {
			return nil, failf(ErrEvaluate, "to_json takes no arguments without a name")
		}
		e := &jsonEncoder{run: f.run, ascii: true, itemEnd: ", ", sorted: nice}
		if nice {
			e.indent, e.itemEnd = 4, ","
		}
		if p["sort_keys"] != nil {
			if e.sorted, err = p.truth("sort_keys"); err != nil {
				return nil, err
			}
		}
		if p["ensure_ascii"] != nil {
			if e.ascii, err = p.truth("ensure_ascii"); err != nil {
				return nil, err
			}
		}
		if v, ok := p["indent"].(*value.Value); ok && v.Kind != value.Null {
			if e.indent, err = p.number("indent", 0); err != nil || e.indent < 1 || e.indent > 16 {
				return nil, failf(ErrUnsupported, "this indent of to_json is not supported")
			}
			e.itemEnd = ","
		}
		v, err := strict(in)
		if err != nil {
			return nil, err
		}
		if err := e.encode(v, 0); err != nil {
			return nil, err
		}
		return nativeText(e.b.String()), nil
	}
}

// jsonEncoder writes as Python's json.dumps.
type jsonEncoder struct {
	run           *run
	b             strings.Builder
	ascii, sorted bool
	indent        int
	itemEnd       string
}

func (e *jsonEncoder) encode(v *value.Value, depth int) error {
	if err := e.run.grow(len(v.Text)+8, 0); err != nil {
		return err
	}
	switch v.Kind {
	case value.Null:
		e.b.WriteString("null")
	case value.Bool, value.Int, value.Float:
		e.b.WriteString(v.Text)
	case value.String, value.Unsafe, value.Date:
		e.quote(v.Text)
	case value.List, value.Tuple:
		return e.collection("[", "]", len(v.Items), depth, func(i int) error { return e.encode(v.Items[i], depth+1) })
	case value.Dict:
		return e.dict(v, depth)
	default:
		return failf(ErrEvaluate, "to_json of %s", v.TypeName())
	}
	return nil
}

func (e *jsonEncoder) dict(v *value.Value, depth int) error {
	entries := v.Entries
	if e.sorted {
		keys := make([]*value.Value, len(entries))
		for i := range entries {
			keys[i] = entries[i].Key
		}
		sorted, err := sortBy(pairs(v), keys, false)
		if err != nil {
			return err
		}
		entries = nil
		for _, pair := range sorted {
			entries = append(entries, value.Entry{Key: pair.Items[0], Value: pair.Items[1]})
		}
	}
	return e.collection("{", "}", len(entries), depth, func(i int) error {
		key, ok := value.KeyText(entries[i].Key)
		if !ok {
			return failf(ErrEvaluate, "to_json of a key that is %s", entries[i].Key.TypeName())
		}
		e.quote(key)
		e.b.WriteString(": ")
		return e.encode(entries[i].Value, depth+1)
	})
}

func (e *jsonEncoder) collection(before, after string, n, depth int, item func(i int) error) error {
	e.b.WriteString(before)
	for i := range n {
		if i > 0 {
			e.b.WriteString(e.itemEnd)
		}
		e.newLine(depth + 1)
		if err := item(i); err != nil {
			return err
		}
	}
	if n > 0 {
		e.newLine(depth)
	}
	e.b.WriteString(after)
	return nil
}

func (e *jsonEncoder) newLine(depth int) {
	if e.indent > 0 {
		e.b.WriteString("\n" + strings.Repeat(" ", e.indent*depth))
	}
}

func (e *jsonEncoder) quote(s string) {
	quoted := value.AppendString(nil, s)
	if !e.ascii {
		e.b.Write(quoted)
		return
	}
	for _, r := range string(quoted) {
		switch {
		case r < 0x7f:
			e.b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			e.b.WriteString(escapeUnit(0xd800+r>>10) + escapeUnit(0xdc00+r&0x3ff))
		default:
			e.b.WriteString(escapeUnit(r))
		}
	}
}

func filterFromJSON(f *frame, in object, args arguments) (object, error) {
	_, v, err := args.bindValue(in, "from_json")
	if err != nil {
		return nil, err
	}
	if !v.IsText() {
		return nil, failf(ErrEvaluate, "from_json of %s", v.TypeName())
	}
	if err := f.run.grow(len(v.Text), 0); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(v.Text))
	decoder.UseNumber()
	parsed, err := f.decodeJSON(decoder, 0)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errNotJSON
		}
	}
	if errors.Is(err, errNotJSON) {
		return nil, failf(ErrEvaluate, "from_json of what is no JSON")
	}
	return parsed, err
}

var errNotJSON = errors.New("not JSON")

func (f *frame) decodeJSON(d *json.Decoder, depth int) (*value.Value, error) {
	token, err := d.Token()
	if err != nil || depth > maxNesting {
		return nil, errNotJSON // its text quotes the input
	}
	if err := f.run.grow(0, 1); err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case nil:
		return pyNone(), nil
	case bool:
		return pyBool(token), nil
	case string:
		return pyStr(token), nil
	case json.Number:
		return jsonNumber(string(token))
	case json.Delim:
		switch token {
		case '[':
			var items []*value.Value
			for d.More() {
				item, err := f.decodeJSON(d, depth+1)
				if err != nil {
					return nil, err
				}
				items = append(items, item)
			}
			if _, err := d.Token(); err != nil {
				return nil, errNotJSON
			}
			return pyList(items), nil
		case '{':
			return f.decodeObject(d, depth)
		}
	}
	return nil, errNotJSON
}

func (f *frame) decodeObject(d *json.Decoder, depth int) (*value.Value, error) {
	var dict value.DictBuilder
	for d.More() {
		key, err := f.decodeJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		v, err := f.decodeJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		dict.Add(key, v)
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotJSON
	}
	return pyDict(dict.Entries()), nil
}

func jsonNumber(s string) (*value.Value, error) {
	if n, ok := value.ParseInt(s); ok {
		return pyInt(n), nil
	}
	x, ok := parseFloat(s)
	if !ok {
		return nil, errNotJSON
	}
	return pyFloat(x), nil
}

func filterHash(f *frame, in object, args arguments) (object, error) {
	p, err := args.bind("hash", "hashtype=")
	if err != nil {
		return nil, err
	}
	name, err := p.text("hashtype", "sha1")
	if err != nil {
		return nil, err
	}
	return filterDigest(name)(f, in, arguments{})
}

func filterDigest(name string) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		if _, err := args.bind("the filter"); err != nil {
			return nil, err
		}
		makers := map[string]func() hash.Hash{
			"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
		}
		if makers[name] == nil {
			return nil, failf(ErrUnsupported, "hash is supported for md5, sha1, sha224, sha256, sha384 and sha512")
		}
		s, err := textOf(in)
		if err != nil {
			return nil, err
		}
		h := makers[name]()
		h.Write([]byte(s))
		return pyStr(hex.EncodeToString(h.Sum(nil))), f.run.grow(len(s), 0)
	}
}
