package sshexec

import (
	"context"
	"sync"
	"time"
)

// DefaultForks is how many hosts are worked on at the same time.
const DefaultForks = 64

// filesPerHost is what one host may cost in open files: its connection, and
// the three pipes of a ProxyCommand. filesReserved are for everything else:
// the journal, the API, registries.
const (
	filesPerHost  = 4
	filesReserved = 64
)

// EachOptions bound a fan-out.
type EachOptions struct {
	// Forks is the number of workers ([DefaultForks]); the open-file limit
	// bounds it too, see [MaxForks].
	Forks int
	// OpenFiles is the limit to respect; 0 means the process's own.
	OpenFiles uint64
}

// MaxForks returns how many hosts the limit of open files allows at the same
// time, at least 1; 0 means no limit. Go raises the soft limit of its
// processes to the hard one by itself.
func MaxForks(openFiles uint64) int {
	if openFiles == 0 {
		openFiles = openFileLimit()
	}
	if openFiles == 0 || openFiles > 1<<30 {
		return 0
	}
	if openFiles <= filesReserved+filesPerHost {
		return 1
	}
	return int((openFiles - filesReserved) / filesPerHost)
}

// Each works on items with a fixed number of workers, in order, and hands
// every result to done as soon as it is there, one at a time, with the item's
// index: memory depends on the workers and not on the items. Every item gets
// its answer: once ctx has ended, do is not called any more, and skipped makes
// the results of the rest (see [NotTried]). do decides itself what a cancelled
// ctx means for work in progress (see [Grace]); Each returns when the last do
// has.
func Each[T, R any](ctx context.Context, items []T, o EachOptions,
	do func(ctx context.Context, item T) R,
	skipped func(item T, cause error) R,
	done func(i int, result R),
) {
	workers := o.Forks
	if workers <= 0 {
		workers = DefaultForks
	}
	if most := MaxForks(o.OpenFiles); most > 0 {
		workers = min(workers, most)
	}
	workers = min(workers, len(items))
	var mu sync.Mutex // guards next, and serialises done
	next := 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= len(items)
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				i, ok := take()
				if !ok {
					return
				}
				var result R
				if ctx.Err() != nil {
					result = skipped(items[i], context.Cause(ctx))
				} else {
					result = do(ctx, items[i])
				}
				mu.Lock()
				done(i, result)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
}

// Grace returns a context that ends d after ctx does, for work that should
// not be cut off in the middle. The caller must call cancel.
func Grace(ctx context.Context, d time.Duration) (graced context.Context, cancel context.CancelFunc) {
	graced, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if graced.Err() == nil {
			timer = time.AfterFunc(d, func() { end(context.Cause(ctx)) })
		}
	})
	return graced, func() {
		stop()
		end(nil)
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
	}
}
