package vault_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
	"oreg/inventory/vault"
)

// The passwords of the files in testdata, which ansible-vault made.
const (
	passwordDefault = "correct horse"
	passwordProd    = "prod-secret"
)

func write(t *testing.T, mode os.FileMode, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// script is a password script; each run of it adds a line to its log.
func script(t *testing.T, name, body string) (path, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	return write(t, 0o755, name, "#!/bin/sh\necho \"$@\" >>'"+log+"'\n"+body+"\n"), log
}

func runs(t *testing.T, log string) []string {
	t.Helper()
	data, err := os.ReadFile(log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func TestI8_Decrypt(t *testing.T) {
	plain := string(fixture(t, "plain.yml"))
	for _, tc := range []struct {
		name, file, passwords, id, want string
	}{
		{"format 1.1", "f11.vault", passwordDefault, "", plain},
		{"format 1.2", "f12.vault", passwordProd, "", plain},
		{"format 1.2 under its own label", "f12.vault", passwordProd, "prod", plain},
		{"format 1.2 under another label", "f12.vault", passwordProd, "test", plain},
		{"blanks around the password", "f11.vault", " \t" + passwordDefault + " \r\n\n", "", plain},
		{"no text", "empty.vault", passwordDefault, "", ""},
		{"no line end, not ASCII", "utf8.vault", passwordDefault, "", "xé 🔑"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var opts vault.Options
			file := write(t, 0o600, "pw", tc.passwords)
			if tc.id == "" {
				opts.PasswordFiles = []string{file}
			} else {
				opts.IDs = []string{tc.id + "@" + file}
			}
			got, err := vault.New(opts).Decrypt(t.Context(), fixture(t, tc.file), tc.file)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(got))
		})
	}
}

// A YAML reader hands a !vault value over without its indentation, and with
// whatever line ends the file has.
func TestI8_DecryptInlineValue(t *testing.T) {
	s := vault.New(vault.Options{PasswordFiles: []string{write(t, 0o600, "pw", passwordProd)}})
	text := string(fixture(t, "inline.vault"))
	for name, value := range map[string]string{
		"as it is": text, "no last line end": strings.TrimSuffix(text, "\n"),
		"CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "blanks in the header": strings.Replace(text, ";AES256;", " ; AES256 ; ", 1),
		"one line": strings.Replace(strings.ReplaceAll(text, "\n", ""), ";prod", ";prod\n", 1),
		"capitals": text[:strings.Index(text, "\n")] + strings.ToUpper(text[strings.Index(text, "\n"):]),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Decrypt(t.Context(), []byte(value), "all.yml:3 oreg_auth_password")
			require.NoError(t, err)
			assert.Equal(t, "hunter2", string(got))
		})
	}
}

func TestIsEncrypted(t *testing.T) {
	assert.True(t, vault.IsEncrypted(fixture(t, "f11.vault")))
	assert.True(t, vault.IsEncrypted([]byte("$ANSIBLE_VAULT")))
	for _, s := range []string{"", "---\nx: 1\n", " $ANSIBLE_VAULT;1.1;AES256", "$ANSIBLE_VAULT;1.1;AES256\nü"} {
		assert.False(t, vault.IsEncrypted([]byte(s)), s)
	}
}

func TestI8_ErrorKinds(t *testing.T) {
	whole := string(fixture(t, "f12.vault"))
	right, wrong := write(t, 0o600, "right", passwordProd), write(t, 0o600, "wrong", "canary-password")
	for _, tc := range []struct {
		name, data string
		files      []string
		want       error
		message    string
	}{
		{"no password", whole, nil, vault.ErrNoSecrets, `x.yml: no vault password (vault id "prod")`},
		{"wrong password", whole, []string{wrong}, vault.ErrWrongPassword, `x.yml: wrong vault password (vault id "prod"): tried default@` + wrong},
		{"file not found", whole, []string{"/does/not/exist"}, vault.ErrNoSecrets, "vault password file /does/not/exist: no such file or directory"},
		{"one not found, one wrong", whole, []string{"/does/not/exist", wrong}, vault.ErrWrongPassword, "/does/not/exist"},
		{"folder", whole, []string{t.TempDir()}, vault.ErrNoSecrets, "is a folder"},
		{"empty password file", whole, []string{write(t, 0o600, "empty", " \n")}, vault.ErrNoSecrets, "the password is empty"},
		{"not a vault", "oreg_url: x", []string{right}, vault.ErrCorrupt, "does not begin with $ANSIBLE_VAULT"},
		{"header only", "$ANSIBLE_VAULT;1.1;AES256\n", []string{right}, vault.ErrCorrupt, "cut short"},
		{"no header fields", "$ANSIBLE_VAULT\n3637\n", []string{right}, vault.ErrCorrupt, "its header is not"},
		{"format 1.0", "$ANSIBLE_VAULT;1.0;AES\n3637\n", []string{right}, vault.ErrUnsupported, "only AES256 is known"},
		{"without its last line", whole[:strings.LastIndex(strings.TrimSpace(whole), "\n")], []string{right}, vault.ErrWrongPassword, ""},
		{"cut to an odd length", strings.TrimSpace(whole)[:len(whole)-3], []string{right}, vault.ErrCorrupt, "odd number of hexadecimal digits"},
		{"cut after the salt", whole[:100], []string{right}, vault.ErrCorrupt, ""},
		{"not hexadecimal", strings.Replace(whole, "333", "3q3", 1), []string{right}, vault.ErrCorrupt, "something else than hexadecimal"},
		{"trailing blanks", strings.Replace(whole, "prod\n", "prod\n ", 1), []string{right}, vault.ErrCorrupt, "something else than hexadecimal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := vault.New(vault.Options{PasswordFiles: tc.files}).Decrypt(t.Context(), []byte(tc.data), "x.yml")
			require.ErrorIs(t, err, tc.want)
			var vaultErr *vault.Error
			require.ErrorAs(t, err, &vaultErr)
			require.ErrorContains(t, err, tc.message)
			assert.NotContains(t, err.Error()+vaultErr.Hint(), "canary")
			assert.NotContains(t, err.Error(), "3q3")
		})
	}
}

