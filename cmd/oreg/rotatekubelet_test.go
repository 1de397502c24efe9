//go:build lab

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// podState is what the lab's kubelet says of a pod.
type podState struct {
	Running bool   `json:"running"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// refused says that the registry did not let the kubelet pull.
func (p podState) refused() bool {
	return strings.Contains(p.Reason, "Pull") && strings.Contains(p.Message, "401 Unauthorized")
}

// podTime is what a pod gets to be pulled and started, or to be refused; far
// less than the five minutes that a kubelet remembers its config.json.
const podTime = time.Minute

// awaitPod waits until a pod is settled one way or the other. A kubelet that is
// backing off tells of it alone, without the registry's answer.
func awaitPod(ts *testscript.TestScript, node, pod string, done func(podState) bool) podState {
	deadline := time.Now().Add(podTime)
	for {
		labCtl(ts, false, []string{"kubelet", "status", node, pod})
		var state podState
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &state))
		if done(state) {
			return state
		}
		if time.Now().After(deadline) {
			ts.Fatalf("pod %s after %v: %+v", pod, podTime, state)
		}
		time.Sleep(500 * time.Millisecond) // a real kubelet, in real time
	}
}

// pod demands that a pod gets to run, or that its image is refused: `pod n1 a
// runs`, `pod n1 a refused`.
func pod(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || args[2] != "runs" && args[2] != "refused" {
		ts.Fatalf("usage: pod NODE POD runs|refused")
	}
	awaitPod(ts, args[0], args[1], func(p podState) bool {
		if args[2] == "runs" {
			return p.Running
		}
		if p.Running {
			ts.Fatalf("pod %s runs", args[1])
		}
		return p.refused()
	})
}

// kubeletReads starts one pod after the other until the kubelet has read its
// config.json anew, and demands that this takes no longer than a rotation's
// JSON says, but does take a while: `kubeletreads n1 IMAGE rotated.json`.
func kubeletReads(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: kubeletreads NODE IMAGE REPORT")
	}
	var report struct {
		Rotation struct {
			Safe     bool      `json:"safe_to_revoke"`
			SafeFrom time.Time `json:"safe_from"`
		} `json:"rotation"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), &report))
	said := report.Rotation.SafeFrom
	if !report.Rotation.Safe || said.Before(time.Now()) || said.After(time.Now().Add(5*time.Minute)) {
		ts.Fatalf("oreg says safe: %v, from %v on", report.Rotation.Safe, said)
	}
	for i := 1; ; i++ {
		name, begun := fmt.Sprintf("reads%d", i), time.Now()
		labCtl(ts, false, []string{"kubelet", "run", args[0], name, args[1], "--pull", "Always"})
		state := awaitPod(ts, args[0], name, func(p podState) bool { return p.Running || p.refused() })
		labCtl(ts, false, []string{"kubelet", "remove", args[0], name})
		switch {
		case state.Running && i == 1:
			ts.Fatalf("the kubelet had read the file at once: nothing was to be waited for")
		case state.Running:
			ts.Logf("the kubelet read the file %v before oreg said", said.Sub(begun).Round(time.Second))
			return
		case begun.After(said):
			ts.Fatalf("a pod begun %v after the time that oreg said was still refused: %s", begun.Sub(said), state.Message)
		}
		time.Sleep(5 * time.Second) // a real kubelet's memory, in real time
	}
}
