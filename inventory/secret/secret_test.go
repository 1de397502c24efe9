package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
)

const canary = "c4nary-pä$$ w#rd"

type holder struct {
	hidden secret.Text
	Shown  secret.Text
}

// TestO2_SecretNeverPrints: redaction by construction, whatever the way out.
func TestO2_SecretNeverPrints(t *testing.T) {
	text := secret.New(canary)
	both := holder{hidden: text, Shown: text}
	require.Equal(t, canary, both.hidden.Reveal(), "the canary must be in there to be found")
	var outputs []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		outputs = append(outputs, fmt.Sprintf(verb, text), fmt.Sprintf(verb, both), fmt.Sprintf(verb, &both))
	}
	encoded, err := json.Marshal(map[string]any{"a": text, "b": both})
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", text, "holder", both)
	outputs = append(outputs, string(encoded), log.String())
	for _, out := range outputs {
		assert.NotContains(t, out, "c4nary")
		assert.NotContains(t, out, fmt.Sprintf("%x", "c4nary"))
	}
}

func TestTextEqualAndZero(t *testing.T) {
	assert.True(t, secret.New("a").Equal(secret.New("a")))
	assert.False(t, secret.New("a").Equal(secret.New("b")))
	assert.True(t, secret.New("").IsZero())
	assert.True(t, secret.Text{}.Equal(secret.New("")))
	assert.False(t, secret.New(" ").IsZero())
}

// TestO2_MaskLeavesShortWordsAlone: the password `changed` is masked where a
// server echoes it, and a short one is not searched for at all, alone or in a
// login: it would blot out half of a message and so give itself away.
func TestO2_MaskLeavesShortWordsAlone(t *testing.T) {
	for password, said := range map[string]string{
		"changed": "host: the password [secret] is refused",
		"change":  "host: the password [secret]d is refused",
	} {
		assert.Equal(t, said, secret.NewMasker(secret.New(password)).Mask("host: the password changed is refused"))
	}
	for text, password := range map[string]string{"connection reset": "on", "chang=1 changed=1": "chang", "": ""} {
		assert.Equal(t, text, secret.NewMasker(secret.New(password)).Mask(text))
	}
}

func TestMaskFindsEveryForm(t *testing.T) {
	password := secret.New(`p"<ß> +/=#~~~???words`)
	// In base64 it has characters that URLs replace, and padding.
	require.Regexp(t, "[+/].*=$", base64.StdEncoding.EncodeToString([]byte(password.Reveal())))
	m := secret.NewMasker(password, secret.Pair("lab|svc", password))
	quoted, err := json.Marshal(password.Reveal())
	require.NoError(t, err)
	for _, form := range []string{
		password.Reveal(),
		base64.StdEncoding.EncodeToString([]byte(password.Reveal())),
		base64.StdEncoding.EncodeToString([]byte("lab|svc:" + password.Reveal())),
		string(quoted[1 : len(quoted)-1]),
		base64.RawStdEncoding.EncodeToString([]byte(password.Reveal())),
		base64.URLEncoding.EncodeToString([]byte(password.Reveal())),
		base64.RawURLEncoding.EncodeToString([]byte(password.Reveal())),
		url.QueryEscape(password.Reveal()),
		url.PathEscape(password.Reveal()),
		html.EscapeString(password.Reveal()),
	} {
		assert.Equal(t, "<< "+secret.Redacted+" >>", m.Mask("<< "+form+" >>"))
	}
	var none *secret.Masker
	assert.Equal(t, "as it is", none.Mask("as it is"))
}

func TestS1_AddressWithoutLogin(t *testing.T) {
	for address, want := range map[string]string{
		"":                              "",
		"r.example.com:5000/team":       "r.example.com:5000/team",
		"https://r.example.com/v1/":     "https://r.example.com/v1/",
		"u:c4nary@r.example.com":        "...@r.example.com",
		"https://u:c4@nary@r.example/x": "https://...@r.example/x",
		"u:c4nary://x@r.example.com":    "...@r.example.com",
	} {
		assert.Equal(t, want, secret.WithoutLogin(address), address)
	}
}
