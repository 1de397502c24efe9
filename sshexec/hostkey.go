package sshexec

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// HostKeyError is in the chain of the errors host-key-unknown,
// host-key-mismatch and host-key-revoked.
type HostKeyError struct {
	// Name is the host as known_hosts has it: name, [name]:port or alias.
	Name string
	// Type and Fingerprint (SHA256:...) are those of the key that was
	// presented.
	Type, Fingerprint string
	// Known are the places (file:line) with other keys of that host, or with
	// the revocation.
	Known []string

	info HostKeyInfo
}

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("host key %s %s of %s", e.Type, e.Fingerprint, e.Name)
}

// hostKeys is what known_hosts has on one host.
type hostKeys struct {
	c *Client
	s *settings
	// name is the entry's name; principal what a host certificate must carry.
	name, principal string
	lines           []*knownLine
	// portless are the lines for the bare name of a host on another port: ssh
	// accepts a key that they hold, but a difference does not count.
	portless []*knownLine

	// tainted is set when checking is off and the key is not the known one:
	// ssh then gives no password away, and neither do we.
	tainted atomic.Bool
}

func (c *Client) hostKeys(s *settings) (*hostKeys, error) {
	h := &hostKeys{c: c, s: s}
	bare := ""
	if s.hostKeyAlias != "" {
		h.name = strings.ToLower(s.hostKeyAlias)
		h.principal = h.name
	} else {
		h.name = knownName(s.host, s.port)
		h.principal = strings.ToLower(strings.Trim(s.host, "[]"))
		if s.port != 22 {
			bare = knownName(s.host, 22)
		}
	}
	for _, path := range append(append([]string{}, s.userKnownHosts...), s.globalKnownHosts...) {
		file, err := c.knownFile(path)
		if err != nil {
			return nil, err
		}
		h.lines = append(h.lines, file.lookup(h.name)...)
		if bare != "" {
			h.portless = append(h.portless, file.lookup(bare)...)
		}
	}
	return h, nil
}

// hostKeyOrder is OpenSSH's order of preference, without SHA-1. It is made
// once, as there are thousands of nodes, and not to be changed.
var hostKeyOrder = sync.OnceValue(func() []string {
	order := []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		if !slices.Contains(order, a) {
			order = append(order, a)
		}
	}
	return order
})

// verifiable are the host key types that the library can check at all.
var verifiable = sync.OnceValue(func() []string {
	return slices.Concat(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys)
})

// algorithms puts the types that known_hosts has for the host first: the
// negotiation knows nothing of that file, and would end in a "changed" key
// (golang/go#29286). Certificates are asked for only where an authority is
// known.
func (h *hostKeys) algorithms() []string {
	all := algorithmList(h.s.hostKeyAlgorithms, hostKeyOrder())
	lines := h.lines
	if len(lines) == 0 {
		lines = h.portless
	}
	authority := false
	types := map[string]bool{}
	for _, line := range lines {
		switch line.marker {
		case "cert-authority":
			authority = true
		case "":
			types[line.key.Type()] = true
		}
	}
	rank := func(algorithm string) int {
		base, isCert := strings.CutSuffix(algorithm, "-cert-v01@openssh.com")
		if base == ssh.KeyAlgoRSASHA256 || base == ssh.KeyAlgoRSASHA512 {
			base = ssh.KeyAlgoRSA
		}
		switch {
		case isCert:
			return 0
		case types[base]:
			return 1
		}
		return 2
	}
	usable := slices.DeleteFunc(slices.Clone(all), func(a string) bool {
		return rank(a) == 0 && !authority || !slices.Contains(verifiable(), a)
	})
	if len(usable) > 0 { // an empty list would mean x/crypto's default
		all = usable
	}
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}

// algorithmList applies ssh's list syntax: "a,b" replaces, "+a" appends, "-a"
// removes (with wildcards), "^a" puts in front.
func algorithmList(option string, base []string) []string {
	if option == "" {
		return slices.Clone(base)
	}
	names := strings.Split(strings.TrimLeft(option, "+-^"), ",")
	switch option[0] {
	case '+':
		return append(slices.Clone(base), names...)
	case '-':
		return slices.DeleteFunc(slices.Clone(base), func(a string) bool { return matchList(a, names) })
	case '^':
		rest := slices.DeleteFunc(slices.Clone(base), func(a string) bool { return slices.Contains(names, a) })
		return append(names, rest...)
	}
	return names
}

