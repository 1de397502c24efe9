package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// loginGrace is sshd's LoginGraceTime.
const loginGrace = 2 * time.Minute

// Session is one command that a client asked for.
type Session struct {
	Node       string
	User       string
	Command    string
	Env        []string // what the client sent and sshd's AcceptEnv (LANG, LC_*) lets through
	Connection string   // as in SSH_CONNECTION
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
}

func (n *Node) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	remote := conn.RemoteAddr().String()
	n.event("connect", "", remote, "")
	if d := time.Duration(n.latency.Load()); d > 0 {
		conn = delayed(conn, d, n.cfg.Now)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends every read below
	login := time.AfterFunc(loginGrace, cancel)
	sc, channels, requests, err := ssh.NewServerConn(conn, n.ssh)
	login.Stop()
	if err != nil {
		n.event("disconnect", "", remote, "before login")
		return
	}
	go ssh.DiscardRequests(requests)
	var work sync.WaitGroup
	for ch := range channels {
		switch ch.ChannelType() {
		case "session":
			work.Go(func() { n.session(ctx, sc, ch) })
		case "direct-tcpip":
			work.Go(func() { n.forward(ctx, sc, ch) })
		default:
			// The peer is gone if this fails; the loop sees it.
			_ = ch.Reject(ssh.UnknownChannelType, "unknown channel type "+ch.ChannelType())
		}
	}
	cancel()
	work.Wait()
	n.event("disconnect", sc.User(), remote, "")
}

func (n *Node) session(ctx context.Context, sc *ssh.ServerConn, nc ssh.NewChannel) {
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	// Closing twice is an error of no consequence.
	defer func() { _ = ch.Close() }()
	s := &Session{
		Node: n.cfg.Name, User: sc.User(), Stdin: ch, Stdout: ch, Stderr: ch.Stderr(),
		Connection: strings.NewReplacer("[", "", "]", "").Replace(fields(sc.RemoteAddr()) + " " + fields(sc.LocalAddr())),
	}
	started := false
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	// The channel's requests end when the client closes the channel or the connection: so does ctx.
	defer cancel()
	for req := range requests {
		ok, run := false, false
		switch req.Type {
		case "env":
			var v struct{ Name, Value string }
			if ssh.Unmarshal(req.Payload, &v) == nil && (v.Name == "LANG" || strings.HasPrefix(v.Name, "LC_")) {
				s.Env = append(s.Env, v.Name+"="+v.Value)
				ok = true
			}
		case "exec":
			var v struct{ Command string }
			if ok = !started && ssh.Unmarshal(req.Payload, &v) == nil; ok {
				started = true
				s.Command = v.Command
				n.event("exec", s.User, sc.RemoteAddr().String(), s.Command)
				run = true
			}
		}
		if req.WantReply {
			// The peer is gone if this fails; the range ends then.
			_ = req.Reply(ok, nil)
		}
		if run { // after the reply: a quick command would end the channel before it
			work.Go(func() { n.exec(ctx, ch, s) })
		}
	}
}

func (n *Node) exec(ctx context.Context, ch ssh.Channel, s *Session) {
	status, err := n.cfg.Handler.Exec(ctx, s)
	// From here on the client may be gone; nothing is left to do about it.
	defer func() { _ = ch.Close() }()
	var sig SignalError
	switch {
	case errors.As(err, &sig):
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal     string
			CoreDumped bool
			Message    string
			Language   string
		}{Signal: sig.Name}))
		return
	case err != nil:
		_, _ = fmt.Fprintf(s.Stderr, "oreg lab: %v\n", err)
		status = 255
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}

// SignalError says that the command was ended by a signal, named as SSH does (KILL, TERM).
type SignalError struct{ Name string }

func (e SignalError) Error() string { return "ended by signal " + e.Name }

// forward is a direct-tcpip channel: the client reaches another address through this node.
func (n *Node) forward(ctx context.Context, sc *ssh.ServerConn, nc ssh.NewChannel) {
	var v struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(nc.ExtraData(), &v); err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, "malformed request") // a peer that is gone needs no answer
		return
	}
	target := net.JoinHostPort(v.Host, strconv.FormatUint(uint64(v.Port), 10))
	n.event("forward", sc.User(), sc.RemoteAddr().String(), target)
	if !n.forwarding.Load() {
		// The code and the words of OpenSSH with AllowTcpForwarding no.
		_ = nc.Reject(ssh.Prohibited, "open failed") // a peer that is gone needs no answer
		return
	}
	var d net.Dialer
	out, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, "Connection refused") // a peer that is gone needs no answer
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = out.Close() }) // ends both copies
	defer stop()
	ch, requests, err := nc.Accept()
	if err != nil {
		_ = out.Close() // the client is gone
		return
	}
	go ssh.DiscardRequests(requests)
	// Either copy ends when its side does; half-close is passed on, as TLS and HTTP rely on it.
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(out, ch)
		_ = out.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(ch, out)
		_ = ch.CloseWrite()
	})
	both.Wait()
	_ = out.Close()
	_ = ch.Close()
}

// fields is "address port", as SSH_CONNECTION has it.
func fields(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host + " " + port
}
