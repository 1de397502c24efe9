package inventory

import (
	"context"
	"fmt"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/secret"
	"oreg/inventory/value"
)

const (
	redHat = "registry.redhat.io"
	quay   = "quay.io"

	additional = "openshift_additional_registry_credentials"
	// defaultUser is the user of an entry that names none, as the installer
	// has it.
	defaultUser = "openshift"
)

// credentials fills in what is the same for the whole cluster.
func (r *reader) credentials(ctx context.Context, hosts []*graph.Host, c *Cluster) {
	read := func(name string) string {
		v := r.agreed(ctx, hosts, name, false)
		if v == nil {
			return ""
		}
		s, _ := r.text(v)
		return s
	}
	deployment := r.deploymentType(ctx, hosts)
	if c.DeploymentType = deployment; deployment == "" {
		c.DeploymentType = Origin
	}
	c.Proxy = Proxy{
		HTTP:    secret.New(read("openshift_http_proxy")),
		HTTPS:   secret.New(read("openshift_https_proxy")),
		NoProxy: r.noProxy(ctx, hosts),
	}
	c.RestartSerial = r.restartSerial(ctx, hosts)
	tag := r.imageTag(read)

	url := r.agreed(ctx, hosts, "oreg_url", true)
	oreg := r.oregURL(url, deployment, tag)
	c.OregHost = oreg.host.Host
	if cred := r.oregCredential(ctx, hosts, oreg); cred != nil {
		c.Credentials = append(c.Credentials, *cred)
	}
	if list := r.agreed(ctx, hosts, additional, true); list != nil {
		c.Credentials = append(c.Credentials, r.additional(ctx, hosts[0], list, c.DeploymentType, tag)...)
	}
	c.Credentials = r.distinct(c.Credentials)
	r.requireRedHat(c, read("openshift_examples_registryurl"))
	r.removedVariables(hosts)
}

// deploymentType is the one that the inventory names, or empty.
func (r *reader) deploymentType(ctx context.Context, hosts []*graph.Host) string {
	for _, name := range []string{"openshift_deployment_type", "deployment_type"} {
		v := r.agreed(ctx, hosts, name, false)
		if v == nil {
			continue
		}
		s, _ := r.text(v)
		if s != Origin && s != Enterprise {
			r.fail(v.at(), "", "%s is neither %s nor %s", name, Origin, Enterprise)
		}
		return s
	}
	return ""
}

func (r *reader) noProxy(ctx context.Context, hosts []*graph.Host) string {
	v := r.agreed(ctx, hosts, "openshift_no_proxy", false)
	if v == nil {
		return ""
	}
	if v.value.Kind != value.List && v.value.Kind != value.Tuple {
		s, _ := r.text(v)
		return s
	}
	var names []string
	for _, item := range v.value.Items {
		if s, ok := r.verbatim(item, v.name); ok {
			names = append(names, s)
		}
	}
	return strings.Join(names, ",")
}

// restartSerial is "3" or "20%".
func (r *reader) restartSerial(ctx context.Context, hosts []*graph.Host) string {
	const name = "openshift_restart_nodes_serial"
	v := r.agreed(ctx, hosts, name, false)
	if v == nil {
		return ""
	}
	s := v.value.Text
	number := strings.TrimSuffix(s, "%")
	n, ok := value.ParseInt(number)
	if v.value.Kind == value.Bool || !ok || n.Sign() <= 0 {
		r.fail(v.at(), "", "%s is %s, expected a number of nodes or a percentage", name, v.value.TypeName())
		return ""
	}
	return s
}

// imageTag is the tag of default test images.
func (r *reader) imageTag(read func(string) string) string {
	if tag := read("openshift_image_tag"); tag != "" {
		return tag
	}
	if release := read("openshift_release"); release != "" {
		return "v" + strings.TrimPrefix(release, "v")
	}
	return "latest"
}

// oregTarget is what oreg_url points at.
type oregTarget struct {
	host RegistryHost
	// image is the full reference of the default test image.
	image string
	at    Position
	// guessed says that neither oreg_url nor a deployment type names the host.
	guessed bool
}

