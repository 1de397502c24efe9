package sshexec

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // known_hosts hashes names with HMAC-SHA1.
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// knownHosts is one known_hosts file, indexed by name. x/crypto's knownhosts
// package (and skeema's, on top of it) gives a whole file up for one line that
// it cannot read, which ssh skips, and walks all lines twice per host, which
// for a fleet grows with its square; so the line parser and the checks are
// x/crypto's, the index is ours.
type knownHosts struct {
	mu     sync.RWMutex
	plain  map[string][]*knownLine
	wild   []*knownLine
	hashed []*knownLine
}

// knownLine is one line: a key, and the names that it belongs to.
type knownLine struct {
	marker   string // "", "cert-authority" or "revoked"
	key      ssh.PublicKey
	blob     []byte
	source   string // file:line
	patterns []string
	salt     []byte
	hash     []byte
}

// knownFile returns a parsed file; one that does not exist is empty. It is
// read once, also when a whole fan-out asks for it at the same moment.
func (c *Client) knownFile(path string) (*knownHosts, error) {
	c.mu.Lock()
	read := c.known[path]
	if read == nil {
		read = sync.OnceValues(func() (*knownHosts, error) { return c.readKnown(path) })
		c.known[path] = read
	}
	c.mu.Unlock()
	return read()
}

func (c *Client) readKnown(path string) (*knownHosts, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	k, bad := parseKnownHosts(path, data)
	for _, line := range bad {
		c.warn(line)
	}
	return k, nil
}

// parseKnownHosts reads a file's lines; those that cannot be read are left
// out, as ssh does, and named.
func parseKnownHosts(path string, data []byte) (k *knownHosts, bad []string) {
	k = &knownHosts{plain: map[string][]*knownLine{}}
	number := 0
	for text := range bytes.Lines(data) {
		number++
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		source := path + ":" + strconv.Itoa(number)
		line, err := parseKnownLine(text, source)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: this line is left out: %v", source, err))
			continue
		}
		k.add(line)
	}
	return k, bad
}

func parseKnownLine(text []byte, source string) (*knownLine, error) {
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts(text)
	if err != nil {
		return nil, errors.New("it is not \"names type key\" of a type known here")
	}
	if marker != "" && marker != "cert-authority" && marker != "revoked" {
		return nil, fmt.Errorf("unknown marker @%s", marker)
	}
	line := &knownLine{marker: marker, key: key, blob: key.Marshal(), source: source}
	if strings.HasPrefix(hosts[0], "|") {
		line.salt, line.hash, err = parseHashedName(hosts[0])
		return line, err
	}
	for _, h := range hosts {
		if h != "" {
			line.patterns = append(line.patterns, strings.ToLower(h))
		}
	}
	if len(line.patterns) == 0 {
		return nil, errors.New("it has no host name")
	}
	return line, nil
}

func parseHashedName(text string) (salt, hash []byte, err error) {
	parts := strings.Split(text, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return nil, nil, errors.New("unknown form of a hashed name")
	}
	if salt, err = base64.StdEncoding.DecodeString(parts[2]); err != nil {
		return nil, nil, errors.New("the salt of the hashed name is not base64")
	}
	if hash, err = base64.StdEncoding.DecodeString(parts[3]); err != nil || len(hash) != sha1.Size {
		return nil, nil, errors.New("the hashed name is not base64 of a SHA-1 sum")
	}
	return salt, hash, nil
}

func (k *knownHosts) add(line *knownLine) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if line.hash != nil {
		k.hashed = append(k.hashed, line)
		return
	}
	for _, p := range line.patterns {
		if strings.ContainsAny(p, "*?!") {
			k.wild = append(k.wild, line)
			return
		}
	}
	for _, p := range line.patterns {
		k.plain[p] = append(k.plain[p], line)
	}
}

// lookup returns the lines for a name in known_hosts' form: "host",
// "[host]:port", or an alias.
func (k *knownHosts) lookup(name string) []*knownLine {
	k.mu.RLock()
	defer k.mu.RUnlock()
	found := append([]*knownLine{}, k.plain[name]...)
	for _, line := range k.wild {
		if matchList(name, line.patterns) {
			found = append(found, line)
		}
	}
	for _, line := range k.hashed {
		mac := hmac.New(sha1.New, line.salt)
		_, _ = mac.Write([]byte(name)) // a hash never fails
		if hmac.Equal(mac.Sum(nil), line.hash) {
			found = append(found, line)
		}
	}
	return found
}

// knownName is the form in which known_hosts has an address.
func knownName(host string, port int) string {
	host = strings.ToLower(strings.Trim(host, "[]"))
	if port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}
