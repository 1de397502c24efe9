package validate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"oreg/inventory"
)

// facts are what a check finds out; verdict turns them into a Result.
type facts struct {
	login Login
	pull  Pull
	// loginDetail and pullDetail say what was seen where the fact is not
	// proven.
	loginDetail, pullDetail string
	auth                    string
	digest                  string
	schema1                 bool
	// late says that the registry asked for the login at the image only.
	late bool
	// problem is why a fact could not be established.
	problem *failure
}

// check establishes the facts about one credential.
type check struct {
	*session
	credential inventory.Credential
	image      image
	imageError error
	plain      bool // tls_verify false has led to plain HTTP
	facts      facts
}

func (k *check) run(ctx context.Context) {
	k.facts = facts{login: LoginUntested, pull: PullUntested}
	if k.credential.Image != "" {
		k.image, k.imageError = parseImage(k.credential)
	}
	asked, open, f := k.ping(ctx)
	if f != nil {
		k.facts.problem = f
		return
	}
	if open {
		k.openRegistry(ctx)
		return
	}
	k.logIn(ctx, asked)
	if k.facts.login == LoginProven && k.facts.problem == nil {
		k.pull(ctx, asked)
	}
}

// ping asks /v2/ without a login. open says that it answered 200; otherwise
// asked is what it wants.
func (k *check) ping(ctx context.Context) (asked challenge, open bool, f *failure) {
	a, f := k.askPing(ctx, "", false)
	if f != nil && f.cause == CausePlainHTTP && !f.elsewhere && k.insecure && !k.plain {
		// The port answered TLS with HTTP: the one case in which tls_verify
		// false leads to plain HTTP. A refusal or a timeout never does.
		k.plain = true
		k.base = &url.URL{Scheme: "http", Host: k.base.Host}
		if k.base.Port() == "" {
			k.base.Host = hostPort(&url.URL{Scheme: "https", Host: k.base.Host})
		}
		a, f = k.askPing(ctx, "", false)
	}
	switch {
	case f != nil:
		return challenge{}, false, f
	case a.status == http.StatusOK:
		return challenge{}, true, k.judgePing(a)
	case a.status == http.StatusUnauthorized:
		c := parseChallenge(ctx, a.header)
		switch c.scheme {
		case "basic", "bearer":
			return c, false, nil
		case "":
			return c, false, k.notRegistry("answers HTTP 401 without saying what login it wants")
		}
		return c, false, k.notRegistry("wants a kind of login that registry clients do not have (%s)", k.words(c.scheme))
	}
	return challenge{}, false, k.notRegistry("answers /v2/ with %s", k.spoken(a))
}

func (k *check) askPing(ctx context.Context, authorization string, presents bool) (*answer, *failure) {
	return k.ask(ctx, request{method: http.MethodGet, url: k.base.JoinPath("v2/"), authorization: authorization, presents: presents, limit: maxErrorBody,
		elsewhere: func(target *url.URL) *failure {
			return k.notRegistry("redirects /v2/ to %s://%s, where no credential is sent", k.words(target.Scheme), k.words(target.Host))
		}})
}

func (k *check) notRegistry(format string, args ...any) *failure {
	return &failure{cause: CauseNotARegistry, detail: k.base.Host + " " + fmt.Sprintf(format, args...)}
}

// judgePing tells a registry's 200 from that of a captive portal or any other
// web server. An empty body passes, as the specification asks for nothing more
// than the 200; the manifest will tell.
func (k *check) judgePing(a *answer) *failure {
	if strings.Contains(a.header.Get("Docker-Distribution-Api-Version"), "registry/2.0") {
		return nil
	}
	if body := strings.TrimSpace(string(a.body)); body == "" || json.Valid(a.body) {
		return nil
	}
	return k.notRegistry("answers /v2/ as a web site does (%s)", k.words(string(mediaTypeOf(a))))
}

// openRegistry is for a /v2/ that answers everybody: only the image can make
// the registry ask for the login.
func (k *check) openRegistry(ctx context.Context) {
	k.facts.auth = "none"
	k.facts.login = LoginUnproven
	if k.unnamedImage() {
		return
	}
	m, f := k.manifest(ctx, k.image, "", false)
	if f != nil {
		k.facts.problem = f
		return
	}
	k.facts.late = m.challenge.scheme != ""
	switch m.challenge.scheme {
	case "bearer":
		k.logIn(ctx, m.challenge)
		if k.facts.login == LoginProven && k.facts.problem == nil {
			k.pull(ctx, m.challenge)
		}
	case "basic":
		k.facts.auth = "basic"
		k.presentWithManifest(ctx)
	default:
		k.take(m)
	}
}

// unnamedImage settles the pull where there is no image to ask for.
func (k *check) unnamedImage() bool {
	if k.imageError != nil {
		k.facts.pull, k.facts.pullDetail = PullMissing, k.imageError.Error()
		return true
	}
	return k.credential.Image == ""
}

// take notes what the registry said about the image.
func (k *check) take(m found) {
	k.facts.pull, k.facts.pullDetail = m.pull, m.detail
	k.facts.digest, k.facts.schema1 = m.digest, m.schema1
}

