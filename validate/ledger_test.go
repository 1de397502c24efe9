package validate_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

func slow(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wait(r.Context(), d)
		h(w, r)
	}
}

// TestV7_OneWrongPasswordOnce: however many entries, images, nodes and calls
// there are, a wrong password is presented once to a realm.
func TestV7_OneWrongPasswordOnce(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		reg := f.web(regAddr, slow(time.Second, basicRegistry))
		var creds []inventory.Credential
		for i := range 20 {
			cred := named(login(regHost, badPassword), fmt.Sprintf("app%d:1", i))
			cred.Source = fmt.Sprintf("hosts:%d", i)
			creds = append(creds, cred)
		}
		c := f.checker()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for _, r := range c.Check(t.Context(), creds, nil) {
					assert.Equal(t, validate.StatusInvalid, r.Status, r.Detail)
					assert.Equal(t, validate.CauseBadCredentials, r.Cause)
					assert.Equal(t, validate.LoginRejected, r.Login)
				}
			})
		}
		wg.Wait()
		for _, node := range []string{"node1", "node2"} {
			r := c.Probe(t.Context(), creds[0], validate.Origin{Name: node, Dial: f.dial})
			assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
			assert.Equal(t, node, r.From)
		}
		assert.Equal(t, 1, reg.passwords())
	})
}

// TestV7_RealmSharedByRegistries: the account is the token server's, so the
// second registry is not tried; its entry says so instead of guessing.
func TestV7_RealmSharedByRegistries(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		f.web("one.test:443", slow(time.Second, bearerWith(manifests)))
		f.web("two.test:443", slow(2*time.Second, bearerWith(manifests)))
		f.web("two.test:5000", slow(3*time.Second, bearerWith(manifests)))
		auth := f.web(authAddr, slow(5*time.Second, tokens))
		creds := []inventory.Credential{login("two.test", badPassword), login("one.test", badPassword), login("two.test:5000", badPassword), login("one.test", badPassword)}
		results := f.checker().Check(t.Context(), creds, nil)
		assert.Equal(t, validate.CauseBadCredentials, results[1].Cause, results[1].Detail)
		assert.Equal(t, validate.CauseBadCredentials, results[3].Cause, results[3].Detail)
		for _, i := range []int{0, 2} {
			assert.Equal(t, validate.StatusError, results[i].Status)
			assert.Equal(t, validate.CauseNotTried, results[i].Cause, results[i].Detail)
			assert.Equal(t, validate.LoginUntested, results[i].Login)
			assert.Contains(t, results[i].Detail, "for one.test:443 (hosts:31 one.test)")
		}
		assert.Equal(t, 1, auth.passwords())
	})
}

// TestV7_OtherLoginsAreNotHeldBack: another user, another password and, for
// Basic, another registry are other logins.
func TestV7_OtherLoginsAreNotHeldBack(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		reg, other := f.web(regAddr, basicRegistry), f.web("other.test:443", basicRegistry)
		otherUser, otherPassword := login(regHost, badPassword), login(regHost, badPassword+"2")
		otherUser.User = "someone"
		creds := []inventory.Credential{login(regHost, badPassword), otherUser, otherPassword, login("other.test", badPassword), login(regHost, goodPassword)}
		results := f.checker().Check(t.Context(), creds, nil)
		for i, r := range results {
			want := validate.CauseBadCredentials
			if i == 4 {
				want = ""
			}
			assert.Equal(t, want, r.Cause, r.Detail)
		}
		assert.Equal(t, 3+2, reg.passwords())
		assert.Equal(t, 1, other.passwords())
	})
}

