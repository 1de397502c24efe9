package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Timeouts and rates of a client. client-go's own default of 5 requests a
// second would make a run over a hundred namespaces wait for itself.
const (
	// RequestTimeout bounds one request, answer included.
	RequestTimeout = 30 * time.Second
	// DialTimeout bounds the connection to the server, without SSH.
	DialTimeout = 10 * time.Second
	// PatientTimeout is RequestTimeout for requests that have the server do work
	// of minutes before it answers.
	PatientTimeout = 5 * time.Minute

	clientQPS   = 100
	clientBurst = 200
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Access is a cluster that can be asked, and how it was found.
type Access struct {
	// Config is complete: certificates are in memory and no file is named but
	// a token's. It holds secrets: never print it.
	Config *rest.Config
	// Server is the API's address.
	Server string
	// Source says where the address came from, for messages:
	// "/etc/origin/master/admin.kubeconfig of master1".
	Source string
	// Context is the name of the kubeconfig's context; empty inside a pod.
	Context string
	// Namespace is the one that commands without -n use: the context's, as
	// kubectl's.
	Namespace string
	// Asked says that the user named this kubeconfig or context, so that
	// [Guard] applies.
	Asked bool
	// Warnings are about the way to the server (TLS verification off, ...).
	Warnings []string
}

// Client is an open access. Close it when done.
type Client struct {
	kubernetes.Interface
	// Dynamic reaches resources that are not Kubernetes' own.
	Dynamic dynamic.Interface
	// Patient is Dynamic for requests that may take [PatientTimeout].
	Patient dynamic.Interface

	http     *http.Client
	warnings *warnings
	where    string
}

// Client opens the clients. Nothing is sent yet. version is oreg's, for the
// user agent.
func (a *Access) Client(version string) (*Client, error) {
	config := rest.CopyConfig(a.Config)
	config.UserAgent = "oreg/" + version
	config.Timeout = RequestTimeout
	config.QPS, config.Burst = clientQPS, clientBurst
	seen := &warnings{}
	config.WarningHandler = seen
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	hc, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", a.Source, err), Err: err}
	}
	typed, err := kubernetes.NewForConfigAndClient(config, hc)
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", a.Source, err), Err: err}
	}
	dyn, err := dynamic.NewForConfigAndClient(config, hc)
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", a.Source, err), Err: err}
	}
	waiting := *hc
	waiting.Timeout = PatientTimeout
	patient, err := dynamic.NewForConfigAndClient(config, &waiting)
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", a.Source, err), Err: err}
	}
	return &Client{Interface: typed, Dynamic: dyn, Patient: patient, http: hc, warnings: seen, where: a.where()}, nil
}

// where names the server and the way to it.
func (a *Access) where() string {
	server := a.Server
	if u, err := url.Parse(a.Server); err == nil && u.Host != "" {
		server = u.Host
	}
	way := a.Source
	if a.Context != "" {
		way += fmt.Sprintf(", context %q", a.Context)
	}
	return fmt.Sprintf("API server %s, by %s", server, way)
}

// Where names the server's host and port and the way to it, for messages:
// `API server 10.0.0.1:6443, by /root/.kube/config, context "lab"`.
func (c *Client) Where() string { return c.where }

// Locate adds [Client.Where] to the message of an [*Error] that another server
// might not have given, and returns any other error as it is. It is for the
// last that sees an error, and adds nothing a second time.
func (c *Client) Locate(err error) error {
	var known *Error
	if !errors.As(err, &known) || !known.Cause.OfServer() || strings.HasSuffix(known.Message, c.where+")") {
		return err
	}
	return &Error{Cause: known.Cause, Message: fmt.Sprintf("%s (%s)", known.Message, c.where), Hint: known.Hint, Err: err}
}

// Close ends idle connections, so that an SSH connection under them can end.
func (c *Client) Close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// Warnings returns what the API server warned about (deprecated versions and
// the like), each text once, in order of arrival.
func (c *Client) Warnings() []string { return c.warnings.list() }

// warnings collects Warning headers; client-go would print them.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(code int, _, text string) {
	if code != 299 || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if text = cut(text); !slices.Contains(w.texts, text) {
		w.texts = append(w.texts, text)
	}
}

func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}

// Silence keeps client-go's log off standard error. It changes the process as
// a whole, as klog knows no other way: main calls it once, before anything else.
func Silence() { klog.SetLogger(logr.Discard()) }

// safety lists what is unsafe about the way to a server.
func safety(config *rest.Config) []string {
	var found []string
	if config.Insecure {
		found = append(found, fmt.Sprintf("TLS verification is off for the API server %s (insecure-skip-tls-verify in the kubeconfig)", config.Host))
	}
	if u, err := url.Parse(config.Host); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		found = append(found, fmt.Sprintf("the API server %s is spoken to without TLS: secrets travel in clear", config.Host))
	}
	return found
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
