//go:build lab

package validate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/validate"
)

// skopeo asks for the manifest as the installer's own check did, and says
// whether it got one. Its password goes on the command line, which oreg never
// does; here it opens nothing.
func skopeo(t *testing.T, cred inventory.Credential, certs string) (ok bool, output string) {
	t.Helper()
	program, err := exec.LookPath("skopeo")
	require.NoError(t, err, "this test holds oreg against the real skopeo: apt-get install skopeo")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{"--command-timeout", "10s", "inspect", "--raw", "--no-tags", "--cert-dir", certs, "--creds", cred.User + ":" + cred.Password.Reveal()}
	if !cred.TLSVerify {
		args = append(args, "--tls-verify=false")
	}
	cmd := exec.CommandContext(ctx, program, append(args, "docker://"+cred.Image)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// TestV8_AgreesWithSkopeo asks the same servers by oreg and by skopeo. Where
// skopeo's exit code answers the question "do these credentials open this
// image", the two agree; blind says why it does not answer it, and what oreg
// says beyond it.
func TestV8_AgreesWithSkopeo(t *testing.T) {
	a := newAuthority(t)
	certs := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	require.NoError(t, os.WriteFile(filepath.Join(certs, "ca.crt"), ca, 0o600))
	good := func(h http.HandlerFunc) func() *server { return func() *server { return serveTLS(t, a, h) } }
	with := func(change func(*x509.Certificate)) func() *server {
		return func() *server {
			return serveWith(t, http.HandlerFunc(basicRegistry), &tls.Config{Certificates: []tls.Certificate{a.issue(t, change, "127.0.0.1")}})
		}
	}
	plain := func() *server { return serveWith(t, http.HandlerFunc(basicRegistry), nil) }
	strange := func() *server { return serveTLS(t, newAuthority(t), http.HandlerFunc(basicRegistry)) }
	own := bearerRegistry("")
	ownToken := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+tokenFor && !isPing(r) {
				next(w, r)
				return
			}
			own(w, r)
		}
	}
	refusedScope := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" && r.URL.Query().Get("scope") != "" {
			problem(w, http.StatusForbidden, "DENIED", "not for you")
			return
		}
		own(w, r)
	}
	for _, c := range []struct {
		name                 string
		serve                func() *server
		bad, guess, insecure bool // guess: the image is our default, not the user's
		skopeo               bool // its exit code is 0
		status               validate.Status
		blind                string
	}{
		{name: "basic, right", serve: good(basicRegistry), skopeo: true, status: valid},
		{name: "basic, wrong", serve: good(basicRegistry), bad: true, status: invalid},
		{name: "bearer, right", serve: good(own), skopeo: true, status: valid},
		{name: "bearer, wrong", serve: good(own), bad: true, status: invalid},
		{name: "open /v2/, images by bearer, right", serve: good(openPing(own)), status: valid,
			blind: "skopeo learns the login from /v2/ alone and sends none where that is open"},
		{name: "open /v2/, images by basic, right", serve: good(openPing(basicRegistry)), status: valid,
			blind: "as above; oreg warns of it, because CRI-O is built on the same library"},
		{name: "open /v2/, images by basic, wrong", serve: good(openPing(basicRegistry)), bad: true, status: invalid},
		{name: "public, open /v2/, right", serve: good(openPing(manifests)), skopeo: true, status: inconclusive,
			blind: "exit 0 without any login"},
		{name: "public, open /v2/, wrong", serve: good(openPing(manifests)), bad: true, skopeo: true, status: inconclusive,
			blind: "exit 0 with a wrong password"},
		{name: "no such image, named", serve: good(basicWith(status(404, "MANIFEST_UNKNOWN"))), status: invalid},
		{name: "no such image, our guess", serve: good(basicWith(status(404, "MANIFEST_UNKNOWN"))), guess: true, status: valid,
			blind: "the same exit code as for a wrong password"},
		{name: "denied, named", serve: good(basicWith(status(403, "DENIED"))), status: invalid},
		{name: "denied, our guess", serve: good(basicWith(status(403, "DENIED"))), guess: true, status: valid,
			blind: "the same exit code as for a wrong password"},
		{name: "bearer, no token for the image", serve: good(refusedScope), status: invalid},
		{name: "bearer, 401 after a good token", serve: good(ownToken(status(401, "UNAUTHORIZED"))), status: invalid},
		{name: "bearer, 404", serve: good(ownToken(http.NotFound)), status: invalid},
		{name: "HEAD refused", serve: good(basicWith(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			manifests(w, r)
		})), skopeo: true, status: valid},
		{name: "5xx", serve: good(status(503, "UNAVAILABLE")), status: failed},
		{name: "5xx for the image", serve: good(basicWith(status(500, "UNKNOWN"))), status: failed},
		{name: "not a registry", serve: good(http.NotFound), status: failed},
		{name: "a page for the image", serve: good(basicWith(manifestOf("text/html", "", "<html></html>"))), skopeo: true, status: failed,
			blind: "--raw prints whatever came, a log-in page too"},
		{name: "unknown authority", serve: strange, status: failed},
		{name: "unknown authority, tls_verify false", serve: strange, insecure: true, skopeo: true, status: valid},
		{name: "unknown authority, tls_verify false, wrong", serve: strange, insecure: true, bad: true, status: invalid},
		{name: "wrong name", serve: with(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.test"} }), status: failed},
		{name: "expired", serve: with(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Hour) }), status: failed},
		{name: "common name only", serve: with(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" }), status: failed},
		{name: "plain HTTP", serve: plain, status: failed},
		{name: "plain HTTP, tls_verify false", serve: plain, insecure: true, skopeo: true, status: valid},
		{name: "redirect of /v2/ elsewhere", serve: good(http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound).ServeHTTP), status: failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.serve()
			password := goodPassword
			if c.bad {
				password = badPassword
			}
			cred := login(s.host, password)
			cred.ImageNamed, cred.TLSVerify = !c.guess, !c.insecure
			r := checkOne(t, checkerFor(a), cred)
			ok, output := skopeo(t, cred, certs)
			assert.Equal(t, c.status, r.Status, r.Detail)
			assert.Equal(t, c.skopeo, ok, output)
			if c.blind == "" {
				assert.Equal(t, ok, r.Status == validate.StatusValid, "skopeo: %soreg: %s", output, r.Detail)
			}
			assert.False(t, r.Status == validate.StatusValid && r.Pull == validate.PullProven && !ok && c.blind == "", "oreg is never happier than the runtime")
			assert.NotEmpty(t, strings.TrimSpace(r.Detail))
		})
	}
}
