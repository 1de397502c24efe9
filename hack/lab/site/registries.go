package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oreg/hack/lab/registry"
)

// customImage is in every registry besides the images of the two products.
const customImage = "lab/app:1.0"

func images() []string {
	return []string{
		"openshift3/ose-pod:v3.11", "openshift3/ose-pod:latest",
		"openshift/origin-pod:v3.11", "openshift/origin-pod:latest", customImage,
	}
}

// RegistryNames are the registries that `lab up` knows, in the order of the inventory.
func RegistryNames() []string { return []string{"basic", "bearer", "plain", "selfsigned", "open"} }

// preset is how a registry of that name asks for credentials and which certificate it shows.
func preset(name string) (auth, tls string, err error) {
	switch name {
	case "basic":
		return registry.AuthBasic, registry.TLSLabCA, nil
	case "bearer":
		return registry.AuthBearer, registry.TLSLabCA, nil
	case "plain":
		return registry.AuthBasic, registry.TLSNone, nil
	case "selfsigned":
		return registry.AuthBasic, registry.TLSSelfSigned, nil
	case "open":
		return registry.AuthNone, registry.TLSLabCA, nil
	}
	return "", "", fmt.Errorf("registry %q: expected one of %v", name, RegistryNames())
}

// accounts of a registry: the one with all that is difficult in a user name and a password, one
// that may push, one that may log in and no more, and an ordinary one.
func accounts(name, marker string) []registry.Account {
	return []registry.Account{
		{User: "lab|svc", Password: "pä#ss wörd-" + name + "-" + marker, Access: registry.AccessPull},
		{User: "puller", Password: "pull-" + name + "-" + marker, Access: registry.AccessPull},
		{User: "pusher", Password: "push-" + name + "-" + marker, Access: registry.AccessPush},
		{User: "denied", Password: "deny-" + name + "-" + marker, Access: registry.AccessNone},
	}
}

func (l *Lab) startRegistries() error {
	for _, name := range l.cfg.Registries {
		auth, tls, err := preset(name)
		if err != nil {
			return err
		}
		if err := l.addRegistry(name, auth, tls); err != nil {
			return err
		}
	}
	if len(l.registries) > 0 {
		l.progress("%d registries are up", len(l.registries))
	}
	return nil
}

// addRegistry starts a registry, pushes the images and forgets the pushing in its record.
func (l *Lab) addRegistry(name, auth, tls string) error {
	if !validName(name) {
		return fmt.Errorf("registry name %q: expected letters, digits and dashes", name)
	}
	if l.registry(name) != nil {
		return fmt.Errorf("registry %s exists", name)
	}
	cfg := registry.Config{
		Name: name, Auth: auth, TLS: tls, Address: l.subnet.infra(20 + len(l.registries)), RealmHost: l.cfg.RealmHost,
		Dir: l.path("registries"), Authority: l.ca, Now: l.cfg.Now, ErrorLog: l.errLog,
	}
	if auth != registry.AuthNone {
		cfg.Accounts = accounts(name, l.marker)
	}
	r, err := registry.Start(l.ctx, cfg)
	if err != nil {
		return err
	}
	l.registries = append(l.registries, r)
	if err := r.Push(l.ctx, images()...); err != nil {
		return err
	}
	if err := l.pushRunnable(r); err != nil {
		return err
	}
	return errors.Join(l.trust(r), r.Log().Reset())
}

// trust puts the lab's CA where oreg, docker and skopeo look for it by the registry's name; the
// folder name has the port, as theirs has. In-process nodes share the lab's folder; the others have
// folders of their own.
func (l *Lab) trust(r *registry.Registry) error {
	for _, n := range l.nodes {
		if err := tellContainerd(n, r); err != nil {
			return err
		}
	}
	if r.Config().TLS != registry.TLSLabCA {
		return nil
	}
	errs := []error{l.writeCA(l.path("certs.d"), r.Host())}
	for _, n := range l.nodes {
		if n.certs != "" {
			errs = append(errs, l.writeCA(n.certs, r.Host()))
		}
	}
	return errors.Join(errs...)
}

func (l *Lab) writeCA(certs, host string) error {
	dir := filepath.Join(certs, host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ca.crt"), l.ca.PEM(), 0o644)
}

// giveCerts makes a node's own certs.d, with what there is so far.
func (l *Lab) giveCerts(n *node) error {
	n.certs = filepath.Join(n.root, "etc/docker/certs.d")
	errs := []error{os.MkdirAll(n.certs, 0o755)}
	for _, r := range l.registries {
		if r.Config().TLS == registry.TLSLabCA {
			errs = append(errs, l.writeCA(n.certs, r.Host()))
		}
	}
	return errors.Join(errs...)
}

func (l *Lab) registry(name string) *registry.Registry {
	for _, r := range l.registries {
		if r.Config().Name == name {
			return r
		}
	}
	return nil
}

func (l *Lab) removeRegistry(name string) error {
	r := l.registry(name)
	l.registries = slices.DeleteFunc(l.registries, func(o *registry.Registry) bool { return o == r })
	return r.Close()
}

func (l *Lab) registryState(r *registry.Registry) RegistryState {
	images := images()
	if l.cfg.Kubelet != nil {
		images = append(images, runnableImage)
	}
	return RegistryState{
		Name: r.Config().Name, Host: r.Host(), Auth: r.Config().Auth, TLS: r.Config().TLS, Realm: r.Realm(),
		Accounts: r.Accounts(), Images: images, Log: r.LogPath(), Running: r.Running(),
	}
}
