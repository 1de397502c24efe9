package authfile

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"oreg/inventory"
	"oreg/inventory/secret"
)

// telemetryHost is in every pull secret from console.redhat.com, and no
// registry answers there.
const telemetryHost = "cloud.openshift.com"

// entry is one registry of a config. Every field is a pointer or a string so
// that a foreign type is noticed as such.
type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// config takes the entries of {"auths": ...} or, without that key, those of a
// .dockercfg, which has the registries at the top.
func (p *parser) config(where string, data []byte, fields []member) {
	auths, helpers, modern := []member(nil), map[string]bool{}, false
	for _, f := range fields {
		switch f.key {
		case "auths":
			modern = true
			if string(f.value) == "null" {
				continue
			}
			var err error
			if auths, err = members(f.value); err != nil {
				p.problem("%s: \"auths\" is not a JSON object", where)
				return
			}
		case "credHelpers":
			modern, p.helpers = true, true
			named, err := members(f.value)
			if err != nil {
				p.problem("%s: \"credHelpers\" is not a JSON object", where)
				return
			}
			for _, h := range named {
				helpers[h.key] = true
			}
		case "credsStore":
			modern = true
			p.helpers = p.helpers || len(f.value) > len(`""`)
		}
	}
	if !modern {
		auths = fields
	}
	for _, m := range auths {
		p.entry(where, m, modern)
		if host, _ := split(m.key); helpers[m.key] || helpers[host] {
			p.warn("%s auths[%s]: credHelpers names the same registry, and podman, skopeo, CRI-O and docker then ask that program and not this entry", where, quoted(m.key))
		}
	}
}

func (p *parser) entry(where string, m member, modern bool) {
	source := fmt.Sprintf("%s auths[%s]", where, quoted(m.key))
	var e entry
	if err := json.Unmarshal(m.value, &e); err != nil {
		if !modern {
			p.problem("%s: key %s is neither \"auths\" nor a registry with \"auth\"", where, quoted(m.key))
			return
		}
		p.problem("%s: auth, username and password must be text; readers reject the whole file because of this entry", source)
		return
	}
	user, password, err := e.login()
	switch {
	case err != nil:
		p.problem("%s: %s; docker and the kubelet reject the whole file because of this entry", source, err)
		return
	case e.IdentityToken != "" || e.RegistryToken != "":
		p.warn("%s: a token and no password; it cannot be checked, and the kubelet cannot use it", source)
		return
	case user == "" && password.IsZero():
		p.warn("%s: no user and no password in the entry", source)
		return
	case user == "":
		p.problem("%s: the user name is empty", source)
		return
	}
	if strings.Contains(m.key, "@") {
		p.warn("%s: the key holds a user or password, expected host or host:port; no reader finds such an entry, and it is not checked", source)
		return
	}
	p.forms(source, e)
	host, scope := split(m.key)
	if host == "" {
		p.problem("%s: the key names no registry; expected host or host:port", source)
		return
	}
	reference := host + "/"
	if scope != "" {
		reference += scope + "/"
	}
	for _, c := range p.file.Credentials {
		if c.Host == host && c.Scope == scope && (c.User != user || !c.Password.Equal(password)) {
			p.warn("%s: another login than in %s for the same registry; readers differ in which they use", source, c.Source)
		}
	}
	p.file.Credentials = append(p.file.Credentials, inventory.Credential{
		Host: host, Scope: scope, User: user, Password: password, Source: source,
		Image: reference + p.image, TestLogin: host != telemetryHost, TLSVerify: true,
	})
	if host == telemetryHost {
		p.warn("%s: the cluster's access to Red Hat's services and no registry; it is not checked", source)
	}
}

// login decodes the entry as its readers do: auth before username and password.
// The error says what is wrong and holds nothing of the value.
func (e entry) login() (string, secret.Text, error) {
	if e.Auth == "" {
		return e.Username, secret.New(e.Password), nil
	}
	decoded, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil {
		decoded, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(e.Auth, " \t\r\n"))
	}
	if err != nil {
		return "", secret.Text{}, errors.New("auth is not base64")
	}
	if !utf8.Valid(decoded) {
		return "", secret.Text{}, errors.New("auth is not text")
	}
	user, password, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return "", secret.Text{}, errors.New("auth is not base64 of user:password (it has no colon)")
	}
	// docker cuts NUL bytes that some writers leave as padding.
	return user, secret.New(strings.TrimRight(password, "\x00")), nil
}

// forms warns of what works for this check but not for every reader.
func (p *parser) forms(source string, e entry) {
	if e.Auth == "" {
		p.warn("%s: username and password without auth; podman, skopeo and CRI-O find no login in that", source)
		return
	}
	decoded, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil {
		p.warn("%s: auth has no padding (=) or has space after it; some readers reject the whole file because of that", source)
		return
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	if e.Username != "" && e.Username != user || e.Password != "" && e.Password != password {
		p.warn("%s: username or password differs from auth; auth is what readers use, and what is checked", source)
	}
	if strings.HasSuffix(password, "\n") {
		p.warn("%s: the password ends in a line break, as base64 of the output of echo does; it is sent as it is", source)
	}
}

// split takes a key apart: "https://host/v1/" and "host" are the registry,
// "host/team" is a scope on it. Docker Hub's names are one.
func split(key string) (host, scope string) {
	for _, scheme := range []string{"https://", "http://"} {
		if len(key) >= len(scheme) && strings.EqualFold(key[:len(scheme)], scheme) {
			key = key[len(scheme):]
			break
		}
	}
	host, scope, _ = strings.Cut(key, "/")
	scope = strings.Trim(scope, "/")
	host = strings.ToLower(host)
	for _, version := range []string{"v1", "v2"} {
		if scope == version {
			scope = ""
		}
		scope = strings.TrimPrefix(scope, version+"/")
	}
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		host = "docker.io"
	}
	return host, scope
}
