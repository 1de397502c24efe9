package validate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"oreg/validate"
)

// first answers the first n requests for which match holds by instead.
func first(n int, match func(*http.Request) bool, instead, next http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if match(r) && count.Add(1) <= int64(n) {
			instead(w, r)
			return
		}
		next(w, r)
	}
}

func anything(*http.Request) bool      { return true }
func loggedIn(r *http.Request) bool    { return r.Header.Get("Authorization") != "" }
func forManifest(r *http.Request) bool { return loggedIn(r) && !isPing(r) }
func forTheToken(r *http.Request) bool { return r.URL.Query().Get("scope") == "" }

// hang never answers. Returning at the end would answer 200, which can still
// reach a client that is just giving up.
func hang(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func limited(retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		problem(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow down")
	}
}

// atLeast says how long the check must have taken in the bubble's time.
func between(from, to time.Duration) func(*testing.T, *fabric, validate.Result) {
	return func(t *testing.T, _ *fabric, r validate.Result) {
		assert.GreaterOrEqual(t, r.Duration, from)
		assert.LessOrEqual(t, r.Duration, to)
	}
}

// TestV3_TransientFailures: what is tried again, and what is not.
func TestV3_TransientFailures(t *testing.T) {
	unavailable := status(http.StatusServiceUnavailable, "UNAVAILABLE")
	runBehaviours(t, []behaviour{
		{name: "5xx at /v2/ that recovers", serve: basic(first(2, anything, unavailable, basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, also: between(time.Second, 3*time.Second)},
		{name: "5xx at /v2/ for ever", serve: basic(unavailable),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseServerError,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Len(t, f.stations[regAddr].seen(), 3)
				assert.Contains(t, r.Detail, "HTTP 503, UNAVAILABLE: because")
				assert.Equal(t, http.StatusServiceUnavailable, r.HTTPStatus)
			}},
		{name: "5xx to the login that recovers", serve: basic(first(1, loggedIn, unavailable, basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 3},
		{name: "5xx to the login, then the password is wrong", serve: basic(first(1, loggedIn, unavailable, basicRegistry)), bad: true,
			status: invalid, login: rejected, pull: notAsked, cause: validate.CauseBadCredentials, authenticated: 2, passwords: 2},
		{name: "5xx for the image that recovers", serve: basic(first(1, forManifest, unavailable, basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 3, passwords: 3},
		{name: "5xx for the image for ever", serve: basic(basicWith(unavailable)), named: true,
			status: failed, login: proven, pull: notAsked, cause: validate.CauseServerError, authenticated: 4, passwords: 4},
		{name: "5xx of the token server that recovers", serve: bearer(bearerWith(manifests), first(1, forTheToken, unavailable, tokens)),
			status: valid, login: proven, pull: pulled, authenticated: 4, passwords: 3},
		{name: "5xx with a Retry-After", serve: basic(first(1, anything, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "10")
			unavailable(w, r)
		}, basicRegistry)), status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, also: between(10*time.Second, 11*time.Second)},
		{name: "408", serve: basic(first(1, anything, status(http.StatusRequestTimeout, "UNKNOWN"), basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2},
		{name: "429 that fits", serve: basic(first(1, anything, limited("30"), basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, also: between(30*time.Second, 31*time.Second)},
		{name: "429 with a date that fits", serve: basic(first(1, anything, func(w http.ResponseWriter, r *http.Request) {
			limited(time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))(w, r)
		}, basicRegistry)), status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, also: between(18*time.Second, 21*time.Second)},
		{name: "429 that does not fit", serve: basic(limited("3600")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseRateLimited,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				between(0, time.Second)(t, f, r)
				assert.Contains(t, r.Detail, "HTTP 429, TOOMANYREQUESTS: slow down, try again in 1h0m0s")
			}},
		{name: "429 without a time", serve: basic(limited("")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseRateLimited,
			also: func(t *testing.T, f *fabric, _ validate.Result) { assert.Len(t, f.stations[regAddr].seen(), 1) }},
		{name: "429 for the image, named", serve: basic(basicWith(limited(""))), named: true,
			status: failed, login: proven, pull: notAsked, cause: validate.CauseRateLimited, authenticated: 2, passwords: 2},
		{name: "429 of the token server", serve: bearer(bearerWith(manifests), limited("")),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseRateLimited, authenticated: 1, passwords: 1},
		{name: "a first request that is lost", serve: basic(first(1, anything, hang, basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2, also: between(timeout*2/3, timeout)},
		{name: "a login that is lost", serve: basic(first(1, loggedIn, hang, basicRegistry)),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseTimeout, authenticated: 1, passwords: 1, also: between(timeout, timeout)},
		{name: "a login that ends in a cut", serve: basic(first(1, loggedIn, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, basicRegistry)),
			status: failed, login: untested, pull: notAsked, cause: validate.CauseServerError, authenticated: 1, passwords: 1},
		{name: "a cut at /v2/ that recovers", serve: basic(first(1, anything, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, basicRegistry)),
			status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2},
	})
}

// TestV8_NetworkFailures: each cause is told from the others, and each within
// the one deadline.
func TestV8_NetworkFailures(t *testing.T) {
	broken := func(fail func(context.Context) error) func(*fabric) {
		return func(f *fabric) { f.breakDial(regAddr, fail) }
	}
	fails := func(err error) func(*fabric) {
		return broken(func(context.Context) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} })
	}
	talks := func(serve func(net.Conn)) func(*fabric) {
		return func(f *fabric) { f.raw(regAddr, serve) }
	}
	none := func(name string, serve func(*fabric), cause validate.Cause, also func(*testing.T, *fabric, validate.Result)) behaviour {
		return behaviour{name: name, serve: serve, status: failed, login: untested, pull: notAsked, cause: cause, also: also}
	}
	atTheEnd := func(words string) func(*testing.T, *fabric, validate.Result) {
		return func(t *testing.T, f *fabric, r validate.Result) {
			between(timeout, timeout)(t, f, r)
			assert.Contains(t, r.Detail, words)
			assert.Contains(t, r.Detail, "given up after 1m0s")
			assert.Contains(t, r.Hint, "--from first-master")
		}
	}
	untilClosed := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	runBehaviours(t, []behaviour{
		none("unknown name", func(*fabric) {}, validate.CauseDNS, func(t *testing.T, _ *fabric, r validate.Result) {
			assert.Contains(t, r.Detail, "reg.test")
			assert.Contains(t, r.Hint, "--from first-master")
			assert.Zero(t, r.Duration, "not tried again")
		}),
		none("name server that does not answer", fails(&net.DNSError{Err: "i/o timeout", Name: regHost, IsTimeout: true}), validate.CauseDNS, func(t *testing.T, _ *fabric, r validate.Result) {
			assert.Contains(t, r.Detail, "could not be looked up", "nobody said that there is no such name")
		}),
		none("refused", fails(syscall.ECONNREFUSED), validate.CauseRefused, between(0, 0)),
		none("no route", fails(syscall.EHOSTUNREACH), validate.CauseUnreachable, nil),
		none("no network", fails(syscall.ENETUNREACH), validate.CauseUnreachable, nil),
		none("forbidden by a firewall here", fails(syscall.EPERM), validate.CauseUnreachable, nil),
		none("the kernel's own timeout", fails(syscall.ETIMEDOUT), validate.CauseTimeout, between(time.Second, 3*time.Second)),
		none("no answer to the connection", broken(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), validate.CauseTimeout, atTheEnd("while connecting")),
		none("silent before TLS", talks(untilClosed), validate.CauseTimeout, atTheEnd("in the TLS handshake")),
		none("silent after TLS", func(f *fabric) { f.web(regAddr, hang) }, validate.CauseTimeout, atTheEnd("waiting for an answer")),
		none("headers by drops", func(f *fabric) {
			f.web(regAddr, func(w http.ResponseWriter, r *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					drip(r.Context(), c, "HTTP/1.1 200 OK\r\nX: ")
				}
			})
		}, validate.CauseTimeout, atTheEnd("in the middle of its answer")),
		none("body by drops", func(f *fabric) {
			f.web(regAddr, func(w http.ResponseWriter, r *http.Request) {
				pong(w)
				c := http.NewResponseController(w)
				for c.Flush() == nil && r.Context().Err() == nil {
					_, _ = io.WriteString(w, " ")
					wait(r.Context(), time.Second)
				}
			})
		}, validate.CauseTimeout, atTheEnd("in the middle of its answer")),
		none("closes at once", talks(func(net.Conn) {}), validate.CauseTLSOther, nil),
		none("speaks SSH", talks(func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2p1\r\n"); untilClosed(c) }), validate.CauseTLSOther,
			func(t *testing.T, _ *fabric, r validate.Result) { assert.Contains(t, r.Hint, "check host and port") }),
		none("speaks no HTTP", func(f *fabric) {
			f.web(regAddr, func(w http.ResponseWriter, _ *http.Request) {
				if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
					_, _ = io.WriteString(c, "* OK IMAP4rev1 ready\r\n")
					_ = c.Close()
				}
			})
		}, validate.CauseNotARegistry, nil),
		none("refused by the node's sshd", broken(func(context.Context) error { return errWrapping(validate.ErrForwardingRefused) }), validate.CauseForwardingRefused, nil),
	})
}

type wrapping struct{ error }

func (w wrapping) Unwrap() error  { return w.error }
func errWrapping(err error) error { return wrapping{err} }

// drip writes start and then a byte each second.
func drip(ctx context.Context, c net.Conn, start string) {
	defer func() { _ = c.Close() }()
	_, err := io.WriteString(c, start)
	for err == nil && ctx.Err() == nil {
		wait(ctx, time.Second)
		_, err = io.WriteString(c, "x")
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
