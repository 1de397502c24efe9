package yamlvars

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// What is read from the text itself, because the library's nodes do not say it.

// scalarText is the text of a scalar. A mapping with the key "=" stands for
// the text of that key's value, a corner of YAML 1.1.
func scalarText(n *yaml.Node, depth int) (string, bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode {
		return n.Value, true
	}
	if n.Kind == yaml.MappingNode && depth < maxDepth {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if isValueKey(n.Content[i]) {
				return scalarText(n.Content[i+1], depth+1)
			}
		}
	}
	return "", false
}

// lonelyTag says whether a scalar has the tag "!", which the library drops: it
// makes libyaml take a quoted text for a plain one, and nothing for a string.
func (c *constructor) lonelyTag(n *yaml.Node, plain bool) bool {
	if plain && n.Value != "" {
		return false
	}
	rest := c.source(n)
	if n.Anchor != "" {
		rest = strings.TrimLeft(strings.TrimPrefix(rest, "&"+n.Anchor), " \t")
	}
	return rest == "!" || strings.HasPrefix(rest, "! ") || strings.HasPrefix(rest, "!\t")
}

// source is the line of a node from where the node starts.
func (c *constructor) source(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(c.lines) {
		return ""
	}
	rest := c.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	return rest
}

// splitLines cuts a text where YAML 1.1 ends lines.
func splitLines(data string) []string {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	return strings.Split(breaks.Replace(data), "\n")
}
