package sshexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxKeyFile bounds what is read of a key file, in bytes.
const maxKeyFile = 1 << 20

// candidate is a key that can be offered. Making the signer may ask for a
// passphrase.
type candidate struct {
	name   string
	public ssh.PublicKey
	signer func(ctx context.Context, b *budget) (ssh.Signer, error)
}

// defaultIdentities are the files that ssh tries when none is configured.
func (c *Client) defaultIdentities() []string {
	if c.o.Home == "" {
		return nil
	}
	var paths []string
	for _, name := range []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"} {
		paths = append(paths, filepath.Join(c.o.Home, ".ssh", name))
	}
	return paths
}

// candidates are the keys for one host: the configured ones first, from the
// agent where it has them, else from their files; then the agent's others,
// unless IdentitiesOnly; then the default files. An agent with many keys
// would otherwise use up the server's tries before the right one's turn.
func (c *Client) candidates(ctx context.Context, s *settings, record *authRecord) []candidate {
	agentKeys := c.agentCandidates(ctx, s)
	identities := s.identities
	if len(identities) == 0 {
		identities = c.defaultIdentities()
	}
	var files []candidate
	for _, path := range identities {
		found, err := c.fileCandidates(path, agentKeys, s.batch)
		if err != nil {
			if len(s.identities) > 0 || !errors.Is(err, fs.ErrNotExist) {
				record.skipped = append(record.skipped, err.Error())
			}
			continue
		}
		files = append(files, found...)
	}
	certified, err := c.certified(s.certificates, append(append([]candidate{}, files...), agentKeys...))
	if err != nil {
		record.skipped = append(record.skipped, err.Error())
	}
	all := certified
	switch {
	case s.identitiesOnly:
		all = append(all, files...)
	case len(s.identities) > 0:
		all = append(append(all, files...), agentKeys...)
	default:
		all = append(append(all, agentKeys...), files...)
	}
	return unique(all)
}

// unique keeps the first of the candidates with the same public key.
func unique(all []candidate) []candidate {
	if len(all) < 2 {
		return all
	}
	seen := map[string]bool{}
	kept := all[:0:0]
	for _, k := range all {
		if k.public != nil {
			blob := string(k.public.Marshal())
			if seen[blob] {
				continue
			}
			seen[blob] = true
		}
		kept = append(kept, k)
	}
	return kept
}

// keyFile is a private key file, read once and decrypted at most once.
type keyFile struct {
	path   string
	public ssh.PublicKey // nil for an encrypted key of the old format
	err    error
	// beside is the key of PATH.pub, certificate that of PATH-cert.pub; nil if
	// there is none.
	beside      ssh.PublicKey
	certificate *ssh.Certificate

	mu     sync.Mutex
	pem    []byte // while it is still encrypted
	signer ssh.Signer
	failed error
}

func (c *Client) keyFile(path string) *keyFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.keys[path]
	if k == nil {
		k = readKeyFile(path)
		c.keys[path] = k
	}
	return k
}

func readKeyFile(path string) *keyFile {
	k := &keyFile{path: path, beside: readPublicKey(path + ".pub")}
	if cert, err := readCertificate(path + "-cert.pub"); err == nil {
		k.certificate = cert
	}
	data, err := readLimited(path)
	if err != nil {
		k.err = err
		return k
	}
	// IdentityFile may name the public half of a key that the agent has.
	if public, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
		k.public = public
		k.failed = fmt.Errorf("%s is a public key, and the agent does not have its private one", path)
		return k
	}
	k.signer, err = ssh.ParsePrivateKey(data)
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		k.pem, k.public = data, encrypted.PublicKey
		if k.public == nil {
			k.public = k.beside
		}
	case err != nil:
		// The library's error may quote the file; ours names it only.
		k.err = fmt.Errorf("%s is not a private key that can be read", path)
	default:
		k.public = k.signer.PublicKey()
	}
	return k
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return data, nil
}

