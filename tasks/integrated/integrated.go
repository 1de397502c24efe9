// Package integrated makes logins for the registry that OpenShift runs itself:
// its host name, a service account's API token as the password, and the proof
// that this account may pull or push.
//
// The registry takes any user name with a valid token and then asks the API
// whether the token's owner may get (pull) or update (push) imagestreams/layers
// in the project of the image.
//
// What surprised us: a service account had a token secret of its own up to
// Kubernetes 1.23 and has none since; but a secret of the token type that names
// the account is filled by every version, 1.11 included, and its token does not
// expire as a requested one does.
package integrated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// User is the user name of the logins. The registry takes any.
const User = "serviceaccount"

// TokenSuffix ends the name of the token secret that oreg makes for an account
// that has none.
const TokenSuffix = "-oreg-token"

// ErrNoRegistry is in the chain of the error of a cluster that does not say
// where its integrated registry is.
var ErrNoRegistry = errors.New("this cluster names no integrated registry")

// Host finds the name under which the cluster's own nodes and builds reach the
// registry: OpenShift 4 has it in its image configuration, OpenShift 3 in the
// status of every image stream.
func Host(ctx context.Context, client dynamic.Interface) (string, error) {
	images := schema.GroupVersionResource{Group: "config.openshift.io", Version: "v1", Resource: "images"}
	o, err := client.Resource(images).Get(ctx, "cluster", metav1.GetOptions{})
	if err == nil {
		if host, _, _ := unstructured.NestedString(o.Object, "status", "internalRegistryHostname"); host != "" {
			return host, nil
		}
	} else if !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return "", kube.Classify(err, kube.Call{Verb: "get", Group: images.Group, Resource: "images", Name: "cluster"}, nil)
	}
	streams := schema.GroupVersionResource{Group: "image.openshift.io", Version: "v1", Resource: "imagestreams"}
	list, err := client.Resource(streams).Namespace("openshift").List(ctx, metav1.ListOptions{Limit: 10})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", kube.Classify(err, kube.Call{Verb: "list", Group: streams.Group, Resource: "imagestreams", Namespace: "openshift"}, nil)
	}
	if err == nil {
		for _, item := range list.Items {
			repository, _, _ := unstructured.NestedString(item.Object, "status", "dockerImageRepository")
			if host, _, found := strings.Cut(repository, "/"); found && host != "" {
				return host, nil
			}
		}
	}
	return "", fmt.Errorf("%w: name it with --docker-server", ErrNoRegistry)
}

// Request says for whom a login is to be made.
type Request struct {
	// Host is the registry, as [Host] finds it.
	Host string
	// Namespace and Account name the service account.
	Namespace, Account string
	// Check makes every read and no write.
	Check bool
	// Wait is how long to wait for an account that does not exist yet.
	Wait time.Duration
	// Before is told of the token secret that is about to be made; its error
	// stops that. It is for the journal; nil does nothing.
	Before func(namespace, name string) error
}

// The waits for what controllers do.
const (
	pause     = 500 * time.Millisecond
	tokenWait = 30 * time.Second
)

// Login makes the login of a service account: with the token that it has, else
// with one in a secret of its own, NAME-oreg-token, which is made for it. In
// check mode, where there is none yet, made is true and the password empty.
func Login(ctx context.Context, client secrets.Client, r Request) (entry dockerconfig.Entry, made bool, err error) {
	entry = dockerconfig.Entry{Key: r.Host, User: User}
	account, err := r.account(ctx, client)
	if err != nil {
		return entry, false, err
	}
	token, err := r.present(ctx, client, account)
	if err != nil || len(token) > 0 {
		entry.Password = secret.New(string(token))
		return entry, false, err
	}
	if r.Check {
		return entry, true, nil
	}
	token, err = r.make(ctx, client, account)
	entry.Password = secret.New(string(token))
	return entry, true, err
}