// TestV7_NextInLineAfterNoVerdict: where the first could not be asked, the
// second presents the login itself.
func TestV7_NextInLineAfterNoVerdict(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		reg := f.web(regAddr, first(3, loggedIn, status(http.StatusBadGateway, "UNKNOWN"), basicRegistry))
		same := login(regHost, badPassword)
		var causes []validate.Cause
		for _, r := range f.checker().Check(t.Context(), []inventory.Credential{same, same, same, same}, nil) {
			causes = append(causes, r.Cause)
		}
		assert.ElementsMatch(t, []validate.Cause{validate.CauseServerError, validate.CauseBadCredentials, validate.CauseBadCredentials, validate.CauseBadCredentials}, causes)
		assert.Equal(t, 4, reg.passwords())
	})
}

// TestCheckEndsWithItsContext: nothing waits deaf to the end of the run, a
// backoff, a Retry-After and a place in the line neither.
func TestCheckEndsWithItsContext(t *testing.T) {
	a := newAuthority(t)
	for name, h := range map[string]http.HandlerFunc{
		"hanging":     hang,
		"backoff":     status(http.StatusBadGateway, "UNKNOWN"),
		"Retry-After": limited("30"),
		"login":       first(1, loggedIn, hang, basicRegistry),
	} {
		t.Run(name, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				f.web(regAddr, h)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(300*time.Millisecond, cancel)
				began := time.Now()
				results := f.checker().Check(ctx, []inventory.Credential{login(regHost, goodPassword), login(regHost, goodPassword)}, nil)
				assert.Equal(t, 300*time.Millisecond, time.Since(began))
				for _, r := range results {
					assert.Equal(t, validate.StatusError, r.Status)
				}
			})
		})
	}
}

// TestV12_AllRegistriesAtOnce: results come as they finish, in the order of
// the question in the end, and one silent registry costs only itself.
func TestV12_AllRegistriesAtOnce(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		var creds []inventory.Credential
		for i := range 50 {
			host := fmt.Sprintf("reg%d.test", i)
			h := slow(time.Second, basicRegistry)
			if i == 7 {
				h = hang
			}
			f.web(host+":443", h)
			creds = append(creds, login(host, goodPassword))
		}
		began := time.Now()
		var reported []int
		results := f.checker().Check(t.Context(), creds, func(r validate.Result) {
			reported = append(reported, r.Index)
			if r.Index != 7 {
				assert.Equal(t, 3*time.Second, time.Since(began), "three requests of a second each")
			}
		})
		assert.Equal(t, timeout, time.Since(began), "the whole ends at the silent one's timeout")
		require.Len(t, reported, 50)
		assert.Equal(t, 7, reported[49])
		for i, r := range results {
			assert.Equal(t, i, r.Index)
			assert.Equal(t, creds[i].Host, r.Host)
			want := validate.StatusValid
			if i == 7 {
				want = validate.StatusError
			}
			assert.Equal(t, want, r.Status, r.Detail)
		}
	})
}

