package site

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"oreg/hack/lab/kube"
)

// The lab plays the kubelet towards the API: it writes a Node's Ready condition.
const (
	heartOn    = "on"    // Ready, with a heartbeat each second (of a machine: while the node's service runs)
	heartStale = "stale" // as it was, and no heartbeat any more
	heartOff   = "off"   // Unknown, as the node controller says after 40 s without one
)

// interval is that of the heartbeats. A kubelet's is 10 s; tests have less time.
const interval = time.Second

// heart is the heart of one node. A machine's service beats it; other nodes have a ticker.
type heart struct {
	mu   sync.Mutex
	mode string // empty: nobody asked yet
	due  chan struct{}
	stop context.CancelFunc // of the goroutine that writes
	done chan struct{}
}

// beat is a sign of life. It never waits.
func (h *heart) beat() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mode != heartOn {
		return
	}
	select {
	case h.due <- struct{}{}:
	default: // one is due already
	}
}

func (h *heart) state() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mode
}

// set changes the mode. tick is for nodes that no service beats.
func (h *heart) set(ctx context.Context, mode string, tick bool, api *kube.Server, name string) error {
	if !slices.Contains([]string{heartOn, heartStale, heartOff}, mode) {
		return fmt.Errorf("heartbeat %q: expected on, off or stale", mode)
	}
	if api == nil {
		return errors.New("this lab has no Kubernetes API")
	}
	h.halt()
	ctx, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	h.mode, h.stop, h.due, h.done = mode, cancel, make(chan struct{}, 1), make(chan struct{})
	due, done := h.due, h.done
	h.mu.Unlock()
	switch mode {
	case heartOn:
		go func() {
			defer close(done)
			write(ctx, due, tick, func() error { return api.Heartbeat(ctx, name, true) })
		}()
		return nil
	case heartOff:
		close(done)
		return api.Heartbeat(ctx, name, false)
	}
	close(done)
	return nil
}

// write writes a heartbeat whenever one is due, until ctx ends. An API that does not answer gets the
// next one.
func write(ctx context.Context, due <-chan struct{}, tick bool, heartbeat func() error) {
	var ticks <-chan time.Time
	if tick {
		t := time.NewTicker(interval)
		defer t.Stop()
		ticks = t.C
		_ = heartbeat() // the API may be stopped or paused
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
		case <-ticks:
		}
		_ = heartbeat() // the API may be stopped or paused
	}
}

// halt ends the writing and waits for it.
func (h *heart) halt() {
	h.mu.Lock()
	stop, done := h.stop, h.done
	h.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

func (l *Lab) setHeart(n *node, mode string) error {
	if n.kubelet {
		return fmt.Errorf("node %s has a real kubelet, which has its own heartbeat: stop or pause the node", n.name)
	}
	return n.heart.set(l.ctx, mode, n.kind != KindMachine, l.kube, n.name)
}

// startHearts lets new machines beat: their services play the kubelet.
func (l *Lab) startHearts() error {
	var errs []error
	for _, n := range l.nodes {
		if l.kube != nil && n.kind == KindMachine && !n.kubelet && n.heart.state() == "" {
			errs = append(errs, l.setHeart(n, heartOn))
		}
	}
	return errors.Join(errs...)
}
