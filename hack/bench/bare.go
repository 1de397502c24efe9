package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// byHand puts a file in both places with the fewest commands that keep it
// whole when the power goes: what an administrator's loop would do, without a
// merge, a lock, a backup or a look at what stands there.
const byHand = `for d in /var/lib/origin/.docker /root/.docker; do
mkdir -p -m 0700 "$d" && printf '{"auths":{}}' | dd of="$d/config.json.new" conv=fsync 2>/dev/null && mv -f "$d/config.json.new" "$d/config.json" || exit 1
done`

// runBare is the measure: connect to every node, check its host key, log in
// with the key, run `true`, close. Nothing that does its work over SSH can be
// faster. It is a process of its own, as oreg is. With -by-hand it runs
// [byHand] instead.
func runBare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bare", flag.ContinueOnError)
	path := flags.String("state", "", "the lab's state.json")
	forks := flags.Int("forks", 40, "nodes at once")
	command := "true"
	flags.BoolFunc("by-hand", "write both files with a plain command", func(string) error { command = byHand; return nil })
	nodes := flags.Int("nodes", 0, "how many of the nodes; 0 for all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	content, err := os.ReadFile(*path)
	if err != nil {
		return err
	}
	var state labState
	if err := json.Unmarshal(content, &state); err != nil {
		return err
	}
	if *nodes > 0 {
		state.Nodes = state.Nodes[:*nodes]
	}
	pem, err := os.ReadFile(state.SSH.Key)
	if err != nil {
		return err
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return err
	}
	work := make(chan labNode)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for range *forks {
		wait.Go(func() {
			for n := range work {
				if err := visit(ctx, n, key, command); err != nil {
					mu.Lock()
					failures = append(failures, fmt.Errorf("%s: %w", n.Name, err))
					mu.Unlock()
				}
			}
		})
	}
	for _, n := range state.Nodes {
		work <- n
	}
	close(work)
	wait.Wait()
	return errors.Join(failures...)
}

func visit(ctx context.Context, n labNode, key ssh.Signer, command string) error {
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(n.HostKeys[0]))
	if err != nil {
		return err
	}
	address := net.JoinHostPort(n.Address, strconv.Itoa(n.Port))
	dialer := net.Dialer{Timeout: 30 * time.Second}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }() // the connection's own end has no news
	conn, channels, requests, err := ssh.NewClientConn(raw, address, &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(hostKey), HostKeyAlgorithms: []string{hostKey.Type()},
	})
	if err != nil {
		return err
	}
	client := ssh.NewClient(conn, channels, requests)
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	if out, err := session.CombinedOutput(command); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
