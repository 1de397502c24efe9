package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/record"
)

func TestRecordInMemoryAndFileAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l, err := record.New[int](path)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { l.Add(i) })
	}
	wg.Wait()
	require.Len(t, l.All(), 100)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, strings.Fields(string(raw)), 100)

	require.NoError(t, l.Reset())
	l.Add(7)
	raw, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "7\n", string(raw), "no hole where the old entries were")
	require.Equal(t, []int{7}, l.All())
	require.NoError(t, l.Close())
}
