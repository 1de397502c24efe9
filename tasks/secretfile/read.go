// Package secretfile reads the files that pull secrets are made of: a docker
// config.json, the older .dockercfg, and Secret manifests of either, as the
// service-account page of Red Hat's registry offers them for download.
//
// It knows nothing of a cluster, so that its fuzz target builds in seconds.
// What surprised us: the file of a laptop often holds no login at all, because
// docker keeps the logins in a credential store; a cluster accepts it without a
// word, and every pull fails.
package secretfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"oreg/tasks/dockerconfig"
)

// The types of secrets that hold logins, and the keys that hold them.
const (
	TypeDockerConfigJSON = "kubernetes.io/dockerconfigjson"
	TypeDockerCfg        = "kubernetes.io/dockercfg"
	keyDockerConfigJSON  = ".dockerconfigjson"
	keyDockerCfg         = ".dockercfg"
)

// File is a file that a secret is to be made of.
type File struct {
	// Name is the secret's name in a manifest; empty otherwise.
	Name string
	// Type is one of the types above.
	Type string
	// Data is the content, byte for byte but for a byte order mark.
	Data []byte
	// Entries are the logins in it, to be merged into a secret that exists.
	Entries []dockerconfig.Entry
}

// Error is a file that no working pull secret can be made of. It names keys
// and never values.
type Error struct {
	// Name is the file as the user named it.
	Name, Message, Hint string
	Err                 error
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Read recognises the form of a file. name stands for the file in messages. A
// file that a reader would reject, or that holds no login for one of its
// registries, is an [*Error].
func Read(name string, data []byte) (File, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	fail := func(err error, hint, format string, args ...any) (File, error) {
		return File{}, &Error{Name: name, Message: fmt.Sprintf(format, args...), Hint: hint, Err: err}
	}
	f := File{Type: TypeDockerConfigJSON, Data: data}
	form := dockerconfig.DockerConfigJSON
	if m := parseManifest(data); m != nil {
		f.Name, f.Type = m.Metadata.Name, m.Type
		key := keyDockerConfigJSON
		switch m.Type {
		case TypeDockerConfigJSON:
		case TypeDockerCfg:
			key, form = keyDockerCfg, dockerconfig.DockerCfg
		default:
			return fail(nil, "", "a Secret manifest of type %q: expected %s or %s", m.Type, TypeDockerConfigJSON, TypeDockerCfg)
		}
		f.Data = m.Data[key]
		if text, ok := m.StringData[key]; ok {
			f.Data = []byte(text)
		}
		if len(f.Data) == 0 {
			return fail(nil, "", "a Secret manifest without %q", key)
		}
	} else if dockerconfig.DetectForm(data) == dockerconfig.DockerCfg {
		f.Type, form = TypeDockerCfg, dockerconfig.DockerCfg
	}
	logins, err := dockerconfig.Entries(f.Data, form)
	if err != nil {
		return fail(err, "", "%v", err)
	}
	var without []string
	for _, l := range logins {
		if strings.Contains(l.Key, "@") {
			return fail(nil, "write the registry as host or host:port", "the key %s holds a user or password: no reader finds such an entry", dockerconfig.Shown(l.Key))
		}
		switch {
		case l.Token:
			// Only the docker client can use one: it is carried along.
		case l.User == "" || l.Password.IsZero():
			without = append(without, dockerconfig.Shown(l.Key))
		default:
			f.Entries = append(f.Entries, dockerconfig.Entry{Key: l.Key, User: l.User, Password: l.Password})
		}
	}
	slices.Sort(without)
	switch {
	case len(without) > 0:
		return fail(nil, "log in without a credential store (docker --config DIR login, with an empty folder DIR), or give --username and --password-stdin",
			"no login for %s: it is in a credential store, which a cluster cannot ask", strings.Join(without, ", "))
	case len(f.Entries) == 0:
		return fail(nil, "", "there is no login in it that a cluster could use")
	}
	return f, nil
}

// manifest is the part of a Secret that is read.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Type       string            `json:"type"`
	Data       map[string][]byte `json:"data"`
	StringData map[string]string `json:"stringData"`
}

// parseManifest returns nil for what is no Secret manifest.
func parseManifest(data []byte) *manifest {
	var m manifest
	if err := yaml.Unmarshal(data, &m); err != nil || m.Kind != "Secret" || m.APIVersion != "v1" {
		return nil
	}
	return &m
}
