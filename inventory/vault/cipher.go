package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"
)

const (
	header       = "$ANSIBLE_VAULT"
	cipherAES256 = "AES256"

	// From VaultAES256._gen_key_initctr.
	iterations = 10000
	keyLength  = 32
	ivLength   = aes.BlockSize
)

// errMAC is what a wrong password looks like, and a damaged ciphertext too:
// the format cannot tell them apart.
var errMAC = errors.New("message authentication failed")

// IsEncrypted says whether data is a vault: it begins with "$ANSIBLE_VAULT"
// and is ASCII throughout.
func IsEncrypted(data []byte) bool {
	if !bytes.HasPrefix(data, []byte(header)) {
		return false
	}
	for _, c := range data {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// envelope is the outer form: the header line and the lines below it joined.
type envelope struct {
	cipher string
	// id is DefaultID where the header (format 1.1) has none.
	id   string
	body string
}

func parseEnvelope(data []byte) (envelope, error) {
	if !IsEncrypted(data) {
		return envelope{}, errors.New("it does not begin with " + header + " or is not ASCII")
	}
	lines := splitLines(string(data))
	fields := strings.Split(strings.TrimSpace(lines[0]), ";")
	if len(fields) < 3 {
		return envelope{}, errors.New("its header is not " + header + ";VERSION;CIPHER")
	}
	env := envelope{cipher: strings.TrimSpace(fields[2]), id: DefaultID}
	if len(fields) >= 4 {
		env.id = strings.TrimSpace(fields[3])
	}
	env.body = strings.Join(lines[1:], "")
	return env, nil
}

// splitLines splits as Python's bytes.splitlines: at LF, CR and CRLF.
func splitLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
}

// body is the inner form: hexadecimal digits of three lines of hexadecimal
// digits.
type body struct {
	salt, mac, ciphertext []byte
}

func parseBody(s string) (body, error) {
	inner, err := unhex(s)
	if err != nil {
		return body{}, err
	}
	parts := bytes.SplitN(inner, []byte("\n"), 3)
	if len(parts) != 3 {
		return body{}, errors.New("it is cut short")
	}
	var b body
	for i, dst := range []*[]byte{&b.salt, &b.mac, &b.ciphertext} {
		if *dst, err = unhex(string(parts[i])); err != nil {
			return body{}, err
		}
	}
	return b, nil
}

// unhex replaces hex.DecodeString, whose errors quote the offending byte.
func unhex(s string) ([]byte, error) {
	data, err := hex.DecodeString(s)
	switch {
	case errors.Is(err, hex.ErrLength):
		return nil, errors.New("it has an odd number of hexadecimal digits")
	case err != nil:
		return nil, errors.New("it holds something else than hexadecimal digits")
	}
	return data, nil
}

// open verifies and decrypts. A padding that is wrong under a right MAC means
// that whatever made the vault was not ansible-vault.
func (b body) open(k keys) ([]byte, error) {
	mac := hmac.New(sha256.New, k.mac[:])
	mac.Write(b.ciphertext)
	if !hmac.Equal(mac.Sum(nil), b.mac) {
		return nil, errMAC
	}
	block, err := aes.NewCipher(k.cipher[:])
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(b.ciphertext))
	cipher.NewCTR(block, k.iv[:]).XORKeyStream(plain, b.ciphertext)
	n := len(plain)
	if n == 0 || n%aes.BlockSize != 0 {
		return nil, errors.New("its length is not a multiple of the cipher's block")
	}
	pad := int(plain[n-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(plain[n-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errors.New("its padding is wrong")
	}
	return plain[:n-pad], nil
}

type keys struct {
	cipher, mac [keyLength]byte
	iv          [ivLength]byte
}

// keyID identifies a derivation: the source of the password and the salt's
// digest. A salt is random in each vault, so that what is saved is the same
// vault read for many hosts.
type keyID struct {
	source int
	salt   [sha256.Size]byte
}

// derive computes the keys of one password and salt, about 3 ms of CPU.
func (s *Secrets) derive(source int, password string, salt []byte) (keys, error) {
	id := keyID{source: source, salt: sha256.Sum256(salt)}
	s.mu.Lock()
	k, known := s.keys[id]
	s.mu.Unlock()
	if known {
		return k, nil
	}
	k, err := deriveKeys(password, salt)
	if err != nil {
		return keys{}, err
	}
	s.mu.Lock()
	s.keys[id] = k
	s.mu.Unlock()
	return k, nil
}

func deriveKeys(password string, salt []byte) (keys, error) {
	derived, err := pbkdf2.Key(sha256.New, password, salt, iterations, 2*keyLength+ivLength)
	if err != nil {
		return keys{}, err
	}
	var k keys
	copy(k.cipher[:], derived)
	copy(k.mac[:], derived[keyLength:])
	copy(k.iv[:], derived[2*keyLength:])
	return k, nil
}
