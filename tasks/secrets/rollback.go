package secrets

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

// Rollback puts back what the backups hold, byte for byte, and deletes what
// their run created. A secret that somebody changed since is left alone:
// skipped, with a warning. What is already as before is unchanged. The backups
// stay.
func Rollback(ctx context.Context, client Client, backups []Backup, check bool, mask *secret.Masker) []Result {
	s := store{client: client, mask: mask}
	results := make([]Result, 0, len(backups))
	for _, b := range backups {
		results = append(results, s.rollback(ctx, b, check))
	}
	return results
}

func (s store) rollback(ctx context.Context, b Backup, check bool) Result {
	result := Result{Namespace: b.Namespace, Name: b.Name}
	err := kube.RetryConflict(ctx, func() error {
		present, err := s.get(ctx, b.Namespace, b.Name)
		if err != nil {
			return err
		}
		status, warning := b.verdict(present)
		result.Status, result.Warnings = status, nil
		if warning != "" {
			result.Warnings = []string{warning}
		}
		if check {
			return nil
		}
		switch status {
		case StatusRemoved:
			return s.remove(ctx, present)
		case StatusRestored:
			return s.restore(ctx, b, present)
		}
		return nil
	})
	if err != nil {
		return Result{Namespace: b.Namespace, Name: b.Name, Status: StatusFailed, Err: err}
	}
	return result
}

// verdict compares the present secret with both ends of the run.
func (b Backup) verdict(present *corev1.Secret) (Status, string) {
	r := b.record
	switch {
	case present == nil && !r.Existed:
		return StatusUnchanged, ""
	case present == nil && r.Recreated:
		// The run died between deleting it and making it anew.
		return StatusRestored, ""
	case present == nil:
		return StatusSkipped, "deleted since that run; it is not made anew"
	}
	ours := present.Annotations[RunAnnotation] == r.Run
	before := &corev1.Secret{Type: r.Type, Data: r.Data}
	switch now := digest(present); {
	case now == r.Written && ours && !r.Existed:
		return StatusRemoved, ""
	case now == r.Written && ours:
		return StatusRestored, ""
	case r.Existed && now == digest(before):
		return StatusUnchanged, ""
	}
	by := "somebody else"
	if run := present.Annotations[RunAnnotation]; run != "" && !ours {
		by = "run " + run
	}
	return StatusSkipped, fmt.Sprintf("changed since by %s; left as it is", by)
}

// restore writes the secret as it was.
func (s store) restore(ctx context.Context, b Backup, present *corev1.Secret) error {
	r := b.record
	if r.Recreated {
		return s.write(ctx, present, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, Labels: r.Labels, Annotations: r.Annotations},
			Type:       r.Type, Immutable: r.Immutable, Data: r.Data,
		}, true)
	}
	next := present.DeepCopy()
	next.Data = maps.Clone(r.Data)
	// Only our own marks go back; others may have been set since.
	next.Labels = putBack(next.Labels, r.Labels, ManagedByLabel)
	next.Annotations = putBack(next.Annotations, r.Annotations, HostsAnnotation, RunAnnotation, corev1.LastAppliedConfigAnnotation)
	return s.update(ctx, next)
}

// putBack gives names the values that they had.
func putBack(now, before map[string]string, names ...string) map[string]string {
	if now == nil {
		now = map[string]string{}
	}
	for _, name := range names {
		if value, ok := before[name]; ok {
			now[name] = value
		} else {
			delete(now, name)
		}
	}
	return now
}
