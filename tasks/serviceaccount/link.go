// Package serviceaccount links pull secrets to service accounts.
//
// A link for pull puts the secret's name into imagePullSecrets, one for mount
// into secrets. `oc secrets link` links for mount alone unless told otherwise,
// which lets a build push and no pod pull; here both are the default, as
// builder needs the one and default the other. What surprised us: the
// controllers of OpenShift write to new service accounts for a while, so a
// conflict is the rule and not the exception; and oc reports success when it
// could not link some of the secrets.
package serviceaccount

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"oreg/tasks/kube"
)

// Client is the part of a cluster's client that this package calls: service
// accounts, secrets and namespaces of the core group, and access reviews to
// explain a refusal.
type Client interface {
	CoreV1() coreclient.CoreV1Interface
	AuthorizationV1() authorizationclient.AuthorizationV1Interface
}

// Use is what a linked secret is for.
type Use string

// The uses, as `--for` names them.
const (
	// Pull: the kubelet pulls images with it.
	Pull Use = "pull"
	// Mount: builds push and pull with it, and pods may mount it.
	Mount Use = "mount"
)

// BothUses is the default.
func BothUses() []Use { return []Use{Pull, Mount} }

// ParseUses reads the values of `--for`, each of which may be a comma-separated
// list; none at all means both.
func ParseUses(values []string) ([]Use, error) {
	var uses []Use
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			switch use := Use(strings.ToLower(strings.TrimSpace(word))); use {
			case Pull, Mount:
				if !slices.Contains(uses, use) {
					uses = append(uses, use)
				}
			default:
				return nil, fmt.Errorf("--for: %q is neither pull nor mount", word)
			}
		}
	}
	if len(uses) == 0 {
		return BothUses(), nil
	}
	return uses, nil
}

// Request names an account, secrets and what they are for.
type Request struct {
	Namespace, Account string
	Secrets            []string
	Uses               []Use
	// Check makes every read and no write.
	Check bool
	// Wait is how long to wait for an account that does not exist yet; 0 does
	// not wait.
	Wait time.Duration
	// Before is told that the account is about to be written; its error stops
	// that. It is for the journal; nil does nothing.
	Before func() error
}

// Result is what became of one account.
type Result struct {
	Namespace, Account string
	// Changed says that the account was written, or would be with Check.
	Changed bool
	// Diff has a line for each link: "+ pull: name".
	Diff     []string
	Warnings []string
	// Err has a *kube.Error in its chain, or the error of a cancelled context.
	Err error
}

