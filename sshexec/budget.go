package sshexec

import (
	"context"
	"sync"
	"time"
)

// budget is a deadline that can be stopped while a person types a passphrase
// or another host tries the same password first.
type budget struct {
	cancel context.CancelCauseFunc
	now    func() time.Time

	mu     sync.Mutex
	timer  *time.Timer
	left   time.Duration
	since  time.Time
	paused int
}

// withBudget returns a context that ends, with errBudget as its cause, after d
// of time that was not paused.
func withBudget(parent context.Context, d time.Duration, now func() time.Time) (context.Context, *budget) {
	ctx, cancel := context.WithCancelCause(parent)
	b := &budget{cancel: cancel, now: now, left: d, since: now()}
	b.timer = time.AfterFunc(d, func() { cancel(errBudget) })
	return ctx, b
}

// pause stops the clock until the returned function is called.
func (b *budget) pause() (resume func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused++
	if b.paused == 1 && b.timer.Stop() {
		b.left -= b.now().Sub(b.since)
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.paused--
		if b.paused == 0 {
			b.since = b.now()
			b.timer.Reset(max(b.left, 0))
		}
	})
}

func (b *budget) stop() {
	b.mu.Lock()
	b.paused++ // nobody restarts it
	b.timer.Stop()
	b.mu.Unlock()
	b.cancel(nil)
}
