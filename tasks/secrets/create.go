package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// Content is what a new secret is made of, byte for byte.
type Content struct {
	Type corev1.SecretType
	Data []byte
}

// in says whether a secret is made of exactly this.
func (c *Content) in(o *corev1.Secret) bool {
	if c == nil || o == nil || o.Type != c.Type {
		return false
	}
	_, applied := o.Annotations[corev1.LastAppliedConfigAnnotation]
	present, _ := content(o)
	return bytes.Equal(present, c.Data) && !applied
}

func (c *Content) secretType() corev1.SecretType {
	if c == nil {
		return corev1.SecretTypeDockerConfigJson
	}
	return c.Type
}

// LoginContent is what `kubectl create secret docker-registry` writes for one
// login; email may be empty.
func LoginContent(e dockerconfig.Entry, email string) *Content {
	type login struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Email    string `json:"email,omitempty"`
		Auth     []byte `json:"auth"`
	}
	file := struct {
		Auths map[string]login `json:"auths"`
	}{map[string]login{dockerconfig.Key(e.Key): {
		Username: e.User, Password: e.Password.Reveal(), Email: email,
		Auth: []byte(secret.Pair(e.User, e.Password).Reveal()),
	}}}
	// Encoding strings and bytes cannot fail.
	data, _ := json.Marshal(file)
	return &Content{Type: corev1.SecretTypeDockerConfigJson, Data: data}
}

// File is a file that a secret is to be made of.
type File struct {
	// Name is the secret's name in a manifest; empty otherwise.
	Name    string
	Content Content
	// Entries are the logins in it, to be merged into a secret that exists.
	Entries []dockerconfig.Entry
}

// FileError is a file that no working pull secret can be made of.
type FileError struct {
	Name, Message, Hint string
	Err                 error
}

func (e *FileError) Error() string { return e.Name + ": " + e.Message }

// Unwrap returns the underlying error.
func (e *FileError) Unwrap() error { return e.Err }

// ReadFile recognises a config.json, a .dockercfg and a Secret manifest of
// either (YAML or JSON), as the registry's service-account page offers it. name
// stands for the file in messages. A file without logins, for example that of
// a laptop whose logins are in a credential store, is a [*FileError]; so is one
// that a reader would reject.
func ReadFile(name string, data []byte) (File, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	fail := func(err error, hint, format string, args ...any) (File, error) {
		return File{}, &FileError{Name: name, Message: fmt.Sprintf(format, args...), Hint: hint, Err: err}
	}
	var f File
	if manifest := parseManifest(data); manifest != nil {
		key, _, ok := dataKey(manifest.Type)
		if !ok {
			return fail(nil, "", "a Secret manifest of type %q: expected %s or %s", manifest.Type, corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg)
		}
		f.Name, f.Content.Type, f.Content.Data = manifest.Name, manifest.Type, manifest.Data[key]
		if text, ok := manifest.StringData[key]; ok {
			f.Content.Data = []byte(text)
		}
		if len(f.Content.Data) == 0 {
			return fail(nil, "", "a Secret manifest without %q", key)
		}
	} else {
		f.Content = Content{Type: corev1.SecretTypeDockerConfigJson, Data: data}
		if dockerconfig.DetectForm(data) == dockerconfig.DockerCfg {
			f.Content.Type = corev1.SecretTypeDockercfg
		}
	}
	_, form, _ := dataKey(f.Content.Type)
	logins, err := dockerconfig.Entries(f.Content.Data, form)
	if err != nil {
		return fail(err, "", "%v", err)
	}
	var without []string
	for _, l := range logins {
		switch {
		case l.Token:
			// Only the docker client can use one: it is carried along.
		case l.User == "" || l.Password.IsZero():
			without = append(without, l.Key)
		default:
			f.Entries = append(f.Entries, dockerconfig.Entry{Key: l.Key, User: l.User, Password: l.Password})
		}
	}
	slices.Sort(without)
	if len(without) > 0 {
		return fail(nil, "log in with the credential store switched off (an empty config.json in a folder of its own, docker --config DIR login), or give --username and --password-stdin",
			"no login for %s: it is in a credential store, and a cluster cannot ask that", strings.Join(without, ", "))
	}
	if len(f.Entries) == 0 {
		return fail(nil, "", "there is no login in it that a cluster could use")
	}
	return f, nil
}

// parseManifest returns nil for what is no Secret manifest.
func parseManifest(data []byte) *corev1.Secret {
	var manifest corev1.Secret
	if err := yaml.Unmarshal(data, &manifest); err != nil || manifest.Kind != "Secret" || manifest.APIVersion != "v1" {
		return nil
	}
	return &manifest
}

// parallel is how many namespaces are worked on at once.
const parallel = 8

// PutInto creates or updates the secret in each of the namespaces. Every
// namespace has its result, in the order given; one that fails stops no other.
func PutInto(ctx context.Context, client Client, namespaces []string, job Job) []Result {
	results := make([]Result, len(namespaces))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, namespace := range namespaces {
		group.Go(func() error {
			mine := job
			mine.Namespace = namespace
			results[i] = Put(ctx, client, mine)
			return nil
		})
	}
	// The results carry the errors.
	_ = group.Wait()
	return results
}

// Namespaces lists the names of the namespaces that a label selector chooses,
// sorted. None is an error, as a selector that chooses nothing is a mistake.
func Namespaces(ctx context.Context, client Client, selector string) ([]string, error) {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, kube.Classify(err, kube.Call{Verb: "list", Resource: "namespaces"}, nil)
	}
	var names []string
	for _, o := range list.Items {
		if o.DeletionTimestamp == nil {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w with the labels %q", ErrNoNamespace, selector)
	}
	slices.Sort(names)
	return names, nil
}

// ErrNoNamespace is in the chain of the error of a selector that chooses
// nothing.
var ErrNoNamespace = errors.New("there is no namespace")
