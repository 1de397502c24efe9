package kube

import "errors"

// Cause says why a secret, or anything else in the cluster, could not be
// worked on. The set is closed.
type Cause string

// The causes, as the README lists them.
const (
	CauseAPIUnreachable   Cause = "api-unreachable"
	CauseUnauthorized     Cause = "unauthorized"
	CauseForbidden        Cause = "forbidden"
	CauseNamespaceMissing Cause = "namespace-missing"
	CauseConflict         Cause = "conflict"
	CauseWrongType        Cause = "wrong-type"
	CauseRejected         Cause = "rejected"
	CauseWrongCluster     Cause = "wrong-cluster"
)

// OfServer says that a failure depends on which server was asked, and as whom.
func (c Cause) OfServer() bool {
	switch c {
	case CauseAPIUnreachable, CauseUnauthorized, CauseForbidden, CauseNamespaceMissing:
		return true
	case CauseConflict, CauseWrongType, CauseRejected, CauseWrongCluster:
	}
	return false
}

// Error is the failure of one call, or of what several calls were to do.
type Error struct {
	Cause Cause
	// Message is one sentence that names what was asked and what came back; it
	// holds no secret. Hint says what to do, and may be empty.
	Message, Hint string
	Err           error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// IsCause says whether an error is an [*Error] of this cause.
func IsCause(err error, cause Cause) bool {
	var known *Error
	return errors.As(err, &known) && known.Cause == cause
}

// ConfigError is a kubeconfig that cannot be used: missing, broken, or without
// the context that was asked for. Nothing was sent to any server.
type ConfigError struct {
	Message, Hint string
	Err           error
}

func (e *ConfigError) Error() string { return e.Message }

// Unwrap returns the underlying error.
func (e *ConfigError) Unwrap() error { return e.Err }
