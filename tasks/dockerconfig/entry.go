package dockerconfig

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"oreg/inventory/secret"
)

// MaxSize bounds what is read and what is written, in bytes. It is the API
// server's limit for the data of one secret; a config.json of that size is
// none.
const MaxSize = 1 << 20

// Form is where the JSON lives, which decides its shape.
type Form int

const (
	// NodeFile is config.json on a node: entries below "auths", each with
	// auth alone.
	NodeFile Form = iota
	// DockerConfigJSON is the key .dockerconfigjson of a secret: entries below
	// "auths", each with username, password and auth, as kubectl writes them.
	DockerConfigJSON
	// DockerCfg is the key .dockercfg of a secret, the older form: the entries
	// are the top level.
	DockerCfg
)

// Entry is one login to be in place.
type Entry struct {
	// Key is the registry, in any spelling; what is written is [Key] of it.
	Key      string
	User     string
	Password secret.Text
}

// EntryError is an entry that no file can carry safely.
type EntryError struct {
	Key, Reason string
}

func (e *EntryError) Error() string { return Shown(e.Key) + ": " + e.Reason }

// check says why readers could not use the entry, or would read another login
// out of it than was meant.
func (e Entry) check() error {
	n := parseName(e.Key)
	password := e.Password.Reveal()
	reason := ""
	switch {
	case n.host == "":
		reason = "the registry's name is empty"
	case strings.ContainsAny(n.host, "*?["):
		reason = "a wildcard is understood by the kubelet alone: name each registry"
	case strings.ContainsAny(e.Key, "@\\\"") || strings.ContainsFunc(e.Key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		reason = "not a registry name: expected host or host:port"
	case e.User == "":
		reason = "the user is empty: docker would reject the whole file"
	case strings.Contains(e.User, ":"):
		reason = "the user holds a colon, which separates user and password"
	case password == "":
		reason = "the password is empty"
	case !utf8.ValidString(e.User) || !utf8.ValidString(password):
		reason = "user or password is not UTF-8"
	case strings.Contains(e.User, "\x00") || strings.Contains(password, "\x00"):
		reason = "user or password holds a NUL, which some readers drop"
	default:
		return nil
	}
	return &EntryError{Key: e.Key, Reason: reason}
}

// auth is the text of the auth field.
func (e Entry) auth() string {
	return base64.StdEncoding.EncodeToString([]byte(secret.Pair(e.User, e.Password).Reveal()))
}

// fields are the entry's members in the form's shape.
func (e Entry) fields(form Form) [][2]string {
	auth := [2]string{"auth", quote(e.auth())}
	if form == NodeFile {
		return [][2]string{auth}
	}
	return [][2]string{{"username", quote(e.User)}, {"password", quote(e.Password.Reveal())}, auth}
}

// stored is an entry as Go readers decode it.
type stored struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Email         string `json:"email"`
	Auth          string `json:"auth"`
	ServerAddress string `json:"serveraddress"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// The reasons why readers reject a file over one of its entries.
const (
	reasonNotObject = "the entry is not an object of text fields"
	reasonNotBase64 = "auth is not padded standard base64"
	reasonNoColon   = "auth is not base64 of user:password: it has no colon"
	reasonNoUser    = "auth has an empty user"
)

// parseEntry decodes an entry and says why a reader would reject the file
// because of it; the reason is empty for a good one.
func parseEntry(value string) (s stored, reason string) {
	if err := json.Unmarshal([]byte(value), &s); err != nil {
		return stored{}, reasonNotObject
	}
	if s.Auth == "" {
		return s, ""
	}
	_, _, reason = decodeAuth(s.Auth)
	return s, reason
}

// decodeAuth is the strictest of the readers: what passes here passes all.
// base64 skips line ends inside the text, as theirs does.
func decodeAuth(auth string) (user, password, reason string) {
	decoded, err := base64.StdEncoding.DecodeString(auth)
	if err != nil {
		return "", "", reasonNotBase64
	}
	user, password, ok := strings.Cut(string(decoded), ":")
	switch {
	case !ok:
		return "", "", reasonNoColon
	case user == "":
		return "", "", reasonNoUser
	}
	return user, password, ""
}

// login is what readers that understand the entry present: auth wins over
// username and password.
func (s stored) login() (user, password string) {
	if s.Auth != "" {
		if user, password, reason := decodeAuth(s.Auth); reason == "" {
			return user, password
		}
	}
	return s.Username, s.Password
}

// holds says whether every reader takes exactly e out of s: the auth is there,
// and nothing stale stands beside it.
func (s stored) holds(e Entry) bool {
	user, password, reason := decodeAuth(s.Auth)
	if reason != "" || user != e.User || !secret.New(password).Equal(e.Password) {
		return false
	}
	return (s.Username == "" || s.Username == e.User) &&
		(s.Password == "" || secret.New(s.Password).Equal(e.Password)) &&
		s.IdentityToken == "" && s.RegistryToken == ""
}

// salvage rebuilds a login that some reader could still have used out of a bad
// entry: unpadded base64, white space around it, user and password beside it.
func salvage(value string) (Entry, bool) {
	s, reason := parseEntry(value)
	if reason == reasonNotObject {
		return Entry{}, false
	}
	compact := strings.TrimRight(strings.Join(strings.Fields(s.Auth), ""), "=")
	if decoded, err := base64.RawStdEncoding.DecodeString(compact); err == nil {
		if user, password, ok := strings.Cut(string(decoded), ":"); ok && user != "" && password != "" {
			return Entry{User: user, Password: secret.New(password)}, true
		}
	}
	if s.Username != "" && s.Password != "" && !strings.Contains(s.Username, ":") {
		return Entry{User: s.Username, Password: secret.New(s.Password)}, true
	}
	return Entry{}, false
}
