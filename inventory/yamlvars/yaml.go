package yamlvars

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// maxValues bounds what a document may come to once its aliases are written
// out: a few lines of nested aliases can stand for billions of values.
const maxValues = 5_000_000

// Result is what a file holds.
type Result struct {
	// Value is nil for an empty file.
	Value *value.Value
	// Warnings name duplicate keys, of which the last wins.
	Warnings []*problem.Problem
}

// Parse reads data as JSON or else as YAML.
func Parse(data, file string) (Result, *problem.Problem) {
	r := &jsonReader{src: data, file: file, line: 1}
	if v, ok := r.document(); ok {
		return Result{Value: v}, nil
	}
	return parseYAML(data, file)
}

func parseYAML(data, file string) (res Result, failed *problem.Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(data)))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return Result{}, nil
	case err != nil:
		return Result{}, syntaxProblem(file, err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return Result{}, &problem.Problem{
			Pos: problem.Position{File: file, Line: more.Line}, Message: "second YAML document, expected only one",
		}
	case !errors.Is(err, io.EOF):
		return Result{}, syntaxProblem(file, err)
	}
	if p := duplicateAnchor(&doc, file); p != nil {
		return Result{}, p
	}
	c := &constructor{file: file, lines: splitLines(data), made: map[*yaml.Node]made{}, busy: map[*yaml.Node]bool{}}
	v, p := c.node(doc.Content[0])
	return Result{Value: v, Warnings: c.warnings}, p
}

// syntaxProblem takes the line out of an error of the YAML library, which has
// it only in its text ("yaml: line 3: did not find expected key"). Quoted
// parts of the text are left out: "unknown anchor 'x' referenced" shows half a
// password that should have been in quotes because it begins with a star.
func syntaxProblem(file string, err error) *problem.Problem {
	text := err.Error()
	p := &problem.Problem{Pos: problem.Position{File: file}, Message: "not valid YAML"}
	if m := regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`).FindStringSubmatch(text); m != nil {
		// The library leaves out the line if it is the first.
		p.Pos.Line = 1
		if line, err := strconv.Atoi(m[1]); err == nil {
			p.Pos.Line = line
		}
		p.Message += ": " + regexp.MustCompile(`'[^']*'|"[^"]*"|\S*[<>:=]\S*`).ReplaceAllString(m[2], "...")
		if regexp.MustCompile(`anchor`).MatchString(m[2]) {
			p.Hint = "quote a value that begins with *"
		}
	}
	return p
}

// duplicateAnchor refuses a second anchor of one name, which later versions of
// YAML allow.
func duplicateAnchor(doc *yaml.Node, file string) *problem.Problem {
	seen := map[string]bool{}
	for todo := []*yaml.Node{doc}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], n.Content...)
		if n.Anchor == "" {
			continue
		}
		if seen[n.Anchor] {
			return &problem.Problem{
				Pos: problem.Position{File: file, Line: n.Line}, Message: "an anchor of that name stands twice in the file",
			}
		}
		seen[n.Anchor] = true
	}
	return nil
}

// made is a finished value and how many values it comes to.
type made struct {
	value *value.Value
	size  int
}

type constructor struct {
	file     string
	lines    []string
	made     map[*yaml.Node]made
	busy     map[*yaml.Node]bool
	size     int
	depth    int
	warnings []*problem.Problem
}

func (c *constructor) at(n *yaml.Node) problem.Position {
	return problem.Position{File: c.file, Line: n.Line}
}

func (c *constructor) fail(n *yaml.Node, format string, args ...any) *problem.Problem {
	return &problem.Problem{Pos: c.at(n), Message: fmt.Sprintf(format, args...)}
}

// node makes the value of n. A node with an anchor is made once.
func (c *constructor) node(n *yaml.Node) (*value.Value, *problem.Problem) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if done, ok := c.made[n]; ok {
		if c.size += done.size; c.size > maxValues {
			return nil, c.fail(n, "aliases stand for more than %d values", maxValues)
		}
		return done.value, nil
	}
	if c.busy[n] {
		return nil, c.fail(n, "collection contains itself")
	}
	if c.depth++; c.depth > maxDepth {
		return nil, c.fail(n, "nested more than %d deep", maxDepth)
	}
	defer func() { c.depth-- }()
	before := c.size
	c.size++
	c.busy[n] = true
	v, p := c.construct(n)
	delete(c.busy, n)
	if p != nil {
		return nil, p
	}
	if n.Anchor != "" {
		c.made[n] = made{v, c.size - before}
	}
	return v, nil
}

