package inventory

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// DockerHub is the one name that stands for all of Docker Hub's.
const DockerHub = "docker.io"

// RegistryHost is a registry as the user wrote it, taken apart.
type RegistryHost struct {
	// Host is host[:port] in lower case, an IPv6 address in brackets.
	Host string
	// Scope is the path below it, without slashes at its ends.
	Scope string
	// Scheme is "http" or "https" where one was written.
	Scheme string
}

// ParseRegistryHost reads a registry host: "reg.example.com:5000", also with
// "https://" before it or a path behind it. All names of Docker Hub become
// [DockerHub]. Its errors never quote the text, which may be a password in
// the wrong place.
func ParseRegistryHost(text string) (RegistryHost, error) {
	var r RegistryHost
	rest := text
	if scheme, after, ok := strings.Cut(text, "://"); ok {
		if r.Scheme = strings.ToLower(scheme); r.Scheme != "http" && r.Scheme != "https" {
			return r, errors.New("has an unknown scheme, expected host[:port]")
		}
		rest = after
	}
	host, path, _ := strings.Cut(rest, "/")
	host = strings.ToLower(host)
	switch {
	case host == "":
		return r, errors.New("is empty, expected host[:port]")
	case strings.Contains(host, "@"):
		return r, errors.New("holds a user name or password, expected host[:port] alone")
	case strings.ContainsAny(host, "*?"):
		return r, errors.New("holds a wildcard: a wildcard cannot be checked, and the container runtime ignores it")
	}
	var err error
	if r.Host, err = hostAndPort(host); err != nil {
		return r, err
	}
	if r.Scope, err = repository(path); err != nil {
		return r, err
	}
	switch r.Host {
	case "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com",
		"docker.io:443", "index.docker.io:443", "registry-1.docker.io:443":
		r.Host = DockerHub
	}
	return r, nil
}

// hostAndPort checks a lower-case host[:port].
func hostAndPort(host string) (string, error) {
	if ip := net.ParseIP(host); ip != nil && strings.Contains(host, ":") {
		return "[" + host + "]", nil
	}
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strings.Trim(port, "0123456789") != "" {
			return "", errors.New("has a broken port, expected a number from 1 to 65535 after the colon")
		}
	}
	if strings.HasPrefix(name, "[") || strings.HasSuffix(name, "]") {
		ip := net.ParseIP(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
		if ip == nil || !strings.HasPrefix(name, "[") || !strings.HasSuffix(name, "]") || !strings.Contains(name, ":") {
			return "", errors.New("is no IPv6 address, expected [address] or [address]:port")
		}
		return host, nil
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", errors.New("holds a character that no host name has, expected host[:port]")
	}
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", errors.New("is no host name, expected host[:port]")
		}
	}
	return host, nil
}

// repository checks the path behind a host. The paths of the registry's own API,
// as in "https://index.docker.io/v1/", are none.
func repository(path string) (string, error) {
	path = strings.Trim(path, "/")
	if path == "" || path == "v1" || path == "v2" {
		return "", nil
	}
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyz0123456789._/-") != "" || strings.Contains(path, "//") {
		return "", errors.New("has a path that is no repository, expected lower-case letters, digits and ._-/")
	}
	return path, nil
}

// imageHost is the registry of an image reference: what stands before the
// first slash, if it has a dot, a colon or is localhost.
func imageHost(reference string) (host, path string, ok bool) {
	host, path, found := strings.Cut(reference, "/")
	if found && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host, path, true
	}
	return "", reference, false
}
