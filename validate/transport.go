package validate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxHeaderBytes is how much header a server may send.
const maxHeaderBytes = 64 << 10

// route is the way to one scheme and host: through which proxy, with which
// TLS settings. It has two transports because a login that is not yet accepted
// must not share a connection (package comment).
type route struct {
	via    *url.URL // nil: direct
	pooled *http.Transport
	single *http.Transport
}

func (r *route) String() string {
	if r.via == nil {
		return "direct"
	}
	return "via proxy " + r.via.Host
}

func (r *route) close() {
	r.pooled.CloseIdleConnections()
	r.single.CloseIdleConnections()
}

// routeTo makes the route for u's scheme and host.
func (s *session) routeTo(u *url.URL) (*route, *failure) {
	key := u.Scheme + "://" + hostPort(u)
	if r := s.routes[key]; r != nil {
		return r, nil
	}
	r := &route{}
	if choose := s.checker.proxyFor(s.origin); choose != nil {
		via, err := choose(u)
		if err != nil || via != nil && !usableProxy(via) {
			// The address may hold a password: its text is not shown.
			return nil, &failure{cause: CauseProxy, detail: fmt.Sprintf("the proxy set for %s is not a usable address", u.Host),
				hint: "expected http://proxy:3128 in openshift_https_proxy or HTTPS_PROXY; special characters of a password in it are written in percent form (%40 for @, %2F for /)"}
		}
		r.via = via
	}
	config, f := s.tlsConfig(u)
	if f != nil {
		return nil, f
	}
	r.pooled = &http.Transport{
		DialContext:            s.dialer(r.via),
		TLSClientConfig:        config,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    1,
		// Another host than the one that is asked never gets the connection,
		// so an idle one is of no use after the check.
		IdleConnTimeout: 30 * time.Second,
	}
	if r.via != nil {
		r.pooled.Proxy = http.ProxyURL(r.via)
		r.pooled.OnProxyConnectResponse = s.connectAnswer(r.via)
		if r.via.Scheme == "https" {
			// Without a dialer of its own, http.Transport would use the
			// registry's TLS settings for the proxy too, and with tls_verify
			// false send the proxy's password to anybody.
			r.pooled.DialTLSContext = s.proxyTLSDialer(r.via)
		}
	}
	r.single = r.pooled.Clone()
	r.single.DisableKeepAlives = true
	s.routes[key] = r
	return r, nil
}

// usableProxy refuses what httpproxy makes of an address that it cannot parse:
// of "http://user:a/b@proxy" it takes "http:" for the host, and of
// "user:1/b@proxy" the beginning of the password for the port.
func usableProxy(via *url.URL) bool {
	switch via.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return false
	}
	return via.Hostname() != "" && !strings.HasSuffix(via.Host, ":") && strings.Trim(via.Path, "/") == "" && via.RawQuery == "" && via.Fragment == ""
}

// dialer returns the origin's dialer; failures on the way to a proxy are the
// proxy's.
func (s *session) dialer(via *url.URL) DialFunc {
	dial := s.origin.Dial
	if via == nil {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, s.proxyFailure(via, classify(err, via.Host, phaseConnect, s.words))
		}
		return conn, nil
	}
}

func (s *session) proxyFailure(via *url.URL, f *failure) *failure {
	if f.cause == CauseForwardingRefused || f.cause == CauseNotTried {
		return f
	}
	return &failure{cause: CauseProxy, transient: f.transient, elsewhere: true,
		detail: fmt.Sprintf("the proxy %s cannot be used: %s", via.Host, f.detail)}
}

func (s *session) proxyTLSDialer(via *url.URL) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dialer(via)(ctx, network, address)
		if err != nil {
			return nil, err
		}
		roots, _, f := s.certificates([]string{via.Host}, nil)
		if f != nil {
			_ = conn.Close() // nothing was sent on it
			return nil, f
		}
		secured := tls.Client(conn, &tls.Config{ServerName: via.Hostname(), RootCAs: roots, Time: s.checker.options.Now})
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake has failed, its error counts
			return nil, s.proxyFailure(via, classify(err, via.Host, phaseTLS, s.words))
		}
		return secured, nil
	}
}

// connectAnswer judges the proxy's answer to CONNECT; only the number is
// shown, the rest is the proxy's text.
func (s *session) connectAnswer(via *url.URL) func(context.Context, *url.URL, *http.Request, *http.Response) error {
	return func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		return proxyStatus(via, resp.StatusCode)
	}
}

func proxyStatus(via *url.URL, status int) *failure {
	f := &failure{cause: CauseProxy, elsewhere: true, detail: fmt.Sprintf("the proxy answered HTTP %d", status)}
	if via != nil {
		f.detail = fmt.Sprintf("the proxy %s answered HTTP %d", via.Host, status)
	}
	switch {
	case status == http.StatusProxyAuthRequired:
		f.hint = "the proxy wants a login: put user and password into its URL (http://user:password@proxy:3128)"
	case status >= 500:
		f.transient = true
	}
	return f
}

// tlsConfig returns the settings for u's host. Verification is off only for
// the registry's own host name, on any port, where tls_verify is false.
func (s *session) tlsConfig(u *url.URL) (*tls.Config, *failure) {
	own, others := []string{u.Host}, []string(nil)
	switch {
	case u.Host == s.base.Host && isDockerHub(s.host):
		own = append(own, s.host)
	case u.Host == s.base.Host:
	case sameParty(u, s.realm):
		own = append(own, s.base.Host)
	default:
		others = []string{s.base.Host}
	}
	roots, pairs, f := s.certificates(own, others)
	if f != nil {
		return nil, f
	}
	return &tls.Config{
		RootCAs:            roots,
		Certificates:       pairs,
		InsecureSkipVerify: s.insecure && sameName(u.Hostname(), s.base.Hostname()),
		Time:               s.checker.options.Now,
	}, nil
}

// certificates returns what is trusted and what is presented: the folders of
// the hosts own have both, those of others only authorities.
//
// As docker and skopeo do, the token server's connection uses the registry's
// folder as well, and a redirect's target, where a registry may keep its
// images, is trusted by the registry's authorities too; the registry's client
// certificate stays with the two that may have the login.
func (s *session) certificates(own, others []string) (*x509.CertPool, []tls.Certificate, *failure) {
	files, err := s.checker.certFiles(s.origin, own)
	if err == nil && len(others) > 0 {
		var theirs certFiles
		theirs, err = s.checker.certFiles(s.origin, others)
		files.authorities = append(files.authorities, theirs.authorities...)
	}
	if err != nil {
		return nil, nil, &failure{cause: CauseTLSOther, detail: err.Error(),
			hint: "put the CA as PEM into a *.crt file, and a client certificate and its key into files of the same name with .cert and .key"}
	}
	roots := s.checker.options.RootCAs
	if len(files.authorities) == 0 {
		return roots, files.pairs, nil
	}
	if roots == nil {
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
	} else {
		roots = roots.Clone()
	}
	for _, ca := range files.authorities {
		roots.AddCert(ca)
	}
	return roots, files.pairs, nil
}

// hostPort is u's host in lower case with its port, the default one included.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// sameParty says that both have the same scheme, host and port.
func sameParty(a, b *url.URL) bool {
	return a != nil && b != nil && a.Scheme == b.Scheme && hostPort(a) == hostPort(b)
}
