package dockerconfig_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestR9_RefusesWhatAReaderRejects: the values of MATCHING.md part B, each with
// the key alone in the error, and what --repair makes of it.
func TestR9_RefusesWhatAReaderRejects(t *testing.T) {
	entries := []dockerconfig.Entry{entry("new.io", "n", "w")}
	const good = `"good.io":{"auth":"Zzpn"}`
	tests := []struct {
		name, content string
		problem       string // "" for a file that all readers accept
		repaired      string // what --repair leaves of the rest
	}{
		{name: "auth only", content: `{"auths":{"r.io":{"auth":"dTpw"},` + good + `}}`},
		{name: "username and password", content: `{"auths":{"r.io":{"username":"u","password":"p"},` + good + `}}`},
		{name: "stale username", content: `{"auths":{"r.io":{"username":"x","password":"p","auth":"dTpw"},` + good + `}}`},
		{name: "colons in the password", content: `{"auths":{"r.io":{"auth":"` + b64("u:a:b:c") + `"},` + good + `}}`},
		{name: "line end in the payload", content: `{"auths":{"r.io":{"auth":"` + b64("u:p\n") + `"},` + good + `}}`},
		{name: "line end in the text", content: `{"auths":{"r.io":{"auth":"dT\npw"},` + good + `}}`},
		{name: "empty entry", content: `{"auths":{"r.io":{},` + good + `}}`},
		{name: "null entry", content: `{"auths":{"r.io":null,` + good + `}}`},
		{name: "identity token", content: `{"auths":{"r.io":{"auth":"` + b64("u:") + `","identitytoken":"t"},` + good + `}}`},
		{name: "auths null", content: `{"auths":null}`},
		{name: "empty object", content: `{}`},
		{name: "null", content: `null`},
		{name: "legacy shape", content: `{"r.io":{"auth":"%"}}`},

		{name: "unpadded", content: `{"auths":{"r.io":{"auth":"` + strings.TrimRight(b64("u:pass1"), "=") + `"},` + good + `}}`,
			problem: "r.io: auth is not padded", repaired: `{"auths":{"r.io":{"auth":"dTpwYXNzMQ=="},` + good},
		{name: "space behind", content: `{"auths":{"r.io":{"auth":"dTpw "},` + good + `}}`,
			problem: "r.io: auth is not padded", repaired: `{"auths":{"r.io":{"auth":"dTpw"},` + good},
		{name: "bare token", content: `{"auths":{"r.io":{"auth":"` + b64("t0ken") + `"},` + good + `}}`,
			problem: "r.io: auth is not base64 of user:password: it has no colon", repaired: `{"auths":{` + good},
		{name: "not base64", content: `{"auths":{"r.io":{"auth":"%%%"},` + good + `}}`,
			problem: "r.io: auth is not padded", repaired: `{"auths":{` + good},
		{name: "not base64 beside a login", content: `{"auths":{"r.io":{"username":"u","password":"p","auth":"%%%"},` + good + `}}`,
			problem: "r.io: auth is not padded", repaired: `{"auths":{"r.io":{"auth":"dTpw"},` + good},
		{name: "empty user", content: `{"auths":{"r.io":{"auth":"` + b64(":p") + `"},` + good + `}}`,
			problem: "r.io: auth has an empty user", repaired: `{"auths":{` + good},
		{name: "auth a number", content: `{"auths":{"r.io":{"auth":1},` + good + `}}`,
			problem: "r.io: the entry is not an object of text fields", repaired: `{"auths":{` + good},
		{name: "entry a string", content: `{"auths":{"r.io":"dTpw",` + good + `}}`,
			problem: "r.io: the entry is not an object of text fields", repaired: `{"auths":{` + good},
		{name: "entries a list", content: `{"auths":[],"x":1}`, problem: "auths: not a JSON object", repaired: `{"auths":{`},
		{name: "helpers a list", content: `{"credHelpers":[],"auths":{` + good + `}}`,
			problem: "credHelpers: has another type", repaired: `{"auths":{` + good},
		{name: "headers of numbers", content: `{"auths":{` + good + `},"HttpHeaders":{"x":1}}`,
			problem: "HttpHeaders: has another type", repaired: `{"auths":{` + good},
		{name: "empty", content: "", problem: "the file is empty", repaired: "{"},
		{name: "blank", content: " \n", problem: "the file is empty", repaired: "{"},
		{name: "cut off", content: "{\"auths\":\n {\"r.io\":{\"auth\":\"c4nary", problem: "not JSON: it breaks off or goes wrong at line 2 column", repaired: "{"},
		{name: "text behind", content: `{"auths":{}} {}`, problem: "not JSON: it breaks off or goes wrong at line 1 column 14", repaired: "{"},
		{name: "a list", content: `[1]`, problem: "the top level is not a JSON object", repaired: "{"},
		{name: "byte order mark", content: "\ufeff{}", problem: "not JSON: it begins with a byte order mark", repaired: "{"},
		{name: "too large", content: `{"x":"` + strings.Repeat("x", dockerconfig.MaxSize) + `"}`, problem: "larger than", repaired: "{"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, err := dockerconfig.Merge([]byte(tt.content), entries, dockerconfig.Options{})
			if tt.problem == "" {
				require.NoError(t, err)
				assert.True(t, result.Changed)
				return
			}
			var malformed *dockerconfig.MalformedError
			require.ErrorAs(t, err, &malformed)
			require.Len(t, malformed.Problems, 1)
			require.ErrorContains(t, err, tt.problem)
			assert.NotContains(t, err.Error(), "c4nary")
			_, err = dockerconfig.Remove([]byte(tt.content), []string{"r.io"}, dockerconfig.Options{})
			require.ErrorAs(t, err, &malformed)
			_, err = dockerconfig.Entries([]byte(tt.content), dockerconfig.NodeFile)
			require.ErrorAs(t, err, &malformed)
			drifts := dockerconfig.Compare([]byte(tt.content), nil, nil, dockerconfig.NodeFile)
			require.Len(t, drifts, 1)
			assert.Equal(t, dockerconfig.Malformed, drifts[0].Kind)

			result, err = dockerconfig.Merge([]byte(tt.content), entries, dockerconfig.Options{Repair: true})
			require.NoError(t, err)
			assert.True(t, result.Changed)
			assert.True(t, strings.HasPrefix(string(result.Content), tt.repaired), "%s", result.Content)
			require.NotEmpty(t, result.Notes)
			assert.Equal(t, dockerconfig.Repaired, result.Notes[0].Kind)
			assert.Empty(t, dockerconfig.Compare(result.Content, entries, nil, dockerconfig.NodeFile))
		})
	}
}

