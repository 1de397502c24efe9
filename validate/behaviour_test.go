package validate_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

// The names of the tables: the registry under test is always regHost.
const (
	regHost  = "reg.test"
	regAddr  = "reg.test:443"
	authAddr = "auth.test:443"
)

// Short names for the tables.
const (
	valid, invalid, inconclusive, failed = validate.StatusValid, validate.StatusInvalid, validate.StatusInconclusive, validate.StatusError
	proven, rejected, unproven, untested = validate.LoginProven, validate.LoginRejected, validate.LoginUnproven, validate.LoginUntested
	pulled, denied, missing, notAsked    = validate.PullProven, validate.PullDenied, validate.PullMissing, validate.PullUntested
)

// behaviour is one way in which a registry may behave, and the one verdict on
// it.
type behaviour struct {
	name string
	// serve starts the registry, and what belongs to it.
	serve func(f *fabric)
	// bad: the wrong password; named: the user named the image.
	bad, named bool
	change     func(*inventory.Credential)
	options    func(*validate.Options)

	status validate.Status
	login  validate.Login
	pull   validate.Pull
	cause  validate.Cause
	// authenticated are all requests with an Authorization header, to any
	// host; passwords those of them that show the password.
	authenticated, passwords int
	// also looks at the rest.
	also func(t *testing.T, f *fabric, r validate.Result)
}

func runBehaviours(t *testing.T, table []behaviour) {
	t.Helper()
	a := newAuthority(t)
	for _, b := range table {
		t.Run(b.name, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) { b.run(t, f) })
		})
	}
}

func (b behaviour) run(t *testing.T, f *fabric) {
	b.serve(f)
	cred := login(regHost, goodPassword)
	if b.bad {
		cred.Password = secret.New(badPassword)
	}
	cred.ImageNamed = b.named
	if b.change != nil {
		b.change(&cred)
	}
	var log logBook
	options := []func(*validate.Options){func(o *validate.Options) { o.Log = log.line }}
	if b.options != nil {
		options = append(options, b.options)
	}
	r := checkOne(t, f.checker(options...), cred)

	assert.Equal(t, b.status, r.Status, "status: %s", r.Detail)
	assert.Equal(t, b.login, r.Login, "login: %s", r.Detail)
	assert.Equal(t, b.pull, r.Pull, "pull: %s", r.Detail)
	assert.Equal(t, b.cause, r.Cause, "cause: %s", r.Detail)
	authenticated, passwords := 0, 0
	for _, s := range f.stations {
		authenticated += s.authenticated()
		passwords += s.passwords()
	}
	assert.Equal(t, b.authenticated, authenticated, "authenticated requests: %s", r.Detail)
	assert.Equal(t, b.passwords, passwords, "requests with the password: %s", r.Detail)
	assertComplete(t, r, log.text())
	if b.also != nil {
		b.also(t, f, r)
	}
}

// assertComplete holds every result to what is promised of all (O3, S1).
func assertComplete(t *testing.T, r validate.Result, log string) {
	t.Helper()
	assert.NotEmpty(t, r.Detail)
	assert.Equal(t, validate.Controller, r.From)
	assert.LessOrEqual(t, r.Duration, timeout)
	if r.Cause != "" {
		assert.NotEmpty(t, r.Hint, "each cause says what to do next")
	}
	if r.Cause != validate.CauseNotTried && r.Status != validate.StatusSkipped {
		assert.NotEmpty(t, r.ByHand)
	}
	shown, err := json.Marshal(r)
	require.NoError(t, err)
	all := string(shown) + fmt.Sprintf("%+v", r) + log
	for _, password := range []string{goodPassword, badPassword} {
		assert.NotContains(t, all, password)
		assert.NotContains(t, all, base64.StdEncoding.EncodeToString([]byte(goodUser+":"+password)))
		assert.NotContains(t, all, base64.StdEncoding.EncodeToString([]byte(password)))
	}
	assert.NotContains(t, all, tokenFor, "tokens are secrets too")
	for _, r := range all {
		assert.False(t, r < ' ' && r != '\n', "control characters: %q", all)
	}
}

// basic serves h as the registry, bearer also a token server at auth.test.
func basic(h http.HandlerFunc) func(*fabric) { return func(f *fabric) { f.web(regAddr, h) } }

func bearer(registry, server http.HandlerFunc) func(*fabric) {
	return func(f *fabric) { f.web(regAddr, registry); f.web(authAddr, server) }
}

// basicWith is a registry by Basic that answers the accepted login by next.
func basicWith(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !rightLogin(r) || isPing(r) {
			basicRegistry(w, r)
			return
		}
		next(w, r)
	}
}

// bearerWith is a registry by Bearer at reg.test with its token server at
// auth.test, whose tokens open /v2/ and let next answer for the image.
func bearerWith(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+tokenFor {
			askToken(w, r, "https://auth.test/token")
			return
		}
		if isPing(r) {
			pong(w)
			return
		}
		next(w, r)
	}
}

func status(code int, errorCode string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { problem(w, code, errorCode, "because") }
}

// scoped answers requests for the image's scope by next, others as tokens does.
func scoped(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("scope") != "" {
			next(w, r)
			return
		}
		tokens(w, r)
	}
}

