package sshexec

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"oreg/inventory/secret"
)

// settings is everything that one SSH connection needs to know, after
// arguments, inventory and configuration files have been put together.
type settings struct {
	// name is how messages call the host: the inventory's name for a target,
	// the given word for a bastion.
	name  string
	alias string
	host  string
	port  int
	user  string

	identities     []string
	certificates   []string
	identitiesOnly bool
	identityAgent  string
	password       secret.Text
	batch          bool

	pubkey, passwordAuth, kbdInteractive bool
	preferred                            []string

	hostKeyAlias      string
	hostKeyAlgorithms string
	kex, ciphers      string
	macs              string
	userKnownHosts    []string
	globalKnownHosts  []string
	hashKnownHosts    bool
	checking          HostKeyChecking

	network     string
	bindAddress string
	timeout     time.Duration
	aliveEvery  time.Duration
	aliveCount  int

	jumps        []jumpSpec
	proxyCommand string
	configFile   string

	// given and files are the options that all this comes from, for the log.
	given map[string]option
	files map[string][]option
}

// addr is what is dialled.
func (s *settings) addr() string { return joinHostPort(s.host, s.port) }

// resolver puts the options for one destination together: the first value
// wins, except that identity files and certificates accumulate.
type resolver struct {
	c     *Client
	alias string
	first map[string]option
	multi map[string][]option

	// final is set in the second pass that "Match final" asks for.
	final bool
	// explicit is set while options come from arguments, where one that we
	// cannot honour is an error.
	explicit bool
	errs     []error
}

// resolve returns the settings for a target.
func (c *Client) resolve(t Target) (*settings, error) {
	args, err := parseArgs(t.Args)
	if err != nil {
		return nil, err
	}
	if len(args.rest) > 0 || args.forward != "" {
		return nil, fmt.Errorf("ssh arguments hold %q: flags only, no destination, command or -W", strings.Join(append(args.rest, args.forward), " "))
	}
	s, err := c.resolveArgs(t.Host, args, t)
	if err != nil {
		return nil, err
	}
	s.name, s.password = t.Name, t.Password
	if s.name == "" {
		s.name = t.Host
	}
	return s, nil
}

func (c *Client) resolveArgs(destination string, args sshArgs, t Target) (*settings, error) {
	r := &resolver{c: c, alias: destination, first: map[string]option{}, multi: map[string][]option{}}
	if t.IdentityFile != "" {
		r.offer(option{key: "identityfile", value: t.IdentityFile, source: "the inventory"})
	}
	r.explicit = true
	for _, o := range args.options {
		r.offer(o)
	}
	r.explicit = false
	if t.User != "" {
		r.offer(option{key: "user", value: t.User, source: "the inventory"})
	}
	if t.Port != 0 {
		r.offer(option{key: "port", value: strconv.Itoa(t.Port), source: "the inventory"})
	}
	files, err := c.configFiles(args.configFile)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		r.file(f)
	}
	if slices.ContainsFunc(files, (*configFile).wantsFinal) {
		// The host's name is settled before the second pass, in which Host is
		// matched against it too (as `ssh -vvv` shows).
		r.first["hostname"] = option{
			key: "hostname", value: strings.ReplaceAll(r.hostSoFar(), "%", "%%"), source: r.first["hostname"].source,
		}
		r.final = true
		for _, f := range files {
			r.file(f)
		}
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	s, err := r.settings()
	if err != nil {
		return nil, err
	}
	s.configFile = args.configFile
	s.given, s.files = r.first, r.multi
	return s, nil
}

func (r *resolver) file(f *configFile) {
	for _, b := range f.blocks {
		if !r.applies(b) {
			continue
		}
		for _, e := range b.entries {
			if e.key == "include" {
				for _, included := range e.files {
					r.file(included)
				}
				continue
			}
			r.offer(e.option)
		}
	}
}

func (r *resolver) applies(b configBlock) bool {
	if b.patterns != nil {
		if r.final {
			return matchList(r.hostSoFar(), b.patterns)
		}
		return matchList(r.alias, b.patterns)
	}
	if b.never {
		return false
	}
	for _, m := range b.match {
		var holds bool
		switch m.name {
		case "all":
			holds = true
		case "final":
			holds = r.final
		case "host":
			holds = matchList(strings.ToLower(r.hostSoFar()), lower(m.list))
		case "originalhost":
			holds = matchList(strings.ToLower(r.alias), lower(m.list))
		case "user":
			holds = matchList(r.userSoFar(), m.list)
		case "localuser":
			holds = matchList(r.c.o.LocalUser, m.list)
		}
		if holds == m.negated {
			return false
		}
	}
	return true
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}

