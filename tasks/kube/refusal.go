package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

// Reviews is the part of a client that asks about rights. A
// kubernetes.Interface is one.
type Reviews interface {
	AuthorizationV1() authorizationclient.AuthorizationV1Interface
}

// Refusal looks again at an error of [Classify] whose cause is forbidden: if
// an access review says that the user has the right, then it was admission
// that refused, a quota or a webhook, and the cause becomes rejected. A review
// that cannot be made leaves the error as it is. Any other error is returned
// unchanged.
func Refusal(ctx context.Context, client Reviews, err error, call Call) error {
	var known *Error
	if !errors.As(err, &known) || known.Cause != CauseForbidden {
		return err
	}
	allowed, reviewErr := Allowed(ctx, client, call)
	if reviewErr != nil || !allowed {
		return err
	}
	return &Error{
		Cause:   CauseRejected,
		Message: fmt.Sprintf("%s is within this user's rights but was refused by a quota, an admission webhook or a namespace that is being deleted: %s", call, strings.TrimPrefix(known.Message, "no right to "+call.String()+": ")),
		Hint:    "the server's words name the quota or webhook; lift it or ask who runs it",
		Err:     known.Err,
	}
}

// Allowed asks the API server whether the client's user may make a call. The
// review is answered and not stored.
func Allowed(ctx context.Context, client Reviews, call Call) (bool, error) {
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: call.Namespace, Verb: call.Verb, Group: call.Group,
			Resource: call.Resource, Subresource: call.Subresource, Name: call.Name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, Classify(err, Call{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews"}, nil)
	}
	return review.Status.Allowed, nil
}
