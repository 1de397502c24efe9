package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secretfile"
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

// FileContent is what `kubectl create secret generic` makes of a file, and what
// `kubectl create -f` makes of a manifest.
func FileContent(f secretfile.File) *Content {
	return &Content{Type: corev1.SecretType(f.Type), Data: f.Data}
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

// pause between two looks at a namespace that does not exist yet.
const pause = 500 * time.Millisecond

// AwaitNamespaces waits until the namespaces exist, limit for all of them
// together. What is missing then, or cannot be looked at, is left to the work
// on it; the error is that of an ended ctx alone.
func AwaitNamespaces(ctx context.Context, client Client, namespaces []string, limit time.Duration) error {
	_, err := kube.PollEvery(ctx, pause, limit, func() (bool, error) {
		for len(namespaces) > 0 {
			_, err := client.CoreV1().Namespaces().Get(ctx, namespaces[0], metav1.GetOptions{})
			if kube.NotFound(err) {
				return false, nil
			}
			namespaces = namespaces[1:]
		}
		return true, nil
	})
	return err
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
