package validate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// failure is why something could not be asked. It is an error so that it can
// pass through net/http (from the dialer, from the proxy hook) and be found
// again by errors.As.
type failure struct {
	cause  Cause
	detail string // one sentence, already fit to be shown
	hint   string // empty: the cause's own
	// elsewhere: it is not the registry itself that failed, but its token
	// server, a proxy, or where it redirects to.
	elsewhere bool
	// transient failures are worth another try; after is what the server asked
	// to wait, 0 where it did not say. written: the request may have arrived.
	transient bool
	after     time.Duration
	written   bool
}

func (f *failure) Error() string { return string(f.cause) + ": " + f.detail }

// phase is how far a request had come.
type phase int

const (
	phaseConnect phase = iota
	phaseTLS
	phaseRequest
	phaseAnswer
)

func (p phase) String() string {
	switch p {
	case phaseConnect:
		return "while connecting"
	case phaseTLS:
		return "in the TLS handshake"
	case phaseRequest:
		return "waiting for an answer"
	case phaseAnswer:
		return "in the middle of its answer"
	}
	return ""
}

// classify finds the cause of a failed request to host by the types of the
// errors, never by their text. words makes foreign text fit to be shown.
func classify(err error, host string, at phase, words func(string) string) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	f := &failure{written: at >= phaseRequest}
	set := func(c Cause, format string, args ...any) *failure {
		f.cause, f.detail = c, fmt.Sprintf(format, args...)
		return f
	}
	var (
		dns      *net.DNSError
		op       *net.OpError
		record   tls.RecordHeaderError
		bad      *tls.CertificateVerificationError
		addr     *net.AddrError
		timedOut interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, ErrForwardingRefused):
		return set(CauseForwardingRefused, "the node's SSH server does not forward connections to %s", host)
	case errors.As(err, &dns):
		f.transient = dns.IsTemporary || dns.IsTimeout
		if dns.IsNotFound {
			return set(CauseDNS, "the name %s is not known", words(dns.Name))
		}
		return set(CauseDNS, "the name %s could not be looked up", words(dns.Name))
	case errors.Is(err, context.DeadlineExceeded):
		f.transient = true
		return set(CauseTimeout, "no answer from %s %s", host, at)
	case errors.Is(err, context.Canceled):
		return set(CauseNotTried, "interrupted before %s had answered", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return set(CauseRefused, "%s refuses the connection", host)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EADDRNOTAVAIL):
		return set(CauseUnreachable, "no route to %s", host)
	case errors.As(err, &bad):
		return classifyCertificate(f, bad, host, words)
	case errors.As(err, &record):
		if strings.HasPrefix(string(record.RecordHeader[:]), "HTTP/") {
			return set(CausePlainHTTP, "%s speaks plain HTTP where TLS was expected", host)
		}
		f.hint = "check host and port: something else than a registry listens there"
		return set(CauseTLSOther, "%s does not speak TLS", host)
	case errors.As(err, &op) && op.Op == "remote error":
		// crypto/tls reports the peer's alert so; with TLS 1.3 one about a
		// missing client certificate comes only with the first answer.
		return set(CauseTLSOther, "%s broke off the TLS handshake: %s", host, words(op.Err.Error()))
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"):
		return set(CauseProxy, "the SOCKS proxy could not connect to %s", host)
	case errors.As(err, &addr):
		return set(CauseDNS, "%s is not a valid address", host)
	case errors.As(err, &timedOut) && timedOut.Timeout():
		f.transient = true
		return set(CauseTimeout, "no answer from %s %s", host, at)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		switch at {
		case phaseTLS:
			return set(CauseTLSOther, "%s closed the connection in the TLS handshake", host)
		case phaseConnect:
			return set(CauseUnreachable, "the connection to %s was cut %s", host, at)
		}
		f.transient = true
		return set(CauseServerError, "%s closed the connection %s", host, at)
	}
	switch at {
	case phaseConnect:
		return set(CauseUnreachable, "cannot connect to %s: %s", host, words(inner(err)))
	case phaseTLS:
		return set(CauseTLSOther, "no TLS connection to %s: %s", host, words(inner(err)))
	}
	return set(CauseNotARegistry, "%s does not answer as an HTTP server should: %s", host, words(inner(err)))
}

// inner drops the URL that net/http puts before its errors: its query holds
// the user name.
func inner(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

func classifyCertificate(f *failure, bad *tls.CertificateVerificationError, host string, words func(string) string) *failure {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	subject := "unnamed"
	if len(bad.UnverifiedCertificates) > 0 {
		subject = words(bad.UnverifiedCertificates[0].Subject.String())
	}
	switch {
	case errors.As(bad, &invalid) && invalid.Reason == x509.Expired:
		c := invalid.Cert
		f.cause = CauseTLSExpired
		f.detail = fmt.Sprintf("the certificate of %s (%s) is valid from %s to %s only", host, words(c.Subject.String()),
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(bad, &name):
		f.cause = CauseTLSHostname
		c := name.Certificate
		switch {
		case len(c.DNSNames)+len(c.IPAddresses) > 0:
			names := append([]string(nil), c.DNSNames...)
			for _, ip := range c.IPAddresses {
				names = append(names, ip.String())
			}
			f.detail = fmt.Sprintf("the certificate of %s is for %s", host, words(strings.Join(names, ", ")))
		default:
			f.detail = fmt.Sprintf("the certificate of %s has only a common name (%s) and no subject alternative name", host, words(c.Subject.CommonName))
			f.hint = "certificates without a subject alternative name (SAN) are no longer accepted by Go programs, the container runtimes included: have it issued again with the host as SAN"
		}
	case errors.As(bad, &unknown):
		f.cause = CauseTLSUnknownAuthority
		f.detail = fmt.Sprintf("the certificate of %s (%s) is signed by an authority that is not trusted here", host, subject)
	default:
		f.cause = CauseTLSOther
		f.detail = fmt.Sprintf("the certificate of %s (%s) is not accepted: %s", host, subject, words(bad.Err.Error()))
	}
	return f
}
