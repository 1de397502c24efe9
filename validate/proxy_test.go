package validate_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/validate"
)

const proxyPassword = "pr0xy-pä$$word"

// connector is a proxy that opens tunnels through the fabric.
func connector(f *fabric) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			// A plain request: one hop by hand.
			out := r.Clone(r.Context())
			out.RequestURI = ""
			carrier := &http.Transport{DialContext: f.dial, DisableKeepAlives: true}
			resp, err := carrier.RoundTrip(out)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			for k, v := range resp.Header {
				w.Header()[k] = v
			}
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
		far, err := f.dial(r.Context(), "tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
		wg.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
		wg.Wait()
	}
}

func proxied(p inventory.Proxy) func(*validate.Options) {
	return func(o *validate.Options) { o.Proxy = validate.NewProxy(p, func(string) string { return "" }) }
}

// TestV4_Proxy: the proxy of the inventory is used, shown, and told apart from
// the registry where it fails.
func TestV4_Proxy(t *testing.T) {
	const proxyAddr = "proxy.test:3128"
	through := func(registry http.HandlerFunc) func(*fabric) {
		return func(f *fabric) {
			f.web(regAddr, registry)
			f.http(proxyAddr, nil, connector(f))
		}
	}
	answers := func(code int) func(*fabric) {
		return func(f *fabric) {
			f.web(regAddr, basicRegistry)
			f.http(proxyAddr, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Echo", r.Header.Get("Proxy-Authorization"))
				w.WriteHeader(code)
			}))
		}
	}
	at := func(address string) func(*validate.Options) {
		return proxied(inventory.Proxy{HTTPS: secret.New(address), HTTP: secret.New(address)})
	}
	usual := at("http://proxy.test:3128")
	withLogin := at("http://someone:" + url.QueryEscape(proxyPassword) + "@proxy.test:3128")
	failing := func(name string, serve func(*fabric), options func(*validate.Options), words, hint string) behaviour {
		return behaviour{name: name, serve: serve, options: options, status: failed, login: untested, pull: notAsked, cause: validate.CauseProxy,
			also: func(t *testing.T, f *fabric, r validate.Result) {
				assert.Contains(t, r.Detail, words)
				assert.Contains(t, r.Hint, hint)
				if r.Route != "" {
					assert.Contains(t, r.ByHand, " --proxy proxy.test:3128 ")
				}
				assert.NotContains(t, r.Detail+r.Hint+r.ByHand+r.Route, proxyPassword)
				assert.NotContains(t, r.Detail+r.Hint+r.ByHand+r.Route, url.QueryEscape(proxyPassword))
				if s := f.stations[regAddr]; s != nil {
					assert.Empty(t, s.seen())
				}
			}}
	}
	good := behaviour{status: valid, login: proven, pull: pulled, authenticated: 2, passwords: 2}
	with := func(b behaviour, name string, serve func(*fabric), options func(*validate.Options), also func(*testing.T, *fabric, validate.Result)) behaviour {
		b.name, b.serve, b.options, b.also = name, serve, options, also
		return b
	}
	route := func(want string, connects int) func(*testing.T, *fabric, validate.Result) {
		return func(t *testing.T, f *fabric, r validate.Result) {
			assert.Equal(t, want, r.Route)
			n := 0
			for address, s := range f.stations {
				if address == proxyAddr {
					n += len(s.seen())
				}
			}
			assert.Equal(t, connects, n)
		}
	}
	httpsProxy := func(f *fabric) {
		f.web(regAddr, basicRegistry)
		f.web(proxyAddr, connector(f))
	}
	badProxy := func(f *fabric) {
		other := newAuthority(f.t)
		f.web(regAddr, basicRegistry)
		f.http(proxyAddr, &tls.Config{Certificates: []tls.Certificate{other.issue(f.t, nil, "proxy.test")}}, connector(f))
	}
	bearerThrough := with(good, "bearer, both through the proxy", func(f *fabric) {
		f.web(regAddr, bearerWith(manifests))
		f.web(authAddr, tokens)
		f.http(proxyAddr, nil, connector(f))
	}, usual, nil)
	bearerThrough.authenticated = 3
	untrusted := failing("https proxy, unknown authority, tls_verify false for the registry", badProxy, at("https://someone:"+url.QueryEscape(proxyPassword)+"@proxy.test:3128"), "is signed by an authority that is not trusted here", "")
	untrusted.change = insecure
	untrusted.also = func(t *testing.T, f *fabric, _ validate.Result) {
		assert.Empty(t, f.stations[proxyAddr].seen(), "no proxy password either")
	}
	plain407 := failing("407 on the way to plain HTTP", func(f *fabric) {
		f.http(regAddr, nil, http.HandlerFunc(basicRegistry))
		next := connector(f)
		f.http(proxyAddr, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect {
				w.WriteHeader(http.StatusProxyAuthRequired)
				return
			}
			next(w, r)
		}))
	}, usual, "the proxy proxy.test:3128 answered HTTP 407", "wants a login")
	plain407.change = insecure
	plainThrough := with(good, "plain HTTP through the proxy", func(f *fabric) {
		f.http(regAddr, nil, http.HandlerFunc(basicRegistry))
		f.http(proxyAddr, nil, connector(f))
	}, usual, nil)
	plainThrough.change = insecure
	plainThrough.authenticated, plainThrough.passwords = 4, 4 // each is seen by proxy and registry
	runBehaviours(t, []behaviour{
		with(good, "through the proxy", through(basicRegistry), usual, route("via proxy proxy.test:3128", 2)),
		with(good, "with a login", through(basicRegistry), withLogin, route("via proxy proxy.test:3128", 2)),
		with(good, "no_proxy by name", through(basicRegistry),
			proxied(inventory.Proxy{HTTPS: secret.New("http://proxy.test:3128"), NoProxy: "x.test,reg.test"}), route("direct", 0)),
		with(good, "no_proxy by domain", through(basicRegistry),
			proxied(inventory.Proxy{HTTPS: secret.New("http://proxy.test:3128"), NoProxy: ".test"}), route("direct", 0)),
		with(good, "https proxy", httpsProxy, at("https://proxy.test:3128"), route("via proxy proxy.test:3128", 2)),
		with(good, "no scheme", through(basicRegistry), at("proxy.test:3128"), route("via proxy proxy.test:3128", 2)),
		bearerThrough, plainThrough,
		failing("unknown name", basic(basicRegistry), usual, "the proxy proxy.test:3128 cannot be used: the name proxy.test is not known", "openshift_https_proxy"),
		failing("refused", func(f *fabric) { f.web(regAddr, basicRegistry); f.breakDial(proxyAddr, refuse) }, usual, "refuses the connection", "openshift_https_proxy"),
		failing("407", answers(http.StatusProxyAuthRequired), withLogin, "answered HTTP 407", "wants a login"),
		failing("403", answers(http.StatusForbidden), usual, "answered HTTP 403", "openshift_no_proxy"),
		failing("503, as for a name that it does not know", answers(http.StatusServiceUnavailable), usual, "answered HTTP 503", "openshift_no_proxy"),
		failing("not an address", basic(basicRegistry), at("http://some one:"+proxyPassword+"@:x"), "not a usable address", "percent form"),
		failing("a slash in the password", basic(basicRegistry), at("http://someone:12/"+proxyPassword+"@proxy.test:3128"), "not a usable address", "percent form"),
		failing("a slash in the password, no scheme", basic(basicRegistry), at("someone:12/"+proxyPassword+"@proxy.test:3128"), "not a usable address", "percent form"),
		failing("speaks no HTTP", func(f *fabric) {
			f.web(regAddr, basicRegistry)
			f.raw(proxyAddr, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n") })
		}, usual, "proxy.test:3128", ""),
		failing("socks that is none", func(f *fabric) {
			f.web(regAddr, basicRegistry)
			f.raw(proxyAddr, func(c net.Conn) { _, _ = io.WriteString(c, "\x05\xff") })
		}, at("socks5://proxy.test:3128"), "SOCKS", ""),
		untrusted, plain407,
	})
}

