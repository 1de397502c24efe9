package validate

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"sync"
	"time"

	"oreg/inventory/secret"
)

// DefaultTimeout bounds the whole check of one credential.
const DefaultTimeout = 60 * time.Second

// Controller is the name of the default origin, this machine.
const Controller = "controller"

// DefaultHostCertsDir is where docker and podman look for a registry's CA and
// client certificates: a folder "<host[:port]>" with *.crt, *.cert and *.key.
const DefaultHostCertsDir = "/etc/docker/certs.d"

// ErrForwardingRefused is what a [DialFunc] wraps when the node's SSH server
// does not forward connections (AllowTcpForwarding no, PermitOpen): this is a
// setting of the node and says nothing about the registry.
var ErrForwardingRefused = errors.New("the SSH server refuses to forward connections")

// DialFunc opens a connection, like [net.Dialer.DialContext]. The address is
// "host:port" with the name unresolved, so that a node's connection resolves
// it there. For the causes to be told apart it reports failures as the net
// package does: *net.DNSError, syscall.ECONNREFUSED, EHOSTUNREACH, ..., and
// [ErrForwardingRefused], wrapped as it likes.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// ProxyFunc names the proxy for a URL, nil for none.
type ProxyFunc func(*url.URL) (*url.URL, error)

// Origin is where the requests start from.
type Origin struct {
	// Name is [Controller] or a node's inventory name.
	Name string
	// Dial is nil for this machine's network.
	Dial DialFunc
	// Certs is that machine's certs.d folder, nil for none. Its folders are
	// named "<host[:port]>".
	Certs fs.FS
}

// Options configure a [Checker]. Only Now is required.
type Options struct {
	// Timeout bounds the whole check of one credential, retries and waiting
	// included; [DefaultTimeout] where it is zero.
	Timeout time.Duration
	// CertsDirs are the user's own (--certs-dir), as skopeo's --cert-dir: *.crt
	// in the folder itself are trusted for every registry, those in a folder
	// "<host[:port]>" below it for that one; *.cert with *.key are presented.
	// One that does not exist is a misspelt one, and fails every check.
	CertsDirs []string
	// HostCertsDirs have folders "<host[:port]>" only, [DefaultHostCertsDir] as
	// a rule. They need not exist.
	HostCertsDirs []string
	// AllowRealms are token servers "host" or "host:port" that may be a private
	// address although the registry is elsewhere.
	AllowRealms []string
	// Proxy chooses the proxy ([NewProxy]); nil goes direct.
	Proxy ProxyFunc
	// NodeProxy chooses it for origins other than this machine, where this
	// machine's environment means nothing; nil goes by Proxy.
	NodeProxy ProxyFunc
	// Origin is where Check starts from; the zero value is this machine.
	Origin Origin
	// RootCAs are the trusted authorities; nil means the system's.
	RootCAs *x509.CertPool
	// UserAgent is sent with every request; "oreg" where it is empty.
	UserAgent string
	// Now is the clock for durations, certificates and Retry-After. Required.
	Now func() time.Time
	// Log gets one line for each request; verbosity is 1 for -v to 3 for -vvv.
	// It is called from several goroutines. Nil logs nothing.
	Log func(verbosity int, message string)
	// Masker hides further secrets (proxy or SSH passwords) in text that comes
	// from servers. Those of the credentials are hidden in any case.
	Masker *secret.Masker
}

// Checker checks credentials. It remembers for its whole life which logins
// were rejected, so that one Checker serves a whole run. It is safe for
// concurrent use.
type Checker struct {
	options Options
	ledger  *ledger

	mu    sync.Mutex
	gates map[string]chan struct{} // per registry, for Probe
}

// New returns a Checker. It panics if Options.Now is nil, as the clock comes
// from main.
func New(o Options) *Checker {
	if o.Now == nil {
		panic("validate: Options.Now is nil")
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "oreg"
	}
	if o.Log == nil {
		o.Log = func(int, string) {}
	}
	o.Origin = o.Origin.withDefaults()
	return &Checker{options: o, ledger: newLedger(), gates: map[string]chan struct{}{}}
}

func (o Origin) withDefaults() Origin {
	if o.Name == "" {
		o.Name = Controller
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return o
}
