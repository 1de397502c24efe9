// Package registry runs real container registries (distribution v3) in this process.
//
// Around each one stands a thin layer of ours that keeps the access record: which requests came,
// with what kind of credential, as which user, and how they were answered. Tests ask it how often
// a password was presented, which no log of the registry itself tells.
//
// What surprised us: distribution's htpasswd controller answers a wrong user slowly on purpose
// (a dummy hash of full bcrypt cost), reads the file anew whenever its modification time changes
// (so accounts can change while it runs), and knows no rights: whoever logs in may push. The
// rights of accounts at a basic registry are therefore kept by our layer, with the 403 that other
// products send.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	// The parts of distribution that a configuration names.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"golang.org/x/crypto/bcrypt"

	"oreg/hack/lab/ca"
	"oreg/hack/lab/record"
)

// How a registry asks for credentials.
const (
	AuthNone   = "none"
	AuthBasic  = "basic"
	AuthBearer = "bearer"
)

// Which certificate a registry shows.
const (
	TLSLabCA      = "lab-ca"
	TLSSelfSigned = "self-signed"
	TLSNone       = "none" // plain HTTP
)

// What an account may do. AccessNone logs in and may then read nothing.
const (
	AccessPush = "push"
	AccessPull = "pull"
	AccessNone = "none"
)

// Account is a user of a registry.
type Account struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Access   string `json:"access"`
}

// Config says what to start.
type Config struct {
	Name      string // of the lab's own, not a host name
	Auth, TLS string
	Address   string // loopback address to listen on
	RealmHost string // host name of the bearer realm, on a port of its own
	Dir       string // for the htpasswd file, keys and record; exists
	Accounts  []Account
	Authority *ca.Authority
	Now       func() time.Time
	ErrorLog  *log.Logger // TLS handshakes that failed and the like
}

// Registry is a running (or stopped) registry.
type Registry struct {
	cfg    Config
	app    *handlers.App
	tls    *tls.Config
	log    *record.Log[Request]
	issuer *tokenServer // only for AuthBearer
	host   string
	realm  string

	mu       sync.Mutex
	accounts map[string]Account
	server   *http.Server // nil while stopped
	realmSrv *http.Server
}

// Start starts a registry on a free port of its address.
func Start(ctx context.Context, cfg Config) (_ *Registry, err error) {
	r := &Registry{cfg: cfg, accounts: map[string]Account{}}
	for _, a := range cfg.Accounts {
		r.accounts[a.User] = a
	}
	if r.log, err = record.New[Request](r.LogPath()); err != nil {
		return nil, err
	}
	pair, err := r.certificate()
	if err != nil {
		return nil, err
	}
	if pair != nil {
		r.tls = &tls.Config{Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12}
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(cfg.Address, "0"))
	if err != nil {
		return nil, fmt.Errorf("registry %s: %w", cfg.Name, err)
	}
	r.host = ln.Addr().String()
	var realmLn net.Listener
	if cfg.Auth == AuthBearer {
		// All loopback addresses that the name may stand for are this machine; 127.0.0.1 is the one
		// that `localhost` always has.
		if realmLn, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			_ = ln.Close() // the first failure is the one to tell
			return nil, fmt.Errorf("realm of registry %s: %w", cfg.Name, err)
		}
		r.realm = "https://" + net.JoinHostPort(cfg.RealmHost, fmt.Sprint(realmLn.Addr().(*net.TCPAddr).Port)) + "/token"
		if r.issuer, err = newTokenServer(r); err != nil {
			return nil, err
		}
	}
	auth, err := r.authConfig()
	if err != nil {
		return nil, err
	}
	r.app = handlers.NewApp(ctx, &configuration.Configuration{
		Version: "0.1",
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: auth,
	})
	r.serve(ln, realmLn)
	return r, nil
}

// certificate is nil for plain HTTP. The realm's name is in the same certificate.
func (r *Registry) certificate() (*tls.Certificate, error) {
	names := []string{r.cfg.Address}
	if r.cfg.Auth == AuthBearer {
		names = append(names, r.cfg.RealmHost)
	}
	var pair ca.Pair
	var err error
	switch r.cfg.TLS {
	case TLSNone:
		return nil, nil
	case TLSLabCA:
		pair, err = r.cfg.Authority.Server(names...)
	case TLSSelfSigned:
		pair, err = ca.SelfSigned(r.cfg.Now(), names...)
	default:
		return nil, fmt.Errorf("registry %s: tls %q: expected %s, %s or %s", r.cfg.Name, r.cfg.TLS, TLSLabCA, TLSSelfSigned, TLSNone)
	}
	if err != nil {
		return nil, err
	}
	cert, err := pair.TLS()
	return &cert, err
}

