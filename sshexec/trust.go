package sshexec

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyInfo is the key that a host presents, for review.
type HostKeyInfo struct {
	// Host is the target or bastion that presents the key; Name is how
	// known_hosts calls it.
	Host, Name string
	// Type is for example ssh-ed25519; Fingerprint is as ssh-keygen -l shows
	// it (SHA256:...).
	Type, Fingerprint string
	// Known says that known_hosts has the key, or its authority, already.
	Known bool
	// Problem is the error that a connection would meet: host-key-unknown,
	// -mismatch or -revoked; nil when Known.
	Problem *Error
	// File is where [Client.AddKnownHost] writes.
	File string

	key  ssh.PublicKey
	hash bool
}

// errScanned ends the handshake as soon as the key is seen: no authentication
// is tried.
var errScanned = errors.New("host key seen")

// ScanHostKey asks a target for its host key without logging in. If a bastion
// on the way has a key that is not trusted, that key is returned instead, as
// nothing behind it can be reached: add it, and ask again.
func (c *Client) ScanHostKey(ctx context.Context, t Target) (HostKeyInfo, error) {
	if t.Local {
		return HostKeyInfo{Host: t.Name, Known: true}, nil
	}
	s, err := c.resolve(t)
	if err != nil {
		return HostKeyInfo{}, configError(err)
	}
	var info HostKeyInfo
	scan := func(h *hostKeys, key ssh.PublicKey) error {
		info = c.describe(h, key)
		return errScanned
	}
	_, err = c.open(ctx, s, nil, scan)
	var behind *jumpError
	var bastion *HostKeyError
	switch {
	case errors.Is(err, errScanned):
		return info, nil
	case errors.As(err, &behind) && errors.As(err, &bastion):
		info = bastion.info
		errors.As(behind.err, &info.Problem)
		return info, nil
	}
	return HostKeyInfo{}, err
}

func (c *Client) describe(h *hostKeys, key ssh.PublicKey) HostKeyInfo {
	info := h.info(key)
	info.Problem = h.verify(key)
	info.Known = info.Problem == nil
	return info
}

// AddKnownHost writes the key of a host that was unknown; it never replaces
// one, and never writes the same line twice.
func (c *Client) AddKnownHost(info HostKeyInfo) error {
	if info.Known {
		return nil
	}
	if info.Problem != nil && info.Problem.Cause != CauseHostKeyUnknown {
		return info.Problem
	}
	if err := c.appendKnown(info.File, info.Name, info.key, info.hash); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hops {
		h.forget()
	}
	return nil
}

// appendKnown adds one line under a lock that other oreg processes respect,
// after a look at what the file holds by now.
func (c *Client) appendKnown(path, name string, key ssh.PublicKey, hash bool) error {
	if path == "" {
		return errors.New("UserKnownHostsFile is none: there is no file to add the host key to")
	}
	known, err := c.knownFile(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("known_hosts: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("known_hosts: %w", err)
	}
	defer func() { _ = file.Close() }() // the write's error is what counts
	if err := lockFile(file); err != nil {
		return fmt.Errorf("known_hosts: lock %s: %w", path, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("known_hosts: %w", err)
	}
	present, _ := parseKnownHosts(path, data)
	for _, line := range present.lookup(name) {
		if line.marker == "" && line.is(key) {
			known.add(&knownLine{key: key, blob: key.Marshal(), source: line.source, patterns: []string{name}})
			return nil
		}
	}
	written := name
	if hash {
		written = knownhosts.HashHostname(name)
	}
	text := written + " " + key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + "\n"
	if len(data) > 0 && data[len(data)-1] != '\n' {
		text = "\n" + text
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("known_hosts: %w", err)
	}
	known.add(&knownLine{key: key, blob: key.Marshal(), source: path, patterns: []string{name}})
	return nil
}