func (r *reader) oregURL(url *variable, deployment, tag string) oregTarget {
	t := oregTarget{host: RegistryHost{Host: quay}, guessed: deployment == ""}
	path := "openshift/origin:" + tag
	if deployment == Enterprise {
		t.host.Host, path = redHat, "openshift3/ose-pod:"+tag
	}
	if url == nil {
		t.image = t.host.Host + "/" + path
		return t
	}
	t.at = url.at()
	text, ok := r.text(url)
	if !ok {
		return t
	}
	if scheme, after, found := strings.Cut(text, "://"); found && (scheme == "http" || scheme == "https") {
		text = after
	}
	host, rest, named := imageHost(text)
	if !named && !strings.Contains(text, "/") && strings.ContainsAny(text, ".:") && !strings.Contains(text, "$") {
		host, rest, named = text, "", true
	}
	if named {
		parsed, err := ParseRegistryHost(host)
		if err != nil {
			r.fail(t.at, "", "registry of oreg_url %s", err.Error())
			return t
		}
		r.portWarning(parsed.Host, t.at, "oreg_url")
		t.host, t.guessed = parsed, false
	}
	if rest = strings.Trim(rest, "/"); rest != "" {
		path = strings.NewReplacer("${component}", "pod", "${version}", tag).Replace(rest)
		if last := path[strings.LastIndexByte(path, '/')+1:]; !strings.ContainsAny(last, ":@") {
			path += ":" + tag
		}
	}
	t.image = t.host.Host + "/" + path
	return t
}

// portWarning: a key with a port serves only images that are named with it.
func (r *reader) portWarning(host string, at Position, name string) {
	if strings.HasSuffix(host, ":443") || strings.HasSuffix(host, ":80") {
		r.warn(at, "leave the port out unless your images are named with it",
			"%s: the registry is named with its default port; images named without the port do not use this login", name)
	}
}

// oregCredential is the login for the registry of oreg_url.
func (r *reader) oregCredential(ctx context.Context, hosts []*graph.Host, t oregTarget) *Credential {
	before := len(r.problems)
	user := r.agreed(ctx, hosts, "oreg_auth_user", true)
	password := r.agreed(ctx, hosts, "oreg_auth_password", true)
	unreadable := len(r.problems) > before // then nil is not "not set"
	test := r.agreed(ctx, hosts, "oreg_test_login", true)
	image := r.agreed(ctx, hosts, "oreg_test_image", true)
	verify := r.agreed(ctx, hosts, "oreg_tls_verify", true)
	switch {
	case user == nil && password == nil, (user == nil || password == nil) && unreadable:
		return nil
	case user == nil:
		r.fail(password.at(), "", "oreg_auth_password is set but oreg_auth_user is not")
		return nil
	case password == nil:
		r.fail(user.at(), "", "oreg_auth_user is set but oreg_auth_password is not")
		return nil
	}
	if t.guessed {
		r.fail(user.at(), "set it to "+Enterprise+" or "+Origin+", or name a registry in oreg_url",
			"openshift_deployment_type is not set, so the registry of oreg_auth_user is not known")
		return nil
	}
	cred := &Credential{
		Host: t.host.Host, Image: t.image, Source: source2(user.at(), user.name), TestLogin: true, TLSVerify: true,
	}
	cred.User = r.user(user.value, user.name)
	cred.Password = r.password(password)
	if test != nil {
		cred.TestLogin, _ = r.boolean(test.value, test.name)
	}
	if verify != nil {
		cred.TLSVerify, _ = r.boolean(verify.value, verify.name)
	}
	if image != nil {
		if s, ok := r.text(image); ok && s != "" {
			cred.Image, cred.ImageNamed = namedImage(t.host, s), true
		}
	}
	return cred
}

func source2(at Position, name string) string { return strings.TrimSpace(at.String() + " " + name) }

