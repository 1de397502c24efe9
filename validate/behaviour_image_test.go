package validate_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory"
	"oreg/validate"
)

const otherDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// manifestOf serves body with a media type to everybody who gets that far; the
// digest header only where digest is not empty.
func manifestOf(mediaType, digest, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if digest != "" {
			w.Header().Set("Docker-Content-Digest", digest)
		}
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
	}
}

// TestV1_PullVerdicts: login and pull are two facts (V10), the user's own image
// weighs more than our guess of one, and no other registry's image is asked
// for (V2).
func TestV1_PullVerdicts(t *testing.T) {
	runBehaviours(t, []behaviour{
		{name: "no such image", serve: basic(basicWith(status(http.StatusNotFound, "MANIFEST_UNKNOWN"))),
			status: valid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 3, passwords: 3,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "HTTP 404, MANIFEST_UNKNOWN: because")
				assert.Len(t, r.Warnings, 1)
				assert.Contains(t, r.Warnings[0], "login proven, pull not proven")
			}},
		{name: "no such image, named", serve: basic(basicWith(status(http.StatusNotFound, "MANIFEST_UNKNOWN"))), named: true,
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 3, passwords: 3},
		{name: "403", serve: basic(basicWith(status(http.StatusForbidden, "DENIED"))),
			status: valid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 3, passwords: 3},
		{name: "403, named", serve: basic(basicWith(status(http.StatusForbidden, "DENIED"))), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 3, passwords: 3},
		{name: "401 after an accepted password", serve: basic(basicWith(status(http.StatusUnauthorized, "UNAUTHORIZED"))), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 3, passwords: 3},
		{name: "bearer, scope refused with 401", serve: bearer(bearerWith(manifests), scoped(status(http.StatusUnauthorized, "UNAUTHORIZED"))), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 2, passwords: 2},
		{name: "bearer, scope refused with 403", serve: bearer(bearerWith(manifests), scoped(status(http.StatusForbidden, "DENIED"))),
			status: valid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 2, passwords: 2},
		{name: "bearer, 401 after a good token", serve: bearer(bearerWith(status(http.StatusUnauthorized, "UNAUTHORIZED")), tokens),
			status: valid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 5, passwords: 2},
		{name: "bearer, 401 after a good token, named", serve: bearer(bearerWith(status(http.StatusUnauthorized, "UNAUTHORIZED")), tokens), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 5, passwords: 2},
		{name: "bearer, 403 after a good token", serve: bearer(bearerWith(status(http.StatusForbidden, "DENIED")), tokens), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 4, passwords: 2},
		{name: "bearer, 404 after a good token", serve: bearer(bearerWith(http.NotFound), tokens), named: true,
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 4, passwords: 2},
		{name: "bearer, no token is accepted anywhere", serve: bearer(func(w http.ResponseWriter, r *http.Request) {
			askToken(w, r, "https://auth.test/token")
		}, tokens), status: failed, login: proven, pull: notAsked, cause: validate.CauseRealmFailed, authenticated: 5, passwords: 2,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "reg.test does not accept its token")
			}},
		{name: "name refused with 400", serve: basic(basicWith(status(http.StatusBadRequest, "NAME_INVALID"))), named: true,
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 3, passwords: 3},
		{name: "denied with 400", serve: basic(basicWith(status(http.StatusBadRequest, "DENIED"))), named: true,
			status: invalid, login: proven, pull: denied, cause: validate.CauseNoAccess, authenticated: 3, passwords: 3},
		{name: "400 for no reason", serve: basic(basicWith(status(http.StatusBadRequest, "ODD"))),
			status: failed, login: proven, pull: notAsked, cause: validate.CauseNotARegistry, authenticated: 3, passwords: 3},
		{name: "image of another registry", serve: basic(basicRegistry), named: true,
			change: func(c *inventory.Credential) { c.Image = "other.test/openshift3/ose-pod:v3.11" },
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 1, passwords: 1,
			also: func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, "is not on the registry reg.test", "V2")
			}},
		{name: "no valid image name", serve: basic(basicRegistry), named: true,
			change: func(c *inventory.Credential) { c.Image = "reg.test/UPPER/ose-pod:v3.11" },
			status: invalid, login: proven, pull: missing, cause: validate.CauseImageMissing, authenticated: 1, passwords: 1},
	})
}

