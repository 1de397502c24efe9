package sshexec

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// optionParser converts option values and collects what is wrong with them,
// each with the place where it was written.
type optionParser struct {
	first map[string]option
	errs  []error
}

func (p *optionParser) fail(key string, err error) {
	p.errs = append(p.errs, fmt.Errorf("%s: %s: %w", strings.TrimPrefix(p.first[key].source, "explicit "), key, err))
}

func (p *optionParser) text(key, fallback string) string {
	if o, ok := p.first[key]; ok {
		return o.value
	}
	return fallback
}

func (p *optionParser) flag(key string, fallback bool) bool {
	o, ok := p.first[key]
	if !ok {
		return fallback
	}
	switch strings.ToLower(o.value) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	p.fail(key, fmt.Errorf("found %q, expected yes or no", o.value))
	return fallback
}

func (p *optionParser) number(key string, fallback, limit int) int {
	o, ok := p.first[key]
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(o.value)
	if err != nil || n < 1 || n > limit {
		p.fail(key, fmt.Errorf("found %q, expected a number from 1 to %d", o.value, limit))
		return fallback
	}
	return n
}

// duration reads ssh's time format: seconds, or numbers with s, m, h, d, w
// one after the other. "none" and 0 mean the default for a time limit.
func (p *optionParser) duration(key string, fallback time.Duration) time.Duration {
	o, ok := p.first[key]
	if !ok || strings.EqualFold(o.value, "none") {
		return fallback
	}
	d, err := parseTime(o.value)
	if err != nil {
		p.fail(key, err)
		return fallback
	}
	if d == 0 {
		return fallback
	}
	return d
}

func parseTime(text string) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	wrong := fmt.Errorf("found %q, expected seconds or a time such as 1m30s", text)
	var total time.Duration
	rest := strings.ToLower(text)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 9 {
			return 0, wrong
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil {
			return 0, wrong
		}
		unit := time.Second
		if rest = rest[digits:]; rest != "" {
			var ok bool
			if unit, ok = units[rest[0]]; !ok {
				return 0, wrong
			}
			rest = rest[1:]
		}
		total += time.Duration(n) * unit
		if total < 0 || total > 366*24*time.Hour {
			return 0, wrong
		}
	}
	if text == "" {
		return 0, wrong
	}
	return total, nil
}

func (p *optionParser) expand(key, fallback string, t *tokens, allowed string) string {
	o, ok := p.first[key]
	if !ok {
		return fallback
	}
	value, err := t.expand(o.value, allowed)
	if err != nil {
		p.fail(key, err)
	}
	return value
}

// path expands tokens, environment variables and the home directory.
func (p *optionParser) path(c *Client, o option, t *tokens) string {
	value, err := t.expand(o.value, tokensOfFiles)
	if err == nil {
		value, err = expandEnv(value, c.o.Env)
	}
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: %s: %w", strings.TrimPrefix(o.source, "explicit "), o.key, err))
		return ""
	}
	return c.expandHome(value)
}

// file is one path; "none" and SSH_AUTH_SOCK stay as they are, and $NAME is
// the value of a variable, as IdentityAgent allows.
func (p *optionParser) file(c *Client, key, fallback string, t *tokens) string {
	o, ok := p.first[key]
	if !ok {
		return fallback
	}
	if strings.EqualFold(o.value, "none") || o.value == fallback {
		return o.value
	}
	if name, isVariable := strings.CutPrefix(o.value, "$"); isVariable && !strings.HasPrefix(name, "{") {
		value, _ := c.o.Env(name)
		return value
	}
	return p.path(c, o, t)
}

func (p *optionParser) files(c *Client, options []option, t *tokens) []string {
	var out []string
	for _, o := range options {
		if strings.EqualFold(o.value, "none") {
			continue
		}
		if path := p.path(c, o, t); path != "" {
			out = append(out, path)
		}
	}
	return out
}

// paths is a list of files in one option.
func (p *optionParser) paths(c *Client, key string, fallback []string, t *tokens) []string {
	o, ok := p.first[key]
	if !ok {
		return fallback
	}
	words, err := splitWords(o.value)
	if err != nil {
		p.fail(key, err)
		return nil
	}
	var out []string
	for _, w := range words {
		if strings.EqualFold(w, "none") {
			continue
		}
		if path := p.path(c, option{key: key, value: w, source: o.source}, t); path != "" {
			out = append(out, path)
		}
	}
	return out
}

func joinHostPort(host string, port int) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return net.JoinHostPort(host, strconv.Itoa(port))
}