// logIn presents the login where c says: once, unless the realm cannot answer.
func (k *check) logIn(ctx context.Context, c challenge) {
	k.facts.auth = c.scheme
	if c.scheme == "basic" {
		k.present(ctx, hostPort(k.base), func() *failure {
			a, f := k.askPing(ctx, k.basic(), true)
			if f != nil {
				return f
			}
			switch a.status {
			case http.StatusOK:
				if f := k.judgePing(a); f != nil {
					return f
				}
				k.facts.login = LoginProven
			case http.StatusUnauthorized, http.StatusForbidden:
				k.facts.login, k.facts.loginDetail = LoginRejected, k.spoken(a)
			default:
				return k.notRegistry("answers the login with %s", k.spoken(a))
			}
			return nil
		})
		return
	}
	realm, f := judgeRealm(c.realm, k.base, k.plain, k.checker.options.AllowRealms, k.words)
	if f != nil {
		k.facts.problem = f
		return
	}
	k.realm = realm
	k.present(ctx, hostPort(realm), func() *failure {
		_, denied, f := k.token(ctx, c, "", true)
		switch {
		case f != nil:
			return f
		case denied != "":
			k.facts.login, k.facts.loginDetail = LoginRejected, denied
		default:
			k.facts.login = LoginProven
		}
		return nil
	})
}

// presentWithManifest proves the login with the image itself, where an open
// registry protects only its images, by Basic.
func (k *check) presentWithManifest(ctx context.Context) {
	k.present(ctx, hostPort(k.base), func() *failure {
		m, f := k.manifest(ctx, k.image, k.basic(), true)
		if f != nil {
			return f
		}
		switch {
		case m.status == http.StatusUnauthorized:
			k.facts.login, k.facts.loginDetail = LoginRejected, m.detail
			return nil
		case m.status == http.StatusForbidden:
			// Some registries refuse a wrong password with 403 too, so it
			// proves nothing.
			k.facts.login = LoginUnproven
		default:
			k.facts.login = LoginProven
		}
		k.take(m)
		return nil
	})
}

// present runs try, which presents the login at the realm and sets
// facts.login, unless the same login was rejected there before.
func (k *check) present(ctx context.Context, realm string, try func() *failure) {
	key := keyOf(k.credential, realm)
	earlier, err := k.checker.ledger.begin(ctx, key)
	switch {
	case err != nil:
		k.facts.problem = classify(err, k.base.Host, phaseRequest, k.words)
		k.facts.problem.detail = fmt.Sprintf("waited for the verdict of %s on the same login, which did not come in time", realm)
		return
	case earlier != nil && earlier.registry == hostPort(k.base):
		k.facts.login = LoginRejected
		k.facts.loginDetail = fmt.Sprintf("%s; seen with the entry at %s and not presented again", earlier.detail, earlier.source)
		return
	case earlier != nil:
		k.facts.login = LoginUntested
		k.facts.problem = &failure{cause: CauseNotTried, detail: fmt.Sprintf("%s has rejected the same user and password for %s (%s): not presented again, so that the account is not locked", realm, earlier.registry, earlier.source)}
		return
	}
	k.facts.login = LoginUntested
	f := try()
	var rejected *rejection
	if k.facts.login == LoginRejected {
		rejected = &rejection{registry: hostPort(k.base), source: k.credential.Source, detail: k.facts.loginDetail}
	}
	k.checker.ledger.end(key, k.facts.login == LoginProven, rejected)
	if f != nil {
		k.facts.problem = f
	}
}

func (k *check) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(k.credential.User+":"+k.credential.Password.Reveal()))
}

// pull asks for the image with the accepted login.
func (k *check) pull(ctx context.Context, c challenge) {
	if k.unnamedImage() {
		return
	}
	authorization := k.basic()
	if c.scheme == "bearer" {
		token, denied, f := k.token(ctx, c, k.image.scope(), false)
		switch {
		case f != nil:
			k.facts.problem = f
			return
		case denied != "":
			k.facts.pull, k.facts.pullDetail = PullDenied, fmt.Sprintf("no token for %s: %s", k.image.scope(), denied)
			return
		}
		authorization = "Bearer " + token
	}
	m, f := k.manifest(ctx, k.image, authorization, false)
	if f == nil && c.scheme == "bearer" && m.status == http.StatusUnauthorized {
		f = k.tokenRefused(ctx, authorization)
	}
	if f != nil {
		k.facts.problem = f
		return
	}
	k.take(m)
}

// tokenRefused tells a login without access to the image from a registry that
// accepts no token of its own token server (clocks, signing certificate): the
// latter refuses at /v2/ as well, and no pull will work.
func (k *check) tokenRefused(ctx context.Context, authorization string) *failure {
	a, f := k.askPing(ctx, authorization, false)
	if f != nil {
		return f
	}
	if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
		return nil
	}
	failed := k.realmFailure("accepted the login, but %s does not accept its token (%s)", k.base.Host, k.spoken(a))
	failed.hint = "no pull can work until the registry accepts the tokens of its token server again: compare their clocks, and the certificate that the registry has for verifying tokens"
	return failed
}
