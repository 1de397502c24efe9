package sshexec

import (
	"fmt"
	"strings"
)

// option is one "Keyword value" of ssh, wherever it was written.
type option struct {
	// key is in lower case; value has no outer quotes.
	key, value string
	// source is file:line, or names the argument.
	source string
}

// sshArgs are ssh's command-line arguments as far as they concern us.
type sshArgs struct {
	// options in the order in which they were written: the first one wins.
	options []option
	// configFile is -F.
	configFile string
	// forward is -W, and rest what follows the flags: a destination and a
	// command. Only a ProxyCommand may have them.
	forward string
	rest    []string
}

// Single-letter flags of ssh(1) that take no value and change nothing for us:
// they are about terminals, forwarding, verbosity and backgrounding.
const ignoredFlags = "AaCfGgKkMNnqsTtVvXxYy"

// Flags with a value that changes nothing for us: control socket, escape
// character, log file, multiplexing command, tag.
const ignoredValueFlags = "SeEOP"

// Flags with a value, and the option that they stand for.
func valueFlag(flag byte) (keyword string, ok bool) {
	switch flag {
	case 'J':
		return "proxyjump", true
	case 'i':
		return "identityfile", true
	case 'p':
		return "port", true
	case 'l':
		return "user", true
	case 'b':
		return "bindaddress", true
	case 'c':
		return "ciphers", true
	case 'm':
		return "macs", true
	}
	return "", false
}

// parseArgs reads ssh's arguments in getopt's manner: "-p 22", "-p22" and
// "-4qp22" are all fine, "--" ends the flags, and after the destination flags
// may go on (as in "ssh host -p 22").
func parseArgs(args []string) (sshArgs, error) {
	var parsed sshArgs
	destination := false
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			parsed.rest = append(parsed.rest, args[i+1:]...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			parsed.rest = append(parsed.rest, word)
			if destination {
				// The remote command: all that follows belongs to it.
				parsed.rest = append(parsed.rest, args[i+1:]...)
				break
			}
			destination = true
			continue
		}
		for j := 1; j < len(word); j++ {
			flag := word[j]
			switch {
			case flag == '4':
				parsed.add("addressfamily", "inet", "-4")
				continue
			case flag == '6':
				parsed.add("addressfamily", "inet6", "-6")
				continue
			case strings.IndexByte(ignoredFlags, flag) >= 0:
				continue
			}
			value := word[j+1:]
			if value == "" {
				i++
				if i == len(args) {
					return sshArgs{}, fmt.Errorf("ssh argument -%c has no value", flag)
				}
				value = args[i]
			}
			if err := parsed.value(flag, value); err != nil {
				return sshArgs{}, err
			}
			break
		}
	}
	return parsed, nil
}

func (a *sshArgs) value(flag byte, value string) error {
	if keyword, ok := valueFlag(flag); ok {
		a.add(keyword, value, "-"+string(flag))
		return nil
	}
	switch {
	case flag == 'F':
		a.configFile = value
	case flag == 'W':
		a.forward = value
	case flag == 'o':
		key, val, err := splitOption(value)
		if err != nil {
			return fmt.Errorf("ssh argument -o: %w", err)
		}
		a.add(key, val, "-o "+key)
	case strings.IndexByte(ignoredValueFlags, flag) >= 0:
	default:
		return fmt.Errorf("ssh argument -%c is not supported; known are -4 -6 -F -J -i -l -o -p and those without effect here", flag)
	}
	return nil
}

func (a *sshArgs) add(key, value, source string) {
	a.options = append(a.options, option{key: strings.ToLower(key), value: value, source: "ssh argument " + source})
}

// splitOption splits "Key=value", "Key = value" and "Key value".
func splitOption(text string) (key, value string, err error) {
	text = strings.Trim(text, " \t")
	end := strings.IndexAny(text, " \t=")
	if end <= 0 {
		return "", "", fmt.Errorf("found %q, expected Keyword=value", text)
	}
	key, value = text[:end], strings.TrimLeft(text[end:], " \t")
	value = strings.TrimPrefix(value, "=")
	value = strings.Trim(value, " \t")
	if value == "" {
		return "", "", fmt.Errorf("%s has no value", key)
	}
	return strings.ToLower(key), unquote(value), nil
}

// unquote takes one pair of double quotes off a value that is wholly in them.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' && !strings.Contains(value[1:len(value)-1], `"`) {
		return value[1 : len(value)-1]
	}
	return value
}

// splitWords splits a line into words as ssh's argv_split does: white space
// separates, quotes of either kind group, a backslash escapes a quote, a
// backslash or a space.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case b == '\\' && i+1 < len(line) && (strings.IndexByte(`'"\`, line[i+1]) >= 0 || quote == 0 && line[i+1] == ' '):
			i++
			word.WriteByte(line[i])
			inWord = true
		case quote != 0 && b == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(b)
		case b == '"' || b == '\'':
			quote, inWord = b, true
		case b == ' ' || b == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(b)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
