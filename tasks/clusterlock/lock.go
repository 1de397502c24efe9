// Package clusterlock keeps two runs of oreg off one cluster: a ConfigMap that
// names its holder, who renews it every few seconds.
//
// [Acquire] waits for it, [Lock.Release] gives it back. A holder that is gone
// loses it: at once if he was a process of this machine, else when he has not
// renewed it for [Expiry].
//
// What surprised us: clocks of two machines cannot be compared, so whether a
// holder still renews is seen by the object's version changing, not by the
// time that he wrote. The Lease objects that are made for this do not exist in
// the API of 1.11. A process id says nothing without the process's start, the
// machine's boot and its process namespace: containers share a host name and
// number their processes alike.
package clusterlock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"oreg/tasks/kube"
)

// Name is the ConfigMap's; its data has the holder under one key.
const (
	Name      = "oreg-lock"
	holderKey = "holder"
)

// The times of the lock.
const (
	// Expiry is how long a holder counts as alive without a sign, and how long
	// a newcomer waits for one and the same holder before he gives up.
	Expiry = 30 * time.Second
	// Renewal is the pause between two signs.
	Renewal = 8 * time.Second
	// poll is the pause between two looks at a lock that another one holds.
	poll = time.Second
	// cleanup bounds the release.
	cleanup = 5 * time.Second
)