func TestI8_HintNamesTheFlags(t *testing.T) {
	_, err := vault.New(vault.Options{}).Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	var vaultErr *vault.Error
	require.ErrorAs(t, err, &vaultErr)
	assert.Contains(t, vaultErr.Hint(), "--vault-password-file")
}

func TestVaultIDMatching(t *testing.T) {
	right, wrong := write(t, 0o600, "right", passwordProd), write(t, 0o600, "wrong", "w")
	for _, tc := range []struct {
		name    string
		ids     []string
		match   bool
		wantErr error
	}{
		{"its own label", []string{"prod@" + right}, true, nil},
		{"another label", []string{"dev@" + right}, false, nil},
		{"another label, match demanded", []string{"dev@" + right}, true, vault.ErrNoSecrets},
		{"its own label is wrong, another is right", []string{"prod@" + wrong, "dev@" + right}, false, nil},
		{"its own label is wrong, match demanded", []string{"prod@" + wrong, "dev@" + right}, true, vault.ErrWrongPassword},
		{"the same label twice", []string{"prod@" + wrong, "prod@" + right}, true, nil},
		{"no label is default", []string{right}, true, vault.ErrNoSecrets},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := vault.New(vault.Options{IDs: tc.ids, MatchIDs: tc.match})
			_, err := s.Decrypt(t.Context(), fixture(t, "f12.vault"), "x.yml")
			if tc.wantErr == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.wantErr)
		})
	}
}

func TestS6_Scripts(t *testing.T) {
	plain, plainLog := script(t, "get-password", "echo "+passwordProd)
	client, clientLog := script(t, "keyring-client.sh", `[ "$2" = prod ] || exit 2; echo `+passwordProd)
	for _, tc := range []struct {
		name, id, log, args string
		want                error
	}{
		{"a script gets no arguments", "prod@" + plain, plainLog, "", nil},
		{"a client gets the label", "prod@" + client, clientLog, "--vault-id prod", nil},
		{"a client that does not know the label", "dev@" + client, clientLog, "--vault-id dev", vault.ErrNoSecrets},
		{"a client without a label", client, clientLog, "", vault.ErrNoSecrets},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(tc.log))
			s := vault.New(vault.Options{IDs: []string{tc.id}})
			for range 2 {
				_, err := s.Decrypt(t.Context(), fixture(t, "f12.vault"), "x.yml")
				require.ErrorIs(t, err, tc.want)
			}
			assert.Equal(t, []string{tc.args}, runs(t, tc.log), "run once, with these arguments")
		})
	}
}

func TestScriptErrorsHoldNoOutput(t *testing.T) {
	for name, body := range map[string]string{
		"fails":    "echo canary; echo canary >&2; exit 3",
		"empty":    "echo",
		"unending": "while :; do echo canarycanarycanarycanarycanarycanary; done",
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := script(t, "pw", body)
			var stderr strings.Builder
			s := vault.New(vault.Options{PasswordFiles: []string{path}, Stderr: &stderr})
			_, err := s.Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
			require.ErrorIs(t, err, vault.ErrNoSecrets)
			require.ErrorContains(t, err, "vault password script "+path)
			assert.NotContains(t, err.Error(), "canary")
			var exit *exec.ExitError
			assert.Equal(t, name == "fails", errors.As(err, &exit))
			assert.Equal(t, name == "fails", stderr.Len() > 0, "standard error goes to the user")
		})
	}
}

func TestScriptEnvironmentAndInput(t *testing.T) {
	path, _ := script(t, "pw", `read -r second; printf '%s %s\n\n' "$FIRST" "$second"; [ -z "$HOME" ]`)
	s := vault.New(vault.Options{
		PasswordFiles: []string{path}, Environ: []string{"FIRST=correct"}, Stdin: strings.NewReader("horse\n"),
	})
	_, err := s.Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.NoError(t, err)
}

