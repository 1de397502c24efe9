package tasks

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// NewRunID returns an id such as "20261121T101500Z-3f9c": runs sort by time,
// and two that begin in the same second differ. random is crypto/rand.Reader
// as a rule.
func NewRunID(now time.Time, random io.Reader) (string, error) {
	var tail [2]byte
	if _, err := io.ReadFull(random, tail[:]); err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail[:]), nil
}