// TestR8_RefusesWhatReadersMisread: entries that no file can carry.
func TestR8_RefusesWhatReadersMisread(t *testing.T) {
	for reason, e := range map[string]dockerconfig.Entry{
		"user is empty":        entry("r.io", "", "c4nary"),
		"colon":                entry("r.io", "a:b", "c4nary"),
		"password is empty":    entry("r.io", "a", ""),
		"not UTF-8":            entry("r.io", "a", "c4nary\xff"),
		"NUL":                  entry("r.io", "a", "c4nary\x00"),
		"wildcard":             entry("*.r.io", "a", "c4nary"), // R5
		"name is empty":        entry("https://", "a", "c4nary"),
		"not a registry name":  entry("u@r.io", "a", "c4nary"),
		"two different logins": entry("https://twice.io", "a", "c4nary"), // R4
	} {
		_, err := dockerconfig.Merge(nil, []dockerconfig.Entry{entry("twice.io", "a", "other"), e}, dockerconfig.Options{})
		var refused *dockerconfig.EntryError
		require.ErrorAs(t, err, &refused, reason)
		require.ErrorContains(t, err, reason)
		assert.NotContains(t, err.Error(), "c4nary")
	}
	_, err := dockerconfig.Merge(nil, []dockerconfig.Entry{entry("r.io", "a", "b"), entry("R.io", "other", "b")}, dockerconfig.Options{})
	require.ErrorContains(t, err, "two different logins")
	_, err = dockerconfig.Merge(nil, []dockerconfig.Entry{entry("r.io", "a", "b"), entry("R.io", "a", "b")}, dockerconfig.Options{})
	require.NoError(t, err, "one login listed twice is no conflict")
}

