package registry_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"oreg/hack/lab/ca"
	"oreg/hack/lab/registry"
)

const image = "openshift3/ose-pod:v3.11"

// The user and password have all that is difficult: a separator, a comment sign, a blank, UTF-8.
var (
	good   = registry.Account{User: "lab|svc", Password: "pä#ss wörd", Access: registry.AccessPull}
	pusher = registry.Account{User: "pusher", Password: "push", Access: registry.AccessPush}
	denied = registry.Account{User: "denied", Password: "deny", Access: registry.AccessNone}
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // distribution's own log
	os.Exit(m.Run())
}

type fixture struct {
	*registry.Registry
	roots *tls.Config
}

func start(t *testing.T, auth, tlsKind string) fixture {
	t.Helper()
	authority, err := ca.New("test", time.Now)
	require.NoError(t, err)
	r, err := registry.Start(t.Context(), registry.Config{
		Name: "r", Auth: auth, TLS: tlsKind, Address: "127.83.1.20", RealmHost: "localhost", Dir: t.TempDir(),
		Accounts: []registry.Account{good, pusher, denied}, Authority: authority, Now: time.Now, ErrorLog: log.New(io.Discard, "", 0),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	require.NoError(t, r.Push(t.Context(), image))
	require.NoError(t, r.Log().Reset())
	return fixture{r, &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}}
}

// pull asks for the image's manifest as user.
func (f fixture) pull(t *testing.T, user, password string) error {
	t.Helper()
	opts := []name.Option{name.StrictValidation}
	if f.Config().TLS == registry.TLSNone {
		opts = append(opts, name.Insecure)
	}
	ref, err := name.ParseReference(f.Host()+"/"+image, opts...)
	require.NoError(t, err)
	rt := &http.Transport{TLSClientConfig: f.roots, DisableKeepAlives: true}
	_, err = remote.Get(ref, remote.WithContext(t.Context()), remote.WithTransport(rt), remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	return err
}

func (f fixture) count(t *testing.T, kind string) int {
	t.Helper()
	n, known := registry.Count(f.Log().All(), kind)
	require.True(t, known)
	return n
}

func status(t *testing.T, err error) int {
	t.Helper()
	var terr *transport.Error
	require.ErrorAs(t, err, &terr)
	return terr.StatusCode
}

func TestWrongPasswordIsRefusedAndCounted(t *testing.T) {
	for _, auth := range []string{registry.AuthBasic, registry.AuthBearer} {
		t.Run(auth, func(t *testing.T) {
			f := start(t, auth, registry.TLSLabCA)
			require.Equal(t, http.StatusUnauthorized, status(t, f.pull(t, good.User, "wrong")))
			require.Equal(t, 1, f.count(t, "failed"))
			require.Zero(t, f.count(t, "authenticated"))
			for _, e := range f.Log().All() {
				if e.Failed() {
					require.Equal(t, good.User, e.User)
				}
			}
		})
	}
}

func TestRightPasswordPulls(t *testing.T) {
	for _, auth := range []string{registry.AuthBasic, registry.AuthBearer, registry.AuthNone} {
		for _, kind := range []string{registry.TLSLabCA, registry.TLSNone} {
			if auth == registry.AuthBearer && kind == registry.TLSNone {
				continue // its realm would have to be plain too
			}
			t.Run(auth+" "+kind, func(t *testing.T) {
				f := start(t, auth, kind)
				require.NoError(t, f.pull(t, good.User, good.Password))
				require.Zero(t, f.count(t, "failed"))
			})
		}
	}
}

func TestBearerRealmIsOnAnotherHost(t *testing.T) {
	f := start(t, registry.AuthBearer, registry.TLSLabCA)
	realm, err := url.Parse(f.Realm())
	require.NoError(t, err)
	require.Equal(t, "localhost", realm.Hostname())
	require.NotEqual(t, f.Host(), realm.Host)
	require.NoError(t, f.pull(t, good.User, good.Password))
	servers := map[string]int{}
	for _, e := range f.Log().All() {
		servers[e.Server+" "+e.Credential]++
	}
	require.Equal(t, map[string]int{"registry none": 1, "token basic": 1, "registry bearer": 1}, servers)
}

func TestAccountWithoutRightsLogsInAndReadsNothing(t *testing.T) {
	basic := start(t, registry.AuthBasic, registry.TLSLabCA)
	require.Equal(t, http.StatusForbidden, status(t, basic.pull(t, denied.User, denied.Password)))
	require.Zero(t, basic.count(t, "failed"))
	bearer := start(t, registry.AuthBearer, registry.TLSLabCA)
	require.Equal(t, http.StatusUnauthorized, status(t, bearer.pull(t, denied.User, denied.Password)))
	require.Zero(t, bearer.count(t, "failed"), "the login was good")
}

func TestUntrustedCertificateFails(t *testing.T) {
	f := start(t, registry.AuthBasic, registry.TLSSelfSigned)
	var cert *tls.CertificateVerificationError
	require.ErrorAs(t, f.pull(t, good.User, good.Password), &cert)
	require.Zero(t, f.count(t, "all"))
	f.roots.InsecureSkipVerify = true
	require.NoError(t, f.pull(t, good.User, good.Password))
}

func TestAccountsChangeWhileItRuns(t *testing.T) {
	for _, auth := range []string{registry.AuthBasic, registry.AuthBearer} {
		t.Run(auth, func(t *testing.T) {
			f := start(t, auth, registry.TLSLabCA)
			require.NoError(t, f.SetAccount(registry.Account{User: good.User, Password: "new", Access: registry.AccessPull}))
			require.Equal(t, http.StatusUnauthorized, status(t, f.pull(t, good.User, good.Password)))
			require.NoError(t, f.pull(t, good.User, "new"))
			require.NoError(t, f.DeleteAccount(good.User))
			require.Equal(t, http.StatusUnauthorized, status(t, f.pull(t, good.User, "new")))
			require.ErrorContains(t, f.DeleteAccount(good.User), "no account")
		})
	}
}

func TestStoppedRegistryRefusesAndComesBackWithItsImages(t *testing.T) {
	f := start(t, registry.AuthBearer, registry.TLSLabCA)
	require.NoError(t, f.Stop())
	require.False(t, f.Running())
	require.ErrorContains(t, f.pull(t, good.User, good.Password), "connection refused")
	require.NoError(t, f.Restart())
	require.NoError(t, f.pull(t, good.User, good.Password))
}
