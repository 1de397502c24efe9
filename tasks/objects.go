package tasks

import (
	"strings"

	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

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

// Locate adds to the failures that another server might not have given which
// one was asked, in the words of [kube.Client.Where]; to those that say so
// already, nothing.
func (r *Report) Locate(where string) {
	for _, s := range r.Secrets {
		if s.Error != nil && where != "" && kube.Cause(s.Error.Cause).OfServer() && !strings.Contains(s.Error.Message, where) {
			s.Error.Message += " (" + where + ")"
		}
	}
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
