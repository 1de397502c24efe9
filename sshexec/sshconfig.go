package sshexec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// OpenSSH allows sixteen levels of Include.
const maxIncludeDepth = 16

// configFile is one parsed ssh_config.
type configFile struct {
	blocks []configBlock
	err    error
}

// configBlock is what stands between two Host or Match lines; the part before
// the first of them has no conditions.
type configBlock struct {
	source string
	// patterns are those of Host; nil for a Match block.
	patterns []string
	match    []matchCriterion
	// never marks a Match block with a criterion that we cannot decide.
	never   bool
	entries []configEntry
}

// configEntry is an option or, with files, an Include.
type configEntry struct {
	option
	files []*configFile
}

type matchCriterion struct {
	name    string
	negated bool
	list    []string
}

// configReader reads one file and those that it includes. The scanner is ours
// and not kevinburke/ssh_config: that one gives a whole file up at the first
// Match that it does not know (every RHEL ships one), looks for Include in
// the home directory of the passwd file, takes "?" for an optional character,
// splits Host patterns at spaces only and cuts values at any "#".
type configReader struct {
	c *Client
	// base is where relative Include paths start: ~/.ssh or /etc/ssh.
	base string
	warn func(string)
}

// configFiles returns the files that apply, in order of precedence.
func (c *Client) configFiles(override string) ([]*configFile, error) {
	if override == "" {
		override = c.o.ConfigFile
	}
	userDir := filepath.Join(c.o.Home, ".ssh")
	switch {
	case override == "none":
		return nil, nil
	case override != "":
		file := c.configFile(c.expandHome(override), userDir, true)
		return []*configFile{file}, file.err
	}
	var files []*configFile
	if c.o.Home != "" {
		files = append(files, c.configFile(filepath.Join(userDir, "config"), userDir, false))
	}
	files = append(files, c.configFile(c.o.SystemConfigFile, filepath.Dir(c.o.SystemConfigFile), false))
	for _, f := range files {
		if f.err != nil {
			return nil, f.err
		}
	}
	return files, nil
}

