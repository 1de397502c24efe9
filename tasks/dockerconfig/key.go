package dockerconfig

import (
	"path"
	"strings"
	"unicode"

	"oreg/inventory/secret"
)

// HubKey is the one key for Docker Hub that every reader accepts, trailing
// slash included.
const HubKey = "https://index.docker.io/v1/"

// hub is Docker Hub's registry in a [name].
const hub = "docker.io"

// name is what a key of config.json names: a registry, and a path below it.
type name struct {
	// host is lower-case host[:port]; [hub] for all names of Docker Hub.
	host string
	// path has no slash at its ends; empty for the whole registry.
	path string
}

// parseName reads a key as its readers do, taken together: http and https
// schemes and the API versions /v1 and /v2 are no part of the name.
//
// A path of v1 or v2 counts as API version when the key is a URL or ends in a
// slash (the kubelet strips "/v1/", docker and containers/image reduce URLs to
// their host); a bare "host/v1" is a namespace to the kubelet and to
// containers/image and stays one. The port is never defaulted: no reader takes
// "host:443" for "host".
func parseName(key string) name {
	rest, url := key, false
	for _, scheme := range []string{"http://", "https://"} {
		if len(rest) >= len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			rest, url = rest[len(scheme):], true
			break
		}
	}
	host, below, _ := strings.Cut(rest, "/")
	for _, version := range []string{"v1", "v2"} {
		if after, ok := strings.CutPrefix(below, version+"/"); ok {
			below = after
			break
		}
		if url && below == version {
			below = ""
			break
		}
	}
	host = strings.ToLower(host)
	switch host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		host = hub
	}
	return name{host: host, path: strings.Trim(below, "/")}
}

// Key returns the canonical key of a registry: bare lower-case host[:port],
// [HubKey] for any name of Docker Hub. A path stays: "HOST/team" gives
// "host/team".
func Key(host string) string {
	n := parseName(host)
	switch {
	case n.path != "":
		return n.host + "/" + n.path
	case n.host == hub:
		return HubKey
	}
	return n.host
}

// SameRegistry says whether two keys mean the same registry (and the same path
// below it): "https://HOST/v1/" and "host" do, "host:443" and "host" do not.
func SameRegistry(a, b string) bool { return parseName(a) == parseName(b) }

// covers says whether the key n, a pattern with wildcards, is tried by the
// kubelet for images of host: as many labels, each matched alone, the port
// textually equal.
func (n name) covers(host string) bool {
	if !strings.ContainsAny(n.host, "*?[") {
		return false
	}
	pattern, patternPort, _ := strings.Cut(n.host, ":")
	plain, plainPort, _ := strings.Cut(host, ":")
	globs, labels := strings.Split(pattern, "."), strings.Split(plain, ".")
	if patternPort != plainPort || len(globs) != len(labels) {
		return false
	}
	for i, glob := range globs {
		if ok, err := path.Match(glob, labels[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// maxShownKey bounds what a message shows of a key, in bytes.
const maxShownKey = 200

// Shown is a key fit for a message: without a login that somebody may have
// written into a URL, without control characters, not endless.
func Shown(key string) string {
	key = secret.WithoutLogin(key)
	key = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(key, "?"))
	if len(key) > maxShownKey {
		key = strings.ToValidUTF8(key[:maxShownKey], "") + "..."
	}
	return key
}
