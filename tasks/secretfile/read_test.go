package secretfile

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
)

func TestRead(t *testing.T) {
	config := `{"auths": {"registry.example.com": {"auth": "dTpw"}}}` + "\n"
	manifest := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: 1234-svc-pull-secret\ndata:\n  .dockerconfigjson: " +
		base64.StdEncoding.EncodeToString([]byte(config)) + "\ntype: kubernetes.io/dockerconfigjson\n"
	for name, tt := range map[string]struct {
		data string
		want File
	}{
		"config.json":      {config, File{Type: TypeDockerConfigJSON, Data: []byte(config)}},
		"with a BOM":       {"\xef\xbb\xbf" + config, File{Type: TypeDockerConfigJSON, Data: []byte(config)}},
		".dockercfg":       {`{"registry.example.com":{"auth":"dTpw"}}`, File{Type: TypeDockerCfg, Data: []byte(`{"registry.example.com":{"auth":"dTpw"}}`)}},
		"a manifest":       {manifest, File{Name: "1234-svc-pull-secret", Type: TypeDockerConfigJSON, Data: []byte(config)}},
		"with stringData":  {`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"n"},"type":"kubernetes.io/dockercfg","stringData":{".dockercfg":"{\"registry.example.com\":{\"auth\":\"dTpw\"}}"}}`, File{Name: "n", Type: TypeDockerCfg, Data: []byte(`{"registry.example.com":{"auth":"dTpw"}}`)}},
		"token beside one": {`{"auths":{"registry.example.com":{"auth":"dTpw"},"t.example.com":{"auth":"dTo=","identitytoken":"x"}}}`, File{Type: TypeDockerConfigJSON, Data: []byte(`{"auths":{"registry.example.com":{"auth":"dTpw"},"t.example.com":{"auth":"dTo=","identitytoken":"x"}}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(name, []byte(tt.data))
			require.NoError(t, err)
			tt.want.Entries = []dockerconfig.Entry{{Key: "registry.example.com", User: "u", Password: secret.New("p")}}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestR10_ReadRefusesWhatHoldsNoLogin(t *testing.T) {
	for name, tt := range map[string]struct{ data, says string }{
		"laptop with a store":  {`{"auths":{"registry.example.com":{}},"credsStore":"desktop"}`, "no login for registry.example.com"},
		"half in a store":      {`{"auths":{"a.example.com":{"auth":"dTpw"},"b.example.com":{}},"credHelpers":{"b.example.com":"x"}}`, "no login for b.example.com"},
		"C7 empty":             {``, "the file is empty"},
		"C7 empty object":      {`{}`, "no login"},
		"C7 null":              {`null`, "no login"},
		"C7 empty auths":       {`{"auths":{}}`, "no login"},
		"C7 text":              {`my-password-1234`, "not JSON"},
		"R9 malformed":         {`{"auths":{"a.example.com":{"auth":"bXktcGFzc3dvcmQ="}}}`, "a.example.com"},
		"S1 login in a key":    {`{"auths":{"https://u:my-password@a.example.com":{"auth":"dTpw"}}}`, "the key https://...@a.example.com holds a user or password"},
		"an opaque manifest":   {"apiVersion: v1\nkind: Secret\ntype: Opaque\ndata: {a: Yg==}\n", `type "Opaque"`},
		"a manifest of nobody": {"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockercfg\n", `without ".dockercfg"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("pull.json", []byte(tt.data))
			var bad *Error
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, "pull.json: ")
			require.ErrorContains(t, err, tt.says)
			for _, canary := range []string{"my-password", "bXktcGFzc3dvcmQ"} {
				assert.NotContains(t, err.Error(), canary)
			}
		})
	}
}

// FuzzRead holds that what is accepted holds a login and is accepted again as
// the same, and that what is refused is refused by type.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"auths":{"registry.example.com":{"auth":"dTpw"}}}`,
		`{"registry.example.com":{"auth":"dTpw","email":"e"}}`,
		"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockercfg\nstringData:\n  .dockercfg: '{\"a.example.com\":{\"auth\":\"dTpw\"}}'\n",
		"\xef\xbb\xbf{\"auths\":{\"a\":{\"username\":\"u\",\"password\":\"p\"}}}",
		`{"auths":{"a":{"auth":"dTpw","identitytoken":"x"},"b":{"auth":"dTpw"}}}`,
		`null`, `{}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read("f", data)
		if err != nil {
			var known *Error
			if !errors.As(err, &known) {
				t.Fatalf("an error of type %T", err)
			}
			return
		}
		if len(file.Entries) == 0 {
			t.Fatal("accepted without a login")
		}
		form := dockerconfig.DockerConfigJSON
		if file.Type == TypeDockerCfg {
			form = dockerconfig.DockerCfg
		}
		logins, err := dockerconfig.Entries(file.Data, form)
		if err != nil || len(logins) < len(file.Entries) {
			t.Fatalf("its own content is refused: %v", err)
		}
	})
}
