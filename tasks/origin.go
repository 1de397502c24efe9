package tasks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/validate"
)

// Prober checks credentials from wherever it is told; *validate.Checker is
// one.
type Prober interface {
	CheckFrom(ctx context.Context, from validate.Origin, credentials []inventory.Credential, report func(validate.Result)) []validate.Result
	Probe(ctx context.Context, credential inventory.Credential, from validate.Origin) validate.Result
}

// MasterChecker checks from the network of the first master, through its SSH
// connection, with its name resolution and its certs.d. It is a [Checker].
type MasterChecker struct {
	SSH    *sshexec.Client
	Prober Prober
	Master inventory.Node
}

// Check presents every credential from the first master.
func (m MasterChecker) Check(ctx context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	conn, origin, err := openOrigin(ctx, m.SSH, m.Master)
	if err != nil {
		return unreachableFrom(m.Master.Name, credentials, err, report)
	}
	defer func() { _ = conn.Close() }() // only read over it
	return m.Prober.CheckFrom(ctx, origin, credentials, report)
}

// NodesChecker checks from every node's network: each node probes each
// registry without a credential, and each credential is presented once, from
// the first node that reaches its registry. It is a [Checker]; it answers with
// a row for each credential and one more for each node that probed.
type NodesChecker struct {
	SSH    *sshexec.Client
	Prober Prober
	Nodes  []inventory.Node
	Forks  int
}

// Check answers for every credential and every node; Index is the
// credential's in every row.
func (n NodesChecker) Check(ctx context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	var tested []int
	for i, c := range credentials {
		if c.TestLogin {
			tested = append(tested, i)
		}
	}
	probes := make([][]validate.Result, len(n.Nodes))
	place := map[string]int{}
	for i, node := range n.Nodes {
		place[node.Name] = i
	}
	sshexec.Each(ctx, n.Nodes, sshexec.EachOptions{Forks: n.Forks},
		func(ctx context.Context, node inventory.Node) []validate.Result {
			return n.probe(ctx, node, credentials, tested)
		},
		func(node inventory.Node, cause error) []validate.Result {
			return probeFailures(node.Name, credentials, tested, sshexec.NotTried(cause))
		},
		func(i int, rows []validate.Result) { probes[i] = rows },
	)
	results := n.present(ctx, credentials, probes, place, report)
	for _, rows := range probes {
		results = append(results, rows...)
	}
	return results
}

// present shows each credential to its registry from the first node that
// reaches it. From no node: its verdict is that of the first node's probe.
func (n NodesChecker) present(ctx context.Context, credentials []inventory.Credential, probes [][]validate.Result, place map[string]int, report func(validate.Result)) []validate.Result {
	results := make([]validate.Result, len(credentials))
	byNode := map[string][]int{}
	var untested []int
	for i, c := range credentials {
		if !c.TestLogin {
			untested = append(untested, i)
			continue
		}
		from := ""
		for _, rows := range probes {
			for _, row := range rows {
				if row.Index != i {
					continue
				}
				if results[i].Host == "" {
					results[i] = row
				}
				if from == "" && row.Status == validate.StatusValid {
					from = row.From
				}
			}
		}
		if from == "" {
			report(results[i])
			continue
		}
		byNode[from] = append(byNode[from], i)
	}
	finish := func(indexes []int, rows []validate.Result) {
		for j, i := range indexes {
			results[i] = rows[j]
			results[i].Index = i
		}
	}
	if len(untested) > 0 { // no request is made for these
		finish(untested, n.Prober.CheckFrom(ctx, validate.Origin{Name: validate.Controller}, pick(credentials, untested), report))
	}
	for _, node := range n.Nodes {
		indexes := byNode[node.Name]
		if len(indexes) == 0 {
			continue
		}
		some := pick(credentials, indexes)
		conn, origin, err := openOrigin(ctx, n.SSH, n.Nodes[place[node.Name]])
		if err != nil {
			finish(indexes, unreachableFrom(node.Name, some, err, report))
			continue
		}
		finish(indexes, n.Prober.CheckFrom(ctx, origin, some, report))
		_ = conn.Close() // only read over it
	}
	return results
}

