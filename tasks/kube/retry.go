package kube

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Conflicts are retried with a growing pause, for about a minute and a half in all: enough
// for dozens of writers to get their turn.
const (
	maxTries   = 60
	firstPause = 10 * time.Millisecond
	maxPause   = 2 * time.Second
)

// RetryConflict runs try until it ends without a conflict, at most two minutes or
// so. Each try must read anew. Nothing but a conflict is tried again.
func RetryConflict(ctx context.Context, try func() error) error {
	pause := firstPause
	for i := 1; ; i++ {
		err := try()
		var known *Error
		if i == maxTries || !errors.As(err, &known) || known.Cause != CauseConflict {
			return err
		}
		// Writers that collided must not come back together.
		if stopped := wait(ctx, pause/2+rand.N(pause)); stopped != nil {
			return fmt.Errorf("%w: %w", stopped, err)
		}
		pause = min(pause*3/2, maxPause)
	}
}

// PollEvery runs done at once and then after each pause until it says true or
// fails, or until limit has passed (false then). A limit of 0 asks once.
func PollEvery(ctx context.Context, pause, limit time.Duration, done func() (bool, error)) (bool, error) {
	tries := 1 + int(limit/pause)
	for i := 1; ; i++ {
		ok, err := done()
		if ok || err != nil || i >= tries {
			return ok, err
		}
		if err := wait(ctx, pause); err != nil {
			return false, err
		}
	}
}

// wait returns early, with the context's error, when that ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
