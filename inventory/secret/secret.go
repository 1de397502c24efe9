// Package secret holds the one type that carries passwords through oreg, and
// the mask for text that comes back from servers.
//
// A [Text] cannot print itself: every verb of fmt, encoding/json, log/slog and
// encoding.TextMarshaler yields the word [Redacted]. Two surprises decided its
// shape. fmt does not call methods on unexported fields, so a plain
// `type Text string` inside another struct prints in clear under %+v; hence
// the value sits behind a pointer, which prints as an address. And
// encoding/json ignores String, so MarshalJSON is needed as well.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a secret shows of itself.
const Redacted = "[secret]"

// Text is a secret string. The zero value is the empty secret.
type Text struct{ value *string }

// New wraps s. The text is taken verbatim.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{value: &s}
}

// Reveal returns the secret itself. It is called only where the secret goes
// on the wire or into a credential file; nothing that it returns may reach a
// message.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero says whether the secret is empty.
func (t Text) IsZero() bool { return t.value == nil }

// Equal compares two secrets in time that depends on their length only.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [Redacted].
func (Text) String() string { return Redacted }

// GoString returns [Redacted], for %#v.
func (Text) GoString() string { return Redacted }

// Format writes [Redacted] whatever the verb, %d and %x included.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalJSON returns [Redacted] as a JSON string.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText returns [Redacted].
func (Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue returns [Redacted] for log/slog.
func (Text) LogValue() slog.Value { return slog.StringValue(Redacted) }
