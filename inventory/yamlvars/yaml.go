package yamlvars

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// maxValues bounds what a document may come to once its aliases are written
// out: a few lines of nested aliases can stand for billions of values.
const maxValues = 1_000_000

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
	c := &constructor{file: file, lines: splitLines(data), made: map[*yaml.Node]made{}, busy: map[*yaml.Node]bool{}, merging: map[*yaml.Node]bool{}}
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
		todo = todo[:len(todo)-1]
		for i := len(n.Content) - 1; i >= 0; i-- {
			todo = append(todo, n.Content[i])
		}
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
	merging  map[*yaml.Node]bool
	size     int
	depth    int
	flow     int // how many brackets are open
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
	if n.Style&yaml.FlowStyle != 0 {
		c.flow++
		defer func() { c.flow-- }()
	}
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
		if plain && c.flow > 0 && strings.HasSuffix(n.Value, ":") {
			// The library takes the colon of "{a:}" for part of the text.
			return nil, c.fail(n, "colon without a blank behind it, before a bracket or comma")
		}
		if plain != c.lonelyTag(n, plain) {
			tag = resolve(n.Value)
		}
	}
	switch tag {
	case "!vault", "!vault-encrypted":
		if text, ok := scalarText(n, 0); ok {
			return &value.Value{Kind: value.Vault, Text: text, Pos: c.at(n)}, nil
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
		if text, ok := scalarText(n, 0); ok {
			if v, ok := scalar(tag, text, c.at(n)); ok {
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
	// A mapping that merges itself gives what else it has.
	again := c.merging[n]
	c.merging[n] = true
	defer func() { c.merging[n] = again }()
	var merged, own []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !isMerge(key) {
			own = append(own, pair{key: key, value: val, merged: depth > 0})
			continue
		}
		if again {
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
