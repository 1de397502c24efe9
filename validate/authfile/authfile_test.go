package authfile_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/validate/authfile"
)

const canary = "c4nary-pass:word"

func auth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func secretManifest(key, content string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata:\n  name: 1234-lab-pull-secret\ndata:\n  " + key + ": " +
		base64.StdEncoding.EncodeToString([]byte(content)) + "\ntype: kubernetes.io/dockerconfigjson\n"
}

// TestParseForms holds every kind of file to the same credential.
func TestParseForms(t *testing.T) {
	entries := fmt.Sprintf(`{"registry.example.com":{"auth":%q}}`, auth("1234|lab", canary))
	config := `{"auths":` + entries + `}`
	for name, content := range map[string]string{
		"config.json":                config,
		"with BOM and line ends":     "\xef\xbb\xbf" + config + "\r\n",
		".dockercfg":                 entries,
		"secret.yml":                 secretManifest(".dockerconfigjson", config),
		"secret.yml with .dockercfg": secretManifest(".dockercfg", entries),
		"secret with folded base64": "kind: Secret\ndata:\n  .dockerconfigjson: |\n    " +
			strings.Join(strings.SplitAfterN(base64.StdEncoding.EncodeToString([]byte(config)), "", 40), "\n    ") + "\n",
		"secret with stringData": "kind: Secret\nstringData:\n  .dockerconfigjson: '" + config + "'\n",
		"secret as JSON":         `{"apiVersion":"v1","kind":"Secret","data":{".dockerconfigjson":"` + base64.StdEncoding.EncodeToString([]byte(config)) + `"}}`,
		"list": "kind: List\nitems:\n- kind: Secret\n  data:\n    .dockerconfigjson: " +
			base64.StdEncoding.EncodeToString([]byte(config)) + "\n",
		"document separator": "---\n" + secretManifest(".dockerconfigjson", config),
	} {
		t.Run(name, func(t *testing.T) {
			file, err := authfile.Parse("f", []byte(content), "")
			require.NoError(t, err)
			require.Len(t, file.Credentials, 1)
			c := file.Credentials[0]
			assert.Equal(t, "registry.example.com", c.Host)
			assert.Equal(t, "1234|lab", c.User)
			assert.Equal(t, canary, c.Password.Reveal())
			assert.Equal(t, "registry.example.com/openshift3/ose-pod:latest", c.Image)
			assert.False(t, c.ImageNamed)
			assert.True(t, c.TestLogin)
			assert.True(t, c.TLSVerify)
			assert.Contains(t, c.Source, `auths["registry.example.com"]`)
			assert.Empty(t, file.Warnings)
		})
	}
}

// TestR1_KeysOfEveryForm: which registry and path a key stands for.
func TestR1_KeysOfEveryForm(t *testing.T) {
	for key, want := range map[string][2]string{
		"quay.io":                        {"quay.io", ""},
		"https://quay.io":                {"quay.io", ""},
		"HTTPS://Quay.IO/":               {"quay.io", ""},
		"http://quay.io/v1/":             {"quay.io", ""},
		"https://quay.io/v2/team":        {"quay.io", "team"},
		"quay.io/team/":                  {"quay.io", "team"},
		"quay.io/team/app":               {"quay.io", "team/app"},
		"reg.io:5000":                    {"reg.io:5000", ""},
		"[fd00::1]:5000/team":            {"[fd00::1]:5000", "team"},
		"https://index.docker.io/v1/":    {"docker.io", ""},
		"index.docker.io":                {"docker.io", ""},
		"registry-1.docker.io":           {"docker.io", ""},
		"docker.io/org":                  {"docker.io", "org"},
		"*.reg.io":                       {"*.reg.io", ""},
		"cloud.openshift.com":            {"cloud.openshift.com", ""},
		"registry.connect.redhat.com/v1": {"registry.connect.redhat.com", ""},
	} {
		data, err := json.Marshal(map[string]any{"auths": map[string]any{key: map[string]string{"auth": auth("u", "p")}}})
		require.NoError(t, err)
		file, err := authfile.Parse("f", data, "a/b:1")
		require.NoError(t, err, key)
		require.Len(t, file.Credentials, 1, key)
		c := file.Credentials[0]
		assert.Equal(t, want, [2]string{c.Host, c.Scope}, key)
		assert.Equal(t, strings.Join(strings.FieldsFunc(want[0]+"/"+want[1]+"/a/b:1", func(r rune) bool { return r == '/' }), "/"), c.Image, key)
	}
}

