package secrets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// plan is what a job makes of the secret that is there.
type plan struct {
	// wanted is the secret to write; nil if nothing changes.
	wanted *corev1.Secret
	// recreate: the present one must be deleted first; delete: it is deleted
	// and wanted is what it would be without its entries.
	recreate, delete      bool
	diff, warnings, notes []string
}

// status is what becomes of the present secret.
func (p plan) status(present *corev1.Secret) Status {
	switch {
	case p.wanted == nil:
		return StatusUnchanged
	case p.delete:
		return StatusRemoved
	case present == nil:
		return StatusCreated
	}
	return StatusUpdated
}

// plan decides; it makes no request.
func (job Job) plan(present *corev1.Secret) (plan, error) {
	var p plan
	if job.New.in(present) {
		return p, nil
	}
	next := job.empty()
	if present != nil {
		next = present.DeepCopy()
		if reason := unusable(present); reason != nil {
			if !job.Recreate {
				return p, reason
			}
			p.recreate = true
			next = fresh(present)
			p.notes = append(p.notes, "made anew, because "+reason.Message)
		}
	}
	before, form := content(next)
	key, _, _ := dataKey(next.Type)
	options := dockerconfig.Options{Form: form, Repair: job.Repair}
	var merged dockerconfig.Result
	if present == nil && job.New != nil {
		merged = dockerconfig.Result{Content: job.New.Data, Changed: true}
	} else {
		var err error
		if merged, err = dockerconfig.Merge(before, job.Entries, options); err != nil {
			return p, job.contentError(err)
		}
	}
	p.add(merged.Notes)
	managed := hostsOf(next)
	for _, e := range job.Entries {
		managed[dockerconfig.Key(e.Key)] = true
	}
	if stale := job.stale(managed); job.Prune && len(stale) > 0 {
		pruned, err := dockerconfig.Remove(merged.Content, stale, options)
		if err != nil {
			return p, job.contentError(err)
		}
		pruned.Changed = pruned.Changed || merged.Changed
		merged = pruned
		for _, host := range stale {
			delete(managed, host)
		}
	}
	p.diff = dockerconfig.Diff(before, merged.Content, form)
	changed := merged.Changed || p.recreate || present == nil
	if changed {
		if next.Data == nil {
			next.Data = map[string][]byte{}
		}
		next.Data[key] = merged.Content
	}
	if _, applied := next.Annotations[corev1.LastAppliedConfigAnnotation]; changed || applied {
		p.mark(next, managed, job)
		p.wanted = next
	}
	return p, nil
}

// empty is the secret as it begins.
func (job Job) empty() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name},
		Type:       job.New.secretType(),
	}
}

// stale are the hosts that oreg once wrote and that the job no longer names.
func (job Job) stale(managed map[string]bool) []string {
	var stale []string
	for _, host := range slices.Sorted(maps.Keys(managed)) {
		if !slices.ContainsFunc(job.Entries, func(e dockerconfig.Entry) bool { return dockerconfig.SameRegistry(e.Key, host) }) {
			stale = append(stale, host)
		}
	}
	return stale
}

// contentError gives an error of package dockerconfig its cause.
func (job Job) contentError(err error) error {
	var malformed *dockerconfig.MalformedError
	if errors.As(err, &malformed) {
		return &kube.Error{
			Cause: kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q does not hold what its type says, so that its readers lose every login in it: %v",
				job.Name, job.Namespace, err),
			Hint: "--repair rewrites what can be saved and takes out the rest, after a backup",
			Err:  err,
		}
	}
	// An entry that no secret can carry, or too many of them.
	return &kube.Error{
		Cause:   kube.CauseRejected,
		Message: fmt.Sprintf("secret %q in namespace %q: %v", job.Name, job.Namespace, err),
		Err:     err,
	}
}

// unusable says why a secret cannot be updated in place.
func unusable(o *corev1.Secret) *kube.Error {
	if _, _, ok := dataKey(o.Type); !ok {
		return &kube.Error{
			Cause: kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q is of type %s instead of %s, and a secret's type can never change",
				o.Name, o.Namespace, o.Type, corev1.SecretTypeDockerConfigJson),
			Hint: "--recreate deletes it and makes it anew, after a backup",
		}
	}
	if o.Immutable != nil && *o.Immutable {
		return &kube.Error{
			Cause:   kube.CauseRejected,
			Message: fmt.Sprintf("secret %q in namespace %q is marked immutable, and its content can never change", o.Name, o.Namespace),
			Hint:    "--recreate deletes it and makes it anew without that mark, after a backup",
		}
	}
	return nil
}

// fresh is a secret of a usable type with the labels and annotations of another
// one; with its credentials too, where it has them in a form that is known.
func fresh(o *corev1.Secret) *corev1.Secret {
	next := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name,
			Labels: maps.Clone(o.Labels), Annotations: maps.Clone(o.Annotations),
		},
		Type: corev1.SecretTypeDockerConfigJson,
	}
	if _, _, ok := dataKey(o.Type); ok {
		next.Type = o.Type
	}
	key, _, _ := dataKey(next.Type)
	if present, ok := o.Data[key]; ok {
		next.Data = map[string][]byte{key: slices.Clone(present)}
	}
	return next
}

// add sorts the notes of a merge.
func (p *plan) add(notes []dockerconfig.Note) {
	for _, n := range notes {
		if n.Warning {
			p.warnings = append(p.warnings, n.String())
		} else {
			p.notes = append(p.notes, n.String())
		}
	}
}

// mark puts oreg's marks on a secret that is to be written, and takes kubectl's
// copy away.
func (p *plan) mark(o *corev1.Secret, hosts map[string]bool, job Job) {
	switch other := o.Labels[ManagedByLabel]; {
	case other == ManagedBy, other == "" && job.Shared:
	case other == "":
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[ManagedByLabel] = ManagedBy
	default:
		// Helm, for one, refuses to touch what does not carry its own mark.
		p.warnings = append(p.warnings, fmt.Sprintf("it is labelled as managed by %q, which may put the old content back", other))
	}
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[HostsAnnotation] = strings.Join(slices.Sorted(maps.Keys(hosts)), ",")
	o.Annotations[RunAnnotation] = job.Run
	if _, ok := o.Annotations[corev1.LastAppliedConfigAnnotation]; ok {
		delete(o.Annotations, corev1.LastAppliedConfigAnnotation)
		p.notes = append(p.notes, "kubectl's last-applied annotation, which keeps an old password, was removed")
	}
}

// hostsOf reads the annotation.
func hostsOf(o *corev1.Secret) map[string]bool {
	hosts := map[string]bool{}
	for host := range strings.SplitSeq(o.Annotations[HostsAnnotation], ",") {
		if host != "" {
			hosts[host] = true
		}
	}
	return hosts
}
