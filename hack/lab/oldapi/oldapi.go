// Package oldapi makes the lab's Kubernetes API look like one of 1.11 (OpenShift 3.11) to its
// clients: a proxy that refuses what came later, instead of ignoring it as a real one would, and that
// keeps a record of what it refused.
//
// It is not a 1.11 server: objects carry managedFields and newer fields, and the OpenAPI v2 document is
// today's.
//
// What surprised us: a proxy that ends TLS cannot pass on a client's certificate. kube-apiserver takes
// the user's name from a header instead, from a proxy whose own certificate it trusts for that
// (--requestheader-client-ca-file), as it does from API aggregators.
package oldapi

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"oreg/hack/lab/ca"
	"oreg/hack/lab/record"
)

// Version is what it says it is: that of OpenShift 3.11.
const Version = "v1.11.0+d4cacc0"

// FrontName is the common name of the proxy's certificate, to be allowed by kube-apiserver.
const FrontName = "oreg-lab-front"

// Refusal is a request that was refused.
type Refusal struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	URI    string    `json:"uri"`
	User   string    `json:"user"`
	Agent  string    `json:"agent"`
	Code   int       `json:"code"`
	Reason string    `json:"reason"`
}

// Config says where to listen.
type Config struct {
	Address   string // loopback
	Authority *ca.Authority
	Log       *record.Log[Refusal]
	ErrorLog  *log.Logger
	Now       func() time.Time
}

// Proxy listens from New on, and answers from Serve on.
type Proxy struct {
	cfg      Config
	addr     *net.TCPAddr
	tls      *tls.Config
	front    *tls.Config // towards the API, with the proxy's own certificate
	upstream *url.URL

	mu     sync.Mutex
	server *http.Server // nil while stopped
}

// New draws a port. Nothing is answered before Start.
func New(cfg Config) (*Proxy, error) {
	pair, err := cfg.Authority.Server(cfg.Address, "localhost")
	if err != nil {
		return nil, err
	}
	server, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	client, err := cfg.Authority.Client(FrontName)
	if err != nil {
		return nil, err
	}
	own, err := client.TLS()
	if err != nil {
		return nil, err
	}
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(cfg.Address)})
	if err != nil {
		return nil, err
	}
	return &Proxy{
		cfg: cfg, addr: ln.Addr().(*net.TCPAddr),
		tls: &tls.Config{
			Certificates: []tls.Certificate{server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: cfg.Authority.Pool(), MinVersion: tls.VersionTLS12,
		},
		front: &tls.Config{RootCAs: cfg.Authority.Pool(), Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12},
	}, ln.Close()
}

// Host is address and port.
func (p *Proxy) Host() string { return p.addr.String() }

// URL is where clients find it.
func (p *Proxy) URL() string { return "https://" + p.Host() }

// Log is what was refused.
func (p *Proxy) Log() *record.Log[Refusal] { return p.cfg.Log }

// Start answers for the API at upstream.
func (p *Proxy) Start(upstream string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	var err error
	if p.upstream, err = url.Parse(upstream); err != nil {
		return err
	}
	ln, err := net.ListenTCP("tcp", p.addr)
	if err != nil {
		return err
	}
	p.server = &http.Server{Handler: p.handler(), TLSConfig: p.tls, ErrorLog: p.cfg.ErrorLog, ReadHeaderTimeout: 30 * time.Second}
	go func(s *http.Server) {
		if err := s.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			p.cfg.ErrorLog.Printf("the API's proxy: %v", err)
		}
	}(p.server)
	return nil
}

// Stop cuts all connections and refuses new ones.
func (p *Proxy) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	err := p.server.Close()
	p.server = nil
	return err
}

// Close stops it for ever.
func (p *Proxy) Close() error { return errors.Join(p.Stop(), p.cfg.Log.Close()) }

// maxBody bounds the body of a DELETE, which holds options alone.
const maxBody = 1 << 20

func (p *Proxy) handler() http.Handler {
	// Who comes with a certificate is announced by header; others show the API what they have.
	named := &httputil.ReverseProxy{
		Transport: &http.Transport{TLSClientConfig: p.front, ForceAttemptHTTP2: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			p.rewrite(r)
			subject := r.In.TLS.VerifiedChains[0][0].Subject
			r.Out.Header.Set("X-Remote-User", subject.CommonName)
			for _, group := range subject.Organization {
				r.Out.Header.Add("X-Remote-Group", group)
			}
		},
	}
	bare := &httputil.ReverseProxy{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.front.RootCAs, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
		Rewrite:   p.rewrite,
	}
	for _, proxy := range []*httputil.ReverseProxy{named, bare} {
		proxy.ModifyResponse, proxy.ErrorLog, proxy.FlushInterval = age, p.cfg.ErrorLog, -1 // a watch is sent as it comes
		// An API that is gone is a connection that ends, not a gateway that complains.
		proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if r.Method == http.MethodDelete {
			var err error
			if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
				return // the client is gone
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if no := judge(r, body); no.code != 0 {
			p.refuse(w, r, no)
			return
		}
		if len(r.TLS.VerifiedChains) > 0 {
			named.ServeHTTP(w, r)
		} else {
			bare.ServeHTTP(w, r)
		}
	})
}

func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(p.upstream)
	r.Out.URL.RawQuery = strip(r.In.URL.Query())
	r.Out.Header.Set("Accept", accept(r.In.Header.Get("Accept")))
	// Rewritten answers must not be packed.
	r.Out.Header.Del("Accept-Encoding")
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			r.Out.Header.Del(name) // nobody names himself
		}
	}
}

func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, no refusal) {
	user := ""
	if len(r.TLS.VerifiedChains) > 0 {
		user = r.TLS.VerifiedChains[0][0].Subject.CommonName
	}
	p.cfg.Log.Add(Refusal{
		Time: p.cfg.Now(), Method: r.Method, URI: r.URL.RequestURI(), User: user, Agent: r.UserAgent(), Code: no.code, Reason: no.text,
	})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.code)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"reason": no.reason, "code": no.code, "message": no.text,
	})
}
