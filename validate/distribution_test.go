//go:build lab

package validate_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

// labRegistry is what the lab tells of one of its registries.
type labRegistry struct {
	Name, Host, Realm, Log string
	Accounts               []struct{ User, Password string }
}

func (r labRegistry) password(user string) string {
	for _, a := range r.Accounts {
		if a.User == user {
			return a.Password
		}
	}
	return ""
}

// counts are the requests with any credential and those with a password.
func (r labRegistry) counts(t *testing.T) (authenticated, passwords int) {
	t.Helper()
	data, err := os.ReadFile(r.Log)
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var request struct{ Credential string }
		require.NoError(t, json.Unmarshal(line, &request))
		if request.Credential != "none" {
			authenticated++
		}
		if request.Credential == "basic" {
			passwords++
		}
	}
	return authenticated, passwords
}

// startLab runs real distribution registries until the test ends.
func startLab(t *testing.T) (registries map[string]labRegistry, certsDir string) {
	t.Helper()
	program := os.Getenv("OREG_LAB")
	require.NotEmpty(t, program, "OREG_LAB must name the lab's program: run `make test`")
	lab := exec.Command(program, "up", "--json", "--until-eof", "--dir", filepath.Join(t.TempDir(), "lab"),
		"--nodes", "0", "--kube=false", "--registries", "basic,bearer,plain,selfsigned,open")
	stop, err := lab.StdinPipe()
	require.NoError(t, err)
	state, err := lab.StdoutPipe()
	require.NoError(t, err)
	lab.Stderr = os.Stderr
	require.NoError(t, lab.Start())
	t.Cleanup(func() {
		_ = stop.Close() // the lab takes everything down at the end of its input
		assert.NoError(t, lab.Wait())
	})
	line, err := bufio.NewReader(state).ReadBytes('\n')
	require.NoError(t, err, "the lab did not come up")
	var document struct {
		CertsDir   string `json:"certs_dir"`
		Registries []labRegistry
	}
	require.NoError(t, json.Unmarshal(line, &document))
	registries = map[string]labRegistry{}
	for _, r := range document.Registries {
		registries[r.Name] = r
	}
	return registries, document.CertsDir
}

// TestV8_RealDistribution asks the real distribution registry, with htpasswd,
// with tokens whose server has another host name, without TLS, with a
// self-signed certificate and open to all; and the real skopeo about the same.
func TestV8_RealDistribution(t *testing.T) {
	registries, certs := startLab(t)
	const user = "lab|svc"
	for _, c := range []struct {
		name, registry, user, image string
		bad, insecure, guess        bool
		status                      validate.Status
		login                       validate.Login
		pull                        validate.Pull
		cause                       validate.Cause
		authenticated, passwords    int
		skopeo                      bool
		blind                       string
	}{
		{name: "htpasswd, right", registry: "basic", user: user, status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, skopeo: true},
		{name: "htpasswd, wrong", registry: "basic", user: user, bad: true, status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "htpasswd, unknown user", registry: "basic", user: "nobody", bad: true, status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "htpasswd, no rights", registry: "basic", user: "denied", status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 3, passwords: 3},
		{name: "htpasswd, no such image", registry: "basic", user: user, image: "lab/none:1", status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 3, passwords: 3},
		{name: "htpasswd, no such image, our guess", registry: "basic", user: user, image: "lab/none:1", guess: true, status: valid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 3, passwords: 3,
			blind: "the same exit code as for a wrong password"},
		{name: "tokens, right", registry: "bearer", user: user, status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2, skopeo: true},
		{name: "tokens, wrong", registry: "bearer", user: user, bad: true, status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "tokens, no rights", registry: "bearer", user: "denied", status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 5, passwords: 2},
		{name: "tokens, no rights, our guess", registry: "bearer", user: "denied", guess: true, status: valid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 5, passwords: 2,
			blind: "the same exit code as for a wrong password"},
		{name: "tokens, no such image", registry: "bearer", user: user, image: "lab/none:1", status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 4, passwords: 2},
		{name: "no TLS", registry: "plain", user: user, status: failed, login: untested, pull: notAsked, cause: validate.CausePlainHTTP},
		{name: "no TLS, tls_verify false", registry: "plain", user: user, insecure: true, status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, skopeo: true},
		{name: "self-signed", registry: "selfsigned", user: user, status: failed, login: untested, pull: notAsked, cause: validate.CauseTLSUnknownAuthority},
		{name: "self-signed, tls_verify false", registry: "selfsigned", user: user, insecure: true, status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, skopeo: true},
		{name: "self-signed, tls_verify false, wrong", registry: "selfsigned", user: user, insecure: true, bad: true, status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "open to all, wrong", registry: "open", user: user, bad: true, status: inconclusive, login: unproven, pull: pulled, cause: validate.CauseAnonymous, skopeo: true,
			blind: "exit 0 with a wrong password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			registry := registries[c.registry]
			image := c.image
			if image == "" {
				image = "openshift3/ose-pod:v3.11"
			}
			cred := named(login(registry.Host, registry.password(c.user)), image)
			cred.User, cred.ImageNamed, cred.TLSVerify = c.user, !c.guess, !c.insecure
			if c.bad {
				cred.Password = secret.New(badPassword)
			}
			checker := validate.New(validate.Options{Now: time.Now, CertsDirs: []string{certs}, AllowRealms: []string{"localhost"}})
			authenticated, passwords := registry.counts(t)
			r := checker.Check(t.Context(), []inventory.Credential{cred}, nil)[0]
			assert.Equal(t, c.status, r.Status, r.Detail)
			assert.Equal(t, c.login, r.Login, r.Detail)
			assert.Equal(t, c.pull, r.Pull, r.Detail)
			assert.Equal(t, c.cause, r.Cause, r.Detail)
			// The registry writes its record after it has answered.
			assert.Eventually(t, func() bool {
				a, p := registry.counts(t)
				return a-authenticated >= c.authenticated && p-passwords >= c.passwords
			}, 10*time.Second, 10*time.Millisecond)
			a, p := registry.counts(t)
			assert.Equal(t, c.authenticated, a-authenticated)
			assert.Equal(t, c.passwords, p-passwords)

			ok, output := skopeo(t, cred, filepath.Join(certs, registry.Host))
			assert.Equal(t, c.skopeo, ok, output)
			if c.blind == "" {
				assert.Equal(t, ok, r.Status == validate.StatusValid, "skopeo: %soreg: %s", output, r.Detail)
			}
		})
	}
}
