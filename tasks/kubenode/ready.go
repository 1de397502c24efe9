package kubenode

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
)

// Getter reads a Node object. clientset.CoreV1().Nodes() is one.
type Getter interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*corev1.Node, error)
}

// The usual times of [WaitReady].
const (
	DefaultReadyTimeout = 5 * time.Minute
	DefaultReadyPoll    = 2 * time.Second
)

// NotReadyError is a Node that did not become ready again in time.
type NotReadyError struct{ Message, Hint string }

func (e *NotReadyError) Error() string { return e.Message }

// Wait says how long to wait for a Node. The zero values of its times are the
// defaults.
type Wait struct {
	Timeout, Poll time.Duration
	Now           func() time.Time
}

// Ready waits until a Node has a Ready condition that is true and whose
// heartbeat is newer than after, by the node's clock. An API that does not
// answer is asked again until the time is over: it may run on the very node.
// The error is a [*NotReadyError] or what ended ctx.
func (w Wait) Ready(ctx context.Context, client Getter, name string, after time.Time) error {
	timeout, poll := w.Timeout, w.Poll
	if timeout <= 0 {
		timeout = DefaultReadyTimeout
	}
	if poll <= 0 {
		poll = DefaultReadyPoll
	}
	deadline := w.Now().Add(timeout)
	for {
		node, err := client.Get(ctx, name, metav1.GetOptions{})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reason := ""
		if err != nil {
			reason = kube.Classify(err, kube.Call{Verb: "get", Resource: "nodes", Name: name}, nil).Error()
		} else if reason = notReady(node, after); reason == "" {
			return nil
		}
		if w.Now().After(deadline) {
			return &NotReadyError{
				Message: fmt.Sprintf("Node %s did not become Ready within %v of its restart: %s", name, timeout, reason),
				Hint:    "`oc describe node " + name + "`, and the kubelet's log on the host",
			}
		}
		pause := time.NewTimer(poll)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// notReady says why a Node is not ready anew; nothing if it is.
func notReady(node *corev1.Node, after time.Time) string {
	for _, c := range node.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		switch {
		case c.Status != corev1.ConditionTrue:
			return fmt.Sprintf("its Ready condition is %s (%s)", c.Status, c.Reason)
		case !c.LastHeartbeatTime.After(after):
			return fmt.Sprintf("its Ready condition is stale: the last heartbeat was at %s, the restart at %s",
				c.LastHeartbeatTime.UTC().Format(time.RFC3339), after.UTC().Format(time.RFC3339))
		}
		return ""
	}
	return "it has no Ready condition"
}
