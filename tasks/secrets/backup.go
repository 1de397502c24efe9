package secrets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// Backups are secrets of type Opaque beside the original, named
// NAME.oreg-RUN, with everything under one key that no reader of credentials
// knows. They carry the run as a label, so that a rollback finds them from any
// machine.
const (
	BackupLabel    = "oreg/backup"
	RunLabel       = "oreg/run"
	BackupKey      = "oreg-backup.json"
	backupVersion  = 1
	maxNameLength  = 253
	backupNameMark = ".oreg-"
)

// record is the content of a backup.
type record struct {
	Version int    `json:"version"`
	Run     string `json:"run"`
	Name    string `json:"name"`
	// Existed is false if the run created the secret: undoing deletes it.
	Existed bool `json:"existed"`
	// Recreated: the run deleted the secret and made it anew.
	Recreated   bool              `json:"recreated,omitempty"`
	Type        corev1.SecretType `json:"type,omitempty"`
	Immutable   *bool             `json:"immutable,omitempty"`
	Data        map[string][]byte `json:"data,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Written is the digest of what the run put in its place.
	Written string `json:"written"`
}

// Backup is what a run replaced.
type Backup struct {
	Namespace, Name, Run string
	// Existed is false if the run created the secret.
	Existed bool

	object *corev1.Secret
	record record
}

// Logins are the credentials of the secret before the run, to be tried before
// they are put back. A secret that held none, or was malformed, has none.
func (b Backup) Logins() []dockerconfig.Found {
	logins, err := dockerconfig.Entries(content(&corev1.Secret{Type: b.record.Type, Data: b.record.Data}))
	if err != nil {
		return nil
	}
	return logins
}

// BackupName is the name of the backup that a run makes of a secret. Names of
// secrets have no capitals; a name that would be too long is cut and carries a
// sum of the whole in place of its end.
func BackupName(name, run string) string {
	full := name + backupNameMark + strings.ToLower(strings.ReplaceAll(run, "_", "-"))
	if len(full) <= maxNameLength {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	short := hex.EncodeToString(sum[:8])
	return strings.TrimRight(full[:maxNameLength-len(short)-1], ".-") + "-" + short
}

// digest identifies a secret's type and data.
func digest(o *corev1.Secret) string {
	h := sha256.New()
	// Encoding strings and bytes cannot fail, and maps are written sorted.
	_ = json.NewEncoder(h).Encode(o.Type)
	_ = json.NewEncoder(h).Encode(o.Data)
	return hex.EncodeToString(h.Sum(nil))
}

// keep writes the backup of present (nil: does not exist) before it becomes
// wanted. Where this run has written the secret before, the backup goes on
// holding the state before the run.
func (s store) keep(ctx context.Context, run string, present, wanted *corev1.Secret, recreate bool) error {
	name := BackupName(wanted.Name, run)
	kept, err := s.get(ctx, wanted.Namespace, name)
	if err != nil {
		return err
	}
	next := record{Version: backupVersion, Run: run, Name: wanted.Name, Recreated: recreate, Written: digest(wanted)}
	if present != nil {
		next.Existed, next.Type, next.Immutable = true, present.Type, present.Immutable
		next.Data, next.Labels, next.Annotations = present.Data, present.Labels, present.Annotations
	}
	if kept == nil {
		return s.create(ctx, backupObject(wanted.Namespace, name, next))
	}
	earlier, err := recordOf(kept)
	if err != nil {
		return err
	}
	// A run that died between deleting and making anew finds nothing there.
	if present == nil && earlier.Existed || present != nil && present.Annotations[RunAnnotation] == run {
		written, recreated := next.Written, earlier.Recreated || recreate
		next = earlier
		next.Written, next.Recreated = written, recreated
	}
	kept.Data = backupObject(wanted.Namespace, name, next).Data
	return s.update(ctx, kept)
}

func backupObject(namespace, name string, r record) *corev1.Secret {
	// A struct of strings, bytes and maps of them always encodes.
	text, _ := json.Marshal(r)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			Labels: map[string]string{ManagedByLabel: ManagedBy, BackupLabel: "true", RunLabel: r.Run},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{BackupKey: text},
	}
}

// recordOf reads a backup.
func recordOf(o *corev1.Secret) (record, error) {
	var r record
	if o.Labels[BackupLabel] != "true" || json.Unmarshal(o.Data[BackupKey], &r) != nil || r.Version != backupVersion || r.Name == "" {
		return r, &kube.Error{
			Cause:   kube.CauseWrongType,
			Message: fmt.Sprintf("secret %q in namespace %q stands in the place of a backup but is none that this oreg can read", o.Name, o.Namespace),
			Hint:    "look at it, and delete or rename it",
		}
	}
	return r, nil
}

// Backups lists the backups in a namespace (all namespaces if it is empty), of
// one run if run is not empty, oldest run first.
func Backups(ctx context.Context, client Client, namespace, run string, mask *secret.Masker) ([]Backup, error) {
	return store{client: client, mask: mask}.backups(ctx, namespace, run)
}

func (s store) backups(ctx context.Context, namespace, run string) ([]Backup, error) {
	selector := labels.Set{BackupLabel: "true"}
	if run != "" {
		selector[RunLabel] = run
	}
	list, err := s.list(ctx, namespace, metav1.ListOptions{LabelSelector: selector.String()}, func(o corev1.Secret) bool {
		return selector.AsSelectorPreValidated().Matches(labels.Set(o.Labels))
	})
	if err != nil {
		return nil, err
	}
	var found []Backup
	for i := range list {
		r, err := recordOf(&list[i])
		if err != nil {
			return nil, err
		}
		found = append(found, Backup{Namespace: list[i].Namespace, Name: r.Name, Run: r.Run, Existed: r.Existed, object: &list[i], record: r})
	}
	slices.SortFunc(found, func(a, b Backup) int {
		return strings.Compare(a.Run+" "+a.Namespace+" "+a.Name, b.Run+" "+b.Namespace+" "+b.Name)
	})
	return found, nil
}

// PruneBackups deletes all but the newest keep backups of each secret in a
// namespace. Run ids begin with their time, so they sort by age.
func PruneBackups(ctx context.Context, client Client, namespace string, keep int, mask *secret.Masker) error {
	s := store{client: client, mask: mask}
	all, err := s.backups(ctx, namespace, "")
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, b := range slices.Backward(all) {
		of := b.Namespace + "/" + b.Name
		if seen[of]++; seen[of] > keep {
			if err := s.remove(ctx, b.object); err != nil {
				return err
			}
		}
	}
	return nil
}