// Link links every secret of the request, or none: a secret that does not
// exist is an error. What is linked already stays as it is, and an account
// that has all is not written.
func Link(ctx context.Context, client Client, r Request) Result {
	result := Result{Namespace: r.Namespace, Account: r.Account}
	if result.Err = r.checkSecrets(ctx, client, &result); result.Err != nil {
		return result
	}
	return r.edit(ctx, client, result, func(sa *corev1.ServiceAccount, name string, use Use) bool {
		if linked(sa, name, use) {
			return false
		}
		if use == Pull {
			sa.ImagePullSecrets = append(sa.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
		} else {
			sa.Secrets = append(sa.Secrets, corev1.ObjectReference{Name: name})
		}
		return true
	})
}

// Unlink takes the links away; the secrets need not exist any more.
func Unlink(ctx context.Context, client Client, r Request) Result {
	return r.edit(ctx, client, Result{Namespace: r.Namespace, Account: r.Account}, func(sa *corev1.ServiceAccount, name string, use Use) bool {
		if !linked(sa, name, use) {
			return false
		}
		if use == Pull {
			sa.ImagePullSecrets = slices.DeleteFunc(sa.ImagePullSecrets, func(o corev1.LocalObjectReference) bool { return o.Name == name })
		} else {
			sa.Secrets = slices.DeleteFunc(sa.Secrets, func(o corev1.ObjectReference) bool { return o.Name == name })
		}
		return true
	})
}

func linked(sa *corev1.ServiceAccount, name string, use Use) bool {
	if use == Pull {
		return slices.ContainsFunc(sa.ImagePullSecrets, func(o corev1.LocalObjectReference) bool { return o.Name == name })
	}
	return slices.ContainsFunc(sa.Secrets, func(o corev1.ObjectReference) bool { return o.Name == name })
}

// checkSecrets fails if one of the secrets does not exist, and warns about one
// that no kubelet can pull with.
func (r Request) checkSecrets(ctx context.Context, client Client, result *Result) error {
	for _, name := range r.Secrets {
		call := kube.Call{Verb: "get", Resource: "secrets", Namespace: r.Namespace, Name: name}
		o, err := client.CoreV1().Secrets(r.Namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case kube.NotFound(err):
			if missing := r.checkNamespace(ctx, client); missing != nil {
				return missing
			}
			if r.Check {
				// It may be the very one that the same command would create.
				result.Warnings = append(result.Warnings, fmt.Sprintf("secret %q does not exist in namespace %q yet", name, r.Namespace))
				continue
			}
			return &kube.Error{Cause: kube.CauseRejected, Err: err,
				Message: fmt.Sprintf("secret %q does not exist in namespace %q; nothing was linked", name, r.Namespace),
				Hint:    "oreg secret create makes it"}
		case err != nil:
			return kube.Classify(err, call, nil)
		case slices.Contains(r.Uses, Pull) && o.Type != corev1.SecretTypeDockerConfigJson && o.Type != corev1.SecretTypeDockercfg:
			result.Warnings = append(result.Warnings, fmt.Sprintf("secret %q in namespace %q is of type %s: nothing can be pulled with it", name, r.Namespace, o.Type))
		}
	}
	return nil
}

func (r Request) checkNamespace(ctx context.Context, client Client) error {
	_, err := client.CoreV1().Namespaces().Get(ctx, r.Namespace, metav1.GetOptions{})
	if kube.NotFound(err) {
		return kube.NamespaceMissing(r.Namespace, err)
	}
	return nil
}

// edit applies one change for each secret and use, and writes if any did
// something.
func (r Request) edit(ctx context.Context, client Client, result Result, change func(*corev1.ServiceAccount, string, Use) bool) Result {
	accounts := client.CoreV1().ServiceAccounts(r.Namespace)
	before := result.Warnings
	result.Err = kube.RetryConflict(ctx, func() error {
		result.Diff, result.Changed, result.Warnings = nil, false, before
		sa, err := r.account(ctx, client)
		if err != nil {
			return err
		}
		for _, name := range r.Secrets {
			for _, use := range r.Uses {
				had := linked(sa, name, use)
				if change(sa, name, use) {
					result.Diff = append(result.Diff, sign(had)+" "+string(use)+": "+name)
				}
			}
		}
		result.Changed = len(result.Diff) > 0
		if !result.Changed || r.Check {
			return nil
		}
		if r.Before != nil {
			if err := r.Before(); err != nil {
				return err
			}
		}
		_, err = accounts.Update(ctx, sa, metav1.UpdateOptions{})
		call := kube.Call{Verb: "update", Resource: "serviceaccounts", Namespace: r.Namespace, Name: r.Account}
		return kube.Refusal(ctx, client, kube.Classify(err, call, nil), call)
	})
	if result.Err != nil {
		result.Changed, result.Diff = false, nil
	}
	return result
}

func sign(had bool) string {
	if had {
		return "-"
	}
	return "+"
}

// pause between two looks at an account that does not exist yet.
const pause = 500 * time.Millisecond

// account reads the account, and waits for one that a new namespace's
// controllers have not made yet.
func (r Request) account(ctx context.Context, client Client) (*corev1.ServiceAccount, error) {
	var sa *corev1.ServiceAccount
	found, err := kube.PollEvery(ctx, pause, r.Wait, func() (bool, error) {
		var err error
		sa, err = client.CoreV1().ServiceAccounts(r.Namespace).Get(ctx, r.Account, metav1.GetOptions{})
		if kube.NotFound(err) {
			return false, nil
		}
		return err == nil, kube.Classify(err, kube.Call{Verb: "get", Resource: "serviceaccounts", Namespace: r.Namespace, Name: r.Account}, nil)
	})
	switch {
	case err != nil:
		return nil, err
	case found:
		return sa, nil
	}
	if missing := r.checkNamespace(ctx, client); missing != nil {
		return nil, missing
	}
	return nil, &kube.Error{Cause: kube.CauseRejected,
		Message: fmt.Sprintf("service account %q does not exist in namespace %q", r.Account, r.Namespace),
		Hint:    "a new namespace gets default, builder and deployer after a moment: --wait waits for it"}
}
