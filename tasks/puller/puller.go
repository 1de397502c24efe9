// Package puller lets the service accounts of one project pull the images of
// another from the integrated registry: the role system:image-puller, bound in
// the project that has the images.
//
// The role binding is the one that `oc policy add-role-to-user` and
// `add-role-to-group` would make: one for each grant, named after the role and,
// when that name is taken, the role with -0, -1, ... after it; a subject that
// some binding of the role has already is not bound again. What surprised us:
// oc binds roles that do not exist, which grants nothing and looks as if it
// did; and a grant seems to work while the image happens to be on the node, so
// it is proved by an access review.
package puller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	rbacclient "k8s.io/client-go/kubernetes/typed/rbac/v1"

	"oreg/tasks/kube"
)

// Role is the cluster role that OpenShift has for pulling.
const Role = "system:image-puller"

// Client is the part of a cluster's client that this package calls.
type Client interface {
	CoreV1() coreclient.CoreV1Interface
	RbacV1() rbacclient.RbacV1Interface
	AuthorizationV1() authorizationclient.AuthorizationV1Interface
}

// Grant says who may pull from where.
type Grant struct {
	// From is the project that has the images.
	From string
	// Project is that of the service account.
	Project string
	// Account is one service account of Project; empty for all of them.
	Account string
	// Check makes every read and no write.
	Check bool
	// Wait is how long to wait for the project From, and for an account that
	// does not exist yet; 0 does not wait.
	Wait time.Duration
	// Before is told of a binding that is about to be written or deleted; its
	// error stops that. It is for the journal; nil does nothing.
	Before func(binding string) error
}

// announce tells of a binding that is about to change; after a conflict, again.
func (g Grant) announce(binding string) error {
	if g.Before == nil {
		return nil
	}
	return g.Before(binding)
}

// ParseTo reads "project:account" or "project"; also with the prefix that oc and
// the API put before them, "system:serviceaccount:" or "system:serviceaccounts:".
func ParseTo(text string) (project, account string, err error) {
	rest, one := strings.CutPrefix(text, "system:serviceaccount:")
	rest, all := strings.CutPrefix(rest, "system:serviceaccounts:")
	project, account, named := strings.Cut(rest, ":")
	switch {
	case len(validation.IsDNS1123Label(project)) > 0,
		named && len(validation.IsDNS1123Subdomain(account)) > 0,
		one && !named, all && named,
		// A group of the cluster's, system:authenticated for one.
		project == "system" && named:
		return "", "", fmt.Errorf("%q: expected PROJECT or PROJECT:SERVICEACCOUNT", text)
	}
	return project, account, nil
}

// String names the subject as an access review does.
func (g Grant) String() string {
	if g.Account == "" {
		return "system:serviceaccounts:" + g.Project
	}
	return "system:serviceaccount:" + g.Project + ":" + g.Account
}

// subject is what oc puts into the binding.
func (g Grant) subject() rbacv1.Subject {
	if g.Account == "" {
		return rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: g.String()}
	}
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: g.Project, Name: g.Account}
}

// Result is what became of a grant.
type Result struct {
	// Changed says that a binding was written, or would be with Check.
	Changed bool
	// Binding names the role binding that holds, or held, the grant.
	Binding string
	// Proved says that an access review answered as it should: allowed after
	// [Add], denied after [Revoke].
	Proved   bool
	Warnings []string
	// Err has a *kube.Error in its chain, or the error of a cancelled context.
	Err error
}

// Add grants and proves. Nothing is written where the grant holds already.
func Add(ctx context.Context, client Client, g Grant) Result {
	var r Result
	if r.Err = g.ready(ctx, client, &r); r.Err != nil {
		return r
	}
	r.Err = kube.RetryConflict(ctx, func() error {
		bindings, err := g.bindings(ctx, client)
		if err != nil {
			return err
		}
		for _, b := range bindings {
			if slices.Contains(b.Subjects, g.subject()) && ours(b) {
				r.Binding = b.Name
				return nil
			}
		}
		r.Binding, r.Changed = freeName(bindings), true
		if g.Check {
			return nil
		}
		if err := g.announce(r.Binding); err != nil {
			return err
		}
		call := g.call("create", r.Binding)
		_, err = client.RbacV1().RoleBindings(g.From).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.From, Name: r.Binding},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: Role},
			Subjects:   []rbacv1.Subject{g.subject()},
		}, metav1.CreateOptions{})
		return kube.Refusal(ctx, client, kube.Classify(err, call, nil), call)
	})
	if r.Err != nil {
		return Result{Warnings: r.Warnings, Err: r.Err}
	}
	if !g.Check || !r.Changed {
		g.prove(ctx, client, &r, true)
	}
	return r
}

// Revoke takes the grant out of every binding of the role in the project;
// bindings that are left empty are deleted. The access review afterwards tells
// if some other binding still grants it.
func Revoke(ctx context.Context, client Client, g Grant) Result {
	var r Result
	r.Err = kube.RetryConflict(ctx, func() error {
		bindings, err := g.bindings(ctx, client)
		if err != nil {
			return err
		}
		for _, b := range bindings {
			if !ours(b) || !slices.Contains(b.Subjects, g.subject()) {
				continue
			}
			r.Binding, r.Changed = b.Name, true
			if g.Check {
				continue
			}
			if err := g.announce(b.Name); err != nil {
				return err
			}
			if err := g.take(ctx, client, b); err != nil {
				return err
			}
		}
		return nil
	})
	if r.Err != nil {
		return Result{Err: r.Err}
	}
	if !g.Check || !r.Changed {
		g.prove(ctx, client, &r, false)
	}
	return r
}