// probe asks every registry from one node, over one SSH connection.
func (n NodesChecker) probe(ctx context.Context, node inventory.Node, credentials []inventory.Credential, tested []int) []validate.Result {
	conn, origin, err := openOrigin(ctx, n.SSH, node)
	if err != nil {
		return probeFailures(node.Name, credentials, tested, err)
	}
	defer func() { _ = conn.Close() }() // only read over it
	rows := make([]validate.Result, len(tested))
	sshexec.Each(ctx, slices.Collect(indexes(len(tested))), sshexec.EachOptions{Forks: len(tested)},
		func(ctx context.Context, j int) validate.Result {
			return n.Prober.Probe(ctx, credentials[tested[j]], origin)
		},
		func(j int, cause error) validate.Result {
			return failedRow(node.Name, credentials[tested[j]], sshexec.NotTried(cause))
		},
		func(j int, row validate.Result) {
			row.Index = tested[j]
			rows[j] = row
		})
	return rows
}

func probeFailures(name string, credentials []inventory.Credential, tested []int, err error) []validate.Result {
	rows := make([]validate.Result, len(tested))
	for j, i := range tested {
		rows[j] = failedRow(name, credentials[i], err)
		rows[j].Index = i
	}
	return rows
}

func unreachableFrom(name string, credentials []inventory.Credential, err error, report func(validate.Result)) []validate.Result {
	rows := make([]validate.Result, len(credentials))
	for i, c := range credentials {
		rows[i] = failedRow(name, c, err)
		rows[i].Index = i
		report(rows[i])
	}
	return rows
}

// failedRow is the row of a node that could not be asked at all: that says
// nothing about the registry, and the sentence begins with the node.
func failedRow(node string, c inventory.Credential, err error) validate.Result {
	r := validate.Result{
		Host: c.Host, User: c.User, Source: c.Source, Image: c.Image, From: node,
		Status: validate.StatusError, Login: validate.LoginUntested, Pull: validate.PullUntested,
		Cause: validate.CauseNotTried, Detail: fmt.Sprintf("node %s: %v", node, err), Unasked: err,
	}
	var connection *sshexec.Error
	if errors.As(err, &connection) {
		r.Hint = connection.Hint
	}
	return r
}

// openOrigin connects to a node and makes its network an origin.
func openOrigin(ctx context.Context, client *sshexec.Client, node inventory.Node) (*sshexec.Conn, validate.Origin, error) {
	conn, err := sshexec.Retry(ctx, sshexec.RetryOptions{}, func(ctx context.Context) (*sshexec.Conn, error) {
		return client.Connect(ctx, Target(node))
	})
	if err != nil {
		return nil, validate.Origin{}, err
	}
	certs, err := nodeCerts(ctx, conn)
	if err != nil {
		_ = conn.Close() // the first error is the one that matters
		return nil, validate.Origin{}, err
	}
	return conn, validate.Origin{Name: node.Name, Certs: certs, Dial: dialFrom(conn)}, nil
}

// dialFrom dials through a node, and says failures in the words of the net
// package, which is what causes are told apart by.
func dialFrom(conn *sshexec.Conn) validate.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := conn.DialContext(ctx, network, address)
		var failure *sshexec.Error
		if err == nil || !errors.As(err, &failure) {
			return c, err
		}
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			host = address
		}
		var plain error
		switch failure.Cause {
		case sshexec.CauseForwardingRefused:
			plain = validate.ErrForwardingRefused
		case sshexec.CauseDNS:
			plain = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		case sshexec.CauseRefused:
			plain = syscall.ECONNREFUSED
		case sshexec.CauseTimeout:
			plain = os.ErrDeadlineExceeded
		default:
			plain = syscall.EHOSTUNREACH
		}
		return nil, fmt.Errorf("%w: %w", plain, err)
	}
}

// tokenHosts learns, without presenting any login, where the delegated
// registries have their logins decided: an entry for that host is theirs, and
// is not somebody's leftover.
func (r *Run) tokenHosts(ctx context.Context) []validate.Result {
	prober, ok := r.Checker.(Prober)
	if !ok {
		return nil
	}
	var results []validate.Result
	for i, c := range r.Cluster.Credentials {
		if !c.Delegated {
			continue
		}
		result := prober.Probe(ctx, c, validate.Origin{Name: validate.Controller})
		result.Index = i
		if result.Realm == "" {
			r.Watch.Warn(fmt.Sprintf("%s was not asked for its token host (%s): an entry for that host may show as a leftover", c.Host, result.Cause))
		}
		results = append(results, result)
	}
	return results
}

func pick(all []inventory.Credential, indexes []int) []inventory.Credential {
	some := make([]inventory.Credential, len(indexes))
	for j, i := range indexes {
		some[j] = all[i]
	}
	return some
}

func indexes(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
