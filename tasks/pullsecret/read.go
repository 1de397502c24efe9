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
	if err != nil {
		return nil, kube.Classify(err, kube.Call{Verb: "get", Resource: "secrets", Namespace: p.Namespace, Name: p.Name}, nil)
	}
	content, ok := o.Data[corev1.DockerConfigJsonKey]
	if !ok {
		return nil, &kube.Error{Cause: kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q is of type %s and has no %q", p.Name, p.Namespace, o.Type, corev1.DockerConfigJsonKey)}
	}
	return content, nil
}