// TestV11_ManifestForms: one manifest, HEAD before GET, never a list of tags,
// and every form that a cluster's images have.
func TestV11_ManifestForms(t *testing.T) {
	const index = `{"schemaVersion":2,"manifests":[]}`
	const schema1 = `{"schemaVersion":1,"name":"x","tag":"v1","fsLayers":[],"history":[],"signatures":[]}`
	byHead := func(mediaType string) http.HandlerFunc { return manifestOf(mediaType, manifestDigest, "") }
	fine := behaviour{status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2}
	form := func(name string, h http.HandlerFunc, authenticated int) behaviour {
		b := fine
		b.name, b.serve, b.authenticated, b.passwords = name, basic(basicWith(h)), authenticated, authenticated
		return b
	}
	notManifest := func(b behaviour) behaviour {
		b.status, b.pull, b.cause = failed, notAsked, validate.CauseNotARegistry
		return b
	}
	with := func(b behaviour, also func(t *testing.T, f *fabric, r validate.Result)) behaviour {
		b.also = also
		return b
	}
	byDigest := func(b behaviour, digest string) behaviour {
		b.change = func(c *inventory.Credential) { c.Image = regHost + "/openshift3/ose-pod@" + digest }
		return b
	}
	methods := func(want ...string) func(t *testing.T, f *fabric, r validate.Result) {
		return func(t *testing.T, f *fabric, _ validate.Result) {
			var got []string
			for _, r := range f.stations[regAddr].seen() {
				if r.authorization != "" && r.path != "/v2/" {
					got = append(got, r.method)
				}
				assert.NotContains(t, r.path, "tags")
			}
			assert.Equal(t, want, got)
		}
	}
	runBehaviours(t, []behaviour{
		form("by Accept alone", func(w http.ResponseWriter, r *http.Request) {
			for _, mediaType := range []string{"oci.image.index.v1+json", "oci.image.manifest.v1+json", "manifest.list.v2+json", "manifest.v2+json", "manifest.v1+prettyjws"} {
				if !strings.Contains(r.Header.Get("Accept"), mediaType) {
					http.NotFound(w, r)
					return
				}
			}
			manifests(w, r)
		}, 2),
		with(form("OCI index", byHead("application/vnd.oci.image.index.v1+json"), 2), methods("HEAD")),
		form("docker list", byHead("application/vnd.docker.distribution.manifest.list.v2+json; charset=utf-8"), 2),
		form("docker schema 2", byHead("application/vnd.docker.distribution.manifest.v2+json"), 2),
		with(form("schema 1, signed", byHead("application/vnd.docker.distribution.manifest.v1+prettyjws"), 2),
			func(t *testing.T, _ *fabric, r validate.Result) {
				assert.Len(t, r.Warnings, 1)
				assert.Contains(t, r.Warnings[0], "schema 1")
			}),
		with(form("schema 1 as plain JSON", manifestOf("application/json", manifestDigest, schema1), 3),
			func(t *testing.T, _ *fabric, r validate.Result) { assert.Equal(t, manifestDigest, r.Digest) }),
		with(form("HEAD refused with 405", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			manifests(w, r)
		}, 3), methods("HEAD", "GET")),
		form("HEAD refused with 403", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			manifests(w, r)
		}, 3),
		form("HEAD refused with 501", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotImplemented)
				return
			}
			manifests(w, r)
		}, 3),
		with(form("no digest stated", manifestOf("application/vnd.oci.image.index.v1+json", "", index), 3),
			func(t *testing.T, _ *fabric, r validate.Result) { assert.Regexp(t, "^sha256:[0-9a-f]{64}$", r.Digest) }),
		form("no media type stated", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			if r.Method != http.MethodHead {
				_, _ = io.WriteString(w, manifestBody)
			}
		}, 3),
		with(byDigest(form("by digest", manifests, 2), manifestDigest), func(t *testing.T, f *fabric, r validate.Result) {
			assert.Equal(t, manifestDigest, r.Digest)
			seen := f.stations[regAddr].seen()
			assert.True(t, strings.HasSuffix(seen[len(seen)-1].path, "/manifests/"+manifestDigest))
		}),
		notManifest(byDigest(form("by digest, another manifest", manifests, 3), otherDigest)),
		notManifest(form("a web page in its place", manifestOf("text/html", "", "<html>log in</html>"), 3)),
		notManifest(form("JSON in its place", manifestOf("application/json", "", `{"ok":true}`), 3)),
		notManifest(form("an empty 200", manifestOf("text/plain", "", ""), 3)),
	})
}