func TestParseKeepsFileOrder(t *testing.T) {
	file, err := authfile.Parse("f", []byte(`{"auths":{"z.io":{"auth":"dTpw"},"a.io":{"auth":"dTpw"},"m.io":{"auth":"dTpw"}}}`), "")
	require.NoError(t, err)
	var hosts []string
	for _, c := range file.Credentials {
		hosts = append(hosts, c.Host)
	}
	assert.Equal(t, []string{"z.io", "a.io", "m.io"}, hosts)
}

// TestR10_WhatCannotBeChecked: a warning beside the entries that can be.
func TestR10_WhatCannotBeChecked(t *testing.T) {
	good := `"good.io":{"auth":"` + auth("u", "p") + `"}`
	for name, c := range map[string]struct{ content, warning string }{
		"identity token":   {`{"auths":{` + good + `,"t.io":{"auth":"` + auth("u", "") + `","identitytoken":"` + canary + `"}}}`, "token and no password"},
		"empty entry":      {`{"auths":{` + good + `,"t.io":{}}}`, "no user and no password"},
		"helper shadows":   {`{"credHelpers":{"good.io":"pass"},"auths":{` + good + `}}`, "credHelpers names the same registry"},
		"telemetry":        {`{"auths":{` + good + `,"cloud.openshift.com":{"auth":"` + auth("u", canary) + `"}}}`, "no registry"},
		"no auth field":    {`{"auths":{` + good + `,"t.io":{"username":"u","password":"` + canary + `"}}}`, "podman, skopeo and CRI-O find no login"},
		"unpadded":         {`{"auths":{` + good + `,"t.io":{"auth":"` + strings.TrimRight(auth("u", canary+"x"), "=") + `"}}}`, "no padding"},
		"stale user":       {`{"auths":{` + good + `,"t.io":{"auth":"` + auth("new", "p") + `","username":"old","password":"` + canary + `"}}}`, "differs from auth"},
		"echo's line end":  {`{"auths":{` + good + `,"t.io":{"auth":"` + auth("u", canary+"\n") + `"}}}`, "ends in a line break"},
		"login in the key": {`{"auths":{` + good + `,"https://u:` + canary + `@t.io":{"auth":"` + auth("u", canary) + `"}}}`, `auths["https://...@t.io"]: the key holds a user or password`},
		"two for one host": {`{"auths":{` + good + `,"https://good.io/v1/":{"auth":"` + auth("u", canary) + `"}}}`, "another login"},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := authfile.Parse("f", []byte(c.content), "")
			require.NoError(t, err)
			require.NotEmpty(t, file.Credentials)
			for _, c := range file.Credentials {
				assert.Equal(t, c.Host != "cloud.openshift.com", c.TestLogin)
			}
			require.Len(t, file.Warnings, 1)
			assert.Contains(t, file.Warnings[0], c.warning)
			assert.NotContains(t, file.Warnings[0], "c4nary")
		})
	}
}

// TestR9_MalformedFiles: the place and the key, never a value.
func TestR9_MalformedFiles(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"empty":               {" \n", "f: empty"},
		"vault":               {"$ANSIBLE_VAULT;1.1;AES256\n3061\n", "encrypted by Ansible vault"},
		"plain text":          {canary, "neither JSON nor a Secret manifest"},
		"broken JSON":         {"{\"auths\":{\n  \"a.io\": {\"auth\": " + canary + "}}}", "f:2:20: not valid JSON"},
		"list":                {`["` + canary + `"]`, "not a JSON object"},
		"null":                {"null", "f: neither a config"},
		"no entries":          {`{"auths":{}}`, "no credential in it"},
		"auths null":          {`{"auths":null}`, "no credential in it"},
		"auths a list":        {`{"auths":["` + canary + `"]}`, `"auths" is not a JSON object`},
		"helper only":         {`{"auths":{"a.io":{}},"credsStore":"desktop"}`, "credential helper"},
		"helpers only":        {`{"credHelpers":{"a.io":"pass"}}`, "credential helper"},
		"auth a number":       {`{"auths":{"a.io":{"auth":123456789}}}`, `auths["a.io"]: auth, username and password must be text`},
		"auth not base64":     {`{"auths":{"a.io":{"auth":"` + canary + `!"}}}`, `auths["a.io"]: auth is not base64`},
		"auth without colon":  {`{"auths":{"a.io":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("c4narytoken")) + `"}}}`, "has no colon"},
		"auth not text":       {`{"auths":{"a.io":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("u:\xff\xfe")) + `"}}}`, "auth is not text"},
		"empty user":          {`{"auths":{"a.io":{"auth":"` + auth("", canary) + `"}}}`, "user name is empty"},
		"login in a bad key":  {`{"auths":{"https://u:` + canary + `@t.io":{"auth":"%"}}}`, `auths["https://...@t.io"]: auth is not`},
		"empty key":           {`{"auths":{"https://":{"auth":"` + auth("u", canary) + `"}}}`, "names no registry"},
		"other JSON":          {`{"password":"` + canary + `"}`, `key "password" is neither`},
		"other manifest":      {"kind: ConfigMap\ndata:\n  x: " + canary + "\n", `kind "ConfigMap"; expected a Secret`},
		"other secret":        {"kind: Secret\ntype: Opaque\nmetadata:\n  name: s\ndata:\n  password: " + canary + "\n", "holds neither .dockerconfigjson nor .dockercfg"},
		"secret not base64":   {"kind: Secret\ndata:\n  .dockerconfigjson: '" + canary + "'\n", ".dockerconfigjson is not base64"},
		"secret not JSON":     {"kind: Secret\nstringData:\n  .dockerconfigjson: '" + canary + "'\n", ".dockerconfigjson:1:1: not valid JSON"},
		"YAML of wrong shape": {"kind: Secret\ndata: " + canary + "\n", "neither JSON nor a Secret manifest"},
		"crowded":             {strings.Repeat("a: b\n", authfile.MaxSize/5), "more than 5000 keys"},
		"too large":           {strings.Repeat(" ", authfile.MaxSize) + "{}", "larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authfile.Parse("f", []byte(c.content), "")
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "c4nary")
			assert.NotContains(t, err.Error(), "123456789")
		})
	}
}

