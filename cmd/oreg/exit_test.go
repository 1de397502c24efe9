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
	report := func(secrets []string, hosts ...string) *tasks.Report {
		r := &tasks.Report{}
		for _, status := range secrets {
			r.Secrets = append(r.Secrets, tasks.SecretReport{Status: status})
		}
		for _, status := range hosts {
			r.Hosts = append(r.Hosts, tasks.HostReport{Status: status})
		}
		r.Finish()
		return r
	}
	host := func(status string) *tasks.Report { return report(nil, status) }
	// T1: no exit 0 while a place would go on with the old login.
	rotation := func(r tasks.RotationReport) *tasks.Report {
		done := host(tasks.StatusChanged)
		done.Rotation = &r
		return done
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
		{"failed and unreachable", t.Context(), report(nil, tasks.StatusUnreachable, tasks.StatusFailed), nil, exitFailed},
		{"a secret failed, a host unreachable", t.Context(), report([]string{tasks.StatusFailed}, tasks.StatusUnreachable), nil, exitFailed},
		{"a secret drifted", t.Context(), report([]string{tasks.StatusUnchanged, tasks.StatusDrift}, tasks.StatusOK), nil, exitFailed},
		{"a secret is missing", t.Context(), report([]string{tasks.StatusMissing}), nil, exitFailed},
		{"a secret skipped", t.Context(), report([]string{tasks.StatusSkipped}, tasks.StatusOK), nil, exitDone},
		{"a login refused, a host unreachable", t.Context(), report(nil, tasks.StatusUnreachable), &tasks.CredentialsError{Refused: 1, Checked: 2}, exitCredential},
		{"interrupted after a failure", interrupted, report([]string{tasks.StatusFailed}, tasks.StatusFailed), context.Canceled, exitInterrupted},
		{"interrupted when all was done", interrupted, report([]string{tasks.StatusCreated}, tasks.StatusChanged), nil, exitDone},
		{"a rotation stopped", t.Context(), rotation(tasks.RotationReport{Stopped: "the canary failed"}), nil, exitFailed},
		{"an old login is left at a node", t.Context(), rotation(tasks.RotationReport{StillOld: []tasks.OldPlace{{Node: "forgotten"}}}), nil, exitFailed},
		{"an old login is left in a pool", t.Context(), rotation(tasks.RotationReport{StillOld: []tasks.OldPlace{{Pool: "worker"}}}), nil, exitFailed},
		{"what was left out on purpose", t.Context(), rotation(tasks.RotationReport{StillOld: []tasks.OldPlace{{Why: "--limit"}}}), nil, exitDone},
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
