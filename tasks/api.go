package tasks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"al.essio.dev/pkg/shellescape"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks/kube"
)

// API is how a run reaches the cluster. Open is called once, when the API is
// first needed; close ends what it opened.
type API interface {
	Open(ctx context.Context) (access *kube.Access, close func(), err error)
}

// MasterAPI goes through the first master, with the kubeconfig that the
// installer left there, over one SSH connection and never by way of a disk.
type MasterAPI struct {
	SSH    *sshexec.Client
	Master inventory.Node
}

// Open reads the master's kubeconfig. The error is a *kube.Error with cause
// api-unreachable: to the cluster it makes no difference why the master was
// not reached.
func (m MasterAPI) Open(ctx context.Context) (*kube.Access, func(), error) {
	conn, err := m.SSH.Connect(ctx, Target(m.Master))
	if err != nil {
		return nil, nil, m.unreachable("connect to", err)
	}
	under := &bridge{client: m.SSH, master: m.Master, conn: conn}
	closeConn := under.close
	read := func(ctx context.Context, file string) ([]byte, error) {
		return conn.Run(ctx, "exec cat -- "+shellescape.Quote(file), nil)
	}
	content, err := read(ctx, kube.MasterKubeconfig)
	if err != nil {
		closeConn()
		return nil, nil, m.unreachable("read "+kube.MasterKubeconfig+" on", err)
	}
	access, err := kube.FromMaster(ctx, kube.Master{
		Name: m.Master.Name, Kubeconfig: content, ReadFile: read,
		Dial: under.dial,
	})
	if err != nil {
		closeConn()
		return nil, nil, err
	}
	return access, closeConn, nil
}

func (m MasterAPI) unreachable(doing string, err error) error {
	e := &kube.Error{
		Cause: kube.CauseAPIUnreachable, Err: err,
		Message: fmt.Sprintf("cannot %s the first master %s: %v", doing, m.Master.Name, err),
		Hint:    "the API is reached through the first master; --kubeconfig FILE goes another way",
	}
	var connection *sshexec.Error
	if errors.As(err, &connection) && connection.Hint != "" {
		e.Hint = connection.Hint + "; or reach the API with --kubeconfig FILE"
	}
	return e
}

// bridge is the SSH connection under a client of the API. A rotation takes
// hours, in which a connection may end: the next dial makes another one.
type bridge struct {
	client *sshexec.Client
	master inventory.Node

	mu     sync.Mutex // guards conn and closed
	conn   *sshexec.Conn
	closed bool
}

func (b *bridge) dial(ctx context.Context, network, address string) (net.Conn, error) {
	b.mu.Lock()
	conn := b.conn
	b.mu.Unlock()
	through, err := conn.DialContext(ctx, network, address)
	var failure *sshexec.Error
	if err == nil || ctx.Err() != nil || !errors.As(err, &failure) || failure.Cause != sshexec.CauseConnectionLost {
		return through, err
	}
	if conn, err = b.renew(ctx, conn); err != nil {
		return nil, err
	}
	return conn.DialContext(ctx, network, address)
}

// renew replaces a connection that ended, unless somebody else already has.
func (b *bridge) renew(ctx context.Context, ended *sshexec.Conn) (*sshexec.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, net.ErrClosed
	case b.conn != ended:
		return b.conn, nil
	}
	conn, err := b.client.Connect(ctx, Target(b.master))
	if err != nil {
		return nil, err
	}
	_ = ended.Close() // it has ended
	b.conn = conn
	return conn, nil
}

func (b *bridge) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	_ = b.conn.Close() // what was done over it is decided by then
}

// KubeconfigAPI follows kubectl's own rules.
type KubeconfigAPI struct {
	Flags       kube.Flags
	Environment kube.Environment
}

// Open reads the kubeconfig; nothing is sent yet.
func (k KubeconfigAPI) Open(context.Context) (*kube.Access, func(), error) {
	access, err := kube.FromKubeconfig(k.Flags, k.Environment)
	return access, func() {}, err
}
