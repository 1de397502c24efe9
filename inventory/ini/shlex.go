package ini

import "errors"

var (
	errOpenQuote = errors.New("quote without an end, expected a closing quote on the same line")
	errBackslash = errors.New("line ends in a backslash, expected a character after it (lines do not continue)")
)

// words are what Python's shlex.split(line, comments=True) makes of a line.
type words struct {
	list []string
	// comment is the offset of the "#" that ended the line, or -1; inWord says
	// that it followed a word without a blank.
	comment int
	inWord  bool
}

// split follows shlex in POSIX mode: quotes may start inside a word, in double
// quotes a backslash escapes only a double quote and itself, and a "#" starts
// a comment even inside a word.
func split(line string, comments bool) (words, error) {
	w := words{comment: -1}
	var word []byte
	open := false
	flush := func() {
		if open {
			w.list = append(w.list, string(word))
		}
		word, open = word[:0], false
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '#' && comments {
			w.comment, w.inWord = i, open
			flush()
			return w, nil
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			flush()
		case '\\':
			if i++; i == len(line) {
				return w, errBackslash
			}
			word, open = append(word, line[i]), true
		case '"', '\'':
			open = true
			for i++; ; i++ {
				if i >= len(line) {
					return w, errOpenQuote
				}
				if line[i] == c {
					break
				}
				if line[i] == '\\' && c == '"' {
					if i++; i == len(line) {
						return w, errBackslash
					}
					if line[i] != '"' && line[i] != '\\' {
						word = append(word, '\\')
					}
				}
				word = append(word, line[i])
			}
		default:
			word, open = append(word, c), true
		}
	}
	flush()
	return w, nil
}

// SplitWords splits a command line as Python's shlex does, which Ansible hands
// the ssh arguments to. A "#" is a character like any other.
func SplitWords(line string) ([]string, error) {
	w, err := split(line, false)
	return w.list, err
}
