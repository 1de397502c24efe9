package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
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
// server echoes it, a short one is not searched for at all.
func TestO2_MaskLeavesShortWordsAlone(t *testing.T) {
	m := secret.NewMasker(secret.New("on"))
	assert.Equal(t, "connection reset", m.Mask("connection reset"))
}

func TestMaskFindsEveryForm(t *testing.T) {
	password := secret.New(`p"<ß> +/=#word`)
	m := secret.NewMasker(password, secret.Pair("lab|svc", password))
	quoted, err := json.Marshal(password.Reveal())
	require.NoError(t, err)
	for _, form := range []string{
		password.Reveal(),
		base64.StdEncoding.EncodeToString([]byte(password.Reveal())),
		base64.StdEncoding.EncodeToString([]byte("lab|svc:" + password.Reveal())),
		string(quoted[1 : len(quoted)-1]),
	} {
		assert.Equal(t, "<< "+secret.Redacted+" >>", m.Mask("<< "+form+" >>"))
	}
	var none *secret.Masker
	assert.Equal(t, "as it is", none.Mask("as it is"))
}
