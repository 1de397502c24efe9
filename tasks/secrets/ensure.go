package secrets

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// Job says what a secret shall hold.
type Job struct {
	// Namespace and Name of the secret.
	Namespace, Name string
	Entries         []dockerconfig.Entry
	// New is what a secret that does not exist yet is made of, as it stands;
	// without it, of the entries. See [LoginContent] and [FileContent].
	New *Content
	// Run is the id that a changed secret is marked with. It has letters,
	// digits, '-', '.' and '_' only, and at most 63 of them.
	Run string
	// Check makes every read and no write.
	Check bool
	// Prune removes entries that oreg once wrote and that Entries no longer has.
	Prune bool
	// Recreate replaces a secret of a foreign type, or an immutable one.
	Recreate bool
	// Repair replaces malformed content; without it that is an error.
	Repair bool
	// Backup keeps what is replaced, for [Rollback]; of a secret that is made, it
	// keeps that there was none. BackupReplaced keeps the first alone: nothing is
	// added to a namespace that had nothing to lose.
	Backup, BackupReplaced bool
	// Shared is for a secret that belongs to the cluster: it must exist, gets no
	// label of ours, and is never left without an entry.
	Shared bool
	// Before is told of a secret that is about to be written or deleted, before
	// its backup is; its error stops that change and becomes the secret's. It
	// is for the journal; nil does nothing.
	Before func(namespace, name string) error
	// Mask covers our secrets in what the server says.
	Mask *secret.Masker
}

// Ensure creates or updates the secret, and updates the ones that the old
// installer made for the same hosts; and it judges the other credential
// secrets of the namespace. The first result is the secret's own, the others
// are the installer's; the warnings are about the namespace's other secrets.
func Ensure(ctx context.Context, client Client, job Job) (results []Result, warnings []string) {
	s := store{client: client, mask: job.Mask}
	own := s.ensure(ctx, job)
	results = append(results, own)
	if hopeless(own.Err) {
		return results, nil
	}
	others, warnings := s.others(ctx, job)
	for _, o := range others {
		if o.installers && (!o.malformed || job.Repair) {
			mine := job
			mine.Name, mine.Entries = o.name, o.entries
			mine.Prune, mine.Recreate = false, false
			results = append(results, s.ensure(ctx, mine))
			continue
		}
		warnings = append(warnings, o.complaints...)
	}
	return results, warnings
}

// Put creates or updates one secret and looks at no other.
func Put(ctx context.Context, client Client, job Job) Result {
	return store{client: client, mask: job.Mask}.ensure(ctx, job)
}

// Neighbours says, before anything is written, what is wrong with the other
// credential secrets of the job's namespace: malformed, or with another login
// for one of the entries' registries. It changes nothing.
func Neighbours(ctx context.Context, client Client, job Job) (warnings []string) {
	others, warnings := store{client: client, mask: job.Mask}.others(ctx, job)
	for _, o := range others {
		warnings = append(warnings, o.complaints...)
	}
	return warnings
}

func (s store) ensure(ctx context.Context, job Job) Result {
	return s.apply(ctx, job, job.plan)
}

// apply reads the secret, has a plan made of it, and carries that out; all of
// it again after a conflict.
func (s store) apply(ctx context.Context, job Job, plan func(present *corev1.Secret) (plan, error)) Result {
	result := Result{Namespace: job.Namespace, Name: job.Name}
	err := kube.RetryConflict(ctx, func() error {
		present, err := s.get(ctx, job.Namespace, job.Name)
		if err != nil {
			return err
		}
		if present == nil && job.Shared {
			return s.missing(ctx, job)
		}
		p, err := plan(present)
		if err != nil {
			return err
		}
		result.Diff, result.Warnings, result.Notes = p.diff, p.warnings, p.notes
		result.Status = p.status(present)
		switch {
		case result.Status == StatusUnchanged:
			return nil
		case job.Check && present == nil:
			return s.needNamespace(ctx, job.Namespace)
		case job.Check:
			return nil
		}
		if err := job.announce(job.Name); err != nil {
			return err
		}
		if job.Backup || job.BackupReplaced && present != nil {
			if err := s.keep(ctx, job.Run, present, p.wanted, p.recreate); err != nil {
				return err
			}
		}
		if p.delete {
			return s.remove(ctx, present)
		}
		return s.write(ctx, present, p.wanted, p.recreate)
	})
	if err != nil {
		return Result{Namespace: job.Namespace, Name: job.Name, Status: StatusFailed, Err: err}
	}
	return result
}

