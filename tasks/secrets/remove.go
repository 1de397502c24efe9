package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// Remove takes registries out of the secret, out of the secrets that the old
// installer made, and out of every backup in the namespace. Job.Entries and
// Job.Backup are not used: a backup would keep what is to go. A secret of oreg
// or of the installer that is left without entries is deleted. The first
// result is the secret's own; the others are the installer's and the backups',
// as far as they held one of the registries. The warnings name other
// credential secrets of the namespace that still hold one.
func Remove(ctx context.Context, client Client, job Job, hosts []string) (results []Result, warnings []string) {
	s := store{client: client, mask: job.Mask}
	job.Backup = false
	own := s.take(ctx, job, hosts)
	results = append(results, own)
	if hopeless(own.Err) {
		return results, nil
	}
	for _, t := range []corev1.SecretType{corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg} {
		list, err := s.ofType(ctx, job.Namespace, t)
		if err != nil {
			return results, append(warnings, fmt.Sprintf("the other secrets of namespace %q were not looked at: %v", job.Namespace, err))
		}
		for _, o := range list {
			if o.Name == job.Name || !holds(&o, hosts) {
				continue
			}
			if !installerName.MatchString(o.Name) {
				warnings = append(warnings, fmt.Sprintf("secret %q in namespace %q holds, or may hold, a login for one of the registries; it is not oreg's and stays", o.Name, o.Namespace))
				continue
			}
			mine := job
			mine.Name = o.Name
			results = append(results, s.take(ctx, mine, hosts))
		}
	}
	backups, err := s.backups(ctx, job.Namespace, "")
	if err != nil {
		return results, append(warnings, fmt.Sprintf("the backups in namespace %q were not looked at: %v", job.Namespace, err))
	}
	for _, b := range backups {
		if holds(&corev1.Secret{Type: b.record.Type, Data: b.record.Data}, hosts) || b.record.Annotations[corev1.LastAppliedConfigAnnotation] != "" {
			results = append(results, s.takeFromBackup(ctx, b, hosts, job))
		}
	}
	return results, warnings
}

// holds says whether a secret names one of the registries; a malformed one is
// taken to.
func holds(o *corev1.Secret, hosts []string) bool {
	data, form := content(o)
	logins, err := dockerconfig.Entries(data, form)
	return err != nil || slices.ContainsFunc(logins, func(l dockerconfig.Found) bool { return oneOf(l.Key, hosts) })
}

// Drop takes registries out of one secret and looks at no other. Job.Entries
// is not used.
func Drop(ctx context.Context, client Client, job Job, hosts []string) Result {
	return store{client: client, mask: job.Mask}.take(ctx, job, hosts)
}

// take takes the registries out of one secret.
func (s store) take(ctx context.Context, job Job, hosts []string) Result {
	return s.apply(ctx, job, func(present *corev1.Secret) (plan, error) {
		if present == nil {
			return plan{notes: []string{"does not exist"}}, nil
		}
		return job.without(present, hosts)
	})
}

// without plans a secret without the registries. One that oreg or the
// installer made is deleted if nothing is left in it.
func (job Job) without(present *corev1.Secret, hosts []string) (plan, error) {
	var p plan
	next := present.DeepCopy()
	if reason := unusable(present); reason != nil {
		if _, _, ok := dataKey(present.Type); !ok || !job.Recreate {
			return p, reason
		}
		p.recreate, next = true, fresh(present)
	}
	before, form := content(present)
	removed, err := dockerconfig.Remove(before, hosts, dockerconfig.Options{Form: form, Repair: job.Repair})
	if err != nil {
		return p, job.contentError(err)
	}
	p.add(removed.Notes)
	p.diff = dockerconfig.Diff(before, removed.Content, form)
	managed := hostsOf(present)
	maps.DeleteFunc(managed, func(host string, _ bool) bool { return oneOf(host, hosts) })
	if _, applied := present.Annotations[corev1.LastAppliedConfigAnnotation]; !removed.Changed && !applied {
		p.notes = append(p.notes, "holds no login for "+strings.Join(hosts, ", "))
		return p, nil
	}
	left, err := dockerconfig.Entries(removed.Content, form)
	if err != nil {
		return p, job.contentError(err)
	}
	if len(left) == 0 && job.Shared {
		return p, job.emptied()
	}
	key, _, _ := dataKey(next.Type)
	next.Data[key] = removed.Content
	p.mark(next, managed, job)
	p.wanted = next
	if len(left) == 0 && (present.Labels[ManagedByLabel] == ManagedBy || installerName.MatchString(present.Name)) {
		p.delete = true
		p.notes = append(p.notes, "deleted: it held nothing else")
	}
	return p, nil
}

// emptied is the error of a change that would leave a secret of the cluster
// without any entry, which stops the machine-config operator.
func (job Job) emptied() error {
	return &kube.Error{Cause: kube.CauseRejected,
		Message: fmt.Sprintf("secret %q in namespace %q would be left without any login; nothing was written", job.Name, job.Namespace)}
}

// oneOf says whether a key means one of the registries.
func oneOf(key string, hosts []string) bool {
	return slices.ContainsFunc(hosts, func(host string) bool { return dockerconfig.SameRegistry(host, key) })
}

// takeFromBackup rewrites a backup without the registries, so that a rollback
// still restores the rest. One whose content cannot be read is deleted.
func (s store) takeFromBackup(ctx context.Context, b Backup, hosts []string, job Job) Result {
	result := Result{Namespace: b.Namespace, Name: b.object.Name, Status: StatusUpdated}
	if !job.Check {
		if err := job.announce(b.object.Name); err != nil {
			result.Status, result.Err = StatusFailed, err
			return result
		}
	}
	r := b.record
	delete(r.Annotations, corev1.LastAppliedConfigAnnotation)
	key, form, ok := dataKey(r.Type)
	if ok {
		removed, err := dockerconfig.Remove(r.Data[key], hosts, dockerconfig.Options{Form: form})
		if err != nil {
			result.Status, result.Notes = StatusRemoved, []string{"deleted: " + err.Error()}
			if !job.Check {
				result.Err = s.remove(ctx, b.object)
			}
		} else {
			r.Data[key] = removed.Content
		}
	}
	if result.Status == StatusUpdated && !job.Check {
		next := b.object.DeepCopy()
		next.Data = backupObject(b.Namespace, next.Name, r).Data
		result.Err = s.update(ctx, next)
	}
	if result.Err != nil {
		result.Status = StatusFailed
	}
	return result
}
