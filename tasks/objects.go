package tasks

import "oreg/tasks/secrets"

// What a [SecretReport] may be about beside a secret, in its Kind.
const (
	KindServiceAccount = "serviceaccount"
	KindRoleBinding    = "rolebinding"
	KindPool           = "machineconfigpool"
	KindFile           = "file"
	KindImageStream    = "imagestream"
	KindImageStreamTag = "imagestreamtag"
)

// NewSecretReport is the row of one secret, without its warnings.
func NewSecretReport(r secrets.Result) SecretReport {
	report := SecretReport{Namespace: r.Namespace, Name: r.Name, Status: string(r.Status), Notes: r.Notes, Diff: r.Diff}
	if r.Err != nil {
		report.Error = secretFailure(r.Err)
	}
	return report
}

// NewObjectReport is the row of another object of the cluster. An error makes
// it failed, whatever status says.
func NewObjectReport(kind, namespace, name, status string, err error) SecretReport {
	report := SecretReport{Kind: kind, Namespace: namespace, Name: name, Status: status}
	if err != nil {
		report.Status, report.Error = StatusFailed, secretFailure(err)
	}
	return report
}