func (r *resolver) hostSoFar() string {
	if o, ok := r.first["hostname"]; ok {
		t := tokens{host: r.alias}
		if host, err := t.expand(o.value, tokensOfHostName); err == nil {
			return host
		}
	}
	return r.alias
}

func (r *resolver) userSoFar() string {
	if o, ok := r.first["user"]; ok {
		return o.value
	}
	return r.c.o.LocalUser
}

func (r *resolver) offer(o option) {
	o.key = canonicalKeyword(o.key)
	switch kind := kindOfKeyword(o.key); {
	case kind == keywordHarmless, kind == keywordForeign && isUnset(o.value):
		return
	case kind != keywordUsed:
		if ignored, ok := r.first["ignoreunknown"]; ok && matchList(o.key, strings.Split(strings.ToLower(ignored.value), ",")) {
			return
		}
		text := fmt.Sprintf("%s: option %s is not known", o.source, o.key)
		if kind == keywordForeign {
			text = fmt.Sprintf("%s: option %s is not supported", o.source, o.key)
		}
		if r.explicit {
			r.errs = append(r.errs, errors.New(text))
		} else {
			r.c.warn(text + " and left out")
		}
		return
	}
	switch o.key {
	case "identityfile", "certificatefile":
		if !slices.ContainsFunc(r.multi[o.key], func(p option) bool { return p.value == o.value }) {
			r.multi[o.key] = append(r.multi[o.key], o)
		}
		return
	case "proxyjump", "proxycommand":
		// Whichever comes first prevents the other.
		if _, ok := r.first["proxyjump"]; ok {
			return
		}
		if _, ok := r.first["proxycommand"]; ok {
			return
		}
	case "stricthostkeychecking":
		if !r.explicit && isOff(o.value) {
			r.c.warn(fmt.Sprintf("%s: StrictHostKeyChecking %s is not taken from a file: host keys stay strict; `oreg trust` adds unknown ones after review", o.source, o.value))
			return
		}
		if r.explicit && isOff(o.value) {
			o.value = string(HostKeysOff)
		}
	}
	if _, ok := r.first[o.key]; !ok {
		if r.explicit {
			o.source = "explicit " + o.source
		}
		r.first[o.key] = o
	}
}

// isUnset says that an option is written with the value that does nothing.
func isUnset(value string) bool {
	return isOff(value) || strings.EqualFold(value, "none")
}

func isOff(value string) bool {
	v := strings.ToLower(value)
	return v == "no" || v == "off" || v == "false"
}

