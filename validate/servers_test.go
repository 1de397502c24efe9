package validate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

const (
	goodUser     = "lab|svc"
	goodPassword = "r1ght-pä$$word #1"
	badPassword  = "wr0ng-pä$$word #1"
)

// The bubbles of testing/synctest begin in 2000: certificates hold in both
// times.
var (
	longAgo  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	farAhead = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authority is a certificate authority of the test's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: longAgo, NotAfter: farAhead,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &authority{certificate: certificate, key: key, pool: pool}
}

// issue makes a certificate for the names and addresses.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate), names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "test server"},
		NotBefore: longAgo, NotAfter: farAhead,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// server is a registry, token server or anything else, with a record of what
// it was asked.
type server struct {
	host string // "127.0.0.1:port"

	mu       sync.Mutex
	requests []recorded
}

type recorded struct{ method, path, query, authorization string }

// record keeps the request and hands it on.
func (s *server) record(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, recorded{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization")})
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

func (s *server) seen() []recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]recorded(nil), s.requests...)
}

// authenticated counts the requests with an Authorization header, passwords
// those that carry the Basic form, which shows the password.
func (s *server) authenticated() int { return s.count("") }
func (s *server) passwords() int     { return s.count("Basic ") }

func (s *server) count(prefix string) int {
	n := 0
	for _, r := range s.seen() {
		if r.authorization != "" && strings.HasPrefix(r.authorization, prefix) {
			n++
		}
	}
	return n
}

// serveTLS starts a server with a certificate of a for 127.0.0.1 and names.
func serveTLS(t testing.TB, a *authority, h http.Handler, names ...string) *server {
	t.Helper()
	return serveWith(t, h, &tls.Config{Certificates: []tls.Certificate{a.issue(t, nil, append(names, "127.0.0.1", "::1")...)}})
}

func serveWith(t testing.TB, h http.Handler, config *tls.Config) *server {
	t.Helper()
	s := &server{}
	srv := httptest.NewUnstartedServer(s.record(h))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are part of the tests
	if config != nil {
		srv.TLS = config
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	s.host = srv.Listener.Addr().String()
	return s
}

func login(host, password string) inventory.Credential {
	return inventory.Credential{Host: host, User: goodUser, Password: secret.New(password), Source: "hosts:31 " + host,
		Image: host + "/openshift3/ose-pod:v3.11", TestLogin: true, TLSVerify: true}
}

func named(c inventory.Credential, image string) inventory.Credential {
	c.Image, c.ImageNamed = c.Host+"/"+image, true
	return c
}

func checkerFor(a *authority, change ...func(*validate.Options)) *validate.Checker {
	o := validate.Options{RootCAs: a.pool, Now: time.Now, Timeout: 20 * time.Second}
	for _, c := range change {
		c(&o)
	}
	return validate.New(o)
}

func checkOne(t testing.TB, c *validate.Checker, cred inventory.Credential) validate.Result {
	t.Helper()
	results := c.Check(t.Context(), []inventory.Credential{cred}, nil)
	require.Len(t, results, 1)
	return results[0]
}

// rightLogin says that r carries the good user and password by Basic.
func rightLogin(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == goodUser && password == goodPassword
}

const manifestBody = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}`

// manifests serves one image at .../openshift3/ose-pod, and 404 otherwise.
func manifests(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v2/openshift3/ose-pod/manifests/") {
		problem(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Docker-Content-Digest", manifestDigest)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, manifestBody) // the client's trouble, not the test's
	}
}

// problem answers as the distribution specification wants errors.
func problem(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	type diagnostic struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []diagnostic{{code, message}}}) // the client's trouble, not the test's
}

func isPing(r *http.Request) bool { return r.URL.Path == "/v2/" }

func pong(w http.ResponseWriter) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

// basicRegistry asks for Basic everywhere.
func basicRegistry(w http.ResponseWriter, r *http.Request) {
	if !rightLogin(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		problem(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	if isPing(r) {
		pong(w)
		return
	}
	manifests(w, r)
}

// tokenFor is what the token servers of the tests issue.
const tokenFor = "t0ken-for-the-right-login"

// tokens is a token server that knows the good login and gives anonymous
// callers a token that opens nothing.
func tokens(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") == "":
		_, _ = io.WriteString(w, `{"token":"anonymous-token"}`)
	case rightLogin(r):
		_, _ = fmt.Fprintf(w, `{"token":%q}`, tokenFor)
	default:
		problem(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
	}
}

// bearerRegistry asks for a token of realm everywhere; where realm is empty,
// it is its own token server at /token.
func bearerRegistry(realm string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			tokens(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+tokenFor {
			askToken(w, r, realm)
			return
		}
		if isPing(r) {
			pong(w)
			return
		}
		manifests(w, r)
	}
}

func askToken(w http.ResponseWriter, r *http.Request, realm string) {
	if realm == "" {
		realm = "https://" + r.Host + "/token"
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, realm))
	problem(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
}
