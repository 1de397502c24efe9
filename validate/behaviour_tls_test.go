package validate_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/validate"
)

func insecure(c *inventory.Credential) { c.TLSVerify = false }

// withCertificate serves the Basic registry with a certificate that change has
// had its way with.
func withCertificate(change func(*x509.Certificate)) func(*fabric) {
	return func(f *fabric) {
		f.http(regAddr, f.certificate(regAddr, change), http.HandlerFunc(basicRegistry))
	}
}

func foreignAuthority(t *testing.T) func(*fabric) {
	other := newAuthority(t)
	return func(f *fabric) {
		f.http(regAddr, &tls.Config{Certificates: []tls.Certificate{other.issue(f.t, nil, regHost)}}, http.HandlerFunc(basicRegistry))
	}
}

// TestV5_TLS: tls_verify works both ways, for its own host alone and with a
// warning each time (S4), and each kind of bad certificate has its name.
func TestV5_TLS(t *testing.T) {
	bad := func(name string, serve func(*fabric), cause validate.Cause, words, hint string) behaviour {
		return behaviour{name: name, serve: serve, status: failed, login: untested, pull: notAsked, cause: cause,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, words)
				assert.Contains(t, r.Hint, hint)
				assert.Empty(t, f.stations[regAddr].seen())
			}}
	}
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	}
	wrongName := func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }
	commonName := func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, regHost }
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	unverified := func(name string, serve func(*fabric)) behaviour {
		return behaviour{name: name + ", tls_verify false", serve: serve, change: insecure,
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				require.Len(t, r.Warnings, 1, "S4: a warning on every run")
				assert.Contains(t, r.Warnings[0], "reg.test is not verified")
			}}
	}
	runBehaviours(t, []behaviour{
		bad("expired", withCertificate(expired), validate.CauseTLSExpired, "1999-12-31T00:00:00Z only", "renewed"),
		bad("not yet valid", withCertificate(future), validate.CauseTLSExpired, "is valid from 2000-01-02", "clock"),
		bad("wrong name", withCertificate(wrongName), validate.CauseTLSHostname, "is for other.test", "issued again"),
		bad("common name only", withCertificate(commonName), validate.CauseTLSHostname, "only a common name (reg.test)", "subject alternative name"),
		bad("unknown authority", foreignAuthority(t), validate.CauseTLSUnknownAuthority, "CN=test server", "/etc/docker/certs.d/reg.test/ca.crt"),
		bad("not for servers", withCertificate(clientOnly), validate.CauseTLSOther, "is not accepted", ""),
		unverified("expired", withCertificate(expired)),
		unverified("wrong name", withCertificate(wrongName)),
		unverified("common name only", withCertificate(commonName)),
		unverified("unknown authority", foreignAuthority(t)),
		{name: "wants a client certificate", serve: func(f *fabric) {
			config := f.certificate(regAddr, nil)
			config.ClientAuth = tls.RequireAnyClientCert
			f.http(regAddr, config, http.HandlerFunc(basicRegistry))
		}, status: failed, login: untested, pull: notAsked, cause: validate.CauseTLSOther,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Hint, "/etc/docker/certs.d/reg.test/ as client.cert and client.key")
			}},
		{name: "old TLS only", serve: func(f *fabric) {
			config := f.certificate(regAddr, nil)
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			f.http(regAddr, config, http.HandlerFunc(basicRegistry))
		}, status: failed, login: untested, pull: notAsked, cause: validate.CauseTLSOther},
		{name: "details for -v", serve: basic(basicRegistry), status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Equal(t, "direct", r.Route)
				assert.Equal(t, "192.0.2.1:443", r.Address)
				assert.Contains(t, r.TLS, "TLS 1.3, CN=test server, issued by CN=test authority, until ")
				assert.Equal(t, http.StatusOK, r.HTTPStatus)
				assert.Empty(t, r.Warnings)
			}},
		{name: "bad certificate of the token server, tls_verify false for the registry", serve: func(f *fabric) {
			f.http(regAddr, f.certificate(regAddr, wrongName), bearerWith(manifests))
			f.http(authAddr, f.certificate(authAddr, wrongName), http.HandlerFunc(tokens))
		}, change: insecure, status: failed, login: untested, pull: notAsked, cause: validate.CauseRealmFailed,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "tls-hostname")
				assert.Empty(t, f.stations[authAddr].seen())
			}},
	})
}

