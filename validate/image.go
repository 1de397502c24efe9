package validate

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"oreg/inventory"
)

// dockerHubAPI is where Docker Hub's v2 API lives; "docker.io" itself is a web
// site. It is the host that the container runtimes connect to, so that proxies
// and firewalls are judged for the right name.
const dockerHubAPI = "registry-1.docker.io"

func isDockerHub(host string) bool {
	switch strings.ToLower(host) {
	case "docker.io", "index.docker.io", dockerHubAPI:
		return true
	}
	return false
}

// apiBase returns the https URL of the registry that host names.
func apiBase(host string) (*url.URL, *failure) {
	wrong := func(format string, args ...any) (*url.URL, *failure) {
		return nil, &failure{cause: CauseNotTried, detail: fmt.Sprintf(format, args...),
			hint: "write the registry as host or host:port, as in image names"}
	}
	if strings.Contains(host, "*") {
		return nil, &failure{cause: CauseNotTried, detail: fmt.Sprintf("%q is a pattern, not a host: there is nothing to ask", host),
			hint: "name each registry: only the kubelet matches patterns, CRI-O, podman and docker ignore such an entry"}
	}
	if isDockerHub(host) {
		return &url.URL{Scheme: "https", Host: dockerHubAPI}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	registry, err := name.NewRegistry(host)
	if err != nil || host == "" {
		return wrong("%q is not a host or host:port", host)
	}
	u := &url.URL{Scheme: "https", Host: strings.ToLower(registry.RegistryStr())}
	if u.Hostname() == "" || u.Port() == "" && strings.HasSuffix(host, ":") {
		return wrong("%q is not a host or host:port", host)
	}
	if p := u.Port(); p != "" {
		if _, err := net.LookupPort("tcp", p); err != nil {
			return wrong("%q is not a valid port", p)
		}
	}
	return u, nil
}

// image is the reference of the test image, split for the API.
type image struct {
	repository string
	identifier string // tag or digest
	digest     string // "sha256:...", or empty for a tag
}

// parseImage splits c.Image by the rules of go-containerregistry. The host is
// taken off before, because that package reads "registry/app" (one label, no
// port) as a repository of Docker Hub.
func parseImage(c inventory.Credential) (image, error) {
	reference := c.Image
	registry := "registry.invalid/"
	if isDockerHub(c.Host) {
		registry = "index.docker.io/" // brings the rule of "library/"
		if host, rest, ok := strings.Cut(reference, "/"); ok && isDockerHub(host) {
			reference = rest
		}
	} else {
		rest, ok := cutHost(reference, c.Host)
		if !ok {
			return image{}, fmt.Errorf("the image %s is not on the registry %s", c.Image, c.Host)
		}
		reference = rest
	}
	parsed, err := name.ParseReference(registry + reference)
	if err != nil || !validRepository(parsed.Context().RepositoryStr()) {
		return image{}, fmt.Errorf("%s is not a valid image name", c.Image)
	}
	img := image{repository: parsed.Context().RepositoryStr(), identifier: parsed.Identifier()}
	if _, ok := parsed.(name.Digest); ok {
		img.digest = img.identifier
	}
	return img, nil
}

// validRepository adds the one rule of the distribution grammar that
// go-containerregistry leaves out: each part begins and ends with a letter or a
// digit. Without it "../x" is a name, and leaves the path of the API.
func validRepository(repository string) bool {
	for part := range strings.SplitSeq(repository, "/") {
		if part == "" || strings.Trim(part[:1]+part[len(part)-1:], "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

func cutHost(reference, host string) (string, bool) {
	if len(reference) <= len(host)+1 || !strings.EqualFold(reference[:len(host)], host) || reference[len(host)] != '/' {
		return "", false
	}
	return reference[len(host)+1:], true
}

func (i image) scope() string { return "repository:" + i.repository + ":pull" }

func (i image) manifest(base *url.URL) *url.URL {
	return base.JoinPath("v2", i.repository, "manifests", i.identifier)
}
