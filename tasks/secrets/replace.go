package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// RemovalError is a replacement that would take registries away which nobody
// said may go. Nothing was written.
type RemovalError struct {
	Namespace, Name string
	// Hosts are the keys that would be lost.
	Hosts []string
}

func (e *RemovalError) Error() string {
	return fmt.Sprintf("secret %q in namespace %q would lose its login for %s; nothing was written", e.Name, e.Namespace, strings.Join(e.Hosts, ", "))
}

// Replace makes the secret hold job.New and nothing else, written compact. A
// registry that it has now and job.New has not must be in allowed. The error
// of the result is a [*RemovalError] otherwise. Job.Entries is not used.
func Replace(ctx context.Context, client Client, job Job, allowed []string) Result {
	return store{client: client, mask: job.Mask}.apply(ctx, job, func(present *corev1.Secret) (plan, error) {
		return job.replacement(present, allowed)
	})
}

func (job Job) replacement(present *corev1.Secret, allowed []string) (plan, error) {
	var p plan
	next := job.empty()
	if present != nil {
		next = present.DeepCopy()
		reason := unusable(present)
		if reason == nil && present.Type != job.New.Type {
			reason = &kube.Error{Cause: kube.CauseWrongType,
				Message: fmt.Sprintf("secret %q in namespace %q is of type %s, and the new content of type %s", job.Name, job.Namespace, present.Type, job.New.Type)}
		}
		if reason != nil {
			if !job.Recreate {
				return p, reason
			}
			p.recreate, next = true, fresh(present)
			next.Type, next.Data = job.New.Type, nil
		}
	}
	key, form, _ := dataKey(job.New.Type)
	wanted, err := dockerconfig.Entries(job.New.Data, form)
	if err != nil {
		return p, job.contentError(err)
	}
	// What could be read is JSON.
	var compact bytes.Buffer
	if err := json.Compact(&compact, job.New.Data); err != nil {
		return p, job.contentError(err)
	}
	if len(wanted) == 0 {
		return p, job.emptied()
	}
	before, beforeForm := content(present)
	// What cannot be read is replaced: that is what one comes here for.
	had, _ := dockerconfig.Entries(before, beforeForm)
	var lost []string
	for _, h := range had {
		if !oneOf(h.Key, allowed) && !slices.ContainsFunc(wanted, func(w dockerconfig.Found) bool { return dockerconfig.SameRegistry(w.Key, h.Key) }) {
			lost = append(lost, dockerconfig.Shown(h.Key))
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return p, &RemovalError{Namespace: job.Namespace, Name: job.Name, Hosts: lost}
	}
	p.diff = dockerconfig.Diff(before, compact.Bytes(), form)
	_, applied := next.Annotations[corev1.LastAppliedConfigAnnotation]
	if !applied && !p.recreate && present != nil && sameJSON(before, compact.Bytes()) {
		return p, nil
	}
	if next.Data == nil {
		next.Data = map[string][]byte{}
	}
	next.Data[key] = compact.Bytes()
	managed := map[string]bool{}
	for _, w := range wanted {
		managed[dockerconfig.Key(w.Key)] = true
	}
	p.mark(next, managed, job)
	p.wanted = next
	return p, nil
}

// sameJSON compares two texts but for their white space.
func sameJSON(a, compact []byte) bool {
	var b bytes.Buffer
	return json.Compact(&b, a) == nil && bytes.Equal(b.Bytes(), compact)
}
