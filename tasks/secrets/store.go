package secrets

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

// Client is the part of a cluster's client that this package calls: secrets
// and namespaces of the core group, and access reviews to explain a refusal.
// A kubernetes.Interface is one, the fake one included.
type Client interface {
	CoreV1() coreclient.CoreV1Interface
	AuthorizationV1() authorizationclient.AuthorizationV1Interface
}

// store makes the calls and says in typed errors why one failed.
type store struct {
	client Client
	mask   *secret.Masker
}

func call(verb, namespace, name string) kube.Call {
	return kube.Call{Verb: verb, Resource: "secrets", Namespace: namespace, Name: name}
}

// get returns nil for a secret that does not exist.
func (s store) get(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	found, err := s.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if kube.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain(ctx, err, call("get", namespace, name))
	}
	return found, nil
}

func (s store) create(ctx context.Context, o *corev1.Secret) error {
	_, err := s.client.CoreV1().Secrets(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
	return s.explain(ctx, err, call("create", o.Namespace, o.Name))
}

// update fails with a conflict if the secret changed since it was read, and
// also if it was deleted.
func (s store) update(ctx context.Context, o *corev1.Secret) error {
	_, err := s.client.CoreV1().Secrets(o.Namespace).Update(ctx, o, metav1.UpdateOptions{})
	return s.explain(ctx, err, call("update", o.Namespace, o.Name))
}

// remove deletes the very object that was read: another one of the same name is
// a conflict.
func (s store) remove(ctx context.Context, o *corev1.Secret) error {
	err := s.client.CoreV1().Secrets(o.Namespace).Delete(ctx, o.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &o.UID},
	})
	if kube.NotFound(err) {
		return nil
	}
	return s.explain(ctx, err, call("delete", o.Namespace, o.Name))
}

// page is how many secrets one request asks for.
const page = 200

// ofType lists the secrets of one type. The type is also compared here, as a
// server that ignores the selector would hand out service account tokens.
func (s store) ofType(ctx context.Context, namespace string, t corev1.SecretType) ([]corev1.Secret, error) {
	return s.list(ctx, namespace, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("type", string(t)).String()},
		func(o corev1.Secret) bool { return o.Type == t })
}

func (s store) list(ctx context.Context, namespace string, opts metav1.ListOptions, want func(corev1.Secret) bool) ([]corev1.Secret, error) {
	var all []corev1.Secret
	opts.Limit = page
	for {
		list, err := s.client.CoreV1().Secrets(namespace).List(ctx, opts)
		if apierrors.IsResourceExpired(err) && opts.Continue != "" {
			// The server forgot where the listing stood: take all at once.
			opts.Limit, opts.Continue, all = 0, "", nil
			continue
		}
		if err != nil {
			return nil, s.explain(ctx, err, call("list", namespace, ""))
		}
		for _, o := range list.Items {
			if want(o) {
				all = append(all, o)
			}
		}
		if list.Continue == "" {
			return all, nil
		}
		opts.Continue = list.Continue
	}
}

// needNamespace fails if the namespace does not exist. Without the right to
// look it says nothing: a later write will tell.
func (s store) needNamespace(ctx context.Context, namespace string) error {
	_, err := s.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	switch {
	case kube.NotFound(err):
		return kube.NamespaceMissing(namespace, err)
	case apierrors.IsForbidden(err):
		return nil
	}
	return s.explain(ctx, err, kube.Call{Verb: "get", Resource: "namespaces", Name: namespace})
}

// explain gives an error its cause. Only of a write it asks whether a refusal
// came from admission, so that reading stays reading.
func (s store) explain(ctx context.Context, err error, c kube.Call) error {
	err = kube.Classify(err, c, s.mask)
	switch c.Verb {
	case "create", "update", "delete":
		return kube.Refusal(ctx, s.client, err, c)
	}
	return err
}

// hopeless says that nothing else in the namespace will succeed either.
func hopeless(err error) bool {
	var known *kube.Error
	if !errors.As(err, &known) {
		return err != nil
	}
	switch known.Cause {
	case kube.CauseAPIUnreachable, kube.CauseUnauthorized, kube.CauseNamespaceMissing:
		return true
	}
	return false
}
