//go:build lab

package secrets

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube/kubetest"
	"oreg/tasks/secretfile"
)

// createLikeKubectl runs each documented way to make a pull secret by kubectl
// and by oreg, and compares what the API server then holds.
func (a realAPI) createLikeKubectl(t *testing.T) {
	config := "{ \"auths\": {\"registry.example.com\": {\"auth\": \"dTpw\", \"email\": \"e@example.com\"}},\n\"x\": 1 }\n"
	old := `{"registry.example.com":{"auth":"dTpw","email":"e@example.com"}}`
	manifest := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: NAME\ndata:\n  .dockerconfigjson: " +
		base64.StdEncoding.EncodeToString([]byte(config)) + "\ntype: kubernetes.io/dockerconfigjson\n"
	write := func(t *testing.T, content string) string {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	login := dockerconfig.Entry{Key: registry, User: "u|svc", Password: secret.New("p <&> ü")}
	for name, tt := range map[string]struct {
		content string
		kubectl func(t *testing.T, name string) []string
	}{
		"docker-registry with an email": {"", func(_ *testing.T, name string) []string {
			return []string{"create", "secret", "docker-registry", name, "--docker-server=" + registry, "--docker-username=u|svc", "--docker-password=p <&> ü", "--docker-email=e@example.com"}
		}},
		"generic dockerconfigjson": {config, func(t *testing.T, name string) []string {
			return []string{"create", "secret", "generic", name, "--from-file=.dockerconfigjson=" + write(t, config), "--type=kubernetes.io/dockerconfigjson"}
		}},
		"generic dockercfg": {old, func(t *testing.T, name string) []string {
			return []string{"create", "secret", "generic", name, "--from-file=.dockercfg=" + write(t, old), "--type=kubernetes.io/dockercfg"}
		}},
		"a manifest": {manifest, func(t *testing.T, name string) []string {
			return []string{"create", "-f", write(t, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: "+name+manifest[len("apiVersion: v1\nkind: Secret\nmetadata:\n  name: NAME"):])}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			job := a.job(t)
			job.Name, job.Backup = "ours", false
			if tt.content == "" {
				job.New, job.Entries = LoginContent(login, "e@example.com"), []dockerconfig.Entry{login}
			} else {
				file, err := secretfile.Read("f", []byte(tt.content))
				require.NoError(t, err)
				job.New, job.Entries = FileContent(file), file.Entries
			}
			require.NoError(t, Put(t.Context(), a.client, job).Err)
			theirs := job
			theirs.Name = "theirs"
			kubetest.Kubectl(t, a.lab.Kubeconfig, append([]string{"-n", job.Namespace}, tt.kubectl(t, theirs.Name)...)...)

			ours, kubectls := a.get(t, job), a.get(t, theirs)
			assert.Equal(t, kubectls.Type, ours.Type)
			assert.Equal(t, kubectls.Immutable, ours.Immutable)
			if tt.content == "" {
				assert.JSONEq(t, string(kubectls.Data[corev1.DockerConfigJsonKey]), string(ours.Data[corev1.DockerConfigJsonKey]))
			} else {
				assert.Equal(t, kubectls.Data, ours.Data)
			}
			// A second run of ours writes neither.
			for _, j := range []Job{job, theirs} {
				before := a.get(t, j).ResourceVersion
				r := Put(t.Context(), a.client, j)
				require.NoError(t, r.Err)
				assert.Equal(t, StatusUnchanged, r.Status, "%v", r.Diff)
				assert.Equal(t, before, a.get(t, j).ResourceVersion)
			}
		})
	}
}