// TestR14_AnyPassword comes back as it went in, in each form.
func TestR14_AnyPassword(t *testing.T) {
	for _, form := range []dockerconfig.Form{dockerconfig.NodeFile, dockerconfig.DockerConfigJSON, dockerconfig.DockerCfg} {
		for _, password := range []string{
			`p$'"` + "`" + `\ ;& #`, " leading and trailing ", "pässwörd €", "<&>", "a:b:c", "line\nend\n", strings.Repeat("t0ken", 819) + "!",
		} {
			e := entry("r.io", "1234|svc", password)
			r, err := dockerconfig.Merge(nil, []dockerconfig.Entry{e}, dockerconfig.Options{Form: form})
			require.NoError(t, err)
			found, err := dockerconfig.Entries(r.Content, form)
			require.NoError(t, err)
			require.Len(t, found, 1)
			assert.Equal(t, "1234|svc", found[0].User)
			assert.Equal(t, password, found[0].Password.Reveal())
			assert.Empty(t, dockerconfig.Compare(r.Content, []dockerconfig.Entry{e}, nil, form))
		}
	}
}

// TestR2_R4_R5_R10_Warnings: what in the file comes in our way.
func TestR2_R4_R5_R10_Warnings(t *testing.T) {
	const existing = `{"credsStore":"desktop","credHelpers":{"https://a.reg.io":"ecr-login","b.reg.io":"","other.io":"gcr"},
		"auths":{"a.reg.io/team":{},"https://a.reg.io/other":{},"*.reg.io":{},"*.io":{},"a.*":{},"*.*.*.io":{},"*.reg.io:5000":{},"x.other.io":{},"https://A.reg.io/v1/":{}}}`
	entries := []dockerconfig.Entry{entry("a.reg.io", "u", "p"), entry("b.reg.io", "u", "p")}
	for range 2 { // also when nothing is to be changed any more
		r, err := dockerconfig.Merge([]byte(existing), entries, dockerconfig.Options{})
		require.NoError(t, err)
		count := map[string]int{}
		for _, n := range r.Notes {
			count[string(n.Kind)+" "+n.Key]++
			assert.Equal(t, n.Kind != dockerconfig.Replaced, n.Warning, n.String())
		}
		assert.Equal(t, map[string]int{
			"replaced https://A.reg.io/v1/": 1, "scoped a.reg.io/team": 1, "scoped https://a.reg.io/other": 1,
			"wildcard *.reg.io": 2, "helper https://a.reg.io": 1, "helper credsStore": 1,
		}, count)
		drifts := map[dockerconfig.DriftKind]int{}
		for _, d := range dockerconfig.Compare(r.Content, entries, nil, dockerconfig.NodeFile) {
			drifts[d.Kind]++
		}
		assert.Equal(t, map[dockerconfig.DriftKind]int{dockerconfig.Shadowed: 2}, drifts)
	}
}

// TestR2_WhatLiesBelowAPath is what is below it by whole names.
func TestR2_WhatLiesBelowAPath(t *testing.T) {
	const existing = `{"auths":{"a.io":{},"a.io/team/x":{},"a.io/teammates":{},"b.io/team/y":{}}}`
	for key, below := range map[string][]string{
		"a.io/team": {"a.io/team/x"}, "a.io": {"a.io/team/x", "a.io/teammates"}, "a.io/team/x": nil, "c.io": nil,
	} {
		r, err := dockerconfig.Merge([]byte(existing), []dockerconfig.Entry{entry(key, "u", "p")}, dockerconfig.Options{})
		require.NoError(t, err)
		var found []string
		for _, n := range r.Notes {
			if n.Kind == dockerconfig.Scoped {
				found = append(found, n.Key)
			}
		}
		assert.Equal(t, below, found, key)
	}
}

