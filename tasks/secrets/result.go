package secrets

import (
	corev1 "k8s.io/api/core/v1"

	"oreg/tasks/dockerconfig"
)

// The secret that image streams of the openshift namespace are imported with.
const (
	DefaultNamespace = "openshift"
	DefaultName      = "imagestreamsecret"
)

// The marks that oreg leaves on a secret.
const (
	ManagedByLabel  = "app.kubernetes.io/managed-by"
	ManagedBy       = "oreg"
	HostsAnnotation = "oreg/hosts"
	RunAnnotation   = "oreg/run"
)

// Status is what became of a secret, in the words of the JSON report.
type Status string

// The statuses. In check mode created, updated, removed and restored say what
// would become of it.
const (
	StatusCreated   Status = "created"
	StatusUpdated   Status = "updated"
	StatusUnchanged Status = "unchanged"
	StatusRemoved   Status = "removed"
	StatusRestored  Status = "restored"
	StatusMissing   Status = "missing"
	StatusDrift     Status = "drift"
	StatusSkipped   Status = "skipped"
	StatusFailed    Status = "failed"
)

// Result is what became of one secret.
type Result struct {
	Namespace, Name string
	Status          Status
	// Diff has a line for each entry that changes, as [dockerconfig.Diff]
	// writes them; for [Verify] a line for each difference. No line holds a
	// secret.
	Diff []string
	// Warnings are about this secret; somebody should act on them. Notes are
	// an account of what was done. Neither holds a secret.
	Warnings, Notes []string
	// Err says why Status is failed: there is a *kube.Error in its chain, or the
	// error of a cancelled context.
	Err error
}

// dataKey is where a secret of a type keeps its credentials and in which form;
// ok is false for a type that keeps none.
func dataKey(t corev1.SecretType) (key string, form dockerconfig.Form, ok bool) {
	switch t {
	case corev1.SecretTypeDockerConfigJson:
		return corev1.DockerConfigJsonKey, dockerconfig.DockerConfigJSON, true
	case corev1.SecretTypeDockercfg:
		return corev1.DockerConfigKey, dockerconfig.DockerCfg, true
	}
	return "", 0, false
}

// content is a secret's credentials; nil where it has none.
func content(o *corev1.Secret) ([]byte, dockerconfig.Form) {
	if o == nil {
		return nil, dockerconfig.DockerConfigJSON
	}
	key, form, _ := dataKey(o.Type)
	return o.Data[key], form
}
