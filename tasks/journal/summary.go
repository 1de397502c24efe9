package journal

import (
	"slices"
	"time"
)

// Ending is how a run ended, in one word.
type Ending string

// The endings. All but the last two follow from the exit code.
const (
	EndingDone        Ending = "done"
	EndingStopped     Ending = "stopped"
	EndingFailed      Ending = "failed"
	EndingRefused     Ending = "refused"
	EndingUnreachable Ending = "unreachable"
	EndingInterrupted Ending = "interrupted"
	// EndingKilled: the journal has no end and nobody is writing it.
	EndingKilled Ending = "killed"
	// EndingRunning: the run still goes on.
	EndingRunning Ending = "running"
)

// Summary is a run in brief.
type Summary struct {
	Run     string    `json:"run"`
	Command string    `json:"command"`
	Of      string    `json:"of,omitempty"`
	Started time.Time `json:"started"`
	// Ended is nil, as is Exit, for a run without an end.
	Ended  *time.Time `json:"ended"`
	Ending Ending     `json:"ending"`
	Exit   *int       `json:"exit"`
	// Changed counts the places, files and secrets, that the run changed;
	// Unknown those of which it said that it was about to, and then nothing:
	// they are as before or as after.
	Changed int `json:"changed"`
	Unknown int `json:"unknown"`
	// Failed are the hosts that did not succeed, in the inventory's order.
	Failed    []string `json:"failed"`
	Inventory []string `json:"inventory"`
}

// Summary sums up a run.
func (r Record) Summary() Summary {
	start := r.Start()
	s := Summary{Run: r.Run, Command: start.Command, Of: start.Of, Started: start.Time,
		Failed: r.Unsuccessful(), Inventory: start.Inventory}
	if s.Failed == nil {
		s.Failed = []string{} // lists are lists in JSON, never null
	}
	if s.Inventory == nil {
		s.Inventory = []string{}
	}
	for _, state := range r.Places() {
		switch state {
		case PlaceChanged:
			s.Changed++
		case PlaceUnknown:
			s.Unknown++
		case PlaceUntouched:
		}
	}
	exit, ended := r.End()
	switch {
	case ended:
		s.Exit, s.Ended = &exit, &r.Lines[len(r.Lines)-1].Time
		s.Ending = ending(exit)
	case r.Open:
		s.Ending = EndingRunning
	default:
		s.Ending = EndingKilled
	}
	return s
}

// ending names oreg's exit codes.
func ending(exit int) Ending {
	switch exit {
	case 0:
		return EndingDone
	case 2:
		return EndingFailed
	case 3:
		return EndingRefused
	case 4:
		return EndingUnreachable
	case 99:
		return EndingInterrupted
	}
	return EndingStopped
}

// Place is a file on a host (Host and Path) or a secret (Namespace and Name).
type Place struct{ Host, Path, Namespace, Name string }

// PlaceState is what a journal knows of a place.
type PlaceState int

// What a run did to a place.
const (
	// PlaceUntouched: the change failed, and the place is as before.
	PlaceUntouched PlaceState = iota
	// PlaceChanged: it was changed, for certain.
	PlaceChanged
	// PlaceUnknown: it is as before or as after.
	PlaceUnknown
)

// StatusUnknown is the status of an EventAfter that does not know whether the
// change took place.
const StatusUnknown = "unknown"

// Places says of every place that the run meant to change what became of it.
func (r Record) Places() map[Place]PlaceState {
	places := map[Place]PlaceState{}
	for _, l := range r.Lines {
		at := Place{l.Host, l.Path, l.Namespace, l.Name}
		switch l.Event {
		case EventBefore:
			if places[at] != PlaceChanged {
				places[at] = PlaceUnknown
			}
		case EventAfter:
			switch was := places[at]; {
			case changes(l.Status):
				places[at] = PlaceChanged
			case was == PlaceUnknown && l.Status != StatusUnknown:
				places[at] = PlaceUntouched
			}
		default:
		}
	}
	return places
}

// Written are the digests of all that the run meant to write, by place: a place
// that still has one of them has not been put back.
func (r Record) Written() map[Place][]string {
	written := map[Place][]string{}
	for _, l := range r.Lines {
		if l.Event == EventBefore && l.New != "" && l.New != l.Old {
			at := Place{l.Host, l.Path, l.Namespace, l.Name}
			written[at] = append(written[at], l.New)
		}
	}
	return written
}

// changes says whether a status of the report means a change.
func changes(status string) bool {
	return slices.Contains([]string{"created", "updated", "removed", "restored"}, status)
}

// Unsuccessful are the hosts that the last attempt of the run was to work on
// and of which it did not say that all is well, in the order of the inventory.
func (r Record) Unsuccessful() []string {
	var hosts []string
	status := map[string]string{}
	for _, l := range r.Lines {
		switch l.Event {
		case EventStart:
			hosts, status = l.Hosts, map[string]string{}
		case EventHost:
			status[l.Host] = l.Status
		default:
		}
	}
	if len(status) == 0 && r.neverBegan() {
		return nil
	}
	var failed []string
	for _, h := range hosts {
		if status[h] != "ok" && status[h] != "changed" {
			failed = append(failed, h)
		}
	}
	return failed
}

// SecretsLeft says that the last attempt of the run was to work on secrets and
// did not say of every one that all is well.
func (r Record) SecretsLeft() bool {
	var wanted, seen, left bool
	for _, l := range r.Lines {
		switch l.Event {
		case EventStart:
			wanted, seen, left = l.Secrets, false, false
		case EventSecret:
			seen = true
			left = left || !changes(l.Status) && l.Status != "unchanged"
		default:
		}
	}
	if !seen && r.neverBegan() {
		return false
	}
	return wanted && (left || !seen)
}

// neverBegan says that the run stopped before any place had its turn, as far
// as its exit code tells.
func (r Record) neverBegan() bool {
	exit, ended := r.End()
	return ended && (exit == 1 || exit == 3 || exit == 5)
}

// SameInventory says whether the run was made with these inventories.
func (r Record) SameInventory(inventory []string) bool {
	return slices.Equal(r.Start().Inventory, inventory)
}
