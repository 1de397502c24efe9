package secrets

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// installerName is the form of the names that openshift-ansible's
// stream_secrets.yml gave to the secrets of additional registries: the md5 sum
// of the host as the inventory spelled it, which may differ from the key.
var installerName = regexp.MustCompile(`^o-a-[0-9a-f]{32}$`)

// others looks at the namespace's other credential secrets. It returns jobs for
// those of the installer that hold one of our hosts, and warnings about the
// rest. Image import takes the first secret that names the registry, so another
// value elsewhere may win; and a malformed one blocks every import.
func (s store) others(ctx context.Context, job Job) (jobs []Job, warnings []string) {
	for _, t := range []corev1.SecretType{corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg} {
		list, err := s.ofType(ctx, job.Namespace, t)
		if err != nil {
			return jobs, append(warnings, fmt.Sprintf("the other secrets of namespace %q were not looked at: %v", job.Namespace, err))
		}
		for _, o := range list {
			if o.Name == job.Name {
				continue
			}
			entries, warning := judge(o, job.Entries)
			if warning != "" {
				warnings = append(warnings, warning)
			}
			if installerName.MatchString(o.Name) && len(entries) > 0 {
				own := job
				own.Name, own.Entries, own.Prune, own.Recreate, own.Repair = o.Name, entries, false, false, true
				jobs = append(jobs, own)
			}
		}
	}
	return jobs, warnings
}

// judge returns the entries whose registry a secret names, and what is wrong
// with the secret.
func judge(o corev1.Secret, wanted []Entry) (ours []Entry, warning string) {
	c, err := parseContent(o.Type, o.Data[dataKey(o.Type)])
	var bad []string
	if err == nil {
		bad = c.malformed()
	} else {
		bad = []string{err.Error()}
	}
	if len(bad) > 0 {
		warning = fmt.Sprintf("secret %q in namespace %q is malformed (%s): it blocks every image import of the namespace", o.Name, o.Namespace, strings.Join(bad, "; "))
	}
	if c == nil {
		return nil, warning
	}
	var differ []string
	for _, e := range wanted {
		same := c.sameRegistry(e.Key)
		if len(same) == 0 {
			continue
		}
		ours = append(ours, e)
		for _, k := range same {
			if have, _, err := decode(c.auths[k]); err == nil && have != (login{e.User, e.Password.Reveal()}) {
				differ = append(differ, e.Key)
				break
			}
		}
	}
	if len(differ) > 0 && warning == "" && !installerName.MatchString(o.Name) {
		warning = fmt.Sprintf("secret %q in namespace %q holds another login for %s: image import may take that one", o.Name, o.Namespace, strings.Join(differ, ", "))
	}
	return ours, warning
}