// logBook collects the log lines.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) line(_ int, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, message)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// TestV8_LoginVerdicts: who accepts, who rejects, who never asks.
func TestV8_LoginVerdicts(t *testing.T) {
	runBehaviours(t, []behaviour{
		{name: "basic, right", serve: basic(basicRegistry),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2},
		{name: "basic, wrong", serve: basic(basicRegistry), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "basic, 403 to the login", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				basicRegistry(w, r)
				return
			}
			problem(w, http.StatusForbidden, "DENIED", "account locked")
		}), status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1,
			also: func(t *testing.T, _ *fabric, r validate.Result) { assert.Contains(t, r.Detail, "account locked") }},
		{name: "basic beside a scheme that nobody has", serve: basic(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("WWW-Authenticate", "Negotiate")
			basicRegistry(prefixed{w}, r)
		}), status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2},
		{name: "bearer, right", serve: bearer(bearerWith(manifests), tokens),
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Equal(t, "auth.test", r.Realm, "R13: the token server shows")
				assert.Equal(t, "bearer", r.Auth)
				assert.Zero(t, f.stations[regAddr].passwords(), "S3: the password goes to the token server alone")
				q := f.stations[authAddr].seen()[0].query
				assert.Contains(t, q, "service=test")
				assert.Contains(t, q, "account=lab%7Csvc", "some token servers compare it with the login")
				assert.NotContains(t, q, "scope")
				assert.Contains(t, f.stations[authAddr].seen()[1].query, "scope=repository%3Aopenshift3%2Fose-pod%3Apull", "V10")
			}},
		{name: "bearer, wrong", serve: bearer(bearerWith(manifests), tokens), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "auth.test (for reg.test) rejects the login of "+goodUser)
			}},
		{name: "bearer, 403 to the login", serve: bearer(bearerWith(manifests), status(http.StatusForbidden, "DENIED")),
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "bearer, access_token", serve: bearer(bearerWith(manifests), func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":60}`, tokenFor)
		}), status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2},
		{name: "bearer, public image, wrong", serve: bearer(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				manifests(w, r)
				return
			}
			askToken(w, r, "https://auth.test/token")
		}, tokens), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "bearer, public image, right", serve: bearer(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				manifests(w, r)
				return
			}
			askToken(w, r, "https://auth.test/token")
		}, tokens), status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2},
		{name: "open, public image, right", serve: basic(openPing(manifests)),
			status: inconclusive, login: unproven, pull: pulled, cause: validate.CauseAnonymous},
		{name: "open, public image, wrong", serve: basic(openPing(manifests)), bad: true,
			status: inconclusive, login: unproven, pull: pulled, cause: validate.CauseAnonymous},
		{name: "open, images by basic, right", serve: basic(openPing(basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 1, passwords: 1,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				require.Len(t, r.Warnings, 1)
				assert.Contains(t, r.Warnings[0], "at the image but not at /v2/")
			}},
		{name: "open, images by basic, wrong", serve: basic(openPing(basicRegistry)), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "open, images by bearer, right", serve: bearer(openPing(bearerWith(manifests)), tokens),
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 2},
		{name: "open, images by bearer, wrong", serve: bearer(openPing(bearerWith(manifests)), tokens), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 1, passwords: 1},
		{name: "open, no such image", serve: basic(openPing(http.NotFound)),
			status: inconclusive, login: unproven, pull: missing, cause: validate.CauseImageMissing},
		{name: "open, no such image, named", serve: basic(openPing(http.NotFound)), named: true,
			status: invalid, login: unproven, pull: missing, cause: validate.CauseImageMissing},
		{name: "open, image denied", serve: basic(openPing(status(http.StatusForbidden, "DENIED"))),
			status: inconclusive, login: unproven, pull: denied, cause: validate.CauseNoAccess},
		{name: "open, image denied, named", serve: basic(openPing(status(http.StatusForbidden, "DENIED"))), named: true,
			status: invalid, login: unproven, pull: denied, cause: validate.CauseNoAccess},
		{name: "open, 401 that asks for nothing", serve: basic(openPing(status(http.StatusUnauthorized, "UNAUTHORIZED"))),
			status: inconclusive, login: unproven, pull: denied, cause: validate.CauseNoAccess},
		{name: "open, images by basic, 403 to the login", serve: basic(openPing(basicWith(status(http.StatusForbidden, "DENIED")))),
			status: inconclusive, login: unproven, pull: denied, cause: validate.CauseNoAccess, authenticated: 1, passwords: 1},
		{name: "open, images by basic, no such image", serve: basic(openPing(basicWith(http.NotFound))), named: true,
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 1, passwords: 1},
		{name: "test_login false", serve: basic(basicRegistry), change: func(c *inventory.Credential) { c.TestLogin = false },
			status: validate.StatusSkipped, login: untested, pull: notAsked,
			also: func(t *testing.T, f *fabric, _ validate.Result) {
				assert.Empty(t, f.stations[regAddr].seen(), "no request at all")
			}},
		{name: "no image, basic", serve: basic(basicRegistry), change: func(c *inventory.Credential) { c.Image = "" },
			status: valid, login: proven, pull: notAsked, authenticated: 1, passwords: 1},
		{name: "no image, open", serve: basic(openPing(manifests)), change: func(c *inventory.Credential) { c.Image = "" },
			status: inconclusive, login: unproven, pull: notAsked, cause: validate.CauseAnonymous},
		{name: "colon in the user name", serve: basic(basicRegistry), change: func(c *inventory.Credential) { c.User = "a:b" },
			status: failed, login: untested, pull: notAsked, cause: validate.CauseNotTried},
	})
}

// prefixed keeps what is in the header already and adds where Set would
// replace.
type prefixed struct{ http.ResponseWriter }

func (p prefixed) WriteHeader(code int) {
	h := p.Header()
	if code == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{"Negotiate", `Basic realm="test"`}
	}
	p.ResponseWriter.WriteHeader(code)
}
