package tasks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RotationReport is what a rotation adds to the report.
type RotationReport struct {
	Plan RotationPlan `json:"plan"`
	// Continues says that an unfinished attempt was continued.
	Continues bool `json:"continues"`
	// Stopped is why the run went no further; empty if it came to its end.
	Stopped string `json:"stopped"`
	// RolledBack says that everything was put back after that.
	RolledBack bool `json:"rolled_back"`
	// Safe says that no place holds an old login any more; SafeFrom since when
	// no kubelet does, where one still has the old file in its memory.
	Safe     bool       `json:"safe_to_revoke"`
	SafeFrom *time.Time `json:"safe_from"`
	// StillOld are the places that hold an old login, or may.
	StillOld []OldPlace `json:"still_old"`
	// Accounted says that every place was looked at in the end. A run that
	// ended before its first change does not look again.
	Accounted bool `json:"-"`
}

// The states of an [OldPlace].
const (
	// PlaceOld: the new login is not there.
	PlaceOld = "old"
	// PlaceUnknown: nobody could look.
	PlaceUnknown = "unknown"
)

// OldPlace is a place that keeps an old login from being revoked.
type OldPlace struct {
	// Host is a host of the inventory, Node an object of the cluster that the
	// inventory lacks, Secret NAMESPACE/NAME, Pool a MachineConfigPool; one of
	// the four, or none where it is about hosts that were left out.
	Host   string `json:"host,omitempty"`
	Node   string `json:"node,omitempty"`
	Secret string `json:"secret,omitempty"`
	Pool   string `json:"machineconfigpool,omitempty"`
	State  string `json:"state"`
	Why    string `json:"why"`
}

// RotationPlan is what a rotation is about to do.
type RotationPlan struct {
	// Canary goes first; Change are the hosts whose files change, Restart those
	// whose service is restarted, in Batches of Batch.
	Canary  []string `json:"canary"`
	Change  []string `json:"change"`
	Restart []string `json:"restart"`
	Batch   int      `json:"batch"`
	Batches int      `json:"batches"`
	// Unreachable ones stay as they are.
	Unreachable []string `json:"unreachable"`
	// Secrets are those that change.
	Secrets []string `json:"secrets"`
	// Seconds is about how long the restarts take.
	Seconds int `json:"estimated_seconds"`
}

// Nothing says that every place is as it should be already.
func (p RotationPlan) Nothing() bool { return len(p.Change)+len(p.Restart)+len(p.Secrets) == 0 }

// Serial is how many nodes are restarted at a time: a number, or a percentage
// of those to be done.
type Serial struct {
	N       int
	Percent float64
}

// ParseSerial reads "5" or "20%", as Ansible's serial; empty is 1.
func ParseSerial(text string) (Serial, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Serial{N: 1}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(percent > 0 && percent <= 100) {
			return Serial{}, fmt.Errorf("%q: expected a percentage from 1%% to 100%%", text)
		}
		return Serial{Percent: percent}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return Serial{}, errors.New(strconv.Quote(text) + ": expected a number of nodes such as 5, or a percentage such as 20%")
	}
	return Serial{N: n}, nil
}

// Of is the size of a batch out of so many nodes; at least 1.
func (s Serial) Of(nodes int) int {
	n := s.N
	if s.Percent > 0 {
		n = int(s.Percent * float64(nodes) / 100)
	}
	return max(n, 1)
}