// TestV6_Probe: from a node, of which nothing is needed but a connection,
// without the credential, the token server included, at most eight at once.
func TestV6_Probe(t *testing.T) {
	a := newAuthority(t)
	node := func(f *fabric, name string) validate.Origin { return validate.Origin{Name: name, Dial: f.dial} }
	t.Run("reachable", func(t *testing.T) {
		inFabric(t, a, func(t *testing.T, f *fabric) {
			reg, auth := f.web(regAddr, bearerWith(manifests)), f.web(authAddr, tokens)
			r := f.checker().Probe(t.Context(), login(regHost, badPassword), node(f, "node1"))
			assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
			assert.Equal(t, validate.LoginUntested, r.Login)
			assert.Equal(t, validate.PullUntested, r.Pull)
			assert.Equal(t, "node1", r.From)
			assert.Equal(t, "bearer", r.Auth)
			assert.Equal(t, "auth.test", r.Realm)
			assert.Zero(t, reg.authenticated()+auth.authenticated())
		})
	})
	for name, c := range map[string]struct {
		serve func(f *fabric)
		cause validate.Cause
	}{
		"unknown name there":    {func(*fabric) {}, validate.CauseDNS},
		"no token server there": {func(f *fabric) { f.web(regAddr, bearerWith(manifests)) }, validate.CauseRealmFailed},
		"portal there":          {basic(http.NotFound), validate.CauseNotARegistry},
		"forwarding is off": {func(f *fabric) {
			f.breakDial(regAddr, func(context.Context) error { return errWrapping(validate.ErrForwardingRefused) })
		}, validate.CauseForwardingRefused},
		"silent":                {basic(hang), validate.CauseTimeout},
		"unknown authority":     {foreignAuthority(t), validate.CauseTLSUnknownAuthority},
		"realm that is refused": {basic(bearerRegistryAt("https://10.9.9.9/token")), validate.CauseRealmFailed},
	} {
		t.Run(name, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				c.serve(f)
				r := f.checker().Probe(t.Context(), login(regHost, goodPassword), node(f, "node1"))
				assert.Equal(t, validate.StatusError, r.Status)
				assert.Equal(t, c.cause, r.Cause, r.Detail)
				assert.NotEmpty(t, r.Hint)
				assert.NotContains(t, r.Hint, "--from first-master", "it was asked from a node already")
				assert.Contains(t, r.ByHand, "ssh -t node1 ")
			})
		})
	}
	t.Run("eight at once", func(t *testing.T) {
		inFabric(t, a, func(t *testing.T, f *fabric) {
			var mu sync.Mutex
			now, most := 0, 0
			f.web(regAddr, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				wait(r.Context(), time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				pong(w)
			})
			c := f.checker()
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					r := c.Probe(t.Context(), login(regHost, goodPassword), node(f, fmt.Sprint("node", i)))
					assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
				})
			}
			wg.Wait()
			assert.LessOrEqual(t, most, 8)
			assert.Greater(t, most, 1)
		})
	})
	t.Run("interrupted in the line", func(t *testing.T) {
		inFabric(t, a, func(t *testing.T, f *fabric) {
			f.web(regAddr, hang)
			first, stopFirst := context.WithCancel(t.Context())
			last, stopLast := context.WithCancel(t.Context())
			c := f.checker()
			probe := func(ctx context.Context, i int) {
				r := c.Probe(ctx, login(regHost, goodPassword), node(f, fmt.Sprint("node", i)))
				assert.Equal(t, validate.CauseNotTried, r.Cause, r.Detail)
			}
			var inside, waiting sync.WaitGroup
			for i := range 8 {
				inside.Go(func() { probe(first, i) })
			}
			time.Sleep(time.Second) // they are all in
			waiting.Go(func() { probe(last, 8) })
			synctest.Wait()
			began := time.Now()
			stopLast()
			waiting.Wait()
			assert.Equal(t, began, time.Now(), "the one in the line does not wait for the others")
			stopFirst()
			inside.Wait()
		})
	})
	t.Run("test_login false", func(t *testing.T) {
		cred := login(regHost, goodPassword)
		cred.TestLogin = false
		r := checkerFor(a).Probe(t.Context(), cred, validate.Origin{Name: "node1"})
		assert.Equal(t, validate.StatusSkipped, r.Status)
	})
}

// TestR14_OddCredentials: what real users and tokens hold arrives as it is.
func TestR14_OddCredentials(t *testing.T) {
	a := newAuthority(t)
	long := ""
	for len(long) < 4<<10 {
		long += "eyJhbGciOiJSUzUxMiJ9."
	}
	for _, password := range []string{"p$'\"`\\ ;& ", "pä$$wörd ☃", "with:colon", long, " ", "", "line\nbreak"} {
		inFabric(t, a, func(t *testing.T, f *fabric) {
			var user, got string
			f.web(regAddr, func(w http.ResponseWriter, r *http.Request) {
				var ok bool
				if user, got, ok = r.BasicAuth(); !ok {
					basicRegistry(w, r)
					return
				}
				basicLike(w, r)
			})
			cred := login(regHost, "")
			cred.User, cred.Password = "1234|svc", secret.New(password)
			r := checkOne(t, f.checker(), cred)
			assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
			assert.Equal(t, "1234|svc", user)
			assert.Equal(t, password, got)
		})
	}
}
