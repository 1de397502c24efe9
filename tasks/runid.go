package tasks

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// runTime is the first half of a run id, and runTail what follows it in bytes.
const (
	runTime = "20060102T150405Z"
	runTail = 2
)

// NewRunID returns an id such as "20261121T101500Z-3f9c". Runs sort by time,
// also within a second: of the four digits the first two are the second's
// fraction and the others random. Backups are kept and removed by that order.
// random is crypto/rand.Reader as a rule.
func NewRunID(now time.Time, random io.Reader) (string, error) {
	tail := make([]byte, runTail)
	if _, err := io.ReadFull(random, tail[1:]); err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	tail[0] = byte(now.Nanosecond() * 256 / int(time.Second))
	return now.UTC().Format(runTime) + "-" + hex.EncodeToString(tail), nil
}

// ValidRunID says whether a text has the form of a run id.
func ValidRunID(id string) bool {
	at, tail, _ := strings.Cut(id, "-")
	_, timeErr := time.Parse(runTime, at)
	raw, hexErr := hex.DecodeString(tail)
	return timeErr == nil && hexErr == nil && len(raw) == runTail && tail == strings.ToLower(tail)
}
