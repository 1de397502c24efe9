//go:build lab

package dockerconfig_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/dockerconfig"
)

// TestR1_R8_R14_Skopeo: what containers/image presents to a registry with a
// file of ours, whatever stood in the file before.
func TestR1_R8_R14_Skopeo(t *testing.T) {
	_, err := exec.LookPath("skopeo")
	require.NoError(t, err, "this test reads our files with the real skopeo: install it (apt-get install skopeo)")
	password := `p$'"` + "`" + `\ ;& #ä:` + strings.Repeat("t0ken", 800)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, got, ok := r.BasicAuth()
		switch {
		case !ok || user != "1234|svc" || got != password:
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			http.Error(w, "no", http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			fmt.Fprint(w, `{"name":"team/app","tags":["v1"]}`)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	list := func(content []byte) (string, error) {
		file := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(file, content, 0o600))
		out, err := exec.Command("skopeo", "list-tags", "--tls-verify=false", "--authfile", file, "docker://"+host+"/team/app").CombinedOutput()
		return string(out), err
	}
	for _, before := range []string{
		"{}",
		`{"auths":{"https://` + host + `/v1/":{"auth":"dTpw"}}}`,
		`{"auths":{"http://` + host + `":{"auth":"dTpw"},"` + host + `":{"username":"1234|svc","identitytoken":"old"}},"credsStore":"","credHelpers":{}}`,
	} {
		existing := []byte(before)
		out, err := list(existing)
		require.Error(t, err, "without us it must fail: %s", out)
		for _, form := range []dockerconfig.Form{dockerconfig.NodeFile, dockerconfig.DockerConfigJSON} {
			r, err := dockerconfig.Merge(existing, []dockerconfig.Entry{entry(host, "1234|svc", password)}, dockerconfig.Options{Form: form})
			require.NoError(t, err)
			out, err := list(r.Content)
			require.NoError(t, err, out)
			assert.Contains(t, out, "v1")
		}
	}
	r, err := dockerconfig.Merge(nil, []dockerconfig.Entry{entry(host, "1234|svc", "wrong")}, dockerconfig.Options{})
	require.NoError(t, err)
	out, err := list(r.Content)
	require.Error(t, err)
	assert.Contains(t, out, "unauthorized")
}
