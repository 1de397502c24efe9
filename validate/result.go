package validate

import "time"

// Status is the verdict on one credential.
type Status string

// The statuses of DESIGN.md section 5.
const (
	StatusValid        Status = "valid"
	StatusInvalid      Status = "invalid"
	StatusInconclusive Status = "inconclusive"
	StatusSkipped      Status = "skipped"
	StatusError        Status = "error"
)

// Login is what is known about the login.
type Login string

// Whether the registry accepted the login.
const (
	LoginProven   Login = "proven"
	LoginRejected Login = "rejected"
	LoginUnproven Login = "unproven"
	LoginUntested Login = "untested"
)

// Pull is what is known about pulling the test image with that login.
type Pull string

// Whether the test image could be read.
const (
	PullProven   Pull = "proven"
	PullDenied   Pull = "denied"
	PullMissing  Pull = "missing"
	PullUntested Pull = "untested"
)

// Cause says why a credential is not simply valid. The set is closed.
type Cause string

// The causes, as the README lists them.
const (
	CauseBadCredentials      Cause = "bad-credentials"
	CauseNoAccess            Cause = "no-access"
	CauseImageMissing        Cause = "image-missing"
	CauseAnonymous           Cause = "anonymous"
	CauseDNS                 Cause = "dns"
	CauseRefused             Cause = "refused"
	CauseUnreachable         Cause = "unreachable"
	CauseTimeout             Cause = "timeout"
	CauseTLSUnknownAuthority Cause = "tls-unknown-authority"
	CauseTLSHostname         Cause = "tls-hostname"
	CauseTLSExpired          Cause = "tls-expired"
	CauseTLSOther            Cause = "tls-other"
	CausePlainHTTP           Cause = "plain-http"
	CauseProxy               Cause = "proxy"
	CauseRateLimited         Cause = "rate-limited"
	CauseServerError         Cause = "server-error"
	CauseNotARegistry        Cause = "not-a-registry"
	CauseRealmFailed         Cause = "realm-failed"
	CauseForwardingRefused   Cause = "forwarding-refused"
	CauseNotTried            Cause = "not-tried"
)

// Result is the verdict on one credential from one origin.
type Result struct {
	// Index is the credential's place in the list that was given.
	Index int
	// Host, User, Source and Image are the credential's.
	Host, User, Source, Image string
	// From is "controller" or the name of the node whose network was used.
	From   string
	Status Status
	Login  Login
	Pull   Pull
	Cause  Cause
	// Detail is one sentence on what was seen: HTTP status, the server's own
	// words (masked, cut). Hint says what to do. ByHand is an equivalent
	// skopeo or curl command without the secret.
	Detail, Hint, ByHand string
	// Auth is "bearer", "basic" or "none"; empty where it was not learnt.
	Auth string
	// Realm is the host of the token server where that is another one.
	Realm string
	// Digest is the manifest's, "sha256:...".
	Digest string
	// Route is "direct" or "via proxy HOST:PORT"; Address the peer's IP and port;
	// TLS its version and certificate's subject, for -v.
	Route, Address, TLS string
	// HTTPStatus is the registry's last answer's, 0 where there was none.
	HTTPStatus int
	// Warnings stand beside the verdict (TLS verification off, plain HTTP, ...).
	Warnings []string
	Duration time.Duration
	// Unasked is why the network of From could not be used at all; nil where
	// something was asked.
	Unasked error
}