// TestCompare finds each kind of drift, and says which.
func TestCompare(t *testing.T) {
	wanted := []dockerconfig.Entry{entry("r.io", "u", "p")}
	for content, drift := range map[string]string{
		`{"auths":{"r.io":{"auth":"dTpw"}}}`:                              "",
		`{"auths":{"r.io":{"auth":"dTpw","username":"u","email":"e"}}}`:   "",
		`{"auths":{"r.io":{"auth":"dTpw"},"foreign.io":{"auth":"dTpw"}}}`: "",
		`{}`:                                 "r.io: missing: no entry",
		`{"auths":{"r.io/team":{}}}`:         "r.io: missing: no entry",
		`{"auths":{"r.io":{}}}`:              "r.io: differs: the entry holds no login",
		`{"auths":{"r.io":{"auth":"eDpw"}}}`: "r.io: differs: another user: x instead of u",
		`{"auths":{"r.io":{"auth":"dTpv"}}}`: "r.io: differs: another password",
		`{"auths":{"r.io":{"username":"u","password":"p"}}}`:                       "r.io: differs: no auth",
		`{"auths":{"r.io":{"auth":"dTpw","identitytoken":"t"}}}`:                   "r.io: differs: a token beside the login",
		`{"auths":{"r.io":{"auth":"dTpw","password":"old"}}}`:                      "r.io: differs: a stale username or password",
		`{"auths":{"r.io":{"auth":"dTpw"},"http://r.io":{}}}`:                      "http://r.io: shadowed: another spelling of r.io",
		`{"auths":{"r.io":{"auth":"dTpw"},"r.io":{"auth":"dTpw"}}}`:                "r.io: shadowed: the key stands there more than once",
		`{"auths":{"r.io":{"auth":"dTpw"},"https://once.io/v1/":{"auth":"dTpw"}}}`: "https://once.io/v1/: leftover",
		`{"auths":{"r.io":{"auth":"dTpw"}},"credHelpers":{"r.io":"x"}}`:            "r.io: shadowed: credHelpers",
		`{"auths":{"r.io":{"auth":"dTpw"},"bad.io":{"auth":"%"}}}`:                 "bad.io: malformed: auth is not",
		"": "malformed: the file is empty",
	} {
		drifts := dockerconfig.Compare([]byte(content), wanted, []string{"once.io", "r.io"}, dockerconfig.NodeFile)
		if drift == "" {
			assert.Empty(t, drifts, content)
			continue
		}
		if assert.Len(t, drifts, 1, content) {
			assert.Contains(t, drifts[0].String(), drift)
		}
	}
	assert.Equal(t, []string{"a.io", "r.io/team"}, dockerconfig.Foreign([]byte(`{"auths":{"a.io":{},"r.io":{},"r.io/team":{},"once.io":{}}}`), wanted, []string{"once.io"}, dockerconfig.NodeFile))
}

// TestT4_Remove takes a registry out in every spelling and nothing else.
func TestT4_Remove(t *testing.T) {
	const existing = "{\n  \"auths\": {\n    \"a.io\": {},\n    \"https://R.io/v1/\": {},\n    \"r.io\": {},\n    \"r.io/team\": {}\n  },\n  \"x\": 1.0\n}"
	r, err := dockerconfig.Remove([]byte(existing), []string{"r.io", "absent.io"}, dockerconfig.Options{})
	require.NoError(t, err)
	want := "{\n  \"auths\": {\n    \"a.io\": {},\n    \"r.io/team\": {}\n  },\n  \"x\": 1.0\n}"
	assert.Equal(t, want, string(r.Content))
	assert.True(t, r.Changed)
	require.Len(t, r.Notes, 1)
	assert.Equal(t, dockerconfig.Scoped, r.Notes[0].Kind)
	again, err := dockerconfig.Remove(r.Content, []string{"r.io"}, dockerconfig.Options{})
	require.NoError(t, err)
	assert.False(t, again.Changed)
	none, err := dockerconfig.Remove(nil, []string{"r.io"}, dockerconfig.Options{})
	require.NoError(t, err)
	assert.False(t, none.Changed)
	assert.Nil(t, none.Content)
	last, err := dockerconfig.Remove([]byte("{\n\t\"auths\": {\n\t\t\"r.io\": {}\n\t}\n}\n"), []string{"r.io"}, dockerconfig.Options{})
	require.NoError(t, err)
	want = "{\n\t\"auths\": {}\n}\n"
	assert.Equal(t, want, string(last.Content))
}

