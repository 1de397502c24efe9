// Package kube runs the lab's Kubernetes API: the real kube-apiserver over an embedded etcd, as one
// child process, with RBAC, its own certificates and an audit log.
//
// There is no controller-manager: nothing creates the `default` service account of a namespace, no
// Node becomes Ready by itself, and the admission plug-in that insists on service accounts is off.
//
// What surprised us: the API answers /readyz about 3 s after its start, but RBAC's own roles are
// bootstrapped by a post-start hook on which readyz waits, so that ready means usable.
package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"

	"oreg/hack/lab/ca"
)

// Version is that of k8s.io/kubernetes in go.mod.
const Version = "v1.34.4"

// readyTimeout bounds the start; it is long because the machine may be busy building.
const readyTimeout = 2 * time.Minute

// requestTimeout bounds a request of the lab's own.
const requestTimeout = 5 * time.Second

// Config says what to start.
type Config struct {
	Binary    string // built by Build
	Dir       string // for certificates, etcd and logs
	Address   string // loopback address to listen on
	Authority *ca.Authority
	Front     *Front // what clients go through; nil if nothing
	Now       func() time.Time
}

// Front is a proxy before the API, which clients talk to instead, and which tells the API their names.
type Front struct {
	URL        string
	CommonName string // of the certificate by which the API trusts its word
}

// Server is the API, running or stopped.
type Server struct {
	cfg    Config
	host   string
	client *http.Client // as admin

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	paused bool

	typedOnce sync.Once
	typed     kubernetes.Interface
	typedErr  error
}

// Start starts the API and waits until it is ready. It runs until Stop or the death of this process.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	// kube-apiserver cannot take a listening socket, so a free port is found and given up again.
	ln, err := net.Listen("tcp", net.JoinHostPort(cfg.Address, "0"))
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, host: ln.Addr().String()}
	if err := ln.Close(); err != nil {
		return nil, err
	}
	if err := s.writeFiles(); err != nil {
		return nil, fmt.Errorf("files of kube-apiserver: %w", err)
	}
	return s, s.Restart(ctx)
}

// Restart starts a stopped API again: same port, same data.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return nil
	}
	log, err := os.OpenFile(s.path("kube-apiserver.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := exec.Command(s.cfg.Binary, s.flags()...)
	cmd.Dir = s.cfg.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"HOME=" + s.cfg.Dir, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting kube-apiserver: %w", err)
	}
	s.cmd, s.exited, s.paused = cmd, make(chan struct{}), false
	go func(exited chan struct{}) {
		_ = cmd.Wait() // it is killed, or its last words are in the log
		close(exited)
	}(s.exited)
	if err := s.waitReady(ctx); err != nil {
		s.kill()
		return err
	}
	return nil
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("not asked yet")
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("kube-apiserver ended at once; see %s", s.path("kube-apiserver.log"))
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not ready: %w (last: %w); see %s", ctx.Err(), last, s.path("kube-apiserver.log"))
		case <-tick.C:
			if last = s.ready(ctx); last == nil {
				return nil
			}
		}
	}
}

func (s *Server) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// Stop kills the API. It is not asked politely: kube-apiserver takes its time to drain.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
	return nil
}

func (s *Server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be dead already
	<-s.exited
	s.cmd = nil
}

// Pause (or resume) makes the API silent: connections are accepted by the kernel, nothing answers.
func (s *Server) Pause(paused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("the API is stopped")
	}
	sig := syscall.SIGCONT
	if paused {
		sig = syscall.SIGSTOP
	}
	s.paused = paused
	return s.cmd.Process.Signal(sig)
}

// PID is the process id, 0 while stopped.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Running says whether it is there and not paused.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd != nil && !s.paused
}

// URL is the address of the API.
func (s *Server) URL() string { return "https://" + s.host }

// PublicURL is the address in the kubeconfigs: of the API or of what is before it.
func (s *Server) PublicURL() string {
	if s.cfg.Front != nil {
		return s.cfg.Front.URL
	}
	return s.URL()
}

// DirectKubeconfig is the administrator's kubeconfig past any front.
func (s *Server) DirectKubeconfig() string { return s.path("direct.kubeconfig") }

// Kubeconfig is the administrator's kubeconfig; LimitedKubeconfig that of a user without any right.
func (s *Server) Kubeconfig() string { return s.path("admin.kubeconfig") }

// LimitedKubeconfig is the kubeconfig of user "limited", to whom RBAC grants nothing.
func (s *Server) LimitedKubeconfig() string { return s.path("limited.kubeconfig") }

// AuditLog has a line per request: who asked for what, without bodies.
func (s *Server) AuditLog() string { return s.path("audit.jsonl") }

func (s *Server) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

func (s *Server) adminClient(pair ca.Pair) (*http.Client, error) {
	cert, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.cfg.Authority.PEM())
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, // the server may be killed between any two requests
	}}, nil
}