// Holder is who holds the lock.
type Holder struct {
	Run     string    `json:"run"`
	Command string    `json:"command"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Process Process   `json:"process"`
	// Signs counts the renewals.
	Signs int `json:"signs"`
}

// LockedError says that another run holds the lock. It is in the chain of the
// [*kube.Error] of [Acquire].
type LockedError struct{ Holder Holder }

func (e *LockedError) Error() string {
	return "another run works on this cluster: " + e.Holder.String()
}

func (h Holder) String() string {
	if h.Run == "" {
		return "nobody knows which"
	}
	return fmt.Sprintf("%s %s, by process %d on %s since %s", h.Command, h.Run, h.Process.PID, h.Host, h.Since.UTC().Format(time.RFC3339))
}

// Options of [Acquire].
type Options struct {
	Now func() time.Time
	// Alive says whether a process of this machine, of which Holder.Process is
	// one, still runs; [Alive] by default.
	Alive func(Process) bool
	// Waiting is told once that another one has the lock; nil does nothing.
	Waiting func(Holder)
}

// Lock is a lock that is held. It is renewed until it is released.
type Lock struct {
	client coreclient.ConfigMapInterface
	now    func() time.Time
	stop   context.CancelFunc
	done   sync.WaitGroup
	lost   chan struct{}

	mu      sync.Mutex
	holder  Holder
	present *corev1.ConfigMap
}

// Acquire takes the lock of a namespace, at once or when its holder is gone. It
// waits for [Expiry] at most, or until a holder that gives no more signs has
// given none for that long, and anew whenever the lock has passed on: many
// short runs that come together are a queue, and none of them has failed. The
// error is a *kube.Error, with a [*LockedError] in its chain where somebody else
// goes on holding it, or what ended ctx.
func Acquire(ctx context.Context, client coreclient.ConfigMapInterface, namespace string, holder Holder, o Options) (*Lock, error) {
	alive := o.Alive
	if alive == nil {
		alive = Alive
	}
	holder.Since = o.Now().UTC()
	l := &Lock{client: client, now: o.Now, holder: holder, lost: make(chan struct{})}
	begun := o.Now()
	version, since := "", begun
	var last Holder
	for {
		present, err := client.Get(ctx, Name, metav1.GetOptions{})
		switch {
		case kube.NotFound(err):
			present = nil
		case err != nil:
			return nil, explain(err, "get", namespace)
		case present.ResourceVersion != version:
			version, since = present.ResourceVersion, o.Now()
		}
		other := holderOf(present)
		if present != nil && (other.Run != last.Run || !other.Since.Equal(last.Since)) {
			last, begun = other, o.Now()
		}
		gone := present != nil && (other.Process.here(holder.Process) && !alive(other.Process) || o.Now().Sub(since) >= Expiry)
		if present == nil || gone {
			err := l.write(ctx, present)
			if err == nil {
				l.renew(ctx)
				return l, nil
			}
			if err = explain(err, "create", namespace); !kube.IsCause(err, kube.CauseConflict) {
				return nil, err
			}
			continue // somebody else was faster
		}
		if o.Waiting != nil {
			o.Waiting(other)
			o.Waiting = nil
		}
		// A holder that has missed a sign may be dead: then it is not he that is
		// waited for, but the end of his time.
		if o.Now().Sub(begun) >= Expiry && o.Now().Sub(since) < 2*Renewal {
			locked := &LockedError{Holder: other}
			return nil, &kube.Error{Cause: kube.CauseConflict, Err: locked, Message: locked.Error(), Hint: "wait until it has ended, and run the command again"}
		}
		if err := pause(ctx, poll); err != nil {
			return nil, err
		}
	}
}

func explain(err error, verb, namespace string) error {
	return kube.Classify(err, kube.Call{Verb: verb, Resource: "configmaps", Namespace: namespace, Name: Name}, nil)
}

// write makes the lock ours: present is what is there, or nil.
func (l *Lock) write(ctx context.Context, present *corev1.ConfigMap) error {
	text, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	next := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: Name}}
	if present != nil {
		next = present.DeepCopy()
	}
	next.Data = map[string]string{holderKey: string(text)}
	if present == nil {
		next, err = l.client.Create(ctx, next, metav1.CreateOptions{})
	} else {
		next, err = l.client.Update(ctx, next, metav1.UpdateOptions{})
	}
	if err == nil {
		l.present = next
	}
	return err
}

// renew gives a sign every now and then, until the lock is released. ctx's end
// does not end it: work in flight goes on for a while.
func (l *Lock) renew(ctx context.Context) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() {
		for pause(ctx, Renewal) == nil {
			if !l.sign(ctx) {
				close(l.lost)
				return
			}
		}
	})
}

// sign renews the lock; false says that another one has it. An API that does
// not answer is asked again at the next turn: it may be restarted by this very
// run.
func (l *Lock) sign(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder.Signs++
	err := l.write(ctx, l.present)
	if err == nil || !kube.IsCause(explain(err, "update", ""), kube.CauseConflict) && !kube.NotFound(err) {
		return true
	}
	present, err := l.client.Get(ctx, Name, metav1.GetOptions{})
	switch {
	case kube.NotFound(err):
		return l.write(ctx, nil) == nil
	case err != nil:
		return true
	case !l.ours(present):
		return false
	}
	l.present = present
	return true
}

// ours says whether the lock names this very holder.
func (l *Lock) ours(present *corev1.ConfigMap) bool {
	other := holderOf(present)
	return other.Run == l.holder.Run && other.Process == l.holder.Process && other.Since.Equal(l.holder.Since)
}

// Lost is closed when another run has taken the lock over, because this one
// gave no sign for too long.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// Release gives the lock back, also after ctx has ended. One that another run
// has taken over stays his.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	present, err := l.client.Get(ctx, Name, metav1.GetOptions{})
	if kube.NotFound(err) || err == nil && !l.ours(present) {
		return nil
	}
	if err != nil {
		return explain(err, "get", "")
	}
	err = l.client.Delete(ctx, Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &present.UID, ResourceVersion: &present.ResourceVersion},
	})
	if kube.NotFound(err) {
		return nil
	}
	return explain(err, "delete", "")
}

// holderOf reads the holder; a zero one where it cannot be read.
func holderOf(present *corev1.ConfigMap) Holder {
	var h Holder
	if present != nil && json.Unmarshal([]byte(present.Data[holderKey]), &h) != nil {
		return Holder{}
	}
	return h
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// ErrLost is the cause of a context that ended because another run took the
// lock over.
var ErrLost = errors.New("another run took over the lock of the cluster")
