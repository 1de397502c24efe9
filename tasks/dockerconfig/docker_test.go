package dockerconfig_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/dockerconfig"
)

// TestR1_R6_R9_DockerCLI: the docker CLI reads what we write as we meant it,
// rejects nothing that we accept, and of what we reject nothing but the files
// that only other readers reject (MATCHING.md part B).
func TestR1_R6_R9_DockerCLI(t *testing.T) {
	entries := []dockerconfig.Entry{entry("REG.io:5000", "1234|svc", `p "ä:`), entry("docker.io", "hub", "hub")}
	for content, dockerAccepts := range map[string]bool{
		`{}`: true,
		`{"auths":{"https://reg.io:5000/v1/":{"auth":"dTpw","identitytoken":"t"},"a.io":{"auth":"dTpw"}}}`: true,
		`{"auths":{"a.io":{"auth":"dT\npw"}},"AUTHS":{"b.io":{"auth":"bzpv"}}}`:                            true,
		`{"auths":{"a.io":{"auth":"` + b64("u:") + `","identitytoken":"t"},"b.io":{},"c.io":null}}`:        true,
		`{"auths":{"a.io":{"auth":"%"}}}`:                 false,
		`{"auths":{"a.io":{"auth":"` + b64("t") + `"}}}`:  false,
		`{"auths":{"a.io":{"auth":"` + b64(":p") + `"}}}`: false,
		`{"auths":{"a.io":{"auth":"dTpwYXNz\u0020"}}}`:    false,
		`{"auths":{"a.io":{"auth":"dTpwYXNzMQ"}}}`:        false,
		`{"auths":[]}`:       false,
		`{"credHelpers":[]}`: false,
		`{"auths":`:          false,
		`[]`:                 false,
	} {
		_, dockerErr := config.LoadFromReader(bytes.NewReader([]byte(content)))
		assert.Equal(t, dockerAccepts, dockerErr == nil, "%s: %v", content, dockerErr)
		r, err := dockerconfig.Merge([]byte(content), entries, dockerconfig.Options{})
		var malformed *dockerconfig.MalformedError
		assert.Equal(t, dockerAccepts, !errors.As(err, &malformed), content)
		if !dockerAccepts {
			r, err = dockerconfig.Merge([]byte(content), entries, dockerconfig.Options{Repair: true})
		}
		require.NoError(t, err)
		for _, form := range []dockerconfig.Form{dockerconfig.NodeFile, dockerconfig.DockerConfigJSON} {
			r, err = dockerconfig.Merge(r.Content, entries, dockerconfig.Options{Form: form})
			require.NoError(t, err)
			read, err := config.LoadFromReader(bytes.NewReader(r.Content))
			require.NoError(t, err, string(r.Content))
			for _, e := range entries {
				got, err := read.GetAuthConfig(dockerconfig.Key(e.Key))
				require.NoError(t, err)
				assert.Equal(t, e.User, got.Username)
				assert.Equal(t, e.Password.Reveal(), got.Password)
				assert.Empty(t, got.IdentityToken)
			}
		}
	}
}