// namedImage completes a test image that the user named. It is relative to the
// registry as he wrote it, unless it starts with the registry itself.
func namedImage(host RegistryHost, image string) string {
	if _, after, ok := strings.Cut(image, "://"); ok {
		image = after
	}
	image = strings.TrimLeft(image, "/")
	if written, rest, ok := imageHost(image); ok {
		if parsed, err := ParseRegistryHost(written); err == nil && parsed.Host == host.Host {
			return host.Host + "/" + rest
		}
	}
	if host.Scope != "" && !strings.HasPrefix(image, host.Scope+"/") {
		image = host.Scope + "/" + image
	}
	return host.Host + "/" + image
}

// user checks a user name, which is text taken verbatim.
func (r *reader) user(v *value.Value, name string) string {
	s, ok := r.verbatim(v, name)
	switch {
	case !ok:
		r.fail(v.Pos, "", "%s is %s, expected text", name, v.TypeName())
	case s == "":
		r.fail(v.Pos, "", "%s is empty", name)
	case strings.Contains(s, ":"):
		r.fail(v.Pos, "", "%s holds a colon, which separates user and password in a login", name)
	case hasControl(s):
		r.fail(v.Pos, "", "%s holds a control character, such as a line end", name)
	}
	r.quoteWarning(s, v.Pos, name)
	return s
}

// password checks a password variable.
func (r *reader) password(v *variable) secret.Text {
	text := r.passwordText(v.value, v.name)
	if !v.vaulted && v.value == v.source {
		r.inlineWarning(v.at(), v.name)
	}
	return text
}

func (r *reader) passwordText(v *value.Value, name string) secret.Text {
	s, ok := r.verbatim(v, name)
	switch {
	case !ok:
		r.fail(v.Pos, "", "%s is %s, expected text", name, v.TypeName())
	case s == "":
		r.fail(v.Pos, "", "%s is empty", name)
	case strings.HasPrefix(s, "!vault"):
		r.fail(v.Pos, "move the variable to a YAML file in group_vars", "%s begins with !vault, which works only in YAML", name)
	case strings.HasPrefix(s, "$ANSIBLE_VAULT;"):
		r.fail(v.Pos, "write !vault | before it", "%s is an encrypted text without the tag !vault", name)
	case strings.ContainsAny(s, "\n\r"):
		r.warn(v.Pos, "in YAML, | keeps a line end and |- does not", "%s holds a line end, which is taken as part of it", name)
	}
	r.quoteWarning(s, v.Pos, name)
	return secret.New(s)
}

// quoteWarning: quotes that survived were probably meant to be taken off.
func (r *reader) quoteWarning(s string, at Position, name string) {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[0] == s[len(s)-1] {
		r.warn(at, "", "%s begins and ends with a quote, which is taken as part of it", name)
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 || c == 0x7f })
}

// distinct drops repeated credentials and refuses two logins for one registry.
func (r *reader) distinct(list []Credential) []Credential {
	var kept []Credential
next:
	for _, c := range list {
		for _, other := range kept {
			if other.Host != c.Host {
				continue
			}
			if other.User != c.User || !other.Password.Equal(c.Password) {
				r.fail(Position{}, "", "%s: a second, different login for %s, which %s has as well", c.Source, c.Host, other.Source)
				continue next
			}
			same := other
			same.Source, same.Password = c.Source, c.Password
			if same == c {
				continue next
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// requireRedHat refuses an inventory that uses registry.redhat.io, which
// serves nobody without a login, but has no login for it.
func (r *reader) requireRedHat(c *Cluster, examples string) {
	if len(r.problems) > 0 {
		return
	}
	for _, cred := range c.Credentials {
		if cred.Host == redHat {
			return
		}
	}
	host, _, _ := imageHost(examples)
	if host == "" {
		host = strings.Trim(examples, "/")
	}
	why := ""
	switch {
	case c.OregHost == redHat:
		why = "oreg_url, or its default for openshift-enterprise, is on " + redHat
	case host == redHat:
		why = "openshift_examples_registryurl is on " + redHat
	default:
		return
	}
	r.fail(r.inv.wholePosition(), "", "oreg_auth_user and oreg_auth_password are not set, but %s, which needs a login", why)
}

func entryName(i int) string { return fmt.Sprintf("%s[%d]", additional, i) }
