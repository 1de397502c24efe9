//go:build lab

package oracle

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Exchange sends a request to a script that reads and writes one line of JSON
// for each, and fills in the reply.
func (o *Oracle) Exchange(t *testing.T, request, reply any) {
	t.Helper()
	require.NoError(t, json.NewEncoder(o.in).Encode(request), "the oracle ended; is ansible-core installed for %s?", Python)
	line, err := o.out.ReadBytes('\n')
	require.NoError(t, err, "the oracle ended; is ansible-core installed for %s?", Python)
	require.NoError(t, json.Unmarshal(line, reply))
}