func TestNotAScript(t *testing.T) {
	path := write(t, 0o755, "pw", passwordDefault)
	_, err := vault.New(vault.Options{PasswordFiles: []string{path}}).Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.ErrorIs(t, err, vault.ErrNoSecrets)
	assert.ErrorContains(t, err, "remove its executable bit")
}

func TestCancelledScriptIsNotRemembered(t *testing.T) {
	path, _ := script(t, "pw", "echo '"+passwordDefault+"'")
	s := vault.New(vault.Options{PasswordFiles: []string{path}})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Decrypt(cancelled, fixture(t, "f11.vault"), "x.yml")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.NoError(t, err)
}

func TestVaultedPasswordFile(t *testing.T) {
	first := write(t, 0o600, "first", passwordDefault)
	locked := write(t, 0o600, "second", string(fixture(t, "pwfile.vault")))
	s := vault.New(vault.Options{IDs: []string{"a@" + first, "prod@" + locked}, MatchIDs: false})
	_, err := s.Decrypt(t.Context(), fixture(t, "f12.vault"), "x.yml")
	require.NoError(t, err)

	// Only the passwords before it count, so that there can be no loop.
	s = vault.New(vault.Options{IDs: []string{"prod@" + locked, "a@" + first}})
	_, err = s.Decrypt(t.Context(), fixture(t, "f12.vault"), "x.yml")
	require.ErrorIs(t, err, vault.ErrWrongPassword)
	assert.ErrorContains(t, err, "is a vault itself: no vault password")
}

func TestS6_Prompts(t *testing.T) {
	file := write(t, 0o600, "pw", passwordDefault)
	var asked []string
	answers := map[string]string{"Vault password: ": passwordDefault + "\n", "Vault password (prod): ": passwordProd}
	s := vault.New(vault.Options{
		IDs: []string{"prod@prompt"}, PasswordFiles: []string{file}, AskPass: true,
		Prompt: func(_ context.Context, prompt string) (secret.Text, error) {
			asked = append(asked, prompt)
			return secret.New(answers[prompt]), nil
		},
	})
	for _, want := range []struct {
		file  string
		asked []string
	}{
		{"f11.vault", nil}, // its label has a file: nobody is asked
		{"f12.vault", []string{"Vault password (prod): "}},
		{"f12.vault", []string{"Vault password (prod): "}},
	} {
		_, err := s.Decrypt(t.Context(), fixture(t, want.file), "x.yml")
		require.NoError(t, err)
		assert.Equal(t, want.asked, asked)
	}

	asked = nil
	s = vault.New(vault.Options{AskPass: true, Prompt: func(_ context.Context, prompt string) (secret.Text, error) {
		asked = append(asked, prompt)
		return secret.New(answers[prompt]), nil
	}})
	_, err := s.Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.NoError(t, err)
	assert.Equal(t, []string{"Vault password: "}, asked)
}

func TestPromptFailures(t *testing.T) {
	_, err := vault.New(vault.Options{AskPass: true}).Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.ErrorIs(t, err, vault.ErrNoSecrets)
	require.ErrorContains(t, err, "there is no terminal")

	refuse := func(context.Context, string) (secret.Text, error) { return secret.Text{}, io.ErrUnexpectedEOF }
	_, err = vault.New(vault.Options{AskPass: true, Prompt: refuse}).Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)

	empty := func(context.Context, string) (secret.Text, error) { return secret.New(" "), nil }
	_, err = vault.New(vault.Options{AskPass: true, Prompt: empty}).Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.ErrorIs(t, err, vault.ErrNoSecrets)
}

func TestResolveAndWarnings(t *testing.T) {
	file := write(t, 0o600, "pw", passwordDefault)
	s := vault.New(vault.Options{
		PasswordFiles: []string{"~/gone", "~/pw"},
		Resolve:       func(p string) string { return filepath.Join(filepath.Dir(file), strings.TrimPrefix(p, "~/")) },
	})
	assert.Empty(t, s.Warnings())
	_, err := s.Decrypt(t.Context(), fixture(t, "f11.vault"), "x.yml")
	require.NoError(t, err)
	require.Len(t, s.Warnings(), 1)
	var sourceErr *vault.SourceError
	require.ErrorAs(t, s.Warnings()[0], &sourceErr)
	require.ErrorIs(t, sourceErr, os.ErrNotExist)
	assert.Equal(t, filepath.Join(filepath.Dir(file), "gone"), sourceErr.Path)
}

func TestConcurrentUse(t *testing.T) {
	path, log := script(t, "pw", "echo '"+passwordDefault+"'")
	s := vault.New(vault.Options{PasswordFiles: []string{path}})
	data := fixture(t, "f11.vault")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Decrypt(t.Context(), data, "x.yml") })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	assert.Len(t, runs(t, log), 1)
}