// TestR9_SeveralMistakesTogether: one run shows them all.
func TestR9_SeveralMistakesTogether(t *testing.T) {
	_, err := authfile.Parse("f", []byte(`{"auths":{"a.io":{"auth":"%"},"b.io":{"auth":"dTpw"},"c.io":{"auth":7}}}`), "")
	require.ErrorContains(t, err, `auths["a.io"]`)
	require.ErrorContains(t, err, `auths["c.io"]`)
}

// TestR14_CredentialsComeThroughVerbatim: what users' real passwords hold.
func TestR14_CredentialsComeThroughVerbatim(t *testing.T) {
	for _, password := range []string{"p$'\"`\\ ;& ", "pä$$wörd", "with:colon", strings.Repeat("t0ken", 820), " lead and trail "} {
		data, err := json.Marshal(map[string]any{"auths": map[string]any{"a.io": map[string]string{"auth": auth("1234|svc", password)}}})
		require.NoError(t, err)
		file, err := authfile.Parse("f", data, "")
		require.NoError(t, err)
		require.Len(t, file.Credentials, 1)
		assert.Equal(t, password, file.Credentials[0].Password.Reveal())
		assert.Equal(t, "1234|svc", file.Credentials[0].User)
	}
}

// FuzzParseRoundTrip: whatever a login holds, it comes back as it was written.
func FuzzParseRoundTrip(f *testing.F) {
	f.Add("registry.example.com", "1234|svc", "p$'\"`\\ ;& ")
	f.Add("https://index.docker.io/v1/", "u", "")
	f.Fuzz(func(t *testing.T, key, user, password string) {
		data, err := json.Marshal(map[string]any{"auths": map[string]any{key: map[string]string{"auth": auth(user, password)}}})
		require.NoError(t, err)
		file, err := authfile.Parse("f", data, "")
		if user == "" || strings.Contains(user, ":") || !utf8.ValidString(user+":"+password) || strings.HasSuffix(password, "\x00") {
			return // nothing to come back, or not as it was
		}
		host := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(key), "https://"), "http://")
		if strings.HasPrefix(host, "/") || host == "" {
			assert.ErrorContains(t, err, "names no registry")
			return
		}
		require.NoError(t, err)
		require.Len(t, file.Credentials, 1)
		assert.Equal(t, user, file.Credentials[0].User)
		assert.Equal(t, password, file.Credentials[0].Password.Reveal())
		assert.NotEmpty(t, file.Credentials[0].Host)
	})
}

// FuzzParse: no panic, no hang, and a result or an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"auths":{"a.io":{"auth":"dTpw"}}}`, `{"a.io":{"auth":"dTpw"}}`, secretManifest(".dockercfg", `{"a.io":{"auth":"dTpw"}}`),
		"kind: List\nitems: [{kind: Secret, stringData: {.dockerconfigjson: '{}'}}]", "a: &a [*a]", "{", "\xef\xbb\xbf"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := authfile.Parse("f", data, "")
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "f"), "every message names the file: %q", err)
			return
		}
		require.NotEmpty(t, file.Credentials)
		for _, c := range file.Credentials {
			assert.NotEmpty(t, c.Host)
			assert.NotEmpty(t, c.User)
		}
	})
}
