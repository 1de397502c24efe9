package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

	"oreg/hack/lab/netns"
)

// network is a node's own: a namespace in which the lab's addresses mean what they mean outside,
// and a forwarder that makes the node's sshd answer at its address outside too.
type network struct {
	ns     *netns.Namespace
	mirror *netns.Mirror
	addr   *net.TCPAddr
	front  *netns.Forward // nil while the node is stopped
}

// newNetwork makes a network and opens its front on a free port of address, so that the port is the
// node's from now on.
func newNetwork(address string) (_ *network, err error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	n := &network{ns: ns, mirror: netns.NewMirror(ns), addr: &net.TCPAddr{IP: net.ParseIP(address)}}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	n.addr = n.front.Addr()
	return n, nil
}

// open listens outside.
func (n *network) open() error {
	if n.front != nil {
		return nil
	}
	ln, err := net.ListenTCP("tcp", n.addr)
	if err != nil {
		return err
	}
	n.front = netns.NewForward(ln, func() (*net.TCPConn, error) { return n.ns.Dial(n.addr) })
	return nil
}

// shut refuses new connections from outside and cuts those there are.
func (n *network) shut() {
	if n.front != nil {
		_ = n.front.Close() // a listener that is closed is what is wanted
		n.front = nil
	}
}

// close gives everything up.
func (n *network) close() error {
	n.shut()
	return errors.Join(n.mirror.Set(nil), n.ns.Close())
}

func (n *node) start(ctx context.Context) error {
	if n.net != nil {
		if err := n.net.open(); err != nil {
			return err
		}
	}
	return n.Restart(ctx)
}

func (n *node) stop() {
	if n.net != nil {
		n.net.shut()
	}
	if n.server != nil {
		n.Stop()
	}
}

// close stops a node for ever.
func (n *node) close() error {
	n.heart.halt()
	n.stop()
	errs := []error{n.log.Close()}
	if c, ok := n.server.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if n.starts != nil {
		errs = append(errs, n.starts.Close())
	}
	if n.net != nil {
		errs = append(errs, n.net.close())
	}
	return errors.Join(errs...)
}

// infrastructure is the addresses of registries, realms and API that answer now.
func (l *Lab) infrastructure() []string {
	var all []string
	for _, r := range l.registries {
		if !r.Running() {
			continue
		}
		all = append(all, r.Host())
		if u, err := url.Parse(r.Realm()); err == nil && u.Port() != "" {
			all = append(all, "127.0.0.1:"+u.Port()) // where every realm listens, whatever its name
		}
	}
	if l.kube != nil && l.kube.PID() != 0 {
		all = append(all, strings.TrimPrefix(l.kube.URL(), "https://"))
		if l.proxy != nil {
			all = append(all, l.proxy.Host())
		}
	}
	return all
}

// mirrorAll makes the lab's present addresses reachable from each network, under the same names.
func (l *Lab) mirrorAll() error {
	all := l.infrastructure()
	var errs []error
	for _, n := range l.nodes {
		if n.net == nil {
			continue
		}
		addresses := all[:len(all):len(all)]
		for _, other := range l.nodes {
			if other != n && other.Running() {
				addresses = append(addresses, other.Addr().String())
			}
		}
		errs = append(errs, n.net.mirror.Set(addresses))
	}
	return errors.Join(errs...)
}

// target is the address that a registry's name, "api" or ADDRESS[:PORT] stands for; port 0 is all.
func (l *Lab) target(s string) (net.IP, int, error) {
	switch r := l.registry(s); {
	case r != nil:
		s = r.Host()
	case s == "api" && l.kube != nil:
		s = strings.TrimPrefix(l.kube.PublicURL(), "https://")
	}
	if ip := net.ParseIP(s); ip != nil {
		return ip, 0, nil
	}
	host, port, err := net.SplitHostPort(s)
	ip := net.ParseIP(host)
	number, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || ip == nil {
		return nil, 0, fmt.Errorf("%q: expected the name of a registry, api, or an IP address with or without a port", s)
	}
	return ip, int(number), nil
}