// check is the ssh.HostKeyCallback.
func (h *hostKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	err := h.verify(key)
	if err == nil {
		return nil
	}
	if h.s.checking == HostKeysOff {
		h.c.warn("host key checking is off: whoever answers in a host's place gets what is sent to it; `oreg trust` adds unknown keys after review")
		if err.Cause != CauseHostKeyUnknown {
			h.tainted.Store(true)
			h.c.warn(fmt.Sprintf("%s: %s; going on without passwords, as host key checking is off", h.s.name, err.Message))
		}
		return nil
	}
	if h.s.checking == HostKeysAcceptNew && err.Cause == CauseHostKeyUnknown {
		info := h.info(key)
		if writeErr := h.c.appendKnown(info.File, info.Name, info.key, info.hash); writeErr != nil {
			err.Message += ", and cannot be added to known_hosts"
			err.Err = fmt.Errorf("%w: %w", err.Err, writeErr)
			err.Hint = writeErr.Error()
			return err
		}
		return nil
	}
	return err
}

// verify decides on a key as OpenSSH's check_host_key does.
func (h *hostKeys) verify(key ssh.PublicKey) *Error {
	cert, isCert := key.(*ssh.Certificate)
	plain := key
	if isCert {
		plain = cert.Key
	}
	problem := h.problem(key)
	for _, line := range h.lines {
		if line.marker == "revoked" && (line.is(plain) || isCert && line.is(cert.SignatureKey)) {
			problem.Known = []string{line.source}
			return h.failure(CauseHostKeyRevoked, problem,
				fmt.Sprintf("the host key of %s (%s %s) is revoked by %s", h.name, problem.Type, problem.Fingerprint, line.source),
				"do not connect: the key is known to be in wrong hands, or the line is a mistake")
		}
	}
	if isCert {
		if err := h.verifyCertificate(cert); err != nil {
			return err
		}
		if h.hasAuthority(cert.SignatureKey) {
			return nil
		}
		// No authority of ours signed it: its key may be known all the same.
	}
	for _, line := range append(append([]*knownLine{}, h.lines...), h.portless...) {
		if line.marker == "" && line.is(plain) {
			return nil
		}
	}
	for _, line := range h.lines {
		if line.marker == "" {
			problem.Known = append(problem.Known, line.source)
		}
	}
	if len(problem.Known) == 0 {
		return h.failure(CauseHostKeyUnknown, problem,
			fmt.Sprintf("the host key of %s is not known: %s %s", h.name, problem.Type, problem.Fingerprint),
			"compare the fingerprint with the machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then add it with `oreg trust`")
	}
	return h.failure(CauseHostKeyMismatch, problem,
		fmt.Sprintf("the host key of %s has changed: it presents %s %s, known_hosts has another (%s)", h.name, problem.Type, problem.Fingerprint, strings.Join(problem.Known, ", ")),
		fmt.Sprintf("somebody may be in between, or the machine was installed anew; if so: ssh-keygen -R '%s', then `oreg trust`", h.name))
}

// info describes a key for review and for known_hosts, which takes the key
// inside a certificate.
func (h *hostKeys) info(key ssh.PublicKey) HostKeyInfo {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	info := HostKeyInfo{
		Host: h.s.name, Name: h.name, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
		key: key, hash: h.s.hashKnownHosts,
	}
	if len(h.s.userKnownHosts) > 0 {
		info.File = h.s.userKnownHosts[0]
	}
	return info
}

func (h *hostKeys) problem(key ssh.PublicKey) *HostKeyError {
	info := h.info(key)
	return &HostKeyError{Name: info.Name, Type: info.Type, Fingerprint: info.Fingerprint, info: info}
}

func (h *hostKeys) failure(cause Cause, problem *HostKeyError, message, hint string) *Error {
	return &Error{Cause: cause, Message: message, Hint: hint, Unreachable: true, Err: problem}
}

func (h *hostKeys) hasAuthority(key ssh.PublicKey) bool {
	for _, line := range append(append([]*knownLine{}, h.lines...), h.portless...) {
		if line.marker == "cert-authority" && line.is(key) {
			return true
		}
	}
	return false
}

// verifyCertificate checks a certificate of an authority that we know.
func (h *hostKeys) verifyCertificate(cert *ssh.Certificate) *Error {
	if !h.hasAuthority(cert.SignatureKey) {
		return nil
	}
	checker := &ssh.CertChecker{
		Clock:           h.c.o.Now,
		IsHostAuthority: func(key ssh.PublicKey, _ string) bool { return h.hasAuthority(key) },
	}
	err := checker.CheckHostKey(net.JoinHostPort(h.principal, "22"), nil, cert)
	if err == nil && cert.Signature.Format == ssh.KeyAlgoRSA {
		err = errors.New("its authority signed it with SHA-1") // as ssh since 8.2
	}
	if err != nil {
		problem := h.problem(cert)
		e := h.failure(CauseHostKeyMismatch, problem,
			fmt.Sprintf("the host certificate of %s is not valid: %s", h.name, strings.TrimPrefix(err.Error(), "ssh: ")),
			"its validity or its names do not fit: issue it anew, or set HostKeyAlias to a name that it carries")
		e.Err = fmt.Errorf("%w: %w", problem, err)
		return e
	}
	return nil
}

func (l *knownLine) is(key ssh.PublicKey) bool { return bytes.Equal(l.blob, key.Marshal()) }