func (r *Registry) authConfig() (configuration.Auth, error) {
	switch r.cfg.Auth {
	case AuthNone:
		return nil, nil
	case AuthBasic:
		if err := r.writeHtpasswd(); err != nil {
			return nil, err
		}
		return configuration.Auth{"htpasswd": {"realm": "oreg lab " + r.cfg.Name, "path": r.htpasswd()}}, nil
	case AuthBearer:
		return configuration.Auth{"token": {
			"realm": r.realm, "service": r.host, "issuer": tokenIssuer, "jwks": r.issuer.jwksPath,
		}}, nil
	}
	return nil, fmt.Errorf("registry %s: auth %q: expected %s, %s or %s", r.cfg.Name, r.cfg.Auth, AuthBasic, AuthBearer, AuthNone)
}

func (r *Registry) serve(ln, realmLn net.Listener) {
	r.server = r.serveOne(ln, r.recorded("registry", r.guarded(r.app)))
	if realmLn != nil {
		r.realmSrv = r.serveOne(realmLn, r.recorded("token", r.issuer))
	}
}

func (r *Registry) serveOne(ln net.Listener, h http.Handler) *http.Server {
	// A clone: each server adds its protocols to it.
	srv := &http.Server{Handler: h, ErrorLog: r.cfg.ErrorLog, TLSConfig: r.tls.Clone(), ReadHeaderTimeout: time.Minute}
	go func() {
		var err error
		if r.tls != nil {
			err = srv.ServeTLS(ln, "", "")
		} else {
			err = srv.Serve(ln)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			r.cfg.ErrorLog.Printf("registry %s ended: %v", r.cfg.Name, err)
		}
	}()
	return srv
}

// Stop refuses new connections and cuts the open ones. What was pushed stays.
func (r *Registry) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return nil
	}
	err := r.server.Close()
	if r.realmSrv != nil {
		err = errors.Join(err, r.realmSrv.Close())
	}
	r.server, r.realmSrv = nil, nil
	return err
}

// Restart listens again where Stop ceased to.
func (r *Registry) Restart() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return nil
	}
	ln, err := net.Listen("tcp", r.host)
	if err != nil {
		return fmt.Errorf("registry %s: %w", r.cfg.Name, err)
	}
	var realmLn net.Listener
	if r.issuer != nil {
		_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(r.realm, "https://"), "/token"), ":")
		if realmLn, err = net.Listen("tcp", "127.0.0.1:"+port); err != nil {
			_ = ln.Close() // the first failure is the one to tell
			return fmt.Errorf("realm of registry %s: %w", r.cfg.Name, err)
		}
	}
	r.serve(ln, realmLn)
	return nil
}

// Close stops the registry for good.
func (r *Registry) Close() error {
	return errors.Join(r.Stop(), r.app.Shutdown(), r.log.Close())
}

// Host is host:port as an image reference names it.
func (r *Registry) Host() string { return r.host }

// Realm is the URL of the token server, empty without one.
func (r *Registry) Realm() string { return r.realm }

// Config is what the registry was started with.
func (r *Registry) Config() Config { return r.cfg }

// Running says whether it listens.
func (r *Registry) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.server != nil
}

// LogPath is the file of the access record.
func (r *Registry) LogPath() string { return filepath.Join(r.cfg.Dir, r.cfg.Name+".jsonl") }

// Log is the access record.
func (r *Registry) Log() *record.Log[Request] { return r.log }

// Accounts are the accounts as they are now, by name.
func (r *Registry) Accounts() []Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.accounts), func(a, b Account) int { return strings.Compare(a.User, b.User) })
}

// SetAccount adds or changes an account, at once.
func (r *Registry) SetAccount(a Account) error {
	if a.User == "" || strings.ContainsAny(a.User, ":\n") {
		return fmt.Errorf("registry %s: a user name is not empty and has no colon and no line end", r.cfg.Name)
	}
	r.mu.Lock()
	r.accounts[a.User] = a
	r.mu.Unlock()
	return r.accountsChanged()
}

// DeleteAccount revokes an account, at once. Tokens already issued stay good until they expire.
func (r *Registry) DeleteAccount(user string) error {
	r.mu.Lock()
	_, found := r.accounts[user]
	delete(r.accounts, user)
	r.mu.Unlock()
	if !found {
		return fmt.Errorf("registry %s has no account of that name", r.cfg.Name)
	}
	return r.accountsChanged()
}

func (r *Registry) accountsChanged() error {
	if r.cfg.Auth != AuthBasic {
		return nil
	}
	return r.writeHtpasswd()
}

func (r *Registry) htpasswd() string { return filepath.Join(r.cfg.Dir, r.cfg.Name+".htpasswd") }

func (r *Registry) writeHtpasswd() error {
	var b strings.Builder
	for _, a := range r.Accounts() {
		// The lowest cost: it is paid at each request, and nobody attacks the lab.
		hash, err := bcrypt.GenerateFromPassword([]byte(a.Password), bcrypt.MinCost)
		if err != nil {
			return fmt.Errorf("registry %s: hashing a password: %w", r.cfg.Name, err)
		}
		fmt.Fprintf(&b, "%s:%s\n", a.User, hash)
	}
	tmp := r.htpasswd() + ".new"
	if err := os.WriteFile(tmp, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, r.htpasswd())
}

// login says whether the pair is right, and the account's access.
func (r *Registry) login(user, password string) (access string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, found := r.accounts[user]
	return a.Access, found && a.Password == password
}
