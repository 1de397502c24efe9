package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
)

// Call is one request to the API, for messages and access reviews.
type Call struct {
	// Verb is the API's: get, list, create, update, delete.
	Verb string
	// Group is the API group, empty for the core group.
	Group string
	// Resource is the plural name, "secrets".
	Resource    string
	Subresource string
	// Namespace is empty for what has none.
	Namespace string
	// Name is empty for list.
	Name string
}

// String is `get secrets "imagestreamsecret" in namespace "openshift"`.
func (c Call) String() string {
	s := c.Verb + " " + c.Resource
	if c.Group != "" {
		s += "." + c.Group
	}
	if c.Subresource != "" {
		s += "/" + c.Subresource
	}
	if c.Name != "" {
		s += fmt.Sprintf(" %q", c.Name)
	}
	if c.Namespace != "" {
		s += fmt.Sprintf(" in namespace %q", c.Namespace)
	}
	return s
}

// Classify turns the error of a call into an [*Error]. A nil err is nil; an
// error that already is one, or that says that ctx was cancelled, keeps its
// type. The server's own words are masked, since an admission webhook may
// repeat what it was sent.
//
// Answers are told apart by their status reason, everything else by the type
// of the error that the network returned. A 403 is forbidden; [Refusal] can
// tell a quota or a webhook from missing rights.
func Classify(err error, call Call, mask *secret.Masker) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", call, context.Canceled)
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fromStatus(err, status.Status(), call, mask)
	}
	return fromTransport(err, call, mask)
}

func fromStatus(err error, status metav1.Status, call Call, mask *secret.Masker) *Error {
	said := cut(mask.Mask(status.Message))
	made := func(cause Cause, hint, format string, args ...any) *Error {
		return &Error{Cause: cause, Message: fmt.Sprintf(format, args...), Hint: hint, Err: err}
	}
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonUnauthorized:
		return made(CauseUnauthorized, "the kubeconfig's certificate or token has expired or belongs to another cluster: log in again, or name another one with --kubeconfig",
			"the API server does not accept the kubeconfig's credentials (%s): %s", call, said)
	case metav1.StatusReasonForbidden:
		return made(CauseForbidden, "ask a cluster administrator for that right, or use a kubeconfig that has it",
			"no right to %s: %s", call, said)
	case metav1.StatusReasonConflict, metav1.StatusReasonAlreadyExists:
		return made(CauseConflict, "something else writes the same object at the same time: run the command again",
			"%s: changed by somebody else in the meantime: %s", call, said)
	case metav1.StatusReasonNotFound:
		if status.Details != nil && status.Details.Kind == "namespaces" {
			return NamespaceMissing(status.Details.Name, err)
		}
		if !NotFound(err) {
			return made(CauseAPIUnreachable, "is the server address in the kubeconfig that of a Kubernetes API?",
				"%s: the server knows no such resource: %s", call, said)
		}
		return made(CauseConflict, "run the command again", "%s: not found: %s", call, said)
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonRequestEntityTooLarge,
		metav1.StatusReasonMethodNotAllowed, metav1.StatusReasonNotAcceptable,
		metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonGone, metav1.StatusReasonExpired:
		return made(CauseRejected, "", "the API server rejected to %s: %s", call, said)
	case metav1.StatusReasonTooManyRequests, metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout,
		metav1.StatusReasonServiceUnavailable, metav1.StatusReasonInternalError:
		return made(CauseAPIUnreachable, "the API server is there but could not answer: look at its health, then run the command again",
			"%s: the API server answered %d: %s", call, status.Code, said)
	}
	// A webhook may answer with any status code and no reason at all.
	if status.Code >= http.StatusBadRequest && status.Code < http.StatusInternalServerError {
		return made(CauseRejected, "", "the API server rejected to %s (%d): %s", call, status.Code, said)
	}
	return made(CauseAPIUnreachable, "", "%s: the API server answered %d: %s", call, status.Code, said)
}

// NotFound says whether the API server itself answered that an object does not
// exist. A 404 of anything else, a load balancer or another web server, makes
// client-go's own check say the same.
func NotFound(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || !slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool {
		return c.Type == metav1.CauseTypeUnexpectedServerResponse
	})
}

// NamespaceMissing is the error for a namespace that does not exist.
func NamespaceMissing(namespace string, err error) *Error {
	hint := "create the namespace first"
	if namespace == "openshift" {
		hint = "the openshift namespace is made by the installer: at the prerequisites stage use --only nodes, and run again when the cluster stands"
	}
	return &Error{Cause: CauseNamespaceMissing, Message: fmt.Sprintf("namespace %q does not exist", namespace), Hint: hint, Err: err}
}

// fromTransport is for requests that no server answered.
func fromTransport(err error, call Call, mask *secret.Masker) *Error {
	e := &Error{Cause: CauseAPIUnreachable, Err: err}
	var (
		through *tunnelError
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		expired x509.CertificateInvalidError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.As(err, &through):
		e.Message = fmt.Sprintf("%s: %s", call, cut(mask.Mask(through.Error())))
		e.Hint = "does the API server run on the master, and does its sshd allow forwarding (AllowTcpForwarding)?"
	case errors.As(err, &dns):
		e.Message = fmt.Sprintf("%s: the API server's name %q cannot be resolved", call, dns.Name)
		e.Hint = "the name is the one in the kubeconfig"
	case errors.As(err, &unknown):
		e.Message = fmt.Sprintf("%s: the API server's certificate is signed by an authority that the kubeconfig does not name", call)
		e.Hint = "the kubeconfig may be that of another cluster, or older than the cluster's present CA"
	case errors.As(err, &host):
		e.Message = fmt.Sprintf("%s: the API server's certificate is not made out to %q", call, host.Host)
		e.Hint = "use the server name that the certificate holds, or tls-server-name in the kubeconfig"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		e.Message = fmt.Sprintf("%s: the API server's certificate has expired or is not yet valid", call)
		e.Hint = "check the clock of this machine, then the certificate"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Message = fmt.Sprintf("%s: the server does not speak TLS", call)
		e.Hint = "is the server address in the kubeconfig that of a Kubernetes API?"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = fmt.Sprintf("%s: connection refused", call)
		e.Hint = "is the API server running, and is its address in the kubeconfig right?"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Message = fmt.Sprintf("%s: no answer in time", call)
		e.Hint = "is the API server running, and does a firewall let this machine reach it?"
	default:
		e.Message = fmt.Sprintf("%s: %s", call, cut(mask.Mask(err.Error())))
	}
	return e
}

// maxText is how much of a server's text a message shows, in bytes.
const maxText = 600

// cut shortens foreign text to one line of bounded length.
func cut(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}
