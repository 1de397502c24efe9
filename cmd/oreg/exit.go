package main

import (
	"context"
	"errors"

	"oreg/tasks"
	"oreg/tasks/clusterlock"
)

// exitCode is the process's answer to a script. The numbers are Ansible's
// where Ansible has one.
type exitCode int

const (
	exitDone        exitCode = 0
	exitStopped     exitCode = 1
	exitFailed      exitCode = 2
	exitCredential  exitCode = 3
	exitUnreachable exitCode = 4
	exitUsage       exitCode = 5
	exitInterrupted exitCode = 99
)

// exitMeaning is a row of the one table of exit codes.
type exitMeaning struct {
	code    exitCode
	meaning string
}

// exitMeanings is the one table of exit codes, for `oreg help exit-codes`.
func exitMeanings() []exitMeaning {
	return []exitMeaning{
		{exitDone, "done, also with warnings"},
		{exitStopped, "stopped before anything was changed: inventory, configuration, wrong cluster"},
		{exitFailed, "at least one host or secret failed, or drift was found"},
		{exitCredential, "a credential was rejected or could not be checked; nothing was changed"},
		{exitUnreachable, "hosts were unreachable, and there was no other failure"},
		{exitUsage, "bad usage"},
		{exitInterrupted, "interrupted"},
	}
}

// usageError is a command line that cannot be followed.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

// configError is an inventory or a configuration that cannot be worked with,
// found before anything was changed.
type configError struct{ message, hint string }

func (e *configError) Error() string { return e.message }

// exitOf decides the exit code: the error that ended the run early first,
// then what the report says of hosts and secrets.
func exitOf(ctx context.Context, report *tasks.Report, err error) exitCode {
	var usage *usageError
	var refused *tasks.CredentialsError
	var unproven *tasks.UnprovenError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &refused), errors.As(err, &unproven):
		return exitCredential
	case errors.Is(err, clusterlock.ErrLost):
		return exitFailed
	case err != nil:
		return exitStopped
	case report == nil:
		return exitDone
	case report.AnySecretAmiss(), report.AnyHostAmiss():
		return exitFailed
	case report.Recap.Unreachable > 0:
		return exitUnreachable
	case report.RotationAmiss():
		return exitFailed
	}
	return exitDone
}
