package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"oreg/tasks/dockerconfig"
)

// Verify compares what is in place with what the job says and changes nothing.
// The first result is the secret's own; then come those of the installer that
// hold one of our hosts (or, as a note, another one), and any other credential
// secret of the namespace that has another login for one of them or is
// malformed. Statuses are unchanged, missing, drift and failed; Diff tells each
// difference. The warnings say what could not be looked at. Entries that are
// not ours are notes; in a Shared secret they need no word, and what oreg once
// put there is as good as anybody's.
func Verify(ctx context.Context, client Client, job Job) (results []Result, warnings []string) {
	s := store{client: client, mask: job.Mask}
	own := Result{Namespace: job.Namespace, Name: job.Name, Status: StatusUnchanged}
	present, err := s.get(ctx, job.Namespace, job.Name)
	if err == nil && present == nil {
		err = s.needNamespace(ctx, job.Namespace)
	}
	switch {
	case err != nil:
		own.Status, own.Err = StatusFailed, err
		return []Result{own}, nil
	case present == nil:
		own.Status, own.Diff = StatusMissing, []string{"the secret does not exist"}
	default:
		own.compare(present, job)
	}
	results = append(results, own)
	others, warnings := s.others(ctx, job)
	for _, o := range others {
		if len(o.complaints) > 0 || o.installers || len(o.leftover) > 0 {
			results = append(results, o.result(job.Namespace))
		}
	}
	return results, warnings
}

// compare fills in the differences of a secret that exists.
func (r *Result) compare(o *corev1.Secret, job Job) {
	if reason := unusable(o); reason != nil {
		if _, _, ok := dataKey(o.Type); !ok {
			r.Status, r.Diff = StatusDrift, []string{reason.Message}
			return
		}
		r.Notes = append(r.Notes, reason.Message)
	}
	var managed []string
	if !job.Shared {
		managed = slices.Sorted(maps.Keys(hostsOf(o)))
	}
	present, form := content(o)
	for _, d := range dockerconfig.Compare(present, job.Entries, managed, form) {
		r.Diff = append(r.Diff, d.String())
	}
	if _, ok := o.Annotations[corev1.LastAppliedConfigAnnotation]; ok {
		r.Diff = append(r.Diff, "kubectl's last-applied annotation is there and keeps an old password")
	}
	for _, key := range dockerconfig.Foreign(present, job.Entries, managed, form) {
		if job.Shared {
			break
		}
		r.Notes = append(r.Notes, key+": not ours, left alone")
	}
	if len(r.Diff) > 0 {
		r.Status = StatusDrift
	}
}

// result says what [Verify] says of another secret.
func (o other) result(namespace string) Result {
	r := Result{Namespace: namespace, Name: o.name, Status: StatusUnchanged}
	if len(o.complaints) > 0 {
		r.Status, r.Diff = StatusDrift, o.complaints
	}
	for _, key := range o.leftover {
		r.Notes = append(r.Notes, fmt.Sprintf("%s: left by the old installer, and nothing asks for it any more; oreg remove takes it out", key))
	}
	return r
}

// Logins reads the credentials that a secret holds; nil for one that does not
// exist. A secret whose content its readers reject is an error.
func Logins(ctx context.Context, client Client, job Job) ([]dockerconfig.Found, error) {
	present, err := store{client: client, mask: job.Mask}.get(ctx, job.Namespace, job.Name)
	if err != nil || present == nil {
		return nil, err
	}
	if reason := unusable(present); reason != nil {
		if _, _, ok := dataKey(present.Type); !ok {
			return nil, reason
		}
	}
	data, form := content(present)
	logins, err := dockerconfig.Entries(data, form)
	if err != nil {
		return nil, fmt.Errorf("secret %q in namespace %q: %w", job.Name, job.Namespace, job.contentError(err))
	}
	return logins, nil
}

// WrittenBy is the run that wrote the secret last; empty for one that does not
// exist or that oreg never wrote.
func WrittenBy(ctx context.Context, client Client, job Job) (string, error) {
	present, err := store{client: client, mask: job.Mask}.get(ctx, job.Namespace, job.Name)
	if err != nil || present == nil {
		return "", err
	}
	return present.Annotations[RunAnnotation], nil
}

// Managed are the registries that oreg once wrote into the secret, sorted; none
// for one that does not exist.
func Managed(ctx context.Context, client Client, job Job) ([]string, error) {
	present, err := store{client: client, mask: job.Mask}.get(ctx, job.Namespace, job.Name)
	if err != nil || present == nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(hostsOf(present))), nil
}
