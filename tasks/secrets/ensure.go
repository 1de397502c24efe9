package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
)

// Job says what a secret shall hold.
type Job struct {
	// Namespace and Name of the secret.
	Namespace, Name string
	Entries         []Entry
	// Run is the id that a changed secret is marked with. It has letters,
	// digits, '-', '.' and '_' only.
	Run string
	// Check makes every read and no write.
	Check bool
	// Prune removes entries that oreg once wrote and that Entries no longer has.
	Prune bool
	// Recreate replaces a secret of a foreign type, or an immutable one.
	Recreate bool
	// Repair replaces malformed content; without it that is an error.
	Repair bool
	// Backup keeps what is replaced; see [Rollback].
	Backup bool
	// Mask covers our secrets in what the server says.
	Mask *secret.Masker
}

// plan is what a job makes of the secret that is there.
type plan struct {
	// wanted is the secret to write; nil if nothing changes.
	wanted   *corev1.Secret
	recreate bool
	changes  []Change
	notes    []string
}

// Ensure creates or updates the secret, and the ones that the old installer
// made for the same hosts; and it judges the other credential secrets of the
// namespace. The first result is the secret's own, the others are the
// installer's; the warnings are about the namespace's other secrets.
func Ensure(ctx context.Context, client Client, job Job) (results []Result, warnings []string) {
	s := store{client: client, mask: job.Mask}
	own := s.ensure(ctx, job)
	results = append(results, own)
	if own.Err != nil {
		return results, nil
	}
	others, warnings := s.others(ctx, job)
	for _, o := range others {
		results = append(results, s.ensure(ctx, o))
	}
	return results, warnings
}

func (s store) ensure(ctx context.Context, job Job) Result {
	result := Result{Namespace: job.Namespace, Name: job.Name}
	err := retry(ctx, func() error {
		present, err := s.get(ctx, job.Namespace, job.Name)
		if err != nil {
			return err
		}
		p, err := job.plan(present)
		if err != nil {
			return err
		}
		result.Changes, result.Notes = p.changes, p.notes
		switch {
		case p.wanted == nil:
			result.Status = StatusUnchanged
			return nil
		case present == nil:
			result.Status = StatusCreated
		default:
			result.Status = StatusUpdated
		}
		if job.Check {
			if present == nil {
				return s.needNamespace(ctx, job.Namespace)
			}
			return nil
		}
		return s.write(ctx, job, present, p)
	})
	if err != nil {
		result.Status, result.Err, result.Changes = StatusFailed, err, nil
	}
	return result
}

func (s store) write(ctx context.Context, job Job, present *corev1.Secret, p plan) error {
	switch {
	case present == nil:
		return s.create(ctx, p.wanted)
	case p.recreate:
		if err := s.remove(ctx, present); err != nil {
			return err
		}
		return s.create(ctx, p.wanted)
	}
	return s.update(ctx, p.wanted)
}

