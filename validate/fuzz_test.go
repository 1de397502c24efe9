package validate

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
)

func same(s string) string { return s }

// FuzzRealm: a realm that is accepted is never plain HTTP on a TLS registry,
// never carries a login, and never is a private address that is neither the
// registry's own nor allowed, however it is written.
func FuzzRealm(f *testing.F) {
	for _, realm := range []string{"https://auth.test/token", "http://auth.test", "https://10.0.0.1", "https://[::ffff:127.0.0.1]:1/", "//x", "https://u:p@h/", "https://0x7f.1", "https://reg.test.", "HTTPS://127.1"} {
		f.Add(realm, "reg.test", false)
		f.Add(realm, "10.0.0.1:5000", true)
	}
	f.Fuzz(func(t *testing.T, realm, registry string, plain bool) {
		base, failed := apiBase(registry)
		if failed != nil {
			return
		}
		u, failed := judgeRealm(realm, base, plain, []string{"192.168.7.7"}, same)
		if failed != nil {
			assert.Equal(t, CauseRealmFailed, failed.cause)
			assert.NotEmpty(t, failed.detail)
			assert.NotEmpty(t, failed.hint)
			return
		}
		assert.True(t, u.Scheme == "https" || plain && u.Scheme == "http", "scheme %q", u.Scheme)
		assert.Nil(t, u.User)
		assert.NotEmpty(t, u.Hostname())
		if ip, err := netip.ParseAddr(strings.TrimSuffix(u.Hostname(), ".")); err == nil && !sameName(u.Hostname(), base.Hostname()) && ip.Unmap() != netip.MustParseAddr("192.168.7.7") {
			ip = ip.Unmap()
			assert.False(t, ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified(), "private: %s", ip)
		}
	})
}

// FuzzChallenge: whatever a server writes into its headers, the parser ends,
// and a scheme is one word in lower case.
func FuzzChallenge(f *testing.F) {
	for _, header := range []string{`Bearer realm="https://a/t",service="s",scope="x"`, `Basic realm="a, b"`, "Negotiate", `bearer realm=https://x`, `Bearer realm="unterminated`, ",,,", `Digest a="\"", Basic realm=x`} {
		f.Add(header, "Negotiate")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		c := parseChallenge(t.Context(), http.Header{"Www-Authenticate": {one, two}})
		assert.Equal(t, strings.ToLower(c.scheme), c.scheme)
		assert.NotContains(t, c.scheme, " ")
	})
}

// FuzzForeign: text of a server never shows the secret, is short, and holds
// nothing that a terminal would act on.
func FuzzForeign(f *testing.F) {
	const hidden = "s3cret-w0rd"
	masker := secret.NewMasker(secret.New(hidden))
	f.Add("hello \x1b[2J", "\u202e", 3)
	f.Add("", "\x00", 0)
	f.Add(strings.Repeat("long ", 100), "", 0)
	f.Fuzz(func(t *testing.T, around, within string, at int) {
		at = min(max(at, 0), len(hidden))
		shown := foreign(around+hidden[:at]+within+hidden[at:]+around, masker.Mask)
		assert.NotContains(t, shown, hidden)
		assert.LessOrEqual(t, utf8.RuneCountInString(shown), maxWords+3)
		for _, r := range shown {
			assert.True(t, unicode.IsPrint(r), "%q", r)
		}
	})
}

// FuzzImage: an image name from an inventory becomes a path below the
// registry's own /v2/ or an error.
func FuzzImage(f *testing.F) {
	f.Add("reg.test", "reg.test/openshift3/ose-pod:v3.11")
	f.Add("docker.io", "docker.io/busybox")
	f.Add("reg.test", "reg.test/../../x@sha256:00")
	f.Fuzz(func(t *testing.T, host, reference string) {
		base, failed := apiBase(host)
		if failed != nil {
			return
		}
		img, err := parseImage(inventory.Credential{Host: host, Image: reference})
		if err != nil {
			return
		}
		u := img.manifest(base)
		assert.Equal(t, base.Host, u.Host)
		parsed, err := url.Parse(u.String())
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(parsed.Path, "/v2/"), parsed.Path)
		assert.Empty(t, parsed.RawQuery)
	})
}
