// Package vault decrypts what ansible-vault encrypted: whole files and the
// values behind the YAML tag !vault, formats 1.1 and 1.2, cipher AES256.
//
// It follows ansible-core 2.14 (lib/ansible/parsing/vault and the password
// set-up of lib/ansible/cli). What surprised us there:
//
//   - The vault id in the header is a hint and not bound to the content: every
//     password is tried, whatever its label, unless DEFAULT_VAULT_ID_MATCH
//     ([Options.MatchIDs]) says otherwise.
//   - A vault without an id counts as labelled "default".
//   - A password file is stripped of blanks at both ends, the output of a
//     password script only of line ends.
//   - A password file may itself be a vault that an earlier password opens.
//   - The version in the header is not looked at; the cipher is.
//
// Unlike Ansible, which asks for every password when it starts, a password is
// asked for, read or computed when the first vault needs it.
package vault

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"oreg/inventory/secret"
)

// DefaultID is the label of a vault or a password that names none
// (DEFAULT_VAULT_IDENTITY).
const DefaultID = "default"

// Prompter asks the user for a password without echo. The prompt is Ansible's:
// "Vault password: " or "Vault password (label): ".
type Prompter func(ctx context.Context, prompt string) (secret.Text, error)

// Options say where the passwords are. The zero value knows none.
type Options struct {
	// IDs are the arguments of --vault-id, those of ansible.cfg's
	// vault_identity_list first: "label@source" or "source", where the source
	// is "prompt", a password file or an executable password script. A script
	// whose name ends in "-client" (before its extension) is run with
	// "--vault-id label".
	IDs []string
	// PasswordFiles are the arguments of --vault-password-file, then
	// ANSIBLE_VAULT_PASSWORD_FILE or ansible.cfg's vault_password_file: files
	// or executable scripts, tried after IDs.
	PasswordFiles []string
	// AskPass is --ask-vault-pass: one more password, asked with Prompt.
	AskPass bool
	// MatchIDs is DEFAULT_VAULT_ID_MATCH (ANSIBLE_VAULT_ID_MATCH): try only
	// the passwords that carry the vault's own label.
	MatchIDs bool
	// Prompt asks for passwords; without it a source "prompt" is an error.
	Prompt Prompter

	// Resolve turns a source into a path: "~", $VAR and what is relative (the
	// method Path of ansiblecfg.Options). Nil takes sources as they are.
	Resolve func(path string) string
	// Environ is the environment of password scripts, as os.Environ gives it.
	Environ []string
	// Stdin and Stderr are handed to password scripts, so that a script can
	// ask its user something. Nil: no input, no output.
	Stdin  io.Reader
	Stderr io.Writer
}

// Secrets are the passwords of one run. It is safe for concurrent use; every
// password is obtained at most once, and every key derived at most once.
type Secrets struct {
	opts    Options
	sources []*source

	mu   sync.Mutex
	keys map[keyID]keys
}

// New collects the sources of passwords in Ansible's order: IDs,
// PasswordFiles, AskPass. It reads, runs and asks nothing yet.
func New(opts Options) *Secrets {
	s := &Secrets{opts: opts, keys: map[keyID]keys{}}
	add := func(label, from, prompt string) {
		s.sources = append(s.sources, &source{index: len(s.sources), label: label, from: from, prompt: prompt})
	}
	for _, id := range opts.IDs {
		label, from, found := strings.Cut(id, "@")
		if !found {
			label, from = "", id
		}
		shown := label
		if shown == "" {
			shown = DefaultID
		}
		prompt := ""
		if from == sourcePrompt {
			prompt = "Vault password (" + shown + "): "
		}
		add(label, from, prompt)
	}
	for _, file := range opts.PasswordFiles {
		add(DefaultID, file, "")
	}
	if opts.AskPass {
		add(DefaultID, sourcePrompt, "Vault password: ")
	}
	return s
}

// Decrypt opens a vault. The name says in errors what it is, as
// "group_vars/all/vault.yml" or "group_vars/all.yml:7 oreg_auth_password".
//
// Its errors are of type *[Error], for which errors.Is tells [ErrNoSecrets],
// [ErrWrongPassword], [ErrCorrupt] and [ErrUnsupported] apart, or those of
// the context and of [Options.Prompt].
func (s *Secrets) Decrypt(ctx context.Context, data []byte, name string) ([]byte, error) {
	return s.decryptWith(ctx, s.sources, data, name)
}

// Warnings lists the sources of passwords that could not be read so far. They
// are warnings as long as another password opens what has to be opened, as in
// Ansible; each is a *[SourceError].
func (s *Secrets) Warnings() []error {
	var failed []error
	for _, src := range s.sources {
		src.mu.Lock()
		if src.err != nil {
			failed = append(failed, src.err)
		}
		src.mu.Unlock()
	}
	return failed
}

func (s *Secrets) decryptWith(ctx context.Context, sources []*source, data []byte, name string) ([]byte, error) {
	env, err := parseEnvelope(data)
	if err != nil {
		return nil, &Error{Name: name, Kind: ErrCorrupt, Detail: err.Error()}
	}
	if env.cipher != cipherAES256 {
		return nil, &Error{Name: name, ID: env.id, Kind: ErrUnsupported, Detail: "only " + cipherAES256 + " is known"}
	}
	if len(sources) == 0 {
		return nil, &Error{Name: name, ID: env.id, Kind: ErrNoSecrets}
	}
	body, err := parseBody(env.body)
	if err != nil {
		return nil, &Error{Name: name, ID: env.id, Kind: ErrCorrupt, Detail: err.Error()}
	}

	failure := &Error{Name: name, ID: env.id, Kind: ErrNoSecrets}
	for _, src := range s.candidates(sources, env.id) {
		password, err := src.load(ctx, s)
		if sourceErr := (*SourceError)(nil); errors.As(err, &sourceErr) {
			failure.Sources = append(failure.Sources, sourceErr)
			continue
		}
		if err != nil {
			return nil, err
		}
		failure.Kind = ErrWrongPassword
		failure.Tried = append(failure.Tried, src.name())
		k, err := s.derive(src.index, password, body.salt)
		if err != nil {
			return nil, &Error{Name: name, ID: env.id, Kind: ErrCorrupt, Detail: "its salt cannot be used"}
		}
		plain, err := body.open(k)
		if errors.Is(err, errMAC) {
			continue
		}
		if err != nil {
			return nil, &Error{Name: name, ID: env.id, Kind: ErrCorrupt, Detail: err.Error()}
		}
		return plain, nil
	}
	return nil, failure
}

// candidates are the sources to try: those of the vault's label, then the
// others. Ansible (match_secrets) allows the same ones, but tries them in the
// order of the command line; the right password opens either way, and this
// order does not ask for one that is not needed.
func (s *Secrets) candidates(sources []*source, id string) []*source {
	var own, other []*source
	for _, src := range sources {
		if src.id() == id {
			own = append(own, src)
		} else {
			other = append(other, src)
		}
	}
	if s.opts.MatchIDs {
		return own
	}
	return append(own, other...)
}
