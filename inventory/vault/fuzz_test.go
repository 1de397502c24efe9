package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
)

// encrypt does what ansible-vault encrypt does (VaultAES256.encrypt and
// format_vaulttext_envelope).
func encrypt(t *testing.T, plain []byte, password string, salt []byte, id string) string {
	t.Helper()
	k, err := deriveKeys(password, salt)
	require.NoError(t, err)
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(append([]byte(nil), plain...), []byte(strings.Repeat(string(rune(pad)), pad))...)
	block, err := aes.NewCipher(k.cipher[:])
	require.NoError(t, err)
	cipher.NewCTR(block, k.iv[:]).XORKeyStream(padded, padded)
	mac := hmac.New(sha256.New, k.mac[:])
	mac.Write(padded)
	inner := hex.EncodeToString(salt) + "\n" + hex.EncodeToString(mac.Sum(nil)) + "\n" + hex.EncodeToString(padded)
	text := header + ";1.1;" + cipherAES256
	if id != "" {
		text = header + ";1.2;" + cipherAES256 + ";" + id
	}
	digits := hex.EncodeToString([]byte(inner))
	for len(digits) > 80 {
		text, digits = text+"\n"+digits[:80], digits[80:]
	}
	return text + "\n" + digits + "\n"
}

func secretsOf(password string) *Secrets {
	s := New(Options{PasswordFiles: []string{"unused"}})
	s.sources[0].password = secret.New(password)
	return s
}

// FuzzRoundTrip: what is encrypted with a password is what decrypts with it,
// and any change of a digit is noticed.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("text"), "password", []byte("salt"), uint16(7))
	f.Add([]byte{}, "p", []byte{0}, uint16(0))
	f.Add([]byte("0123456789abcdef"), "ü", []byte("0123456789abcdef0123456789abcdef"), uint16(65535))
	f.Fuzz(func(t *testing.T, plain []byte, password string, salt []byte, at uint16) {
		if password == "" || len(salt) == 0 {
			return // ansible-vault refuses both
		}
		s := secretsOf(password)
		text := encrypt(t, plain, password, salt, "")
		got, err := s.Decrypt(t.Context(), []byte(text), "x")
		require.NoError(t, err)
		assert.Equal(t, string(plain), string(got))

		start := strings.Index(text, "\n") + 1
		changed := []byte(text)
		i := start + int(at)%(len(changed)-start)
		if changed[i] == '\n' {
			return
		}
		changed[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", changed[i])]
		got, err = s.Decrypt(t.Context(), changed, "x")
		if err == nil {
			// A digit of a digit may turn into the same one in capitals.
			assert.Equal(t, string(plain), string(got))
			return
		}
		assert.True(t, errors.Is(err, ErrWrongPassword) || errors.Is(err, ErrCorrupt))
	})
}

// FuzzParse: no text makes the reader panic, and none that it refuses is
// quoted in the error.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"f11.vault", "f12.vault", "empty.vault", "inline.vault"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(header + ";1.1;AES256\n360a\n"))
	f.Add([]byte(header + ";;;;\r\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := secretsOf("password").Decrypt(t.Context(), data, "x")
		if err == nil {
			t.Fatal("opened with a password that it was not made with")
		}
		var vaultErr *Error
		require.ErrorAs(t, err, &vaultErr)
		assert.Less(t, len(vaultErr.Detail), 80)
	})
}

func TestDerivationIsSaved(t *testing.T) {
	s := secretsOf("password")
	text := []byte(encrypt(t, []byte("x"), "password", []byte("salt"), "prod"))
	for range 3 {
		_, err := s.Decrypt(t.Context(), text, "x")
		require.NoError(t, err)
	}
	assert.Len(t, s.keys, 1)
}

// BenchmarkDecrypt: the first opening of a vault and every further one.
func BenchmarkDecrypt(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "f11.vault"))
	require.NoError(b, err)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			_, err = secretsOf("correct horse").Decrypt(b.Context(), data, "x")
		}
	})
	b.Run("again", func(b *testing.B) {
		s := secretsOf("correct horse")
		for b.Loop() {
			_, err = s.Decrypt(b.Context(), data, "x")
		}
	})
	require.NoError(b, err)
}
