package ansiblecfg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"

	"oreg/inventory/value"
)

// entry is one key of the file.
type entry struct {
	section, key, value string
	line                int
}

// keyMark stands before each key that is handed to ini.v1, which would take a
// quote at its beginning, or a lone "-", for syntax.
const keyMark = "k"

// parse reads a file in the dialect of Python's configparser (strict, inline
// comments by ";"). ini.v1 finds sections and keys; what the two disagree on is
// settled before, in layout: comments, indentation and continued values. ini.v1
// takes an indented second key for a continuation, ends a value at an empty
// line, reads keys before the first section and knows no line numbers.
func parse(path string, text []byte) (sections []string, entries []entry, err error) {
	laidOut, err := layout(path, string(text))
	if err != nil {
		return nil, nil, err
	}
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreContinuation: true, IgnoreInlineComment: true, PreserveSurroundedQuote: true,
	}, laidOut)
	if err != nil {
		// Its errors quote the line, which may hold a password.
		return nil, nil, &Error{File: path, Message: "is not an INI file"}
	}
	for _, section := range file.Sections() {
		sections = append(sections, section.Name())
		for _, key := range section.Keys() {
			number, quoted, _ := strings.Cut(key.Value(), " ")
			line, err := strconv.Atoi(number)
			text, unquoteErr := strconv.Unquote(quoted)
			if err != nil || unquoteErr != nil {
				return nil, nil, &Error{File: path, Message: "is not an INI file"}
			}
			entries = append(entries, entry{section.Name(), strings.TrimPrefix(key.Name(), keyMark), text, line})
		}
	}
	return sections, entries, nil
}

// layout rewrites the file so that each section and each key has one line of
// its own, and each value is its line number and itself in Go's quotes, out of
// which ini.v1 reads nothing.
func layout(path, text string) ([]byte, error) {
	var out bytes.Buffer
	var problems []error
	fail := func(line int, message string) {
		problems = append(problems, &Error{File: path, Line: line, Message: message})
	}
	var (
		seen    = map[[2]string]bool{} // section, key; the key "" is the section itself
		section string                 // "" before the first
		inValue bool                   // a key has been read since
		indent  int
		val     strings.Builder
		blank   int // empty lines that belong to the value if it goes on
	)
	endValue := func() {
		if inValue {
			fmt.Fprintf(&out, "%q\n", val.String())
		}
		val.Reset()
		inValue, blank = false, 0
	}
	for i, line := range strings.Split(text, "\n") {
		content, commented := uncomment(line)
		if content == "" {
			if inValue && !commented {
				blank++
			}
			continue
		}
		depth := len(line) - len(strings.TrimLeftFunc(line, value.IsSpace))
		if inValue && depth > indent {
			val.WriteString(strings.Repeat("\n", blank+1) + content)
			blank = 0
			continue
		}
		indent = depth
		endValue()
		if name, ok := header(content); ok {
			if seen[[2]string{name, ""}] && name != ini.DefaultSection {
				fail(i+1, fmt.Sprintf("section [%s] begins a second time", name))
			}
			seen[[2]string{name, ""}], section = true, name
			fmt.Fprintf(&out, "[%s]\n", name)
			continue
		}
		if section == "" {
			fail(i+1, "there is something before the first [section]")
			break
		}
		key, text, ok := cutKey(content)
		if !ok {
			fail(i+1, "neither a [section] nor a \"key = value\"")
			continue
		}
		if seen[[2]string{section, key}] {
			fail(i+1, fmt.Sprintf("%s is set a second time in [%s]", key, section))
			continue
		}
		seen[[2]string{section, key}], inValue = true, true
		val.WriteString(text)
		fmt.Fprintf(&out, "%s%s=%d ", keyMark, key, i+1)
	}
	endValue()
	return out.Bytes(), errors.Join(problems...)
}

// uncomment strips a line of blanks and of its comment: the whole line if it
// begins with "#" or ";", or from a ";" that follows a blank.
func uncomment(line string) (content string, commented bool) {
	stripped := strings.TrimFunc(line, value.IsSpace)
	if strings.HasPrefix(stripped, "#") || strings.HasPrefix(stripped, ";") {
		return "", true
	}
	last := rune(0)
	for i, r := range line {
		if r == ';' && i > 0 && value.IsSpace(last) {
			return strings.TrimFunc(line[:i], value.IsSpace), true
		}
		last = r
	}
	return stripped, false
}

// header reads "[name]", whatever follows it.
func header(content string) (name string, ok bool) {
	end := strings.LastIndexByte(content, ']')
	if content[0] != '[' || end < 2 {
		return "", false
	}
	return content[1:end], true
}

// cutKey cuts at the first "=" or ":". Keys are in lower case.
func cutKey(content string) (key, text string, ok bool) {
	at := strings.IndexAny(content, "=:")
	if at < 1 {
		return "", "", false
	}
	key = strings.ToLower(strings.TrimFunc(content[:at], value.IsSpace))
	return key, strings.TrimFunc(content[at+1:], value.IsSpace), key != ""
}
