package sshexec

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// RetryOptions say how often and how soon.
type RetryOptions struct {
	// Attempts in all, the first included; 3 by default.
	Attempts int
	// Base is the wait before the second attempt (500 ms by default); it
	// doubles each time, up to Max (10 s), and half of it is random, so that a
	// fleet does not come back all at once.
	Base, Max time.Duration
	// Jitter returns a number in [0,1); math/rand/v2 by default.
	Jitter func() float64
}

// Retry calls do until it succeeds, fails for a reason that another attempt
// cannot mend (an [Error] that is not Transient, or any other error), or the
// attempts are used up. The wait ends with ctx. The last error is returned.
func Retry[R any](ctx context.Context, o RetryOptions, do func(ctx context.Context) (R, error)) (R, error) {
	attempts, wait, longest, jitter := o.Attempts, o.Base, o.Max, o.Jitter
	if attempts <= 0 {
		attempts = 3
	}
	if wait <= 0 {
		wait = 500 * time.Millisecond
	}
	if longest <= 0 {
		longest = 10 * time.Second
	}
	if jitter == nil {
		jitter = rand.Float64
	}
	for attempt := 1; ; attempt++ {
		result, err := do(ctx)
		if err == nil || attempt >= attempts || !IsTransient(err) {
			return result, err
		}
		pause := time.NewTimer(time.Duration(float64(min(wait, longest)) * (0.5 + jitter()/2)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return result, err
		}
		wait *= 2
	}
}

// IsTransient says whether the outermost [Error] in a chain is worth another
// try.
func IsTransient(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Transient
}
