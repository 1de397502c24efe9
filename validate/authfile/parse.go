package authfile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"oreg/inventory"
	"oreg/inventory/secret"
)

// DefaultImage is the path and tag of the image that is asked for where a file
// names only registries: the one of the OpenShift 3 installer.
const DefaultImage = "openshift3/ose-pod:latest"

// MaxSize is the largest file that is read, in bytes. Pull secrets have a few
// kilobytes; the API server takes no Secret above 1 MiB.
const MaxSize = 1 << 20

// maxKeys is how many keys one mapping of a manifest may have. The YAML
// library compares each with each, so a file of nothing but short lines would
// keep it busy for minutes.
const maxKeys = 5000

// File is what a file holds.
type File struct {
	// Credentials are in file order, with Source "name auths[key]".
	Credentials []inventory.Credential
	// Warnings are entries that cannot be checked and forms that some readers
	// do not understand.
	Warnings []string
}

// Parse reads data; name stands for the file in messages, and image is the
// test image without its registry ([DefaultImage] where it is empty), sought
// below the path of a key that has one. A file without any credential is an
// error; several malformed entries are reported together.
func Parse(name string, data []byte, image string) (File, error) {
	if image == "" {
		image = DefaultImage
	}
	if len(data) > MaxSize {
		return File{}, fmt.Errorf("%s: larger than %d MiB, which is no file of credentials", name, MaxSize>>20)
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	p := &parser{image: image}
	switch {
	case len(data) == 0:
		return File{}, fmt.Errorf("%s: empty; expected a config.json, auth.json, pull secret or Secret manifest", name)
	case bytes.HasPrefix(data, []byte("$ANSIBLE_VAULT")):
		return File{}, fmt.Errorf("%s: encrypted by Ansible vault; decrypt it and give it on standard input, or put the credentials into the inventory", name)
	case data[0] == '{' || data[0] == '[':
		p.json(name, data)
	default:
		p.yaml(name, data)
	}
	if err := errors.Join(p.problems...); err != nil {
		return File{}, err
	}
	if len(p.file.Credentials) == 0 {
		if p.helpers {
			return File{}, fmt.Errorf("%s: the passwords are not in this file but in the credential helper (credsStore, credHelpers) of the machine that wrote it; log in there with another config folder (docker --config DIR login) and use that file", name)
		}
		return File{}, fmt.Errorf("%s: no credential in it; expected entries under \"auths\"", name)
	}
	return p.file, nil
}

type parser struct {
	image    string
	file     File
	problems []error
	helpers  bool // a helper is named that would hold the passwords
}

func (p *parser) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf(format, args...))
}

func (p *parser) warn(format string, args ...any) {
	p.file.Warnings = append(p.file.Warnings, fmt.Sprintf(format, args...))
}

// json takes a config in JSON, or a manifest in JSON.
func (p *parser) json(name string, data []byte) {
	fields, err := members(data)
	if err != nil {
		p.problem("%s%s", name, place(data, err))
		return
	}
	for _, f := range fields {
		if f.key == "kind" || f.key == "apiVersion" {
			p.yaml(name, data) // JSON is YAML
			return
		}
	}
	p.config(name, data, fields)
}

// manifest is what we read of a Secret, or of a List of them.
type manifest struct {
	Kind     string `yaml:"kind"`
	Type     string `yaml:"type"`
	Metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Data       map[string]string `yaml:"data"`
	StringData map[string]string `yaml:"stringData"`
	Items      []manifest        `yaml:"items"`
}

// yaml takes one or several manifests. The text of the library's errors may
// quote the file and is not shown.
func (p *parser) yaml(name string, data []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for documents := 0; ; documents++ {
		var (
			m    manifest
			node yaml.Node
		)
		err := decoder.Decode(&node)
		if err == nil && !crowded(&node) {
			err = node.Decode(&m)
		} else if err == nil {
			p.problem("%s: a mapping with more than %d keys, which is no Secret manifest", name, maxKeys)
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			if documents == 0 {
				p.problem("%s: empty; expected a config.json, auth.json, pull secret or Secret manifest", name)
			}
			return
		case err != nil:
			p.problem("%s: neither JSON nor a Secret manifest in YAML; expected a config.json, auth.json, pull secret or Secret manifest", name)
			return
		}
		p.manifest(name, m)
	}
}

func crowded(node *yaml.Node) bool {
	return node.Kind == yaml.MappingNode && len(node.Content) > 2*maxKeys || slices.ContainsFunc(node.Content, crowded)
}

func (p *parser) manifest(name string, m manifest) {
	switch m.Kind {
	case "List", "SecretList":
		for _, item := range m.Items {
			if item.Kind == "" {
				item.Kind = "Secret" // items of a SecretList need not say it
			}
			p.manifest(name, item)
		}
		return
	case "Secret":
	case "":
		p.problem("%s: neither a config with \"auths\" nor a Secret manifest", name)
		return
	default:
		p.problem("%s: a manifest of kind %s; expected a Secret", name, quoted(m.Kind))
		return
	}
	where := name + " Secret " + quoted(strings.Trim(m.Metadata.Namespace+"/"+m.Metadata.Name, "/"))
	for _, key := range []string{".dockerconfigjson", ".dockercfg"} {
		content, ok := m.StringData[key]
		if !ok {
			encoded, there := m.Data[key]
			if !there {
				continue
			}
			decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
			if err != nil {
				p.problem("%s: %s is not base64", where, key)
				return
			}
			content = string(decoded)
		}
		data := bytes.TrimSpace([]byte(content))
		fields, err := members(data)
		if err != nil {
			p.problem("%s %s%s", where, key, place(data, err))
			return
		}
		p.config(where, data, fields)
		return
	}
	p.problem("%s: it holds neither .dockerconfigjson nor .dockercfg, so it is no pull secret (its type is %s)", where, quoted(m.Type))
}

// member is one key of a JSON object, in file order.
type member struct {
	key   string
	value json.RawMessage
}

// errNotObject is for JSON that is well-formed and something else.
var errNotObject = errors.New("not an object")

// members splits a JSON object and keeps the order, which a map would lose.
func members(data []byte) ([]member, error) {
	if !json.Valid(data) {
		var v any
		return nil, json.Unmarshal(data, &v)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, errNotObject
	}
	var all []member
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := member{}
		m.key, _ = key.(string) // json.Valid has seen to it
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// place says where JSON is broken, without quoting it.
func place(data []byte, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := data[:min(int(syntax.Offset), len(data))]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - bytes.LastIndexByte(before, '\n') - 1
		return fmt.Sprintf(":%d:%d: not valid JSON", line, max(1, column))
	}
	return ": not a JSON object; expected {\"auths\": {...}}"
}

// quoted makes a name from the file fit for a message: without a login that
// somebody may have written into a URL, and not endless.
func quoted(s string) string {
	s = secret.WithoutLogin(s)
	if runes := []rune(s); len(runes) > 100 {
		s = string(runes[:100]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
