package nodefile

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"al.essio.dev/pkg/shellescape"
)

//go:embed script.sh
var scriptSource string

// stripped is the script without comments and indentation. It is the same for
// every node, and there are thousands.
var stripped = sync.OnceValue(func() []byte {
	b := make([]byte, 0, len(scriptSource))
	for line := range strings.Lines(scriptSource) {
		line = strings.TrimLeft(line, "\t")
		if line != "\n" && !strings.HasPrefix(line, "#") {
			b = append(b, line...)
		}
	}
	return slices.Clip(b)
})

// The two ways to run the script.
const (
	opRead  = "read"
	opWrite = "write"
)

// call is the script's arguments.
type call struct {
	nonce, op string
	lockWait  int // tenths of a second
	runID     string
	backup    bool
	marker    string
	path      string
	paths     []string
}

// script is what is sent to the shell: the function, and the line that calls
// it.
//
// The call stands in braces: a shell that reads an unfinished last line from a
// broken stream runs it, and half a path is a path. The closing brace is the
// last byte before the line end, so nothing less than the whole line runs, and
// exit stands inside so that no byte after it can be taken for a command.
func (c call) script() []byte {
	backup := "0"
	if c.backup {
		backup = "1"
	}
	args := append([]string{"oreg_node", c.nonce, c.op, strconv.Itoa(c.lockWait), c.runID, backup, c.marker, c.path}, c.paths...)
	return append(stripped(), "{ "+shellescape.QuoteCommand(args)+"; exit; }\n"...)
}
