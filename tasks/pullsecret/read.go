package pullsecret

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// Read returns the pull secret's content byte for byte, whatever it is: a
// malformed one is wanted most of all. Its error is a [*kube.Error].
func (p Place) Read(ctx context.Context, client secrets.Client) ([]byte, error) {
	o, err := client.CoreV1().Secrets(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	switch {
	case kube.NotFound(err) && p.Hosted:
		return nil, &kube.Error{Cause: kube.CauseRejected, Err: err,
			Message: fmt.Sprintf("secret %q does not exist in namespace %q: this cluster has no additional logins", p.Name, p.Namespace),
			Hint:    "oreg pull-secret append makes it"}
	case kube.NotFound(err):
		return nil, &kube.Error{Cause: kube.CauseRejected, Err: err,
			Message: fmt.Sprintf("secret %q does not exist in namespace %q", p.Name, p.Namespace),
			Hint:    "every cluster of OpenShift 4 has it, and no other has: is this the right cluster? 'oreg secret' makes pull secrets in any namespace"}
	case err != nil:
		return nil, kube.Classify(err, kube.Call{Verb: "get", Resource: "secrets", Namespace: p.Namespace, Name: p.Name}, nil)
	}
	content, ok := o.Data[corev1.DockerConfigJsonKey]
	if !ok {
		return nil, &kube.Error{Cause: kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q is of type %s and has no %q", p.Name, p.Namespace, o.Type, corev1.DockerConfigJsonKey)}
	}
	return content, nil
}