// account reads the service account; a new project gets its own after a moment.
func (r Request) account(ctx context.Context, client secrets.Client) (*corev1.ServiceAccount, error) {
	call := kube.Call{Verb: "get", Resource: "serviceaccounts", Namespace: r.Namespace, Name: r.Account}
	var account *corev1.ServiceAccount
	found, err := kube.PollEvery(ctx, pause, r.Wait, func() (bool, error) {
		var err error
		account, err = client.CoreV1().ServiceAccounts(r.Namespace).Get(ctx, r.Account, metav1.GetOptions{})
		if kube.NotFound(err) {
			return false, nil
		}
		return err == nil, kube.Classify(err, call, nil)
	})
	if err == nil && !found {
		err = &kube.Error{Cause: kube.CauseRejected,
			Message: fmt.Sprintf("service account %q does not exist in namespace %q", r.Account, r.Namespace),
			Hint:    "--wait waits for the ones that a new project gets"}
	}
	return account, err
}

// present looks for a token secret of the account: the first by name, as the
// API lists them.
func (r Request) present(ctx context.Context, client secrets.Client, account *corev1.ServiceAccount) ([]byte, error) {
	list, err := client.CoreV1().Secrets(r.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)).String(),
	})
	if err != nil {
		return nil, kube.Classify(err, kube.Call{Verb: "list", Resource: "secrets", Namespace: r.Namespace}, nil)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Secret) int { return strings.Compare(a.Name, b.Name) })
	for _, o := range list.Items {
		if of(o, account) && len(o.Data[corev1.ServiceAccountTokenKey]) > 0 {
			return o.Data[corev1.ServiceAccountTokenKey], nil
		}
	}
	return nil, nil
}

// of says whether a secret is a token of this very account, not of an earlier
// one of the same name.
func of(o corev1.Secret, account *corev1.ServiceAccount) bool {
	uid := o.Annotations[corev1.ServiceAccountUIDKey]
	return o.Type == corev1.SecretTypeServiceAccountToken &&
		o.Annotations[corev1.ServiceAccountNameKey] == account.Name &&
		(uid == "" || uid == string(account.UID))
}

// make creates a token secret and waits until the cluster has filled it.
func (r Request) make(ctx context.Context, client secrets.Client, account *corev1.ServiceAccount) ([]byte, error) {
	name := r.Account + TokenSuffix
	if r.Before != nil {
		if err := r.Before(r.Namespace, name); err != nil {
			return nil, err
		}
	}
	create := kube.Call{Verb: "create", Resource: "secrets", Namespace: r.Namespace, Name: name}
	_, err := client.CoreV1().Secrets(r.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.Namespace, Name: name,
			Labels:      map[string]string{secrets.ManagedByLabel: secrets.ManagedBy},
			Annotations: map[string]string{corev1.ServiceAccountNameKey: r.Account},
		},
		Type: corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, kube.Refusal(ctx, client, kube.Classify(err, create, nil), create)
	}
	var token []byte
	_, err = kube.PollEvery(ctx, pause, tokenWait, func() (bool, error) {
		o, err := client.CoreV1().Secrets(r.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, kube.Classify(err, kube.Call{Verb: "get", Resource: "secrets", Namespace: r.Namespace, Name: name}, nil)
		}
		if of(*o, account) {
			token = o.Data[corev1.ServiceAccountTokenKey]
		}
		return len(token) > 0, nil
	})
	if err == nil && len(token) == 0 {
		err = &kube.Error{Cause: kube.CauseAPIUnreachable,
			Message: fmt.Sprintf("the cluster put no token into secret %q in namespace %q within %s", name, r.Namespace, tokenWait),
			Hint:    "the controller manager does it: is it running?"}
	}
	return token, err
}

// Rights are what an account may do with the images of one project.
type Rights struct{ Pull, Push bool }

// Review asks the API, as the registry will, what the account may do with the
// images of a project.
func Review(ctx context.Context, client secrets.Client, r Request, project string) (Rights, error) {
	ask := func(verb string) (bool, error) {
		review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User:   "system:serviceaccount:" + r.Namespace + ":" + r.Account,
				Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + r.Namespace, "system:authenticated"},
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: project, Verb: verb, Group: "image.openshift.io", Resource: "imagestreams", Subresource: "layers",
				},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, kube.Classify(err, kube.Call{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}, nil)
		}
		return review.Status.Allowed, nil
	}
	var rights Rights
	var err error
	if rights.Pull, err = ask("get"); err != nil {
		return Rights{}, err
	}
	if rights.Push, err = ask("update"); err != nil {
		return Rights{}, err
	}
	return rights, nil
}