func (c *constructor) construct(n *yaml.Node) (*value.Value, *problem.Problem) {
	tag := n.Tag
	tagged := n.Style&yaml.TaggedStyle != 0
	if n.Kind == yaml.ScalarNode && !tagged {
		tag = "!!str"
		plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		if plain != c.lonelyTag(n, plain) {
			tag = resolve(n.Value)
		}
	}
	switch tag {
	case "!vault", "!vault-encrypted":
		if n.Kind == yaml.ScalarNode {
			return &value.Value{Kind: value.Vault, Text: n.Value, Pos: c.at(n)}, nil
		}
	case "!unsafe":
		return c.unsafe(n)
	case "!!map", "tag:yaml.org,2002:python/dict":
		if n.Kind == yaml.MappingNode {
			return c.mapping(n)
		}
	case "!!seq":
		if n.Kind == yaml.SequenceNode {
			return c.sequence(n, value.List)
		}
	case "!!set":
		if n.Kind == yaml.MappingNode {
			return c.set(n)
		}
	case "!!omap", "!!pairs":
		return c.pairs(n)
	default:
		if tag == "tag:yaml.org,2002:python/unicode" {
			tag = "!!str"
		}
		if n.Kind == yaml.ScalarNode {
			if v, ok := scalar(tag, n.Value, c.at(n)); ok {
				return v, nil
			}
		}
	}
	if tag == "!!value" {
		return nil, c.fail(n, "a lone = is a type of its own in YAML, expected quotes around it")
	}
	if !tagged {
		return nil, c.fail(n, "value reads as a %s but is none, expected quotes around it", tag[2:])
	}
	return nil, c.fail(n, "value has an unknown tag, or one that it does not fit")
}

// lonelyTag says whether a scalar has the tag "!", which the library drops: it
// makes libyaml take a quoted text for a plain one, and nothing for a string.
func (c *constructor) lonelyTag(n *yaml.Node, plain bool) bool {
	if plain && n.Value != "" || n.Line < 1 || n.Line > len(c.lines) {
		return false
	}
	rest := c.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	if n.Anchor != "" {
		rest = strings.TrimLeft(strings.TrimPrefix(rest, "&"+n.Anchor), " \t")
	}
	return rest == "!" || strings.HasPrefix(rest, "! ") || strings.HasPrefix(rest, "!\t")
}

// splitLines cuts a text where YAML 1.1 ends lines.
func splitLines(data string) []string {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	return strings.Split(breaks.Replace(data), "\n")
}

func (c *constructor) sequence(n *yaml.Node, kind value.Kind) (*value.Value, *problem.Problem) {
	v := &value.Value{Kind: kind, Pos: c.at(n), Items: make([]*value.Value, 0, len(n.Content))}
	for _, kid := range n.Content {
		item, p := c.node(kid)
		if p != nil {
			return nil, p
		}
		v.Items = append(v.Items, item)
	}
	return v, nil
}

func (c *constructor) mapping(n *yaml.Node) (*value.Value, *problem.Problem) {
	pairs, p := c.flatten(n, 0)
	if p != nil {
		return nil, p
	}
	var b value.DictBuilder
	for _, pair := range pairs {
		var k *value.Value
		if isValueKey(pair.key) {
			k = value.NewString(pair.key.Value, c.at(pair.key))
		} else if k, p = c.node(pair.key); p != nil {
			return nil, p
		}
		if !value.Hashable(k) || k.Kind == value.Vault {
			return nil, c.fail(pair.key, "key is %s, expected a string", k.TypeName())
		}
		v, p := c.node(pair.value)
		if p != nil {
			return nil, p
		}
		if b.Add(k, v) && !pair.merged {
			c.warnings = append(c.warnings, c.fail(pair.key, "key %s stands twice, the last one counts", k.Text))
		}
	}
	return &value.Value{Kind: value.Dict, Pos: c.at(n), Entries: b.Entries()}, nil
}

