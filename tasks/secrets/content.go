package secrets

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// login is what one entry of a secret opens.
type login struct{ user, password string }

// entryJSON is an entry as kubectl writes it.
type entryJSON struct {
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Email    string `json:"email,omitempty"`
	Auth     string `json:"auth,omitempty"`
}

// content is a secret's credentials in either form.
type content struct {
	// top are the keys beside auths, in the newer form.
	top   map[string]json.RawMessage
	auths map[string]json.RawMessage
	old   bool
}

var errShape = errors.New("not a JSON object of the expected shape")

// dataKey is where a secret of a type keeps its credentials, empty for types
// that hold none.
func dataKey(t corev1.SecretType) string {
	switch t {
	case corev1.SecretTypeDockerConfigJson:
		return corev1.DockerConfigJsonKey
	case corev1.SecretTypeDockercfg:
		return corev1.DockerConfigKey
	}
	return ""
}

func parseContent(t corev1.SecretType, data []byte) (*content, error) {
	c := &content{top: map[string]json.RawMessage{}, auths: map[string]json.RawMessage{}, old: t == corev1.SecretTypeDockercfg}
	if len(data) == 0 {
		return c, nil
	}
	if c.old {
		if err := json.Unmarshal(data, &c.auths); err != nil || c.auths == nil {
			return nil, errShape
		}
		return c, nil
	}
	if err := json.Unmarshal(data, &c.top); err != nil || c.top == nil {
		return nil, errShape
	}
	if raw, ok := c.top["auths"]; ok {
		if err := json.Unmarshal(raw, &c.auths); err != nil {
			return nil, errShape
		}
		if c.auths == nil {
			c.auths = map[string]json.RawMessage{}
		}
	}
	return c, nil
}

// decode reads an entry as the kubelet does.
func decode(raw json.RawMessage) (login, entryJSON, error) {
	var e entryJSON
	if err := json.Unmarshal(raw, &e); err != nil {
		return login{}, e, errShape
	}
	if e.Auth == "" {
		return login{e.Username, e.Password}, e, nil
	}
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(strings.TrimSpace(e.Auth), "=") {
		encoding = base64.StdEncoding
	}
	plain, err := encoding.DecodeString(e.Auth)
	if err != nil {
		return login{}, e, errors.New("auth is not base64")
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok {
		return login{}, e, errors.New("auth holds no colon")
	}
	return login{user, password}, e, nil
}

// malformed lists the keys whose entries the kubelet and image import cannot
// read; one of them makes the whole secret useless.
func (c *content) malformed() []string {
	var bad []string
	for _, key := range slices.Sorted(maps.Keys(c.auths)) {
		if _, _, err := decode(c.auths[key]); err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", key, err))
		}
	}
	return bad
}

// sameRegistry finds the keys that a reader takes for the same registry.
func (c *content) sameRegistry(key string) []string {
	var same []string
	for _, k := range slices.Sorted(maps.Keys(c.auths)) {
		if normal(k) == normal(key) {
			same = append(same, k)
		}
	}
	return same
}

// normal reduces the spellings of a registry to one.
func normal(key string) string {
	k := strings.ToLower(key)
	k = strings.TrimPrefix(strings.TrimPrefix(k, "https://"), "http://")
	k = strings.TrimRight(k, "/")
	for _, v := range []string{"/v1", "/v2"} {
		k = strings.TrimSuffix(k, v)
	}
	host, rest, _ := strings.Cut(k, "/")
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		host = "docker.io"
	}
	if rest == "" {
		return host
	}
	return host + "/" + rest
}

// put sets an entry, replacing every spelling of its registry, and says what
// that changes; nil for nothing.
func (c *content) put(e Entry) *Change {
	wanted := login{e.User, e.Password.Reveal()}
	same := c.sameRegistry(e.Key)
	change := &Change{Host: e.Key, Kind: Added, User: e.User}
	if len(same) > 0 {
		change.Kind = Changed
		have, raw, err := decode(c.auths[same[0]])
		switch {
		case err != nil:
			change.Detail = "the entry was malformed"
		case have.user != wanted.user:
			change.Detail = "user and password"
		case have.password != wanted.password:
			change.Detail = "password"
		case len(same) > 1 || same[0] != e.Key:
			change.Detail = "spelling of the key"
		case raw.Username != e.User || raw.Password != wanted.password || raw.Auth != encodeAuth(wanted):
			change.Detail = "form of the entry"
		default:
			return nil
		}
	}
	for _, k := range same {
		delete(c.auths, k)
	}
	raw, err := json.Marshal(entryJSON{Username: e.User, Password: wanted.password, Auth: encodeAuth(wanted)})
	if err != nil {
		// A struct of strings always marshals.
		panic("secrets: " + err.Error())
	}
	c.auths[e.Key] = raw
	return change
}

func encodeAuth(l login) string {
	return base64.StdEncoding.EncodeToString([]byte(l.user + ":" + l.password))
}

// remove takes out every spelling of a registry.
func (c *content) remove(key string) *Change {
	same := c.sameRegistry(key)
	for _, k := range same {
		delete(c.auths, k)
	}
	if len(same) == 0 {
		return nil
	}
	return &Change{Host: key, Kind: Removed}
}

// marshal writes the form that was read, compact.
func (c *content) marshal() ([]byte, error) {
	if c.old {
		return json.Marshal(c.auths)
	}
	auths, err := json.Marshal(c.auths)
	if err != nil {
		return nil, err
	}
	c.top["auths"] = auths
	return json.Marshal(c.top)
}
