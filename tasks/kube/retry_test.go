package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestC6_OnlyConflictsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		require.NoError(t, RetryConflict(t.Context(), func() error {
			if tries++; tries < 20 {
				return &Error{Cause: CauseConflict}
			}
			return nil
		}))
		assert.Equal(t, 20, tries)

		tries = 0
		forbidden := &Error{Cause: CauseForbidden}
		require.ErrorIs(t, RetryConflict(t.Context(), func() error { tries++; return forbidden }), forbidden)
		assert.Equal(t, 1, tries)

		tries = 0
		begin := time.Now()
		var known *Error
		require.ErrorAs(t, RetryConflict(t.Context(), func() error { tries++; return &Error{Cause: CauseConflict} }), &known)
		assert.Equal(t, maxTries, tries)
		assert.Less(t, time.Since(begin), 4*time.Minute)

		ctx, cancel := context.WithCancel(t.Context())
		tries = 0
		err := RetryConflict(ctx, func() error {
			if tries++; tries == 3 {
				cancel()
			}
			return &Error{Cause: CauseConflict}
		})
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 3, tries)
	})
}

func TestPollEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := 0
		after := func(n int) func() (bool, error) {
			count = 0
			return func() (bool, error) { count++; return count >= n, nil }
		}
		ok, err := PollEvery(t.Context(), time.Second, 0, after(2))
		require.NoError(t, err)
		assert.False(t, ok)
		assert.Equal(t, 1, count)

		begin := time.Now()
		ok, err = PollEvery(t.Context(), time.Second, 10*time.Second, after(4))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, 3*time.Second, time.Since(begin))

		broken := errors.New("broken")
		_, err = PollEvery(t.Context(), time.Second, time.Minute, func() (bool, error) { return false, broken })
		require.ErrorIs(t, err, broken)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = PollEvery(ctx, time.Second, time.Minute, after(100))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