func readPublicKey(path string) ssh.PublicKey {
	data, err := readLimited(path)
	if err != nil {
		return nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return public
}

// fileCandidates are the candidates of one IdentityFile: its certificate, if
// there is one beside it, and the key.
func (c *Client) fileCandidates(path string, agentKeys []candidate, batch bool) ([]candidate, error) {
	k := c.keyFile(path)
	if k.err != nil {
		// The key may live in the agent alone, with its public half here.
		if found, ok := findKey(agentKeys, k.beside); ok {
			return []candidate{found}, nil
		}
		return nil, k.err
	}
	own := candidate{name: path, public: k.public, signer: func(ctx context.Context, b *budget) (ssh.Signer, error) {
		return c.unlock(ctx, b, k, batch)
	}}
	if found, ok := findKey(agentKeys, k.public); ok && (k.pem != nil || k.signer == nil) {
		own = found
		own.name = path + " (agent)"
	}
	out := []candidate{own}
	if k.certificate != nil {
		out = []candidate{certifiedBy(k.certificate, own, path+"-cert.pub"), own}
	}
	return out, nil
}

func findKey(keys []candidate, public ssh.PublicKey) (candidate, bool) {
	if public == nil {
		return candidate{}, false
	}
	for _, k := range keys {
		if k.public != nil && bytes.Equal(k.public.Marshal(), public.Marshal()) {
			return k, true
		}
	}
	return candidate{}, false
}

// certified pairs the files of CertificateFile with the keys that they certify.
func (c *Client) certified(paths []string, keys []candidate) ([]candidate, error) {
	var out []candidate
	var errs []error
	for _, path := range paths {
		cert, err := readCertificate(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		key, ok := findKey(keys, cert.Key)
		if !ok {
			errs = append(errs, fmt.Errorf("%s: its private key is neither configured nor in the agent", path))
			continue
		}
		out = append(out, certifiedBy(cert, key, path))
	}
	return out, errors.Join(errs...)
}

func readCertificate(path string) (*ssh.Certificate, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not an SSH certificate", path)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok || cert.CertType != ssh.UserCert {
		return nil, fmt.Errorf("%s is not a user certificate", path)
	}
	return cert, nil
}

func certifiedBy(cert *ssh.Certificate, key candidate, name string) candidate {
	return candidate{name: name, public: cert, signer: func(ctx context.Context, b *budget) (ssh.Signer, error) {
		signer, err := key.signer(ctx, b)
		if err != nil {
			return nil, err
		}
		return ssh.NewCertSigner(cert, signer)
	}}
}

// unlock returns the signer of a key file. For an encrypted key of a known
// public half the passphrase is asked for only when the server has accepted
// the key, as ssh does.
func (c *Client) unlock(ctx context.Context, b *budget, k *keyFile, batch bool) (ssh.Signer, error) {
	k.mu.Lock()
	signer, failed := k.signer, k.failed
	k.mu.Unlock()
	switch {
	case signer != nil || failed != nil:
		return signer, failed
	case batch:
		return nil, errors.New("encrypted, and BatchMode forbids to ask for its passphrase: load it into an agent")
	case c.o.Prompt == nil:
		return nil, errors.New("encrypted, and there is no terminal to ask for its passphrase: load it into an agent")
	case k.public != nil:
		return &lazySigner{c: c, ctx: ctx, budget: b, key: k}, nil
	}
	return c.decrypt(ctx, b, k)
}

// decrypt asks for the passphrase, once per key and one key after the other,
// while the host's clock stands still.
func (c *Client) decrypt(ctx context.Context, b *budget, k *keyFile) (ssh.Signer, error) {
	resume := b.pause()
	defer resume()
	c.prompting.Lock()
	defer c.prompting.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer != nil || k.failed != nil {
		return k.signer, k.failed
	}
	text := fmt.Sprintf("passphrase of %s: ", k.path)
	for range 3 {
		passphrase, err := c.o.Prompt(ctx, text)
		if err != nil {
			k.failed = fmt.Errorf("no passphrase: %w", err)
			return nil, k.failed
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(k.pem, []byte(passphrase.Reveal()))
		if err == nil {
			k.signer, k.pem = signer, nil
			return signer, nil
		}
		text = fmt.Sprintf("wrong; passphrase of %s: ", k.path)
	}
	k.failed = errors.New("wrong passphrase")
	return nil, k.failed
}

// lazySigner is an encrypted key whose public half is known.
type lazySigner struct {
	c      *Client
	ctx    context.Context
	budget *budget
	key    *keyFile
}

// Algorithms are all that the key's type has.
func (l *lazySigner) Algorithms() []string {
	if t := l.key.public.Type(); t != ssh.KeyAlgoRSA {
		return []string{t}
	}
	return rsaAlgorithms()
}

func (l *lazySigner) PublicKey() ssh.PublicKey { return l.key.public }

func (l *lazySigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return l.SignWithAlgorithm(rand, data, "")
}

func (l *lazySigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := l.c.decrypt(l.ctx, l.budget, l.key)
	if err != nil {
		return nil, err
	}
	if as, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}