// TestR6_DockerHub: four names, one registry, and the rule of "library/".
func TestR6_DockerHub(t *testing.T) {
	const hub = "registry-1.docker.io:443"
	a := newAuthority(t)
	for _, c := range []struct{ host, image, path string }{
		{"docker.io", "docker.io/busybox:1", "/v2/library/busybox/manifests/1"},
		{"docker.io", "docker.io/org/app:1", "/v2/org/app/manifests/1"},
		{"index.docker.io", "index.docker.io/org/app:1", "/v2/org/app/manifests/1"},
		{"registry-1.docker.io", "docker.io/org/app", "/v2/org/app/manifests/latest"},
	} {
		t.Run(c.host+" "+c.image, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				s := f.web(hub, basicWith(func(w http.ResponseWriter, r *http.Request) {
					manifestOf("application/vnd.oci.image.index.v1+json", manifestDigest, "")(w, r)
				}))
				cred := login(c.host, goodPassword)
				cred.Image, cred.ImageNamed = c.image, true
				r := checkOne(t, f.checker(), cred)
				assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
				seen := s.seen()
				assert.Equal(t, c.path, seen[len(seen)-1].path)
			})
		})
	}
}

// TestR7_HostForms: ports, IPv6 literals, single labels, and what is no host.
func TestR7_HostForms(t *testing.T) {
	a := newAuthority(t)
	for host, address := range map[string]string{
		"reg.test:5000":  "reg.test:5000",
		"registry":       "registry:443",
		"registry:5000":  "registry:5000",
		"[fd00::1]:5000": "[fd00::1]:5000",
		"[fd00::2]":      "[fd00::2]:443",
		"fd00::3":        "[fd00::3]:443",
		"10.0.0.7":       "10.0.0.7:443",
		"REG.test":       "reg.test:443",
	} {
		t.Run(host, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				f.web(address, basicRegistry)
				r := checkOne(t, f.checker(), login(host, goodPassword))
				assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
				assert.Equal(t, validate.PullProven, r.Pull, r.Detail)
			})
		})
	}
	for host, words := range map[string]string{
		"*.reg.test":     "is a pattern", // R5
		"reg.test:99999": "is not a valid port",
		"reg.test:":      "is not a host",
		"":               "is not a host",
		"reg test":       "is not a host",
		"u@reg.test":     "is not a host",
		"reg.test/team":  "is not a host",
	} {
		t.Run("not a host: "+host, func(t *testing.T) {
			r := checkOne(t, checkerFor(a), login(host, goodPassword))
			assert.Equal(t, validate.StatusError, r.Status)
			assert.Equal(t, validate.CauseNotTried, r.Cause)
			assert.Contains(t, r.Detail, words)
			assert.NotEmpty(t, r.Hint)
		})
	}
}

// TestR2_ScopedHost: a path in the host is where the image is sought.
func TestR2_ScopedHost(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		s := f.web(regAddr, basicRegistry)
		cred := login(regHost, goodPassword)
		cred.Scope, cred.Image = "team", regHost+"/team/openshift3/ose-pod:v3.11"
		r := checkOne(t, f.checker(), cred)
		assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
		assert.Equal(t, validate.CauseImageMissing, r.Cause, "the default image proves nothing by its absence")
		assert.Equal(t, "/v2/team/openshift3/ose-pod/manifests/v3.11", s.seen()[2].path, fmt.Sprint(s.seen()))
	})
}