// TestR11_PlainHTTP: only where tls_verify is false and the port itself answers
// TLS with HTTP; never a credential otherwise, on private addresses neither.
func TestR11_PlainHTTP(t *testing.T) {
	plain := func(address string, h http.HandlerFunc) func(*fabric) {
		return func(f *fabric) { f.http(address, nil, h) }
	}
	at := func(host string) func(*inventory.Credential) {
		return func(c *inventory.Credential) { c.Host, c.Image = host, host+"/openshift3/ose-pod:v3.11" }
	}
	both := func(changes ...func(*inventory.Credential)) func(*inventory.Credential) {
		return func(c *inventory.Credential) {
			for _, change := range changes {
				change(c)
			}
		}
	}
	refused := func(name, host, address string) behaviour {
		return behaviour{name: name, serve: plain(address, basicRegistry), change: at(host),
			status: failed, login: untested, pull: notAsked, cause: validate.CausePlainHTTP,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Empty(t, f.stations[address].seen(), "nothing was asked over plain HTTP")
				assert.Contains(t, r.Hint, "no credential was sent")
			}}
	}
	allowed := func(name, host, address string) behaviour {
		return behaviour{name: name, serve: plain(address, basicRegistry), change: both(at(host), insecure),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				require.Len(t, r.Warnings, 2)
				assert.Contains(t, r.Warnings[1], "plain HTTP")
				assert.Empty(t, r.TLS)
			}}
	}
	runBehaviours(t, []behaviour{
		refused("a name", regHost, regAddr),
		refused("loopback", "127.0.0.1:5000", "127.0.0.1:5000"),
		refused("localhost", "localhost:5000", "localhost:5000"),
		refused("a service address", "172.30.1.1:5000", "172.30.1.1:5000"),
		allowed("a name, tls_verify false", regHost, regAddr),
		allowed("a port, tls_verify false", "reg.test:5000", "reg.test:5000"),
		{name: "refused port, tls_verify false", serve: func(f *fabric) {
			f.http("reg.test:80", nil, http.HandlerFunc(basicRegistry))
			f.breakDial(regAddr, refuse)
		}, change: insecure, status: failed, login: untested, pull: notAsked, cause: validate.CauseRefused,
			also: func(t *testing.T, f *fabric, _ validate.Result) { assert.Empty(t, f.stations["reg.test:80"].seen()) }},
		{name: "plain token server of a plain registry", serve: func(f *fabric) {
			f.http(regAddr, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+tokenFor {
					askToken(w, r, "http://auth.test/token")
					return
				}
				basicLike(w, r)
			}))
			f.http("auth.test:80", nil, http.HandlerFunc(tokens))
		}, change: insecure, status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2},
	})
}

func basicLike(w http.ResponseWriter, r *http.Request) {
	if isPing(r) {
		pong(w)
		return
	}
	manifests(w, r)
}