// plan decides; it makes no request.
func (job Job) plan(present *corev1.Secret) (plan, error) {
	var p plan
	base := present
	if base == nil {
		base = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name},
			Type:       corev1.SecretTypeDockerConfigJson,
		}
	}
	next := base.DeepCopy()
	if reason := unusable(base); reason != nil {
		if !job.Recreate {
			return p, reason
		}
		p.recreate = true
		next = fresh(base)
		p.notes = append(p.notes, "made anew: "+reason.Message)
	}
	key := dataKey(next.Type)
	c, err := parseContent(next.Type, next.Data[key])
	var bad []string
	if err == nil {
		bad = c.malformed()
	} else {
		bad = []string{err.Error()}
	}
	if len(bad) > 0 {
		if !job.Repair {
			return p, &kube.Error{
				Cause:   kube.CauseWrongType,
				Message: fmt.Sprintf("secret %q in namespace %q is malformed (%s); every registry in it is lost to its readers", job.Name, job.Namespace, strings.Join(bad, "; ")),
				Hint:    "--repair takes out what is malformed, after a backup",
			}
		}
		c = repaired(c, next.Type)
		p.notes = append(p.notes, "repaired: "+strings.Join(bad, "; "))
	}
	for _, e := range job.Entries {
		if change := c.put(e); change != nil {
			p.changes = append(p.changes, *change)
		}
	}
	managed := hostsOf(base)
	for _, e := range job.Entries {
		managed[e.Key] = true
	}
	if job.Prune {
		for _, host := range slices.Sorted(maps.Keys(managed)) {
			if slices.ContainsFunc(job.Entries, func(e Entry) bool { return normal(e.Key) == normal(host) }) {
				continue
			}
			if change := c.remove(host); change != nil {
				p.changes = append(p.changes, *change)
			}
			delete(managed, host)
		}
	}
	changed := len(p.changes) > 0 || len(bad) > 0 || p.recreate || present == nil
	if changed {
		data, err := c.marshal()
		if err != nil {
			return p, fmt.Errorf("secret %q in namespace %q: %w", job.Name, job.Namespace, err)
		}
		if next.Data == nil {
			next.Data = map[string][]byte{}
		}
		next.Data[key] = data
	}
	notes, marked := mark(next, managed)
	p.notes = append(p.notes, notes...)
	if changed || marked {
		setAnnotation(next, RunAnnotation, job.Run)
		p.wanted = next
	}
	return p, nil
}

// unusable says why a secret cannot be updated in place.
func unusable(o *corev1.Secret) *kube.Error {
	if dataKey(o.Type) == "" {
		return &kube.Error{
			Cause:   kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q has type %s, and a secret's type cannot be changed; wanted %s", o.Name, o.Namespace, o.Type, corev1.SecretTypeDockerConfigJson),
			Hint:    "--recreate deletes it and makes it anew, after a backup",
		}
	}
	if o.Immutable != nil && *o.Immutable {
		return &kube.Error{
			Cause:   kube.CauseRejected,
			Message: fmt.Sprintf("secret %q in namespace %q is immutable: its data can never change", o.Name, o.Namespace),
			Hint:    "--recreate deletes it and makes it anew without that mark, after a backup",
		}
	}
	return nil
}

// fresh is a secret of the wanted type with the metadata of another one; its
// entries too where that one's type has entries.
func fresh(o *corev1.Secret) *corev1.Secret {
	next := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name,
			Labels: maps.Clone(o.Labels), Annotations: maps.Clone(o.Annotations),
		},
		Type: corev1.SecretTypeDockerConfigJson,
	}
	if key := dataKey(o.Type); key != "" {
		next.Type = o.Type
		next.Data = map[string][]byte{key: slices.Clone(o.Data[key])}
	}
	return next
}

// repaired drops the malformed entries, or everything if the whole is
// malformed.
func repaired(c *content, t corev1.SecretType) *content {
	if c == nil {
		// Empty content always parses.
		c, _ = parseContent(t, nil)
		return c
	}
	for key, raw := range c.auths {
		if _, _, err := decode(raw); err != nil {
			delete(c.auths, key)
		}
	}
	return c
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

// mark sets the label and the annotation and takes kubectl's copy away. It
// reports whether anything changed.
func mark(o *corev1.Secret, hosts map[string]bool) (notes []string, changed bool) {
	switch other := o.Labels[ManagedByLabel]; other {
	case ManagedBy:
	case "":
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[ManagedByLabel] = ManagedBy
		changed = true
	default:
		notes = append(notes, fmt.Sprintf("labelled as managed by %q, which may put the old content back", other))
	}
	if list := strings.Join(slices.Sorted(maps.Keys(hosts)), ","); o.Annotations[HostsAnnotation] != list {
		setAnnotation(o, HostsAnnotation, list)
		changed = true
	}
	if _, ok := o.Annotations[corev1.LastAppliedConfigAnnotation]; ok {
		delete(o.Annotations, corev1.LastAppliedConfigAnnotation)
		notes = append(notes, "removed kubectl's last-applied annotation, which kept the old password")
		changed = true
	}
	return notes, changed
}

func setAnnotation(o *corev1.Secret, name, value string) {
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[name] = value
}