// TestV4_ProxyOfNodes: a node does not have this machine's environment.
func TestV4_ProxyOfNodes(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		f.web(regAddr, basicRegistry)
		c := f.checker(func(o *validate.Options) {
			o.Proxy = validate.NewProxy(inventory.Proxy{}, func(string) string { return "http://localhost:3128" })
			o.NodeProxy = validate.NewProxy(inventory.Proxy{}, func(string) string { return "" })
		})
		creds := []inventory.Credential{login(regHost, goodPassword)}
		r := c.CheckFrom(t.Context(), validate.Origin{Name: "node1", Dial: f.dial}, creds, nil)[0]
		assert.Equal(t, validate.StatusValid, r.Status, r.Detail)
		assert.Equal(t, "direct", r.Route)
		r = c.Check(t.Context(), creds, nil)[0]
		assert.Equal(t, validate.CauseProxy, r.Cause, r.Detail)
	})
}

// TestV4_ProxySources: the inventory first, all of it, then the environment.
func TestV4_ProxySources(t *testing.T) {
	env := map[string]string{"HTTPS_PROXY": "http://env.test:1", "https_proxy": "http://lower.test:1", "NO_PROXY": "internal.test"}
	text := secret.New
	for name, c := range map[string]struct {
		inventory inventory.Proxy
		env       map[string]string
		target    string
		want      string
	}{
		"nothing":                              {target: "https://reg.test"},
		"inventory":                            {inventory.Proxy{HTTPS: text("http://inv.test:1")}, env, "https://reg.test", "inv.test:1"},
		"inventory without its own no_proxy":   {inventory.Proxy{HTTPS: text("http://inv.test:1")}, env, "https://internal.test", "inv.test:1"},
		"inventory, http only":                 {inventory.Proxy{HTTP: text("http://inv.test:1")}, env, "https://reg.test", ""},
		"environment":                          {inventory.Proxy{}, env, "https://reg.test", "env.test:1"},
		"environment, lower case":              {inventory.Proxy{}, map[string]string{"https_proxy": "http://lower.test:1"}, "https://reg.test", "lower.test:1"},
		"environment's no_proxy":               {inventory.Proxy{}, env, "https://internal.test", ""},
		"inventory's no_proxy for environment": {inventory.Proxy{NoProxy: "reg.test"}, env, "https://reg.test", ""},
		"loopback":                             {inventory.Proxy{HTTPS: text("http://inv.test:1")}, nil, "https://127.0.0.1:5000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(c.target)
			require.NoError(t, err)
			via, err := validate.NewProxy(c.inventory, func(k string) string { return c.env[k] })(u)
			require.NoError(t, err)
			if c.want == "" {
				assert.Nil(t, via)
				return
			}
			require.NotNil(t, via)
			assert.Equal(t, c.want, via.Host)
		})
	}
}
