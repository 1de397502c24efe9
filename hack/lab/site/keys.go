package site

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// sshKey is a key pair: of a client or of a host.
type sshKey struct {
	private crypto.PrivateKey
	signer  ssh.Signer
}

// newSSHKey makes a key of type ed25519, ecdsa or rsa.
func newSSHKey(kind string) (*sshKey, error) {
	var key crypto.PrivateKey
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, fmt.Errorf("host key type %q: expected ed25519, ecdsa or rsa", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("making an %s key: %w", kind, err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	return &sshKey{private: key, signer: signer}, nil
}

// line is the public half as known_hosts and authorized_keys have it.
func (k *sshKey) line() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.signer.PublicKey())))
}

// encode is the private half in OpenSSH's own format, encrypted if there is a passphrase.
func (k *sshKey) encode(passphrase string) ([]byte, error) {
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(k.private, "oreg lab")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k.private, "oreg lab", []byte(passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("encoding an SSH key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// write writes the pair as ssh-keygen does.
func (k *sshKey) write(path, passphrase string) error {
	private, err := k.encode(passphrase)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, private, 0o600); err != nil {
		return err
	}
	return os.WriteFile(path+".pub", []byte(k.line()+"\n"), 0o644)
}
