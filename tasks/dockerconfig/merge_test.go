package dockerconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
)

func entry(key, user, password string) dockerconfig.Entry {
	return dockerconfig.Entry{Key: key, User: user, Password: secret.New(password)}
}

// TestMergeText pins the bytes: what is ours, and that nothing else moves.
// dTpw is u:p, bzpv is o:o, ZzpnMQ== is g:g1.
func TestMergeText(t *testing.T) {
	ours := []dockerconfig.Entry{entry("REG.example.com:5000", "u", "p")}
	tests := []struct {
		name, before, after string
		form                dockerconfig.Form
	}{
		{name: "no file", before: "-",
			after: "{\n\t\"auths\": {\n\t\t\"reg.example.com:5000\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}\n"},
		{name: "empty object", before: "{}",
			after: "{\n\t\"auths\": {\n\t\t\"reg.example.com:5000\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}\n"},
		{name: "null", before: "null",
			after: "{\n\t\"auths\": {\n\t\t\"reg.example.com:5000\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}\n"},
		{name: "secret", before: "-", form: dockerconfig.DockerConfigJSON,
			after: `{"auths":{"reg.example.com:5000":{"username":"u","password":"p","auth":"dTpw"}}}`},
		{name: "legacy secret", before: "-", form: dockerconfig.DockerCfg,
			after: `{"reg.example.com:5000":{"username":"u","password":"p","auth":"dTpw"}}`},
		{name: "legacy secret with another entry", before: `{"a":{"auth":"bzpv"}}`, form: dockerconfig.DockerCfg,
			after: `{"a":{"auth":"bzpv"},"reg.example.com:5000":{"username":"u","password":"p","auth":"dTpw"}}`},
		{name: "compact", before: `{"x":1.50e3,"auths":{"a":{"auth":"bzpv"}},"y":[ 1 ]}`,
			after: `{"x":1.50e3,"auths":{"a":{"auth":"bzpv"},"reg.example.com:5000":{"auth":"dTpw"}},"y":[ 1 ]}`},
		{name: "two spaces", before: "{\n  \"auths\": {\n    \"a\": {\"auth\": \"bzpv\"}\n  },\n  \"y\": 1\n}",
			after: "{\n  \"auths\": {\n    \"a\": {\"auth\": \"bzpv\"},\n    \"reg.example.com:5000\": {\n      \"auth\": \"dTpw\"\n    }\n  },\n  \"y\": 1\n}"},
		{name: "two spaces, no entries", before: "{\n  \"auths\": {},\n  \"y\": 1\n}\n",
			after: "{\n  \"auths\": {\n    \"reg.example.com:5000\": {\n      \"auth\": \"dTpw\"\n    }\n  },\n  \"y\": 1\n}\n"},
		{name: "no auths", before: `{"y":1}`,
			after: `{"y":1,"auths":{"reg.example.com:5000":{"auth":"dTpw"}}}`},
		{name: "auths null", before: `{"auths":null,"y":1}`,
			after: `{"auths":{"reg.example.com:5000":{"auth":"dTpw"}},"y":1}`},
		{name: "other case", before: `{"Auths":{"a":{}}}`,
			after: `{"Auths":{"a":{},"reg.example.com:5000":{"auth":"dTpw"}}}`},
		{name: "auths twice", before: `{"auths":{"a":{"auth":"bzpv"}},"y":1,"AUTHS":{"b":{"auth":"ZzpnMQ=="}}}`,
			after: `{"auths":{"a":{"auth":"bzpv"},"b":{"auth":"ZzpnMQ=="},"reg.example.com:5000":{"auth":"dTpw"}},"y":1}`},
		{name: "auths forgotten", before: `{"auths":{"a":{"auth":"bzpv"}},"auths":null}`,
			after: `{"auths":{"reg.example.com:5000":{"auth":"dTpw"}}}`},
		{name: "T7 stale fields", before: `{"auths":{"reg.example.com:5000":{"auth":"dTpw","identitytoken":"t"},"z":{}}}`,
			after: `{"auths":{"reg.example.com:5000":{"auth":"dTpw"},"z":{}}}`},
		{name: "spellings", before: `{"auths":{"m":{},"https://reg.example.com:5000/v1/":{"auth":"bzpv"},"n":{},"REG.example.com:5000":{},"reg.example.com:5000/":{}}}`,
			after: `{"auths":{"m":{},"reg.example.com:5000":{"auth":"dTpw"},"n":{}}}`},
		{name: "unchanged", before: `{"auths":{"reg.example.com:5000":{"email":"e","Auth":"dT\npw"}}} `,
			after: `{"auths":{"reg.example.com:5000":{"email":"e","Auth":"dT\npw"}}} `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := []byte(tt.before)
			if tt.before == "-" {
				before = nil
			}
			got, err := dockerconfig.Merge(before, ours, dockerconfig.Options{Form: tt.form})
			require.NoError(t, err)
			assert.Equal(t, tt.after, string(got.Content))
			assert.Equal(t, tt.before != tt.after, got.Changed)
			again, err := dockerconfig.Merge(got.Content, ours, dockerconfig.Options{Form: tt.form})
			require.NoError(t, err)
			assert.False(t, again.Changed, "a second merge changes nothing")
			assert.Equal(t, tt.after, string(again.Content))
			assert.Empty(t, dockerconfig.Compare(got.Content, ours, nil, tt.form))
		})
	}
}