// TestR11_CertsDirs: the CA and the client certificate where docker and skopeo
// look for them.
func TestR11_CertsDirs(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	ca, clientPEM, keyPEM := other.files(t)
	config := &tls.Config{Certificates: []tls.Certificate{other.issue(t, nil, regHost)}, ClientCAs: other.pool, ClientAuth: tls.RequireAndVerifyClientCert}
	folder := func(files map[string][]byte) string {
		dir := t.TempDir()
		for name, data := range files {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		return dir
	}
	full := map[string][]byte{"reg.test/ca.crt": ca, "reg.test/client.cert": clientPEM, "reg.test/client.key": keyPEM}
	flat := map[string][]byte{"ca.crt": ca, "client.cert": clientPEM, "client.key": keyPEM}
	docker := func(dir string) func(*validate.Options) {
		return func(o *validate.Options) { o.HostCertsDirs = []string{"/nonexistent", dir} }
	}
	own := func(dir string) func(*validate.Options) {
		return func(o *validate.Options) { o.CertsDirs = []string{dir} }
	}
	fromNode := func(files map[string][]byte) func(*validate.Options) {
		tree := fstest.MapFS{}
		for name, data := range files {
			tree[name] = &fstest.MapFile{Data: data}
		}
		return func(o *validate.Options) {
			o.Origin.Name, o.Origin.Certs = "node1", tree
			o.HostCertsDirs = []string{folder(full)} // this machine's, of no use on a node
		}
	}
	for name, c := range map[string]struct {
		options func(*validate.Options)
		cause   validate.Cause
		words   string
	}{
		"docker's folder":                   {docker(folder(full)), "", ""},
		"docker's folder has no flat files": {docker(folder(flat)), validate.CauseTLSUnknownAuthority, ""},
		"own folder by host":                {own(folder(full)), "", ""},
		"own flat folder":                   {own(folder(flat)), "", ""},
		"another host's":                    {own(folder(map[string][]byte{"reg.test:5000/ca.crt": ca})), validate.CauseTLSUnknownAuthority, ""},
		"a node's":                          {fromNode(full), "", ""},
		"a node without":                    {fromNode(nil), validate.CauseTLSUnknownAuthority, ""},
		"a node that was not asked":         {func(o *validate.Options) { fromNode(nil)(o); o.Origin.Certs = nil }, validate.CauseTLSUnknownAuthority, ""},
		"own folder that is misspelt":       {own("/nonexistent/certs"), validate.CauseTLSOther, "certificates folder /nonexistent/certs: no such file"},
		"no PEM":                            {own(folder(map[string][]byte{"reg.test/ca.crt": []byte("x")})), validate.CauseTLSOther, "reg.test/ca.crt holds no certificate in PEM form"},
		"certificate without key":           {own(folder(map[string][]byte{"reg.test/client.cert": clientPEM})), validate.CauseTLSOther, "needs a .key file"},
		"key of another":                    {own(folder(map[string][]byte{"reg.test/client.cert": ca, "reg.test/client.key": keyPEM})), validate.CauseTLSOther, "do not fit together"},
	} {
		t.Run(name, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				f.http(regAddr, config, http.HandlerFunc(basicRegistry))
				r := checkOne(t, f.checker(c.options), login(regHost, goodPassword))
				assert.Equal(t, c.cause, r.Cause, r.Detail)
				assert.Contains(t, r.Detail, c.words)
				if c.cause == "" {
					assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
				}
			})
		})
	}
}

// files are what a certs.d folder holds: the authority, and a client's
// certificate and key that it made.
func (a *authority) files(t *testing.T) (ca, certificate, key []byte) {
	t.Helper()
	client := a.issue(t, nil, "client")
	der, err := x509.MarshalECPrivateKey(client.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	pemOf := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return pemOf("CERTIFICATE", a.certificate.Raw), pemOf("CERTIFICATE", client.Certificate[0]), pemOf("EC PRIVATE KEY", der)
}

// TestR11_CertsDirsOfRelatives: as docker does, the token server is trusted by
// the registry's folder too, as is where the registry sends for its images, and
// Docker Hub by the name that users know.
func TestR11_CertsDirsOfRelatives(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	ca, certificate, key := other.files(t)
	for _, host := range []string{regHost, "docker.io"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, host), 0o700))
		for name, data := range map[string][]byte{"ca.crt": ca, "client.cert": certificate, "client.key": key} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, host, name), data, 0o600))
		}
	}
	options := func(o *validate.Options) { o.HostCertsDirs = []string{dir} }
	of := func(host string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{other.issue(t, nil, host)}}
	}
	inFabric(t, a, func(t *testing.T, f *fabric) {
		storage := http.RedirectHandler("https://storage.test/blob", http.StatusTemporaryRedirect)
		f.http(regAddr, of(regHost), bearerWith(storage.ServeHTTP))
		presented := -1
		asking := of("storage.test")
		asking.ClientAuth = tls.RequestClientCert
		f.http("storage.test:443", asking, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			presented = len(r.TLS.PeerCertificates)
			manifestOf("application/vnd.oci.image.manifest.v1+json", "", manifestBody)(w, r)
		}))
		f.http(authAddr, of("auth.test"), http.HandlerFunc(tokens))
		f.http("registry-1.docker.io:443", of("registry-1.docker.io"), http.HandlerFunc(basicRegistry))
		for _, host := range []string{regHost, "docker.io"} {
			r := checkOne(t, f.checker(options), login(host, goodPassword))
			assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
			assert.Equal(t, validate.PullProven, r.Pull, r.Detail)
		}
		assert.Zero(t, presented, "the client certificate is for the registry alone")
	})
}
