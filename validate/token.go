package validate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// token asks the token server for a token: without a scope to prove the login,
// as docker login does, with one for the image. denied is what the server said
// where it refused.
func (k *check) token(ctx context.Context, c challenge, scope string, presents bool) (token, denied string, f *failure) {
	u := *k.realm
	query := u.Query()
	if c.service != "" {
		query.Set("service", c.service)
	}
	if k.credential.User != "" {
		query.Set("account", k.credential.User)
	}
	if scope != "" {
		query.Set("scope", scope)
	}
	u.RawQuery = query.Encode()
	a, f := k.ask(ctx, request{method: http.MethodGet, url: &u, authorization: k.basic(), presents: presents, limit: maxTokenBody,
		elsewhere: func(target *url.URL) *failure {
			return k.realmFailure("redirects to %s, where the password is not sent", k.words(target.Host))
		}})
	if f != nil {
		return "", "", k.atRealm(f)
	}
	switch a.status {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", k.spoken(a), nil
	default:
		return "", "", k.realmFailure("answers %s", k.spoken(a))
	}
	var body transport.Token
	if err := json.Unmarshal(a.body, &body); err != nil {
		kind := k.words(string(mediaTypeOf(a)))
		if kind == "" {
			kind = "of no stated type"
		}
		return "", "", k.realmFailure("answers with something that is no token (%s)", kind)
	}
	token = body.AccessToken
	if token == "" {
		token = body.Token
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", "", k.realmFailure("answers without a usable token")
	}
	if !slices.Contains(k.tokens, token) {
		k.tokens = append(k.tokens, token)
	}
	return token, "", nil
}

func (k *check) realmFailure(format string, args ...any) *failure {
	host := k.words(k.realm.Host)
	return &failure{cause: CauseRealmFailed, elsewhere: true, detail: fmt.Sprintf("the token server %s ", host) + fmt.Sprintf(format, args...)}
}

// atRealm makes a failure on the way to the token server its own, except where
// the cause says more.
func (k *check) atRealm(f *failure) *failure {
	switch f.cause {
	case CauseProxy, CauseRateLimited, CauseForwardingRefused, CauseNotTried, CauseRealmFailed:
		return f
	}
	g := *f
	host := k.words(k.realm.Host)
	g.cause = CauseRealmFailed
	g.detail = fmt.Sprintf("the token server %s cannot be asked: %s (%s)", host, f.detail, f.cause)
	if g.hint == "" {
		g.hint = hintFor(f.cause, k.session, host)
	}
	return &g
}
