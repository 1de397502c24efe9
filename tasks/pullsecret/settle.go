package pullsecret

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// settlePause is how often [Settle] looks.
const settlePause = time.Second

// Settle watches for a while whether somebody changes the entries back, as the
// operators of managed clusters do, and returns what then differs; nothing if
// all are in place to the end. It looks once if settle is 0.
func Settle(ctx context.Context, client secrets.Client, job secrets.Job, settle time.Duration) ([]string, error) {
	var differs []string
	_, err := kube.PollEvery(ctx, settlePause, settle, func() (bool, error) {
		results, _ := secrets.Verify(ctx, client, job)
		if err := results[0].Err; err != nil {
			return false, err
		}
		differs = results[0].Diff
		return len(differs) > 0, nil
	})
	return differs, err
}

// Copy is another secret that names a registry with another login.
type Copy struct {
	Namespace, Name string
	// Hosts are the keys that differ.
	Hosts []string
}

// page is how many secrets one request asks for.
const page = 500

// Copies looks through every namespace for credential secrets that hold one of
// the registries with another login than the pull secret has, place itself left
// out: copies that were made once and are not kept up. They are sorted.
func Copies(ctx context.Context, client secrets.Client, place Place, logins []dockerconfig.Found) ([]Copy, error) {
	var found []Copy
	for _, t := range []corev1.SecretType{corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg} {
		opts := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("type", string(t)).String(), Limit: page}
		for {
			list, err := client.CoreV1().Secrets("").List(ctx, opts)
			if err != nil {
				return nil, kube.Classify(err, kube.Call{Verb: "list", Resource: "secrets"}, nil)
			}
			for _, o := range list.Items {
				if o.Type != t || o.Namespace == place.Namespace && o.Name == place.Name {
					continue
				}
				if hosts := stale(o, logins); len(hosts) > 0 {
					found = append(found, Copy{Namespace: o.Namespace, Name: o.Name, Hosts: hosts})
				}
			}
			if list.Continue == "" {
				break
			}
			opts.Continue = list.Continue
		}
	}
	slices.SortFunc(found, func(a, b Copy) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

func (c Copy) String() string {
	return fmt.Sprintf("%s/%s: %s", c.Namespace, c.Name, strings.Join(c.Hosts, ", "))
}

// stale lists the registries for which a secret has another login. One that
// cannot be read has none: package secrets tells of it where it matters.
func stale(o corev1.Secret, logins []dockerconfig.Found) []string {
	data, form := o.Data[corev1.DockerConfigJsonKey], dockerconfig.DockerConfigJSON
	if o.Type == corev1.SecretTypeDockercfg {
		data, form = o.Data[corev1.DockerConfigKey], dockerconfig.DockerCfg
	}
	theirs, err := dockerconfig.Entries(data, form)
	if err != nil {
		return nil
	}
	var hosts []string
	for _, l := range theirs {
		for _, ours := range logins {
			if dockerconfig.SameRegistry(l.Key, ours.Key) && (l.User != ours.User || !l.Password.Equal(ours.Password)) {
				hosts = append(hosts, dockerconfig.Shown(l.Key))
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
