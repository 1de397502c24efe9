package validate

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// acceptManifests names every kind of manifest that a cluster's images come
// in: without the list registries convert, or answer 404. The schema 1 types
// are for the registries of OpenShift 3.
var acceptManifests = strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
	string(types.DockerManifestSchema1Signed), string(types.DockerManifestSchema1),
}, ", ")

// found is what the registry said about the test image.
type found struct {
	pull      Pull // proven, missing, denied; untested where refused
	detail    string
	digest    string
	schema1   bool
	challenge challenge // of a 401
	status    int
}

// manifest asks for the test image: with HEAD, which costs no pull quota, and
// with GET for what HEAD left open; with GET alone where the request presents a
// login that is not yet accepted, which must not be sent twice.
func (s *session) manifest(ctx context.Context, img image, authorization string, presents bool) (found, *failure) {
	r := request{url: img.manifest(s.base), accept: acceptManifests, authorization: authorization, limit: maxManifestBody, presents: presents}
	if !presents {
		r.method = http.MethodHead
		a, f := s.ask(ctx, r)
		if f != nil {
			return found{}, f
		}
		mediaType := mediaTypeOf(a)
		switch {
		case a.from != "":
			// Redirected: storage often signs its links for GET alone.
		case a.status == http.StatusOK && isManifest(mediaType) && headDigest(a, img) != "":
			return found{pull: PullProven, digest: headDigest(a, img), schema1: mediaType.IsSchema1(), status: a.status}, nil
		case a.status == http.StatusUnauthorized && authorization == "":
			if c := parseChallenge(ctx, a.header); c.scheme != "" {
				return found{pull: PullDenied, detail: s.spoken(a), challenge: c, status: a.status}, nil
			}
		}
	}
	r.method = http.MethodGet
	a, f := s.ask(ctx, r)
	if f != nil {
		return found{}, f
	}
	return s.judgeManifest(ctx, a, img)
}

func (s *session) judgeManifest(ctx context.Context, a *answer, img image) (found, *failure) {
	result := found{detail: s.spoken(a), status: a.status}
	if a.from != "" && a.status != http.StatusOK {
		return result, &failure{cause: CauseServerError, elsewhere: true,
			detail: fmt.Sprintf("%s, to which %s redirects for the image, answered HTTP %d", s.words(a.from), s.host, a.status)}
	}
	switch a.status {
	case http.StatusOK:
		return s.judgeBody(a, img, result)
	case http.StatusUnauthorized:
		result.pull, result.challenge = PullDenied, parseChallenge(ctx, a.header)
		return result, nil
	case http.StatusForbidden:
		result.pull = PullDenied
		return result, nil
	case http.StatusNotFound:
		result.pull = PullMissing
		return result, nil
	}
	for _, d := range diagnostics(a) {
		switch d.Code {
		case transport.NameInvalidErrorCode, transport.NameUnknownErrorCode, transport.ManifestUnknownErrorCode, transport.TagInvalidErrorCode:
			result.pull = PullMissing
			return result, nil
		case transport.DeniedErrorCode, transport.UnauthorizedErrorCode:
			result.pull = PullDenied
			return result, nil
		}
	}
	return result, &failure{cause: CauseNotARegistry, detail: fmt.Sprintf("asked for the image, %s answered %s", s.host, result.detail)}
}

// judgeBody makes sure that a 200 carries a manifest: captive portals and
// single sign-on pages answer 200 to everything.
func (s *session) judgeBody(a *answer, img image, result found) (found, *failure) {
	not := func(format string, args ...any) (found, *failure) {
		return result, &failure{cause: CauseNotARegistry, detail: fmt.Sprintf("asked for the image, %s answered ", s.host) + fmt.Sprintf(format, args...)}
	}
	mediaType := mediaTypeOf(a)
	if a.cut {
		return not("more than %d MiB, which is no manifest", maxManifestBody>>20)
	}
	var body struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil || body.SchemaVersion != 1 && body.SchemaVersion != 2 {
		return not("HTTP 200 with something that is no image manifest (%s)", s.words(string(mediaType)))
	}
	result.schema1 = mediaType.IsSchema1() || body.SchemaVersion == 1
	digest, _, err := v1.SHA256(strings.NewReader(string(a.body)))
	if err != nil {
		return not("a manifest that cannot be read")
	}
	result.digest = digest.String()
	if result.schema1 {
		// A signed schema 1 manifest's digest leaves its signatures out, so
		// only the registry can say it.
		result.digest = ""
		if h, err := v1.NewHash(a.header.Get("Docker-Content-Digest")); err == nil {
			result.digest = h.String()
		}
	}
	if strings.HasPrefix(img.digest, "sha256:") && !result.schema1 && result.digest != img.digest {
		return not("a manifest with another digest (%s) than the one that was asked for", result.digest)
	}
	result.pull = PullProven
	return result, nil
}

// headDigest is the digest that the registry states, if it is one and, for an
// image named by digest, the right one.
func headDigest(a *answer, img image) string {
	h, err := v1.NewHash(a.header.Get("Docker-Content-Digest"))
	if err != nil || img.digest != "" && h.String() != img.digest {
		return ""
	}
	return h.String()
}

func mediaTypeOf(a *answer) types.MediaType {
	value := a.header.Get("Content-Type")
	if parsed, _, err := mime.ParseMediaType(value); err == nil {
		value = parsed
	}
	return types.MediaType(value)
}

func isManifest(m types.MediaType) bool { return m.IsImage() || m.IsIndex() || m.IsSchema1() }