// TestS1_Diff tells everything but the secrets.
func TestS1_Diff(t *testing.T) {
	before := []byte(`{"auths":{"same.io":{"auth":"dTpw"},"gone.io":{"auth":"` + b64("g:c4nary1") + `"},"both.io":{"auth":"` + b64("old:c4nary2") +
		`"},"pass.io":{"auth":"` + b64("u:c4nary3") + `"},"form.io":{"username":"u","password":"p"},"token.io":{"auth":"dTpw","identitytoken":"c4nary4"}}}`)
	after := []byte(`{"auths":{"same.io":{"auth":"dTpw"},"both.io":{"auth":"` + b64("new:c4nary5") + `"},"pass.io":{"auth":"` + b64("u:c4nary6") +
		`"},"form.io":{"auth":"dTpw"},"token.io":{"auth":"dTpw"},"new.io":{"auth":"` + b64("n:c4nary7") + `"}}}`)
	lines := dockerconfig.Diff(before, after, dockerconfig.NodeFile)
	assert.Equal(t, []string{
		"- gone.io: user g",
		"~ both.io: user old -> new, password changed",
		"~ pass.io: password changed",
		"~ form.io: same login, written in the form that every reader accepts",
		"~ token.io: token removed",
		"+ new.io: user n",
	}, lines)
	assert.Empty(t, dockerconfig.Diff(after, after, dockerconfig.NodeFile))
	assert.Equal(t, []string{"+ same.io: user u"}, dockerconfig.Diff(nil, []byte(`{"auths":{"same.io":{"auth":"dTpw"}}}`), dockerconfig.NodeFile))
	assert.Equal(t, []string{"! r.io: auth is not padded standard base64"}, dockerconfig.Diff([]byte(`{"auths":{"r.io":{"auth":"%"}}}`), nil, dockerconfig.NodeFile))
	for _, v := range []any{dockerconfig.Entry{Password: secret.New("c4nary")}, dockerconfig.Found{Password: secret.New("c4nary")}} {
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v, v), "c4nary")
	}
	found, err := dockerconfig.Entries(before, dockerconfig.NodeFile)
	require.NoError(t, err)
	text := fmt.Sprintf("%v %+v %#v", found, found, found)
	assert.NotContains(t, text, "c4nary")
	assert.NotContains(t, text, b64("g:c4nary1"))
}

// TestDetectForm tells a downloaded .dockercfg from a .dockerconfigjson.
func TestDetectForm(t *testing.T) {
	for content, form := range map[string]dockerconfig.Form{
		`{"auths":{}}`:                    dockerconfig.DockerConfigJSON,
		`{}`:                              dockerconfig.DockerConfigJSON,
		`no json`:                         dockerconfig.DockerConfigJSON,
		`{"credsStore":"x"}`:              dockerconfig.DockerConfigJSON,
		`{"r.io":{"auth":"dTpw"}}`:        dockerconfig.DockerCfg,
		`{"r.io":{"username":"u"}}`:       dockerconfig.DockerCfg,
		`{"r.io":{"auth":"dTpw"},"x":{}}`: dockerconfig.DockerConfigJSON,
	} {
		assert.Equal(t, form, dockerconfig.DetectForm([]byte(content)), content)
	}
}

// TestTooLarge: the result has a limit too.
func TestTooLarge(t *testing.T) {
	existing := []byte(`{"auths":{},"x":"` + strings.Repeat("x", dockerconfig.MaxSize-100) + `"}`)
	_, err := dockerconfig.Merge(existing, []dockerconfig.Entry{entry("r.io", "u", strings.Repeat("p", 200))}, dockerconfig.Options{})
	require.ErrorIs(t, err, dockerconfig.ErrTooLarge)
	r, err := dockerconfig.Merge(existing, nil, dockerconfig.Options{})
	require.NoError(t, err)
	assert.True(t, bytes.Equal(existing, r.Content))
}
