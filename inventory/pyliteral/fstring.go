package pyliteral

import "strings"

// validFormat says whether Python would accept an f-string with that body. No
// f-string is a literal, but a broken one decides whether a whole text is.
func validFormat(body string, raw bool, depth int) bool {
	if depth > 2 {
		return false
	}
	var text strings.Builder
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\' && !raw && strings.HasPrefix(body[i:], `\N{`):
			end := strings.IndexByte(body[i:], '}')
			if end < 0 {
				return false
			}
			text.WriteString(body[i : i+end+1])
			i += end
		case c == '{' && i+1 < len(body) && body[i+1] == '{' && depth == 0,
			c == '}' && i+1 < len(body) && body[i+1] == '}' && depth == 0:
			i++
		case c == '}':
			return false
		case c == '{':
			n := replacement(body[i+1:], raw, depth)
			if n < 0 {
				return false
			}
			i += n
		default:
			text.WriteByte(c)
		}
	}
	if raw {
		return true
	}
	return validEscapes(text.String())
}

func validEscapes(s string) bool {
	var sink strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return true
		}
		if i+1 == len(s) {
			return false
		}
		var ok bool
		if s, ok = escape(&sink, s[i+1:], false); !ok {
			return false
		}
	}
}

// replacement reads "expression!r:format}" and returns its length with the
// brace, or -1.
func replacement(s string, raw bool, depth int) int {
	open := 0
	var quote byte
	end := -1
scan:
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' || c == '#' && quote == 0:
			return -1
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			open++
		case strings.IndexByte(")]", c) >= 0 || c == '}' && open > 0:
			open--
		case open == 0 && (c == '}' || c == ':' || c == '!' && !strings.HasPrefix(s[i:], "!=")):
			end = i
			break scan
		}
	}
	if end < 0 || quote != 0 || strings.TrimSpace(s[:end]) == "" {
		return -1
	}
	// Python reads it inside parentheses; "x=" prints its own source.
	expression := strings.TrimRight(s[:end], " \t")
	if trimmed, ok := strings.CutSuffix(expression, "="); ok && !strings.HasSuffix(trimmed, "=") {
		expression = trimmed
	}
	if tree, _ := parse("(" + expression + ")"); tree == nil {
		return -1
	}
	i := end
	if s[i] == '!' {
		if i+2 >= len(s) || strings.IndexByte("rsa", s[i+1]) < 0 {
			return -1
		}
		if i += 2; s[i] != ':' && s[i] != '}' {
			return -1
		}
	}
	if s[i] == ':' {
		start := i + 1
		nested := 0
		for i = start; i < len(s) && (s[i] != '}' || nested > 0); i++ {
			switch s[i] {
			case '{':
				nested++
			case '}':
				nested--
			}
		}
		if i == len(s) || !validFormat(s[start:i], raw, depth+1) {
			return -1
		}
	}
	return i + 1
}
