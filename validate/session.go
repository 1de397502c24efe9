package validate

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"oreg/inventory/secret"
)

const (
	maxAttempts  = 3
	firstBackoff = 500 * time.Millisecond
	maxRedirects = 5

	maxErrorBody    = 64 << 10
	maxTokenBody    = 1 << 20
	maxManifestBody = 4 << 20 // distribution's own limit for a manifest
)

// session is the conversation with one registry and its token server.
type session struct {
	checker *Checker
	origin  Origin
	masker  *secret.Masker
	tokens  []string // issued to us; masked like passwords

	host     string   // the registry as the credential names it
	base     *url.URL // scheme and host of its API
	insecure bool     // tls_verify is false
	realm    *url.URL // the token server, once accepted
	routes   map[string]*route

	// What was seen of the registry itself, for -v.
	route, address, tls string
	status              int
}

// request is one question. A zero authorization asks anonymously.
type request struct {
	method        string
	url           *url.URL
	accept        string
	authorization string
	limit         int64
	// presents says that authorization is a login that is not yet accepted: it
	// goes on a connection of its own and is not sent again unless the server
	// itself answered that it could not decide.
	presents bool
	// elsewhere is what a redirect to another host means; nil follows it
	// without the authorization.
	elsewhere func(target *url.URL) *failure
}

// answer is a response, read whole within the limit.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the body was longer than the limit
	// from is another host than was asked, where a redirect led there.
	from string
}

// words makes text that a server sent fit to be shown.
func (s *session) words(text string) string {
	return foreign(text, func(text string) string {
		for _, token := range s.tokens {
			text = strings.ReplaceAll(text, token, secret.Redacted)
		}
		return s.checker.options.Masker.Mask(s.masker.Mask(text))
	})
}

func (s *session) close() {
	for _, r := range s.routes {
		r.close()
	}
}

// ask sends r, follows redirects within the host, and tries again what is
// worth it while ctx's deadline allows. The answer's status is never 407, 408,
// 429 or 5xx: those are failures.
func (s *session) ask(ctx context.Context, r request) (*answer, *failure) {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		a, f := s.attempt(ctx, r, attempt)
		if f == nil {
			return a, nil
		}
		if !f.transient || attempt == maxAttempts || ctx.Err() != nil || (r.presents && f.written) {
			return nil, f
		}
		wait := backoff + rand.N(backoff/4)
		backoff *= 2
		if f.after > wait {
			wait = f.after
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return nil, f
		}
		s.checker.options.Log(2, fmt.Sprintf("%s: %s; next try in %s", s.host, f.detail, wait.Round(time.Millisecond)))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, f
		}
	}
}

// attempt is one try. Only the first one's patience is shorter than the whole
// check's, so that a request that was lost gets a second chance; that of a
// login is not, because it must not be sent twice.
func (s *session) attempt(ctx context.Context, r request, number int) (*answer, *failure) {
	if deadline, ok := ctx.Deadline(); ok && number == 1 && !r.presents {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*2/3)
		defer cancel()
	}
	target, from := r.url, ""
	for hops := 0; ; hops++ {
		a, f := s.roundTrip(ctx, r, target)
		if f != nil {
			return nil, f
		}
		next, err := redirect(target, a)
		if err != nil {
			return nil, &failure{cause: CauseNotARegistry, detail: fmt.Sprintf("%s redirects to something that is no address", target.Host)}
		}
		if next == nil {
			a.from = from
			return a, nil
		}
		switch {
		case hops == maxRedirects:
			return nil, &failure{cause: CauseNotARegistry, detail: fmt.Sprintf("%s redirects in circles", r.url.Host)}
		case sameParty(next, r.url):
			// The same server: it has the authorization already.
		case r.elsewhere != nil:
			return nil, r.elsewhere(next)
		case next.User != nil:
			return nil, &failure{cause: CauseNotARegistry, elsewhere: true,
				detail: fmt.Sprintf("%s redirects to %s with a login in the address, which is not followed", r.url.Host, s.words(next.Host))}
		case next.Scheme != "https":
			return nil, &failure{cause: CausePlainHTTP, elsewhere: true,
				detail: fmt.Sprintf("%s redirects to %s without TLS, which is not followed", r.url.Host, s.words(next.Host))}
		default:
			r.authorization, from = "", next.Host
		}
		target = next
	}
}

// redirect returns where a sends us, nil where it is no redirect.
func redirect(from *url.URL, a *answer) (*url.URL, error) {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := a.header.Get("Location")
	if location == "" {
		return nil, nil
	}
	next, err := from.Parse(location)
	if err != nil || next.Host == "" {
		return nil, errors.New("not an absolute address")
	}
	return next, nil
}

