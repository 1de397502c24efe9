package validate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// challenge is what a 401 asks for: scheme "basic" or "bearer", or another
// one, or empty where the answer named none.
type challenge struct {
	scheme         string
	realm, service string
}

// parseChallenge reads the WWW-Authenticate headers of a 401. The parser of
// go-containerregistry is internal to it, but its Ping parses whatever the
// RoundTripper brings, so the answer that we already have is put before it;
// nothing is sent. Of several challenges it takes the first that is Basic or
// Bearer.
func parseChallenge(ctx context.Context, header http.Header) challenge {
	registry, err := name.NewRegistry("registry.invalid")
	if err != nil {
		return challenge{}
	}
	canned := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
	})
	found, err := transport.Ping(ctx, registry, canned)
	if err != nil {
		return challenge{}
	}
	scheme, _, _ := strings.Cut(strings.TrimSpace(found.Scheme), " ")
	return challenge{scheme: strings.ToLower(scheme), realm: found.Parameters["realm"], service: found.Parameters["service"]}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// judgeRealm decides whether the login may go to the token server that the
// registry names. A registry that was taken over, or anybody who can answer in
// its place, could otherwise collect passwords in clear or have requests sent
// into the network of whoever runs the check
// (google/go-containerregistry#2258).
//
// base is the registry's API; plain says that tls_verify false has already led
// to plain HTTP there; allowed are the hosts of --allow-realm.
func judgeRealm(realm string, base *url.URL, plain bool, allowed []string, words func(string) string) (*url.URL, *failure) {
	refuse := func(detail, hint string) (*url.URL, *failure) {
		return nil, &failure{cause: CauseRealmFailed, elsewhere: true, detail: detail, hint: hint}
	}
	if realm == "" {
		return refuse("the registry asks for a token but does not say where to get it (no realm)", hintBrokenRealm)
	}
	u, err := url.Parse(realm)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return refuse("the registry names a token server that is not a web address", hintBrokenRealm)
	}
	host := words(u.Host)
	switch {
	case u.User != nil:
		return refuse(fmt.Sprintf("the registry names a token server (%s) with a login in its address", host), hintBrokenRealm)
	case u.Scheme == "http" && plain:
	case u.Scheme == "http":
		return refuse(fmt.Sprintf("the token server %s has no TLS, so the password is not sent there", host),
			"have the registry's token realm changed to https; oreg sends no password in clear, and --allow-realm does not change that")
	case u.Scheme != "https":
		return refuse(fmt.Sprintf("the token server %s is not an https address", host), hintBrokenRealm)
	}
	if sameName(u.Hostname(), base.Hostname()) || !privateLiteral(u.Hostname()) {
		return u, nil
	}
	for _, a := range allowed {
		if sameName(strings.Trim(a, "[]"), u.Hostname()) || strings.EqualFold(a, hostPort(u)) {
			return u, nil
		}
	}
	return refuse(fmt.Sprintf("the token server %s is a private address and not the registry's own host, so the password is not sent there", host),
		fmt.Sprintf("if that is your token server, say --allow-realm %s", u.Hostname()))
}

const hintBrokenRealm = "this is for the administrator of the registry: WWW-Authenticate of its /v2/ must name an absolute https realm"

// privateLiteral says that host is an address in a private, loopback,
// link-local or otherwise local range, or a name that always means this
// machine, or a number in one of the forms that resolvers take for an address
// ("0x7f.1", "2130706433"). Other names are not looked up: who controls a name
// controls where it points in the next second too.
func privateLiteral(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		last := host[strings.LastIndexByte(host, '.')+1:]
		return last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"))
	}
	ip = ip.Unmap().WithZone("")
	for _, embedded := range []string{"64:ff9b::/96", "2002::/16", "100.64.0.0/10", "0.0.0.0/8", "240.0.0.0/4", "fec0::/10"} {
		if netip.MustParsePrefix(embedded).Contains(ip) {
			return true
		}
	}
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()
}
