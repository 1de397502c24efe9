package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push pushes a small random image to each of the references (repository:tag), through the
// registry's own protocol. With credentials an account with the right to push must exist.
func (r *Registry) Push(ctx context.Context, references ...string) error {
	for _, s := range references {
		img, err := random.Image(512, 2)
		if err != nil {
			return err
		}
		if err := r.PushImage(ctx, s, img); err != nil {
			return err
		}
	}
	return nil
}

// PushImage pushes an image to a reference.
func (r *Registry) PushImage(ctx context.Context, reference string, img v1.Image) error {
	opts := []remote.Option{remote.WithContext(ctx), remote.WithTransport(r.transport())}
	if r.cfg.Auth != AuthNone {
		pusher, err := r.pusher()
		if err != nil {
			return err
		}
		opts = append(opts, remote.WithAuth(&authn.Basic{Username: pusher.User, Password: pusher.Password}))
	}
	names := []name.Option{name.StrictValidation}
	if r.tls == nil {
		names = append(names, name.Insecure)
	}
	ref, err := name.ParseReference(r.host+"/"+reference, names...)
	if err != nil {
		return fmt.Errorf("registry %s: %w", r.cfg.Name, err)
	}
	if err := remote.Write(ref, img, opts...); err != nil {
		return fmt.Errorf("registry %s: pushing %s: %w", r.cfg.Name, reference, err)
	}
	return nil
}

func (r *Registry) pusher() (Account, error) {
	for _, a := range r.Accounts() {
		if a.Access == AccessPush {
			return a, nil
		}
	}
	return Account{}, fmt.Errorf("registry %s: no account may push", r.cfg.Name)
}

// transport trusts exactly the certificate that the registry shows.
func (r *Registry) transport() http.RoundTripper {
	t := &http.Transport{DisableKeepAlives: true}
	if r.tls != nil {
		pool := x509.NewCertPool()
		if r.cfg.TLS == TLSLabCA {
			pool = r.cfg.Authority.Pool()
		} else if leaf := r.tls.Certificates[0].Leaf; leaf != nil {
			pool.AddCert(leaf)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t
}