// settings converts what was collected.
func (r *resolver) settings() (*settings, error) {
	p := &optionParser{first: r.first}
	s := &settings{alias: r.alias, name: r.alias}
	s.port = p.number("port", 22, 65535)
	s.user = p.text("user", r.c.o.LocalUser)
	s.hostKeyAlias = p.text("hostkeyalias", "")
	t := tokens{
		original: r.alias, host: r.alias, port: s.port, remote: s.user, alias: s.hostKeyAlias,
		home: r.c.o.Home, local: r.c.o.LocalUser, uid: r.c.o.UID, hostname: r.c.o.Hostname,
	}
	s.host = p.expand("hostname", r.alias, &t, tokensOfHostName)
	t.host = s.host
	for _, host := range []string{s.alias, s.host} {
		if !plainHost(host) {
			p.errs = append(p.errs, fmt.Errorf("host %q has characters that no host name has and a shell acts on", host))
			break
		}
	}
	if !plainUser(s.user) {
		p.errs = append(p.errs, fmt.Errorf("user %q has characters that no user name has and a shell acts on", s.user))
	}

	jump := p.text("proxyjump", "none")
	if !strings.EqualFold(jump, "none") {
		jump = p.expand("proxyjump", "", &t, tokensOfProxy)
		var err error
		if s.jumps, err = parseJumps(jump); err != nil {
			p.fail("proxyjump", err)
		} else {
			last := s.jumps[len(s.jumps)-1]
			t.jump = last.host
		}
	}
	if command := p.text("proxycommand", "none"); !strings.EqualFold(command, "none") {
		s.proxyCommand = p.expand("proxycommand", "", &t, tokensOfProxy)
	}

	s.identitiesOnly = p.flag("identitiesonly", false)
	s.identityAgent = p.file(r.c, "identityagent", "SSH_AUTH_SOCK", &t)
	s.identities = p.files(r.c, r.multi["identityfile"], &t)
	s.certificates = p.files(r.c, r.multi["certificatefile"], &t)
	s.batch = p.flag("batchmode", false)
	s.pubkey = p.text("pubkeyauthentication", "yes") != "no"
	s.passwordAuth = p.flag("passwordauthentication", true)
	s.kbdInteractive = p.flag("kbdinteractiveauthentication", true)
	if list := p.text("preferredauthentications", ""); list != "" {
		s.preferred = strings.Split(list, ",")
	}

	ssh := filepath.Join(r.c.o.Home, ".ssh")
	s.userKnownHosts = p.paths(r.c, "userknownhostsfile", []string{filepath.Join(ssh, "known_hosts"), filepath.Join(ssh, "known_hosts2")}, &t)
	s.globalKnownHosts = p.paths(r.c, "globalknownhostsfile", []string{r.c.o.SystemKnownHostsFile, r.c.o.SystemKnownHostsFile + "2"}, &t)
	s.hashKnownHosts = p.flag("hashknownhosts", false)
	s.hostKeyAlgorithms = p.text("hostkeyalgorithms", "")
	s.kex, s.ciphers, s.macs = p.text("kexalgorithms", ""), p.text("ciphers", ""), p.text("macs", "")
	s.checking = r.hostKeyChecking(p)

	s.network = map[string]string{"inet": "tcp4", "inet6": "tcp6"}[strings.ToLower(p.text("addressfamily", "any"))]
	if s.network == "" {
		s.network = "tcp"
	}
	if s.bindAddress = p.text("bindaddress", ""); s.bindAddress != "" && net.ParseIP(s.bindAddress) == nil {
		p.fail("bindaddress", fmt.Errorf("found %q, expected an IP address", s.bindAddress))
	}
	s.timeout = r.c.o.Timeout
	if s.timeout <= 0 || strings.HasPrefix(r.first["connecttimeout"].source, "explicit ") {
		s.timeout = p.duration("connecttimeout", cmp.Or(s.timeout, DefaultTimeout))
	}
	s.aliveEvery = p.duration("serveraliveinterval", defaultAliveInterval)
	s.aliveCount = p.number("serveralivecountmax", defaultAliveCount, 1<<20)
	return s, errors.Join(p.errs...)
}

// plainHost and plainUser are OpenSSH's valid_hostname and valid_ruser: both
// names go into ProxyCommand, which a shell runs.
func plainHost(host string) bool {
	return host != "" && host[0] != '-' && !strings.ContainsFunc(host, func(r rune) bool {
		return strings.ContainsRune("'`\"$\\;&<>|(){}", r) || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

func plainUser(user string) bool {
	return !strings.HasPrefix(user, "-") && !strings.ContainsAny(user, "'`\";&<>|(){}") &&
		!strings.Contains(user, " -") && !strings.HasSuffix(user, `\`) &&
		!strings.ContainsFunc(user, unicode.IsControl)
}

// hostKeyChecking: an explicit argument, then the flag, then the file.
func (r *resolver) hostKeyChecking(p *optionParser) HostKeyChecking {
	o, set := r.first["stricthostkeychecking"]
	if r.c.o.HostKeyChecking != "" && !strings.HasPrefix(o.source, "explicit ") {
		return r.c.o.HostKeyChecking
	}
	if !set {
		return HostKeysStrict
	}
	switch v := strings.ToLower(o.value); v {
	case "accept-new":
		return HostKeysAcceptNew
	case "off":
		return HostKeysOff
	case "yes", "true", "ask":
		return HostKeysStrict
	default:
		p.fail("stricthostkeychecking", fmt.Errorf("found %q, expected yes, no, ask, accept-new or off", o.value))
		return HostKeysStrict
	}
}
