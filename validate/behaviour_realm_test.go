package validate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory"
	"oreg/validate"
)

func refuse(context.Context) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// TestR12_Realms: where the password may go, and what a token server that
// fails is called. R13: one on another host shows in the result.
func TestR12_Realms(t *testing.T) {
	// realmAt is a registry at address whose realm is there, with a token
	// server at serverAddress.
	realmAt := func(address, realm, serverAddress string) func(*fabric) {
		return func(f *fabric) {
			h := bearerRegistryAt(realm)
			if serverAddress == address || serverAddress == "" {
				f.web(address, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/token" {
						tokens(w, r)
						return
					}
					h(w, r)
				})
				return
			}
			f.web(address, h)
			f.web(serverAddress, tokens)
		}
	}
	at := func(host string) func(*inventory.Credential) {
		return func(c *inventory.Credential) { c.Host, c.Image = host, host+"/openshift3/ose-pod:v3.11" }
	}
	allow := func(realms ...string) func(*validate.Options) {
		return func(o *validate.Options) { o.AllowRealms = realms }
	}
	fine := func(name, host, realm, server string, options func(*validate.Options), shown string) behaviour {
		_, _, err := net.SplitHostPort(host)
		address := host
		if err != nil {
			address = net.JoinHostPort(host, "443")
		}
		return behaviour{name: name, serve: realmAt(address, realm, server), change: at(host), options: options,
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2,
			also: func(t *testing.T, _ *fabric, r validate.Result) { assert.Equal(t, shown, r.Realm) }}
	}
	refused := func(name, realm string, options func(*validate.Options), words, hint string) behaviour {
		return behaviour{name: name, serve: realmAt(regAddr, realm, ""), options: options,
			status: failed, login: untested, pull: notAsked, cause: validate.CauseRealmFailed,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, words)
				assert.Contains(t, r.Hint, hint)
			}}
	}
	broken := func(name string, serve func(*fabric), words string, passwords int) behaviour {
		return behaviour{name: name, serve: serve, status: failed, login: untested, pull: notAsked, cause: validate.CauseRealmFailed,
			authenticated: passwords, passwords: passwords,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "the token server auth.test")
				assert.Contains(t, r.Detail, words)
				assert.Contains(t, r.ByHand, "https://auth.test/token")
			}}
	}
	answers := func(h http.HandlerFunc) func(*fabric) { return bearer(bearerWith(manifests), h) }
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	runBehaviours(t, []behaviour{
		fine("another name", regHost, "https://auth.test/token", authAddr, nil, "auth.test"),
		fine("another name and port", regHost, "https://auth.test:8443/token", "auth.test:8443", nil, "auth.test:8443"),
		fine("own host", regHost, "https://reg.test/token", regAddr, nil, ""),
		fine("own host, other port", regHost, "https://reg.test:8443/token", "reg.test:8443", nil, "reg.test:8443"),
		fine("own private address", "10.0.0.5", "https://10.0.0.5/token", "10.0.0.5:443", nil, ""),
		fine("own private address, other port", "10.0.0.5:5000", "https://10.0.0.5:5001/token", "10.0.0.5:5001", nil, "10.0.0.5:5001"),
		fine("a second private address, allowed", "10.0.0.5", "https://10.0.0.6/token", "10.0.0.6:443", allow("10.0.0.6"), "10.0.0.6"),
		fine("allowed with its port", "10.0.0.5", "https://10.0.0.6:8443/token", "10.0.0.6:8443", allow("other", "10.0.0.6:8443"), "10.0.0.6:8443"),
		fine("allowed IPv6", regHost, "https://[fd00::6]/token", "[fd00::6]:443", allow("fd00::6"), "[fd00::6]"),
		fine("a public address", regHost, "https://198.51.100.7/token", "198.51.100.7:443", nil, "198.51.100.7"),
		refused("a private address", "https://10.0.0.6/token", nil, "10.0.0.6", "--allow-realm 10.0.0.6"),
		refused("another port is allowed", "https://10.0.0.6:8443/token", allow("10.0.0.6:9443"), "10.0.0.6:8443", "--allow-realm"),
		refused("loopback", "https://127.0.0.1/token", nil, "127.0.0.1", "--allow-realm"),
		refused("localhost", "https://localhost:1/token", nil, "localhost:1", "--allow-realm"),
		refused("the metadata service", "https://169.254.169.254/token", nil, "169.254.169.254", "--allow-realm"),
		refused("a mapped address", "https://[::ffff:10.0.0.6]/token", nil, "private address", "--allow-realm"),
		refused("a mapped address of a carrier", "https://[::ffff:100.64.0.1]/token", nil, "private address", "--allow-realm"),
		refused("an address as a number", "https://2130706433/token", nil, "2130706433", "--allow-realm"),
		refused("an address in hexadecimal", "https://0x7f.0x1/token", nil, "0x7f.0x1", "--allow-realm"),
		refused("plain HTTP", "http://auth.test/token", nil, "auth.test has no TLS", "changed to https"),
		refused("plain HTTP, allowed", "http://auth.test/token", allow("auth.test"), "auth.test has no TLS", "changed to https"),
		refused("plain HTTP on the own host", "http://reg.test/token", nil, "reg.test has no TLS", "changed to https"),
		refused("no realm", "", nil, "does not say where", "WWW-Authenticate"),
		refused("a path only", "/token", nil, "not a web address", "WWW-Authenticate"),
		refused("another scheme", "file:///etc/passwd", nil, "not a web address", "WWW-Authenticate"),
		refused("a login in it", "https://u:p@auth.test/token", nil, "with a login in its address", "WWW-Authenticate"),
		broken("unknown name", basic(bearerWith(manifests)), "dns", 0),
		broken("refused", func(f *fabric) { f.web(regAddr, bearerWith(manifests)); f.breakDial(authAddr, refuse) }, "refused", 0),
		broken("silent", answers(hang), "timeout", 1),
		broken("5xx for ever", answers(status(http.StatusBadGateway, "UNKNOWN")), "HTTP 502", 3),
		broken("404", answers(http.NotFound), "HTTP 404", 1),
		broken("garbage", answers(text("<html>log in</html>")), "no token (text/html)", 1),
		broken("garbage of no type", answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			text("log in")(w, r)
		}), "no token (of no stated type)", 1),
		broken("no token in it", answers(text(`{"expires_in":60}`)), "without a usable token", 1),
		broken("a token that no header can carry", answers(text(`{"token":"a\r\nX-Injected: 1"}`)), "without a usable token", 1),
		broken("redirects elsewhere", func(f *fabric) {
			f.web(regAddr, bearerWith(manifests))
			f.web(authAddr, http.RedirectHandler("https://evil.test/token", http.StatusTemporaryRedirect).ServeHTTP)
			f.web("evil.test:443", tokens)
		}, "redirects to evil.test, where the password is not sent", 1),
		broken("plain HTTP behind https", func(f *fabric) {
			f.web(regAddr, bearerWith(manifests))
			f.http(authAddr, nil, http.HandlerFunc(tokens))
		}, "plain-http", 0),
		{name: "redirects within itself", serve: answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				http.Redirect(w, r, "/auth/token?"+r.URL.RawQuery, http.StatusFound)
				return
			}
			tokens(w, r)
		}), status: valid, login: proven, pull: pulled, authenticated: 5, passwords: 4},
	})
}

