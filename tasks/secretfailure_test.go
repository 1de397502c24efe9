package tasks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/sshexec"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// TestO4_CauseOfASecretFitsItsError: what never reached the API is not blamed
// on it.
func TestO4_CauseOfASecretFitsItsError(t *testing.T) {
	for _, c := range []struct {
		name        string
		err         error
		cause, hint string
	}{
		{"classified", fmt.Errorf("list: %w", &kube.Error{Cause: kube.CauseForbidden, Message: "m", Hint: "h"}), "forbidden", "h"},
		{"a broken kubeconfig", &kube.ConfigError{Message: "m", Hint: "h"}, "api-unreachable", "h"},
		{"the way to the API", &sshexec.Error{Cause: sshexec.CauseConnectionLost, Message: "m", Hint: "h"}, "api-unreachable", "h"},
		{"interrupted", fmt.Errorf("update: %w", context.Canceled), "api-unreachable", ""},
		{"too late", fmt.Errorf("update: %w", context.DeadlineExceeded), "api-unreachable", ""},
		{"network", &net.OpError{Op: "dial", Err: errors.New("no route")}, "api-unreachable", ""},
		{"anything else", errors.New("an entry that cannot be written"), "rejected", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := NewSecretReport(secrets.Result{Status: secrets.StatusFailed, Err: c.err})
			assert.Equal(t, c.cause, row.Error.Cause)
			assert.Equal(t, c.hint, row.Error.Hint)
			assert.NotEmpty(t, row.Error.Message)
		})
	}
}