// take removes the subject from one binding.
func (g Grant) take(ctx context.Context, client Client, b rbacv1.RoleBinding) error {
	api := client.RbacV1().RoleBindings(g.From)
	b.Subjects = slices.DeleteFunc(slices.Clone(b.Subjects), func(s rbacv1.Subject) bool { return s == g.subject() })
	if len(b.Subjects) == 0 {
		call := g.call("delete", b.Name)
		err := api.Delete(ctx, b.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &b.UID}})
		if kube.NotFound(err) {
			return nil
		}
		return kube.Refusal(ctx, client, kube.Classify(err, call, nil), call)
	}
	call := g.call("update", b.Name)
	_, err := api.Update(ctx, &b, metav1.UpdateOptions{})
	return kube.Refusal(ctx, client, kube.Classify(err, call, nil), call)
}

func (g Grant) call(verb, name string) kube.Call {
	return kube.Call{Verb: verb, Group: rbacv1.GroupName, Resource: "rolebindings", Namespace: g.From, Name: name}
}

// ours says that a binding is of the cluster role, not of a role of the same
// name in the project.
func ours(b rbacv1.RoleBinding) bool {
	return b.RoleRef.Kind == "ClusterRole" && b.RoleRef.Name == Role
}

// bindings lists all role bindings of the project that has the images.
func (g Grant) bindings(ctx context.Context, client Client) ([]rbacv1.RoleBinding, error) {
	list, err := client.RbacV1().RoleBindings(g.From).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, kube.Classify(err, g.call("list", ""), nil)
	}
	return list.Items, nil
}

// freeName is the name that oc would give to a new binding.
func freeName(bindings []rbacv1.RoleBinding) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(bindings, func(b rbacv1.RoleBinding) bool { return b.Name == name })
	}
	name := Role
	for i := 0; taken(name); i++ {
		name = fmt.Sprintf("%s-%d", Role, i)
	}
	return name
}

// pause between two looks at something that is to appear.
const pause = 500 * time.Millisecond

// ready makes sure, before anything is written, that the role and both
// projects exist, and says when the account does not.
func (g Grant) ready(ctx context.Context, client Client, r *Result) error {
	_, err := client.RbacV1().ClusterRoles().Get(ctx, Role, metav1.GetOptions{})
	if kube.NotFound(err) {
		return &kube.Error{Cause: kube.CauseRejected, Err: err,
			Message: fmt.Sprintf("this cluster has no cluster role %q, so it has no integrated registry of OpenShift; nothing was written", Role),
			Hint:    "elsewhere, a pull secret does it: oreg secret create"}
	}
	// Few may read cluster roles; then the access review afterwards decides.
	if err := kube.Classify(err, kube.Call{Verb: "get", Group: rbacv1.GroupName, Resource: "clusterroles", Name: Role}, nil); err != nil && !kube.IsCause(err, kube.CauseForbidden) {
		return err
	}
	if err := g.exists(ctx, kube.Call{Verb: "get", Resource: "namespaces", Name: g.From}, func() error {
		_, err := client.CoreV1().Namespaces().Get(ctx, g.From, metav1.GetOptions{})
		return err
	}); err != nil {
		if kube.NotFound(err) {
			return kube.NamespaceMissing(g.From, err)
		}
		return err
	}
	if g.Account == "" {
		return nil
	}
	err = g.exists(ctx, kube.Call{Verb: "get", Resource: "serviceaccounts", Namespace: g.Project, Name: g.Account}, func() error {
		_, err := client.CoreV1().ServiceAccounts(g.Project).Get(ctx, g.Account, metav1.GetOptions{})
		return err
	})
	if kube.NotFound(err) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("service account %q does not exist in project %q yet; it may pull as soon as it does", g.Account, g.Project))
		return nil
	}
	return err
}

// exists waits for something; its error is nil also where the user may not
// look, and a "not found" that [kube.NotFound] knows.
func (g Grant) exists(ctx context.Context, call kube.Call, get func() error) error {
	var last error
	_, err := kube.PollEvery(ctx, pause, g.Wait, func() (bool, error) {
		last = get()
		if kube.NotFound(last) {
			return false, nil
		}
		if err := kube.Classify(last, call, nil); err != nil && !kube.IsCause(err, kube.CauseForbidden) {
			return false, err
		}
		last = nil
		return true, nil
	})
	if err != nil {
		return err
	}
	return last
}

// settle is how long the API server may take to know a new binding.
const settle = 5 * time.Second

// prove asks the API server whether the subject may get imagestreams/layers,
// which is what the integrated registry asks when somebody pulls.
func (g Grant) prove(ctx context.Context, client Client, r *Result, want bool) {
	user := g.String()
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + g.Project, "system:authenticated"}
	if g.Account == "" {
		// Any account of the project will do.
		user = "system:serviceaccount:" + g.Project + ":default"
	}
	call := kube.Call{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}
	proved, err := kube.PollEvery(ctx, pause, settle, func() (bool, error) {
		review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groups,
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: g.From, Verb: "get", Group: "image.openshift.io", Resource: "imagestreams", Subresource: "layers",
				}},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, kube.Classify(err, call, nil)
		}
		return review.Status.Allowed == want, nil
	})
	switch {
	case kube.IsCause(err, kube.CauseForbidden):
		r.Warnings = append(r.Warnings, "not proved: you have no right to review the access of others ("+call.String()+")")
	case err != nil:
		r.Err = err
	case proved:
		r.Proved = true
	case want:
		r.Err = &kube.Error{Cause: kube.CauseRejected,
			Message: fmt.Sprintf("role binding %q is in place in %q, but %s still may not get imagestreams/layers there", r.Binding, g.From, g),
			Hint:    "does the cluster role " + Role + " have its usual rules? oc describe clusterrole " + Role}
	default:
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s may still pull from %q, by another binding or role", g, g.From))
	}
}