// announce tells that a secret is about to change; after a conflict, again.
func (job Job) announce(name string) error {
	if job.Before == nil {
		return nil
	}
	return job.Before(job.Namespace, name)
}

// missing is the error of a secret that must exist and does not.
func (s store) missing(ctx context.Context, job Job) error {
	if err := s.needNamespace(ctx, job.Namespace); err != nil {
		return err
	}
	return &kube.Error{Cause: kube.CauseRejected,
		Message: fmt.Sprintf("secret %q does not exist in namespace %q", job.Name, job.Namespace)}
}

// cleanupTimeout bounds what is put back after the run was told to stop.
const cleanupTimeout = 10 * time.Second

// write makes wanted of present.
func (s store) write(ctx context.Context, present, wanted *corev1.Secret, recreate bool) error {
	switch {
	case present == nil:
		return s.create(ctx, wanted)
	case !recreate:
		return s.update(ctx, wanted)
	}
	if err := s.remove(ctx, present); err != nil {
		return err
	}
	err := s.create(ctx, wanted)
	if err == nil {
		return nil
	}
	// Between two stools: what was there is better than nothing.
	back := present.DeepCopy()
	back.ResourceVersion, back.UID = "", ""
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if backErr := s.create(cleanup, back); backErr != nil {
		return fmt.Errorf("%w; and the secret that it was to replace, now deleted, could not be put back: %w", err, backErr)
	}
	return err
}

// installerName is the form of the names that openshift-ansible's
// stream_secrets.yml gave to the secrets of additional registries: the md5 sum
// of the host as the inventory spelled it, which may differ from the key.
var installerName = regexp.MustCompile(`^o-a-[0-9a-f]{32}$`)

// other is another credential secret of a namespace.
type other struct {
	name string
	// installers: the old installer made it, and it names one of our hosts.
	installers bool
	malformed  bool
	// entries are those of the job whose registry it names; differing says
	// which of them it has another login for.
	entries   []dockerconfig.Entry
	differing []string
	// leftover are the registries that a secret of the installer names and the
	// job does not.
	leftover []string
	// complaints are for the user, nil for a secret that does no harm.
	complaints []string
}

// others looks at the namespace's other credential secrets. Image import takes
// the first secret that names the registry, so that another value elsewhere may
// win, and a malformed one blocks every import. That they cannot be listed is
// a warning: one secret may be all that a user has a right to.
func (s store) others(ctx context.Context, job Job) (found []other, warnings []string) {
	for _, t := range []corev1.SecretType{corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg} {
		list, err := s.ofType(ctx, job.Namespace, t)
		if err != nil {
			return found, append(warnings, fmt.Sprintf("the other secrets of namespace %q were not looked at: %v", job.Namespace, err))
		}
		for _, o := range list {
			if o.Name != job.Name {
				found = append(found, judge(o, job.Entries))
			}
		}
	}
	return found, warnings
}

// judge compares a secret with what its namespace should hold.
func judge(o corev1.Secret, wanted []dockerconfig.Entry) other {
	present, form := content(&o)
	result := other{name: o.Name}
	logins, err := dockerconfig.Entries(present, form)
	if err != nil {
		result.malformed = true
		result.installers = installerName.MatchString(o.Name)
		result.complaints = append(result.complaints, fmt.Sprintf("secret %q in namespace %q blocks every image import of the namespace: %v", o.Name, o.Namespace, err))
		return result
	}
	for _, e := range wanted {
		named, differs := false, false
		for _, l := range logins {
			if dockerconfig.SameRegistry(l.Key, e.Key) {
				named = true
				differs = differs || l.User != e.User || !l.Password.Equal(e.Password)
			}
		}
		if named {
			result.entries = append(result.entries, e)
		}
		if differs {
			result.differing = append(result.differing, dockerconfig.Key(e.Key))
		}
	}
	slices.Sort(result.differing)
	if installerName.MatchString(o.Name) {
		result.installers = len(result.entries) > 0
		for _, l := range logins {
			if !slices.ContainsFunc(wanted, func(e dockerconfig.Entry) bool { return dockerconfig.SameRegistry(e.Key, l.Key) }) {
				result.leftover = append(result.leftover, dockerconfig.Shown(l.Key))
			}
		}
	}
	if len(result.differing) > 0 {
		result.complaints = append(result.complaints, fmt.Sprintf("secret %q in namespace %q has another login for %s: image import takes the first that it finds",
			o.Name, o.Namespace, strings.Join(result.differing, ", ")))
	}
	return result
}
