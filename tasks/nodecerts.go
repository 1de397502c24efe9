package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing/fstest"

	"oreg/sshexec"
	"oreg/validate"
)

// listCerts prints every file of certs.d that the container runtime would
// read, each behind a line "SIZE PATH". One command for all of them.
const listCerts = `cd ` + validate.DefaultHostCertsDir + ` 2>/dev/null || exit 0
for f in */*.crt */*.cert */*.key; do
	[ -f "$f" ] && [ -r "$f" ] || continue
	printf '%s %s\n' "$(wc -c <"$f" | tr -d ' ')" "$f" && cat "$f"
done`

// errCertList is an answer that is not a list of files.
var errCertList = errors.New("the list of certificates is cut off or not a list")

// nodeCerts reads a node's own certs.d into memory.
func nodeCerts(ctx context.Context, conn *sshexec.Conn) (fs.FS, error) {
	out, err := conn.Run(ctx, listCerts, nil)
	if err != nil {
		return nil, err
	}
	return parseCerts(string(out))
}

// parseCerts takes the list apart; a file that is cut off is an error, since
// half a certificate would come back as an unknown authority.
func parseCerts(list string) (fs.FS, error) {
	files := fstest.MapFS{}
	for list != "" {
		head, rest, ok := strings.Cut(list, "\n")
		number, name, named := strings.Cut(head, " ")
		size, err := strconv.Atoi(number)
		if !ok || !named || err != nil || size < 0 || size > len(rest) || !fs.ValidPath(name) {
			return nil, fmt.Errorf("read %s: %w", validate.DefaultHostCertsDir, errCertList)
		}
		files[name] = &fstest.MapFile{Data: []byte(rest[:size]), Mode: 0o600}
		list = rest[size:]
	}
	return files, nil
}
