package dockerconfig_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks/dockerconfig"
)

// pair is a member of a JSON object, its value as text.
type pair struct{ name, value string }

// members reads an object in order, independently of the package.
func members(t *testing.T, text []byte) []pair {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	_, err := dec.Token()
	require.NoError(t, err)
	var all []pair
	for dec.More() {
		name, err := dec.Token()
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, dec.Decode(&value))
		all = append(all, pair{name.(string), string(value)})
	}
	return all
}

// foreign are the members that Merge has no business with: at the top level
// all but auths, below auths all registries but ours.
func foreign(t *testing.T, text []byte, legacy bool) (top, entries []pair) {
	t.Helper()
	if text == nil || string(bytes.TrimSpace(text)) == "null" {
		return nil, nil
	}
	ours := func(m pair) bool {
		return dockerconfig.SameRegistry(m.name, "reg.io") || dockerconfig.SameRegistry(m.name, "docker.io")
	}
	for _, m := range members(t, text) {
		switch {
		case legacy && !ours(m):
			entries = append(entries, m)
		case legacy:
		case !strings.EqualFold(m.name, "auths"):
			top = append(top, m)
		case m.value == "null":
			entries = nil
		default:
			for _, e := range members(t, []byte(m.value)) {
				if !ours(e) {
					entries = append(entries, e)
				}
			}
		}
	}
	return top, entries
}

// strict reads a file as the strictest reader does and returns the logins.
func strict(t *testing.T, text []byte, legacy bool) map[string]string {
	t.Helper()
	type entry struct{ Username, Password, Auth string }
	var file struct{ Auths map[string]entry }
	var err error
	if legacy {
		err = json.Unmarshal(text, &file.Auths)
	} else {
		err = json.Unmarshal(text, &file)
	}
	require.NoError(t, err)
	logins := map[string]string{}
	for key, e := range file.Auths {
		if e.Auth == "" {
			continue
		}
		decoded, err := base64.StdEncoding.DecodeString(e.Auth)
		require.NoError(t, err)
		require.Contains(t, string(decoded), ":")
		logins[key] = string(decoded)
	}
	return logins
}

// FuzzMerge: our entries are in, every foreign entry and key keeps its value
// and its order, a strict reader accepts the result, and a second merge changes
// nothing.
func FuzzMerge(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, ``, `{"auths":{"a":{"auth":"dTpw"},"https://REG.io/v1/":{"auth":"dTpw"},"z":{}},"x":1.50e3,"y":[1, 2]}`,
		`{"auths":{"a":{}},"AUTHS":{"b":null,"b":{}},"auths":{"docker.io":{}}}`, `{"auths":{"a":{}},"auths":null,"n":{}}`,
		"{\n  \"auths\" : { \"reg.io\" : { \"auth\" : \"dTpw\" } , \"k\" : { } } ,\n \"q\\u0041\":\"\\ud800\"\n}\n", `{"auths":{"bad":{"auth":"%"}}}`,
		`{"credHelpers":{"reg.io":"x"},"credsStore":"y","HttpHeaders":{"a":"b"},"auths":{"*.io":{},"reg.io/team":{}}}`, `{"reg.io":{"username":"u","password":"p"},"z":{}}`,
	} {
		for form := range 3 {
			f.Add([]byte(seed), form, "us er", `p"<w`)
		}
	}
	f.Fuzz(func(t *testing.T, existing []byte, formNumber int, user, password string) {
		form := dockerconfig.Form((formNumber%3 + 3) % 3)
		legacy := form == dockerconfig.DockerCfg
		entries := []dockerconfig.Entry{entry("reg.io", user, password), entry("docker.io", "hub", "hub")}
		result, err := dockerconfig.Merge(existing, entries, dockerconfig.Options{Form: form})
		var refused *dockerconfig.EntryError
		var malformed *dockerconfig.MalformedError
		switch {
		case errors.As(err, &refused):
			return
		case errors.As(err, &malformed):
			require.NotEmpty(t, malformed.Problems)
			result, err = dockerconfig.Merge(existing, entries, dockerconfig.Options{Form: form, Repair: true})
			if errors.Is(err, dockerconfig.ErrTooLarge) {
				return
			}
			require.NoError(t, err, "a repair always succeeds")
		case errors.Is(err, dockerconfig.ErrTooLarge):
			return
		default:
			require.NoError(t, err)
			top, others := foreign(t, existing, legacy)
			topAfter, othersAfter := foreign(t, result.Content, legacy)
			assert.True(t, reflect.DeepEqual(top, topAfter), "%q\n%q", top, topAfter)
			assert.True(t, reflect.DeepEqual(others, othersAfter), "%q\n%q", others, othersAfter)
			assert.Equal(t, result.Changed, !bytes.Equal(existing, result.Content))
		}
		logins := strict(t, result.Content, legacy)
		assert.Equal(t, user+":"+password, logins["reg.io"])
		assert.Equal(t, "hub:hub", logins[dockerconfig.HubKey])
		for _, d := range dockerconfig.Compare(result.Content, entries, nil, form) {
			assert.Equal(t, dockerconfig.Shadowed, d.Kind, d.String())
		}
		again, err := dockerconfig.Merge(result.Content, entries, dockerconfig.Options{Form: form})
		require.NoError(t, err)
		assert.False(t, again.Changed)
		assert.Equal(t, string(result.Content), string(again.Content))

		removed, err := dockerconfig.Remove(result.Content, []string{"reg.io", "docker.io"}, dockerconfig.Options{Form: form})
		require.NoError(t, err)
		top, others := foreign(t, result.Content, legacy)
		topAfter, othersAfter := foreign(t, removed.Content, legacy)
		assert.True(t, reflect.DeepEqual(top, topAfter))
		assert.True(t, reflect.DeepEqual(others, othersAfter))
		drifts := dockerconfig.Compare(removed.Content, entries[1:], nil, form)
		require.NotEmpty(t, drifts)
		assert.Equal(t, dockerconfig.Missing, drifts[0].Kind)
		_ = dockerconfig.Diff(existing, removed.Content, form)
		_ = dockerconfig.DetectForm(existing)
	})
}
