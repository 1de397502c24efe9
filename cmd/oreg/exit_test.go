package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/tasks"
	"oreg/tasks/clusterlock"
)

// TestO4_ExitCodeOfHowARunEnded: 1 and 3 promise that nothing was changed.
func TestO4_ExitCodeOfHowARunEnded(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	host := func(status string) *tasks.Report {
		r := &tasks.Report{Hosts: []tasks.HostReport{{Status: status}}}
		r.Finish()
		return r
	}
	for _, c := range []struct {
		name   string
		ctx    context.Context
		report *tasks.Report
		err    error
		want   exitCode
	}{
		{"done", t.Context(), host(tasks.StatusChanged), nil, exitDone},
		{"a host failed", t.Context(), host(tasks.StatusFailed), nil, exitFailed},
		{"a host unreachable", t.Context(), host(tasks.StatusUnreachable), nil, exitUnreachable},
		{"interrupted", interrupted, host(tasks.StatusSkipped), context.Canceled, exitInterrupted},
		{"the lock was lost", t.Context(), host(tasks.StatusSkipped), fmt.Errorf("rotate: %w", clusterlock.ErrLost), exitFailed},
		{"refused", t.Context(), nil, &tasks.CredentialsError{Refused: 1, Checked: 1}, exitCredential},
		{"unproven", t.Context(), nil, &tasks.UnprovenError{}, exitCredential},
		{"declined", t.Context(), nil, tasks.ErrDeclined, exitStopped},
		{"bad usage", t.Context(), nil, &usageError{}, exitUsage},
		{"anything else before the first change", t.Context(), nil, errors.New("no inventory"), exitStopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, exitOf(c.ctx, c.report, c.err))
		})
	}
}
