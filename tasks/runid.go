package tasks

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// NewRunID returns an id such as "20261121T101500Z-3f9c". Runs sort by time,
// also within a second: of the four digits the first two are the second's
// fraction and the others random. Backups are kept and removed by that order.
// random is crypto/rand.Reader as a rule.
func NewRunID(now time.Time, random io.Reader) (string, error) {
	tail := make([]byte, 2)
	if _, err := io.ReadFull(random, tail[1:]); err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	tail[0] = byte(now.Nanosecond() * 256 / int(time.Second))
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail), nil
}
