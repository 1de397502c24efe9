package validate

import (
	"fmt"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// hintFor says what to do next about a cause. host is the server that it is
// about: the registry as the user names it, or its token server.
func hintFor(c Cause, s *session, host string) string {
	elsewhere := ""
	if s.origin.Name == Controller {
		elsewhere = "; if only the nodes can reach it, check from there with --from first-master"
	}
	switch c {
	case CauseBadCredentials:
		return fmt.Sprintf("correct user and password of %s in the inventory; a token may have expired or been revoked, and after several wrong passwords the account may be locked", host)
	case CauseNoAccess:
		return "the login is good, the image is not for it: have it given read access, or name an image that it may read with test_image; some registries answer so for an image that does not exist"
	case CauseImageMissing:
		return "name an image that exists there with test_image (in the inventory) or --image"
	case CauseAnonymous:
		return "everybody may read this image, so the check says nothing about the password: name a private image with test_image"
	case CauseDNS:
		return "check the host's spelling and the name servers" + elsewhere
	case CauseRefused:
		return "check the port, and that the registry runs" + elsewhere
	case CauseUnreachable:
		return "check routes and firewalls on the way to the registry" + elsewhere
	case CauseTimeout:
		return "a firewall that drops packets looks like this, a slow registry too (then raise --check-timeout)" + elsewhere
	case CauseTLSUnknownAuthority:
		hint := fmt.Sprintf("put the authority's certificate into %s/%s/ca.crt or a --certs-dir", DefaultHostCertsDir, host)
		if host == s.host {
			hint += ", or set tls_verify to false for this registry alone"
		}
		return hint
	case CauseTLSHostname:
		return "use a name that the certificate is for, or have it issued again with this host"
	case CauseTLSExpired:
		return "have the certificate renewed, or set this machine's clock"
	case CauseTLSOther:
		return fmt.Sprintf("a registry that wants a client certificate finds it in %s/%s/ as client.cert and client.key", DefaultHostCertsDir, host)
	case CausePlainHTTP:
		return "no credential was sent; give the registry TLS, or set tls_verify to false for it, which sends the password in clear"
	case CauseProxy:
		return "check openshift_https_proxy in the inventory, or HTTPS_PROXY; a registry that needs no proxy belongs into openshift_no_proxy"
	case CauseRateLimited:
		return "wait and run the check again; the credential was neither accepted nor refused because of this"
	case CauseServerError:
		return "the registry has a problem of its own: try again later, or ask its administrator"
	case CauseNotARegistry:
		return "check host and port: this is no registry with the v2 API, or a portal or proxy answers in its place"
	case CauseRealmFailed:
		return "the registry leaves logins to this token server, which must be reachable too, from every node as well"
	case CauseForwardingRefused:
		return "allow AllowTcpForwarding (and PermitOpen) in the node's sshd_config, or check from elsewhere with --from"
	case CauseNotTried:
		return "correct the entry that was rejected, then run the check again"
	}
	return ""
}

// byHand is a command that shows the same without the secret: skopeo where the
// answer is about the login or the image, as it asks for the password itself,
// and curl where the registry could not be asked.
func byHand(k *check, c Cause) string {
	q := shellescape.Quote
	switch c {
	case "", CauseAnonymous, CauseBadCredentials, CauseNoAccess, CauseImageMissing, CauseNotTried:
		verify := ""
		if k.insecure {
			verify = " --tls-verify=false"
		}
		command := fmt.Sprintf("skopeo login%s --username %s %s", verify, q(k.credential.User), q(k.host))
		if k.credential.Image != "" && c != CauseBadCredentials {
			command += fmt.Sprintf(" && skopeo inspect --raw%s %s", verify, q("docker://"+k.credential.Image))
		}
		return k.there(command)
	case CauseRealmFailed:
		if k.realm != nil {
			return k.there(k.curl() + " --user " + q(k.credential.User) + " " + q(k.words(k.realm.String())))
		}
	}
	return k.there(k.curl() + " " + q(k.base.JoinPath("v2/").String()))
}

func (s *session) curl() string {
	command := "curl --verbose"
	if s.insecure {
		command += " --insecure"
	}
	if via, ok := strings.CutPrefix(s.route, "via proxy "); ok {
		command += " --proxy " + shellescape.Quote(via)
	}
	return command
}

// there wraps the command for the machine that the requests came from.
func (s *session) there(command string) string {
	if s.origin.Name == Controller {
		return command
	}
	return "ssh -t " + shellescape.Quote(s.origin.Name) + " " + shellescape.Quote(command)
}
