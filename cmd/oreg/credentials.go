package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"oreg/inventory"
	"oreg/tasks/dockerconfig"
	"oreg/validate/authfile"
)

// loadCluster collects what a run works on: the inventory's nodes and
// credentials, and the credentials of --authfile or --registry beside or in
// place of the inventory's.
func (a *app) loadCluster(ctx context.Context, nodes bool) (*inventory.Cluster, error) {
	cluster := &inventory.Cluster{}
	elsewhere := a.registry != "" || len(a.authfiles) > 0
	if nodes || !elsewhere || len(a.inventories) > 0 {
		var err error
		if cluster, err = a.readCluster(ctx, nodes); err != nil {
			return nil, err
		}
	}
	for _, path := range a.authfiles {
		credentials, err := unlessInterrupted(ctx, func() ([]inventory.Credential, error) { return a.readAuthfile(path) })
		if err != nil {
			return nil, err
		}
		cluster.Credentials = append(cluster.Credentials, credentials...)
	}
	if a.registry != "" {
		one, err := a.oneCredential(ctx)
		if err != nil {
			return nil, err
		}
		cluster.Credentials = append(cluster.Credentials, one)
	}
	if len(cluster.Credentials) == 0 {
		return nil, &configError{message: "the inventory names no credentials",
			hint: "set oreg_auth_user and oreg_auth_password, or openshift_additional_registry_credentials"}
	}
	return cluster, conflicts(cluster.Credentials)
}

// readAuthfile takes the credentials of one file.
func (a *app) readAuthfile(path string) ([]inventory.Credential, error) {
	f, err := os.Open(a.absolute(path))
	if err != nil {
		return nil, fmt.Errorf("--authfile: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(f, authfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("--authfile: %w", err)
	}
	parsed, err := authfile.Parse(path, content, a.image)
	if err != nil {
		return nil, err
	}
	for _, w := range parsed.Warnings {
		a.warn(w)
	}
	return parsed.Credentials, nil
}

// oneCredential is the one of --registry, --username and --password-stdin.
func (a *app) oneCredential(ctx context.Context) (inventory.Credential, error) {
	registry, err := inventory.ParseRegistryHost(a.registry)
	if err != nil {
		return inventory.Credential{}, &usageError{message: "--registry " + err.Error()}
	}
	password, err := a.readPassword(ctx)
	if err != nil {
		return inventory.Credential{}, err
	}
	c := inventory.Credential{
		Host: registry.Host, Scope: registry.Scope, User: a.username, Password: password,
		Source: "--registry", TestLogin: true, TLSVerify: true,
	}
	c.Image, c.ImageNamed = registry.TestImage(a.image)
	return c, nil
}

// conflicts refuses two different logins for one place.
func conflicts(credentials []inventory.Credential) error {
	first := map[string]inventory.Credential{}
	for _, c := range credentials {
		key := dockerconfig.Key(c.Host + "/" + c.Scope)
		other, known := first[key]
		if known && (other.User != c.User || !other.Password.Equal(c.Password)) {
			return &configError{
				message: fmt.Sprintf("two different credentials for %s: %s and %s", key, other.Source, c.Source),
				hint:    "leave one of them out",
			}
		}
		if !known {
			first[key] = c
		}
	}
	return nil
}