// roundTrip sends one HTTP request and reads the answer. It uses the
// transports below http.Client, which would follow redirects by rules of its
// own.
func (s *session) roundTrip(ctx context.Context, r request, target *url.URL) (*answer, *failure) {
	way, f := s.routeTo(target)
	if f != nil {
		return nil, f
	}
	g := &sighting{}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, g.trace()), r.method, target.String(), nil)
	if err != nil {
		return nil, &failure{cause: CauseNotARegistry, detail: fmt.Sprintf("%s names an address that cannot be asked", target.Host)}
	}
	req.Header.Set("User-Agent", s.checker.options.UserAgent)
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	carrier := way.pooled
	if r.authorization != "" {
		req.Header.Set("Authorization", r.authorization)
		if r.presents {
			carrier = way.single
		}
	}
	resp, err := carrier.RoundTrip(req)
	far, address, state := g.seen()
	ofRegistry := sameParty(target, s.base)
	if ofRegistry {
		s.route, s.address = way.String(), address
		if state != nil {
			s.tls = s.tlsText(*state)
		}
	}
	if err != nil {
		return nil, s.classified(err, target, far, way)
	}
	body, cut, err := readAll(resp.Body, r.limit)
	if err != nil {
		return nil, s.classified(err, target, phaseAnswer, way)
	}
	if ofRegistry {
		s.status = resp.StatusCode
	}
	s.checker.options.Log(1, fmt.Sprintf("%s: %s %s from %s %s: HTTP %d", s.host, r.method, target.Redacted(), s.origin.Name, way, resp.StatusCode))
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body, cut: cut}
	if f := s.statusFailure(a, target, way); f != nil {
		return nil, f
	}
	return a, nil
}

func (s *session) classified(err error, target *url.URL, at phase, way *route) *failure {
	f := classify(err, target.Host, at, s.words)
	if at == phaseConnect && way.via != nil && f.cause != CauseProxy {
		f = s.proxyFailure(way.via, f)
	}
	f.elsewhere = f.elsewhere || !sameParty(target, s.base)
	return f
}

// statusFailure finds the answers that say "not now" or come from the proxy.
func (s *session) statusFailure(a *answer, target *url.URL, way *route) *failure {
	switch {
	case a.status == http.StatusProxyAuthRequired:
		return proxyStatus(way.via, a.status)
	case a.status == http.StatusTooManyRequests:
		f := &failure{cause: CauseRateLimited, detail: fmt.Sprintf("%s: %s", target.Host, s.spokenAndWhen(a)), after: s.retryAfter(a.header)}
		// Without a word on when, another request would make it worse.
		f.transient = f.after > 0
		return f
	case a.status == http.StatusRequestTimeout, a.status >= 500 && a.status != http.StatusNotImplemented:
		return &failure{cause: CauseServerError, detail: fmt.Sprintf("%s: %s", target.Host, s.spokenAndWhen(a)),
			transient: true, after: s.retryAfter(a.header)}
	case a.status == http.StatusNotImplemented:
		return nil // says something about the method; the caller decides
	}
	return nil
}

// retryAfter reads both forms of the header, seconds and a date.
func (s *session) retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(s.checker.options.Now()))
	}
	return 0
}

// spokenAndWhen is what was said, and how long the server asks to be left in
// peace.
func (s *session) spokenAndWhen(a *answer) string {
	if after := s.retryAfter(a.header); after > 0 {
		return fmt.Sprintf("%s, try again in %s", s.spoken(a), after.Round(time.Second))
	}
	return s.spoken(a)
}

// spoken is "HTTP 401, CODE: the server's own words", as far as they can be
// read; HTML is not shown.
func (s *session) spoken(a *answer) string {
	text := "HTTP " + strconv.Itoa(a.status)
	for _, d := range diagnostics(a) {
		if w := s.words(strings.TrimSuffix(string(d.Code)+": "+d.Message, ": ")); w != "" {
			return text + ", " + w
		}
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		if w := s.words(string(a.body)); w != "" {
			return text + ", " + w
		}
	}
	return text
}

// diagnostics are the errors of a registry's JSON error body.
func diagnostics(a *answer) []transport.Diagnostic {
	body := a.body
	if len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	resp := &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(body))}
	var te *transport.Error
	if errors.As(transport.CheckError(resp), &te) {
		return te.Errors
	}
	return nil
}

// readAll reads and closes body. At the limit it stops and says so; what
// follows is not drained, since a server could send for ever.
func readAll(body io.ReadCloser, limit int64) ([]byte, bool, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	closing := body.Close()
	switch {
	case err != nil:
		return nil, false, err
	case int64(len(data)) > limit:
		return data[:limit], true, nil
	}
	return data, false, closing
}

// tlsText is "TLS 1.3, CN=..., issued by CN=..., until 2027-01-02".
func (s *session) tlsText(state tls.ConnectionState) string {
	text := tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		c := state.PeerCertificates[0]
		text += fmt.Sprintf(", %s, issued by %s, until %s", s.words(c.Subject.String()), s.words(c.Issuer.String()), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return text
}
