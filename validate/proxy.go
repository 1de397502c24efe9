package validate

import (
	"net/url"

	"golang.org/x/net/http/httpproxy"

	"oreg/inventory"
)

func (c *Checker) proxyFor(from Origin) ProxyFunc {
	if from.Name != Controller && c.options.NodeProxy != nil {
		return c.options.NodeProxy
	}
	return c.options.Proxy
}

// NewProxy returns the choice of a proxy by the inventory's
// openshift_{http,https,no}_proxy where it names a proxy, else by the usual
// environment variables, which getenv supplies. The rules of no_proxy are
// those of golang.org/x/net/http/httpproxy (and so of docker and the kubelet):
// loopback never goes through a proxy.
func NewProxy(p inventory.Proxy, getenv func(string) string) ProxyFunc {
	config := httpproxy.Config{HTTPProxy: p.HTTP.Reveal(), HTTPSProxy: p.HTTPS.Reveal(), NoProxy: p.NoProxy}
	if p.HTTP.IsZero() && p.HTTPS.IsZero() {
		first := func(names ...string) string {
			for _, name := range names {
				if v := getenv(name); v != "" {
					return v
				}
			}
			return ""
		}
		config.HTTPProxy = first("HTTP_PROXY", "http_proxy")
		config.HTTPSProxy = first("HTTPS_PROXY", "https_proxy")
		if config.NoProxy == "" {
			config.NoProxy = first("NO_PROXY", "no_proxy")
		}
	}
	choose := config.ProxyFunc()
	return func(u *url.URL) (*url.URL, error) { return choose(u) }
}
