package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"sort"
	"strings"
)

// minMasked is the length in bytes below which a secret is not searched for
// in foreign text: a password such as "on" would blot out half of a message
// and so give itself away (ansible/ansible#70455).
const minMasked = 6

// Masker replaces known secrets in text that oreg did not write itself: a
// registry's error body, a remote command's standard error. It is the second
// line of defence; the first is that oreg's own messages are never built from
// a [Text]. A nil Masker changes nothing.
type Masker struct{ replacer *strings.Replacer }

// NewMasker returns a Masker for the passwords and for what they look like
// in base64, URL, HTML and JSON text. For a login, pass the pair through
// [Pair] as well: base64 of "user:password" does not contain base64 of
// "password".
func NewMasker(secrets ...Text) *Masker {
	seen := map[string]bool{}
	var forms []string
	add := func(s string) {
		if len(s) >= minMasked && !seen[s] {
			seen[s] = true
			forms = append(forms, s)
		}
	}
	for _, t := range secrets {
		s := t.Reveal()
		if len(s) < minMasked {
			continue
		}
		add(s)
		add(base64.StdEncoding.EncodeToString([]byte(s)))
		add(base64.RawStdEncoding.EncodeToString([]byte(s)))
		add(base64.URLEncoding.EncodeToString([]byte(s)))
		add(base64.RawURLEncoding.EncodeToString([]byte(s)))
		add(url.QueryEscape(s))
		add(url.PathEscape(s))
		add(html.EscapeString(s))
		if quoted, err := json.Marshal(s); err == nil {
			add(strings.Trim(string(quoted), `"`))
		}
	}
	// strings.Replacer prefers earlier pairs: the longest form must win.
	sort.Slice(forms, func(i, j int) bool {
		if len(forms[i]) != len(forms[j]) {
			return len(forms[i]) > len(forms[j])
		}
		return forms[i] < forms[j]
	})
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Redacted)
	}
	return &Masker{replacer: strings.NewReplacer(pairs...)}
}

// Pair returns "user:password" as a secret, the text whose base64 is what
// Basic authentication and config.json carry.
func Pair(user string, password Text) Text {
	return New(user + ":" + password.Reveal())
}

// Mask returns s with every known form of every known secret replaced.
func (m *Masker) Mask(s string) string {
	if m == nil || m.replacer == nil {
		return s
	}
	return m.replacer.Replace(s)
}

// WithoutLogin is an address fit for a message: what stands before its last @,
// where somebody may have written user and password, is "...".
func WithoutLogin(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	for _, scheme := range []string{"https://", "http://"} { // anything else may be part of a password
		if strings.HasPrefix(address, scheme) {
			return scheme + "...@" + address[at+1:]
		}
	}
	return "...@" + address[at+1:]
}
