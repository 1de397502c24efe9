package validate_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/validate"
)

var manifestDigest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(manifestBody)))

// openPing answers 200 at /v2/ for everybody and protects the rest by next.
func openPing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if isPing(r) {
			pong(w)
			return
		}
		next(w, r)
	}
}

// TestV9_WrongPasswordIsSeenToFail is the first test of all: a check that
// cannot fail proves nothing. Each kind of registry is asked with the right
// and with the wrong password, and the wrong one goes out once.
func TestV9_WrongPasswordIsSeenToFail(t *testing.T) {
	a := newAuthority(t)
	for name, h := range map[string]http.HandlerFunc{
		"basic":                       basicRegistry,
		"bearer":                      bearerRegistry(""),
		"open /v2/, images by basic":  openPing(basicRegistry),
		"open /v2/, images by bearer": openPing(bearerRegistry("")),
	} {
		t.Run(name, func(t *testing.T) {
			s := serveTLS(t, a, h)
			right := checkOne(t, checkerFor(a), login(s.host, goodPassword))
			assert.Equal(t, validate.StatusValid, right.Status, right.Detail)
			assert.Equal(t, validate.LoginProven, right.Login)
			assert.Equal(t, validate.PullProven, right.Pull)
			assert.Equal(t, manifestDigest, right.Digest)
			assert.Empty(t, right.Cause)
			before := s.passwords()

			wrong := checkOne(t, checkerFor(a), login(s.host, badPassword))
			assert.Equal(t, validate.StatusInvalid, wrong.Status, wrong.Detail)
			assert.Equal(t, validate.LoginRejected, wrong.Login)
			assert.Equal(t, validate.PullUntested, wrong.Pull)
			assert.Equal(t, validate.CauseBadCredentials, wrong.Cause)
			assert.Equal(t, 1, s.passwords()-before, "the wrong password is presented once")
		})
	}
}