// isValueKey says whether n is a plain "=", which is a string as a key.
func isValueKey(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "="
}

type pair struct {
	key, value *yaml.Node
	merged     bool
}

// flatten puts the entries of merged mappings before those of n itself, so
// that its own override them.
func (c *constructor) flatten(n *yaml.Node, depth int) ([]pair, *problem.Problem) {
	if depth > maxDepth {
		return nil, c.fail(n, "merges nested more than %d deep", maxDepth)
	}
	var merged, own []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !isMerge(key) {
			own = append(own, pair{key: key, value: val, merged: depth > 0})
			continue
		}
		for val.Kind == yaml.AliasNode {
			val = val.Alias
		}
		sources := []*yaml.Node{val}
		if val.Kind == yaml.SequenceNode {
			// Of several the first wins: it goes last.
			sources = nil
			for j := len(val.Content) - 1; j >= 0; j-- {
				sources = append(sources, val.Content[j])
			}
		}
		for _, source := range sources {
			for source.Kind == yaml.AliasNode {
				source = source.Alias
			}
			if source.Kind != yaml.MappingNode {
				return nil, c.fail(key, "<< merges what is no mapping")
			}
			more, p := c.flatten(source, depth+1)
			if p != nil {
				return nil, p
			}
			for i := range more {
				more[i].merged = true
			}
			merged = append(merged, more...)
			if c.size += len(more); c.size > maxValues {
				return nil, c.fail(key, "merges stand for more than %d values", maxValues)
			}
		}
	}
	if len(merged) == 0 {
		return own, nil
	}
	return append(merged, own...), nil
}

func isMerge(n *yaml.Node) bool {
	plain := n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "<<"
	return plain || n.Style&yaml.TaggedStyle != 0 && n.Tag == "!!merge"
}

func (c *constructor) set(n *yaml.Node) (*value.Value, *problem.Problem) {
	m, p := c.mapping(n)
	if p != nil {
		return nil, p
	}
	v := &value.Value{Kind: value.Set, Pos: m.Pos}
	for _, e := range m.Entries {
		v.Items = append(v.Items, e.Key)
	}
	return v, nil
}

// pairs are the tags !!omap and !!pairs: a list of pairs.
func (c *constructor) pairs(n *yaml.Node) (*value.Value, *problem.Problem) {
	if n.Kind != yaml.SequenceNode {
		return nil, c.fail(n, "pairs that are no list")
	}
	v := &value.Value{Kind: value.List, Pos: c.at(n)}
	for _, item := range n.Content {
		for item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 {
			return nil, c.fail(item, "pair that is no mapping of one key")
		}
		tuple, p := c.sequence(item, value.Tuple)
		if p != nil {
			return nil, p
		}
		v.Items = append(v.Items, tuple)
	}
	return v, nil
}

// unsafe marks what must never be templated. PyYAML fills a collection inside
// another one later than Ansible copies it, so that a nested one comes out
// empty: that is kept.
func (c *constructor) unsafe(n *yaml.Node) (*value.Value, *problem.Problem) {
	if n.Kind == yaml.ScalarNode {
		return &value.Value{Kind: value.Unsafe, Text: n.Value, Pos: c.at(n)}, nil
	}
	var v *value.Value
	var p *problem.Problem
	if n.Kind == yaml.MappingNode {
		v, p = c.mapping(n)
	} else {
		v, p = c.sequence(n, value.List)
	}
	if p != nil {
		return nil, p
	}
	return unsafe(hollow(v)), nil
}

// hollow empties the collections in v.
func hollow(v *value.Value) *value.Value {
	empty := func(v *value.Value) *value.Value {
		c := *v
		c.Items, c.Entries = nil, nil
		if v.Kind != value.List && v.Kind != value.Dict {
			return v
		}
		return &c
	}
	c := *v
	c.Items, c.Entries = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, empty(item))
	}
	for _, e := range v.Entries {
		c.Entries = append(c.Entries, value.Entry{Key: e.Key, Value: empty(e.Value)})
	}
	return &c
}