// bearerRegistryAt asks for tokens of exactly this realm, an empty one too.
func bearerRegistryAt(realm string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+tokenFor {
			basicLike(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer service="test"`)
		if realm != "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="test"`)
		}
		problem(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	}
}

// TestS3_Redirects: no credential goes to a host that a redirect names.
func TestS3_Redirects(t *testing.T) {
	to := func(target string) http.HandlerFunc {
		return http.RedirectHandler(target, http.StatusTemporaryRedirect).ServeHTTP
	}
	elsewhere := func(h http.HandlerFunc, target string, there http.HandlerFunc) func(*fabric) {
		return func(f *fabric) {
			f.web(regAddr, h)
			if strings.HasPrefix(target, "http://") {
				f.http("other.test:80", nil, there)
			} else {
				f.web("other.test:443", there)
			}
		}
	}
	untouched := func(t *testing.T, f *fabric, _ validate.Result) {
		for address, s := range f.stations {
			if strings.HasPrefix(address, "other.test") {
				assert.Zero(t, s.authenticated(), "no credential there")
			}
		}
	}
	runBehaviours(t, []behaviour{
		{name: "/v2/ elsewhere", serve: elsewhere(to("https://other.test/v2/"), "https://", basicRegistry),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Empty(t, f.stations["other.test:443"].seen())
				assert.Contains(t, r.Detail, "https://other.test")
			}},
		{name: "/v2/ to plain HTTP on the same host", serve: basic(to("http://reg.test/v2/")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "the login elsewhere", serve: elsewhere(func(w http.ResponseWriter, r *http.Request) {
			if loggedIn(r) {
				to("https://other.test/v2/")(w, r)
				return
			}
			basicRegistry(w, r)
		}, "https://", basicRegistry), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry,
			authenticated: 1, passwords: 1, also: untouched},
		{name: "within the host", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/api"); ok {
				r.URL.Path = rest
				basicRegistry(w, r)
				return
			}
			to("/api"+r.URL.Path)(w, r)
		}), status: valid, login: proven, pull: pulled, authenticated: 4, passwords: 4},
		{name: "in circles", serve: basic(to("/v2/")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "to nowhere", serve: basic(to("https://")), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "the image elsewhere", serve: elsewhere(basicWith(to("https://other.test/blob")), "https://",
			manifestOf("application/vnd.oci.image.manifest.v1+json", "", manifestBody)),
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 3, also: untouched},
		{name: "the image elsewhere and back", serve: elsewhere(basicWith(to("https://other.test/blob")), "https://", to("https://reg.test/v2/x/manifests/y")),
			status: failed, login: proven, pull: notAsked, cause: validate.CauseServerError, authenticated: 3, passwords: 3, also: untouched},
		{name: "the image elsewhere, refused there", serve: elsewhere(basicWith(to("https://other.test/blob")), "https://", status(http.StatusForbidden, "DENIED")),
			status: failed, login: proven, pull: notAsked, cause: validate.CauseServerError, authenticated: 3, passwords: 3, also: untouched},
		{name: "the image elsewhere with a login", serve: elsewhere(basicWith(to("https://u:c4nary@other.test/blob")), "https://", manifests),
			status: failed, login: proven, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 2, passwords: 2,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Empty(t, f.stations["other.test:443"].seen())
				assert.Contains(t, r.Detail, "redirects to other.test with a login in the address")
				assert.NotContains(t, r.Detail, "c4nary")
			}},
		{name: "the image on another port", serve: func(f *fabric) {
			f.web(regAddr, basicWith(to("https://reg.test:8443/blob")))
			f.web("reg.test:8443", manifestOf("application/vnd.oci.image.manifest.v1+json", "", manifestBody))
		}, status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 3,
			also: func(t *testing.T, f *fabric, _ validate.Result) {
				assert.Len(t, f.stations["reg.test:8443"].seen(), 2, "HEAD and GET")
				assert.Zero(t, f.stations["reg.test:8443"].authenticated(), "another port is another server")
			}},
		{name: "the image to plain HTTP on the same port", serve: basic(basicWith(to("http://reg.test:443/blob"))),
			status: failed, login: proven, pull: notAsked, cause: validate.CausePlainHTTP, authenticated: 2, passwords: 2},
		{name: "the login to plain HTTP on the same port", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if loggedIn(r) {
				to("http://reg.test:443/v2/")(w, r)
				return
			}
			basicRegistry(w, r)
		}), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 1, passwords: 1,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "redirects /v2/ to http://reg.test:443, where no credential is sent")
			}},
		{name: "the image to plain HTTP", serve: elsewhere(basicWith(to("http://other.test/blob")), "http://", manifests),
			status: failed, login: proven, pull: notAsked, cause: validate.CausePlainHTTP, authenticated: 2, passwords: 2,
			also: func(t *testing.T, f *fabric, _ validate.Result) { assert.Empty(t, f.stations["other.test:80"].seen()) }},
	})
}
