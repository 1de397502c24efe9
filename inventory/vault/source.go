package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"oreg/inventory/secret"
)

const (
	sourcePrompt = "prompt"
	// clientUnknownID is the exit status by which a client script says that it
	// has no password for the label (ClientScriptVaultSecret.VAULT_ID_UNKNOWN_RC).
	clientUnknownID = 2
	// maxPassword bounds what is read from a password file or script, in bytes.
	maxPassword = 1 << 20
	// scriptGrace is how long a script's pipes stay open after it was killed.
	scriptGrace = 2 * time.Second
)

var (
	errEmpty     = errors.New("the password is empty")
	errTooLong   = errors.New("the password is longer than 1 MiB")
	errNoPrompt  = errors.New("a password has to be asked for, and there is no terminal")
	errNoLabel   = errors.New("the script has no password for this vault id")
	errUnstarted = errors.New("cannot be started; if it is no script, remove its executable bit")
)

// source is one place that a password comes from.
type source struct {
	index int
	// label is the vault id before the "@", "" if there is none.
	label string
	// from is "prompt" or a path as given.
	from string
	// prompt is the question where from is "prompt".
	prompt string

	mu       sync.Mutex
	password secret.Text
	err      *SourceError
}

func (src *source) id() string {
	if src.label == "" {
		return DefaultID
	}
	return src.label
}

// name is how messages call the source.
func (src *source) name() string { return src.id() + "@" + src.from }

// load returns the password, and asks, reads or runs only once. What went
// wrong with a file or script is remembered, too: it is a *SourceError.
func (src *source) load(ctx context.Context, s *Secrets) (string, error) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.err != nil {
		return "", src.err
	}
	if !src.password.IsZero() {
		return src.password.Reveal(), nil
	}
	var password string
	var err error
	if src.prompt != "" {
		password, err = src.ask(ctx, s.opts.Prompt)
	} else {
		password, err = src.read(ctx, s)
	}
	if sourceErr := (*SourceError)(nil); errors.As(err, &sourceErr) {
		src.err = sourceErr
	}
	if err != nil {
		return "", err
	}
	src.password = secret.New(password)
	return password, nil
}

func (src *source) ask(ctx context.Context, prompt Prompter) (string, error) {
	if prompt == nil {
		return "", src.fail("source", src.from, errNoPrompt)
	}
	answer, err := prompt(ctx, src.prompt)
	if err != nil {
		return "", err
	}
	password := strings.Trim(answer.Reveal(), asciiBlank)
	if password == "" {
		return "", src.fail("source", src.from, errEmpty)
	}
	return password, nil
}

// asciiBlank is what Python's bytes.strip removes.
const asciiBlank = " \t\n\r\v\f"

func (src *source) read(ctx context.Context, s *Secrets) (string, error) {
	path := src.from
	if s.opts.Resolve != nil {
		path = s.opts.Resolve(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", src.fail("file", path, bare(err))
	}
	if info.IsDir() {
		return "", src.fail("file", path, errors.New("is a folder"))
	}
	if info.Mode()&0o111 != 0 {
		return src.run(ctx, path, s.opts)
	}

	content, err := readLimited(path)
	if err != nil {
		return "", src.fail("file", path, bare(err))
	}
	password := strings.Trim(content, asciiBlank)
	if IsEncrypted([]byte(password)) {
		// Opened with the passwords before it, as Ansible's loader does.
		plain, err := s.decryptWith(ctx, s.sources[:src.index], []byte(password), path)
		if vaultErr := (*Error)(nil); errors.As(err, &vaultErr) {
			return "", src.fail("file", path, errors.New("is a vault itself: "+vaultErr.Kind.Error()))
		}
		if err != nil {
			return "", err
		}
		password = string(plain)
	}
	password = strings.Trim(password, "\r\n")
	if password == "" {
		return "", src.fail("file", path, errEmpty)
	}
	return password, nil
}

// run gets the password from the standard output of a script. Its standard
// error goes to the user and never into an error: it may hold anything.
func (src *source) run(ctx context.Context, path string, opts Options) (string, error) {
	what := "script"
	var args []string
	if isClient(src.from) {
		what = "client script"
		if src.label != "" {
			args = []string{"--vault-id", src.label}
		}
	}
	var out limitedBuffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append([]string{}, opts.Environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = opts.Stdin, &out, opts.Stderr
	cmd.WaitDelay = scriptGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	exit := (*exec.ExitError)(nil)
	switch {
	case out.full:
		return "", src.fail(what, path, errTooLong)
	case errors.As(err, &exit) && len(args) > 0 && exit.ExitCode() == clientUnknownID:
		return "", src.fail(what, path, errNoLabel)
	case exit != nil:
		return "", src.fail(what, path, exit)
	case err != nil:
		return "", src.fail(what, path, fmt.Errorf("%w: %w", errUnstarted, bare(err)))
	}
	password := strings.Trim(out.String(), "\r\n")
	if password == "" {
		return "", src.fail(what, path, errEmpty)
	}
	return password, nil
}

// isClient says whether a script takes --vault-id (script_is_client).
func isClient(path string) bool {
	return strings.HasSuffix(strings.TrimSuffix(path, filepath.Ext(path)), "-client")
}

func (src *source) fail(what, path string, err error) *SourceError {
	return &SourceError{Label: src.id(), Path: path, Err: err, what: what}
}

// bare takes the path out of an error, as SourceError names it already.
func bare(err error) error {
	pathErr := (*fs.PathError)(nil)
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func readLimited(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from: nothing can be lost
	var out limitedBuffer
	if _, err := io.Copy(&out, f); err != nil {
		return "", err
	}
	return out.String(), nil
}

// limitedBuffer holds at most maxPassword bytes and refuses more, so that a
// script that writes without end is stopped by its broken pipe.
type limitedBuffer struct {
	buf  strings.Builder
	full bool
}

func (b *limitedBuffer) String() string { return b.buf.String() }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > maxPassword {
		b.full = true
		return 0, errTooLong
	}
	return b.buf.Write(p)
}