// configFile returns the parsed file, reading it the first time only.
func (c *Client) configFile(path, base string, must bool) *configFile {
	c.mu.Lock()
	file := c.files[path]
	c.mu.Unlock()
	if file != nil {
		return file
	}
	r := configReader{c: c, base: base, warn: c.warn}
	file = r.read(path, 0)
	if !must && errors.Is(file.err, fs.ErrNotExist) {
		file = &configFile{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if earlier := c.files[path]; earlier != nil {
		return earlier
	}
	c.files[path] = file
	return file
}

func (r *configReader) read(path string, depth int) *configFile {
	if depth > maxIncludeDepth {
		return &configFile{err: fmt.Errorf("%s: more than %d levels of Include", path, maxIncludeDepth)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return &configFile{err: fmt.Errorf("ssh configuration: %w", err)}
	}
	return r.parse(path, string(data), depth)
}

func (r *configReader) parse(path, text string, depth int) *configFile {
	file := &configFile{blocks: []configBlock{{source: path}}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		source := path + ":" + strconv.Itoa(number)
		line = strings.Trim(line, " \t\r\n\f")
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, err := splitOption(line)
		if err != nil {
			return &configFile{err: fmt.Errorf("%s: %w", source, err)}
		}
		key = canonicalKeyword(key)
		if key == "proxycommand" {
			// OpenSSH takes the rest of the line as it is, quotes and all.
			raw := strings.TrimLeft(line[len("proxycommand"):], " \t=")
			file.add(configEntry{option: option{key: key, value: raw, source: source}})
			continue
		}
		words, err := splitConfigWords(strings.TrimLeft(line[strings.IndexAny(line, " \t="):], " \t="))
		if err != nil {
			return &configFile{err: fmt.Errorf("%s: %s: %w", source, key, err)}
		}
		if len(words) == 0 {
			return &configFile{err: fmt.Errorf("%s: %s has no value", source, key)}
		}
		switch key {
		case "host":
			file.blocks = append(file.blocks, configBlock{source: source, patterns: words})
		case "match":
			block := r.matchBlock(source, words)
			file.blocks = append(file.blocks, block)
		case "include":
			files, err := r.include(words, depth)
			if err != nil {
				return &configFile{err: fmt.Errorf("%s: %w", source, err)}
			}
			file.add(configEntry{option: option{key: key, source: source}, files: files})
		default:
			value := words[0]
			if len(words) > 1 {
				// Options that take several words, such as two known_hosts files.
				value = joinWords(words)
			}
			file.add(configEntry{option: option{key: key, value: value, source: source}})
		}
	}
	return file
}

func (f *configFile) add(e configEntry) {
	last := &f.blocks[len(f.blocks)-1]
	last.entries = append(last.entries, e)
}

// wantsFinal says whether "Match final" stands anywhere, even where it cannot
// apply: ssh then reads everything a second time.
func (f *configFile) wantsFinal() bool {
	for _, b := range f.blocks {
		for _, m := range b.match {
			if m.name == "final" {
				return true
			}
		}
		for _, e := range b.entries {
			if slices.ContainsFunc(e.files, (*configFile).wantsFinal) {
				return true
			}
		}
	}
	return false
}

func (r *configReader) include(paths []string, depth int) ([]*configFile, error) {
	var files []*configFile
	for _, path := range paths {
		path = r.c.expandHome(path)
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.base, path)
		}
		found, err := filepath.Glob(path)
		if err != nil {
			return nil, fmt.Errorf("include %q: %w", path, err)
		}
		for _, name := range found {
			file := r.read(name, depth+1)
			if file.err != nil {
				// ssh goes on without files that it may not read.
				if errors.Is(file.err, fs.ErrPermission) || errors.Is(file.err, fs.ErrNotExist) {
					continue
				}
				return nil, file.err
			}
			files = append(files, file)
		}
	}
	return files, nil
}

// matchBlock reads the criteria of a Match line. One that would need a
// command to be run or this machine's networks to be known leaves the whole
// block out.
func (r *configReader) matchBlock(source string, words []string) configBlock {
	block := configBlock{source: source}
	for i := 0; i < len(words); i++ {
		name, list, hasList := strings.Cut(words[i], "=")
		m := matchCriterion{name: strings.ToLower(name)}
		m.name, m.negated = strings.CutPrefix(m.name, "!")
		switch m.name {
		case "all", "canonical", "final":
		case "host", "originalhost", "user", "localuser":
			if !hasList {
				i++
				if i == len(words) {
					block.never = true
					r.warn(fmt.Sprintf("%s: Match %s has no pattern: the block is left out", source, name))
					return block
				}
				list = words[i]
			}
			m.list = strings.Split(list, ",")
		default:
			block.never = true
			r.warn(fmt.Sprintf("%s: Match %s is not supported: the block is left out", source, name))
			return block
		}
		block.match = append(block.match, m)
	}
	return block
}

// splitConfigWords is splitWords for a line of a file, where a word that
// starts with "#" begins a comment.
func splitConfigWords(line string) ([]string, error) {
	words, err := splitWords(stripComment(line))
	if err != nil {
		return nil, err
	}
	return words, nil
}

func stripComment(line string) string {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case b == '\\':
			i++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return line[:i]
		}
	}
	return line
}

// joinWords is the inverse of splitWords.
func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if strings.ContainsAny(w, " \t\"'\\") || w == "" {
			w = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// matchPattern is OpenSSH's match_pattern: "*" is any text, "?" one character.
func matchPattern(text, pattern string) bool {
	star, mark := -1, 0
	t, p := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			t, p = t+1, p+1
		case star >= 0:
			mark++
			t, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchList says whether a pattern matches and no negated one does.
func matchList(text string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if matchPattern(text, p) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}
