package sshexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
)

// startProxy runs a ProxyCommand by the shell, as OpenSSH does, and speaks
// over its standard streams. The command gets oreg's environment, which holds
// no secret of ours.
func startProxy(ctx context.Context, command string) (net.Conn, error) {
	// The connection outlives ctx, which bounds its beginning only.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", "exec "+command)
	ownGroup(cmd)
	near, inner := net.Pipe()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr := &limitedText{limit: maxStderr}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return nil, &Error{Cause: CauseJumpFailed, Unreachable: true, Message: fmt.Sprintf("ProxyCommand cannot be started: %v", err), Err: err}
	}
	p := &proxyConn{Conn: near, cmd: cmd, stderr: stderr, ended: make(chan struct{})}
	go func() {
		_, _ = io.Copy(stdin, inner)
		_ = stdin.Close()
	}()
	go func() {
		_, _ = io.Copy(inner, stdout)
		_ = inner.Close()
		_ = cmd.Wait() // its status says nothing that its end does not
		close(p.ended)
	}()
	return p, nil
}

// proxyConn is the connection through a ProxyCommand; its end is the end of
// the command's whole process group.
type proxyConn struct {
	net.Conn
	cmd    *exec.Cmd
	stderr *limitedText
	ended  chan struct{}
	once   sync.Once
}

func (p *proxyConn) Close() error {
	err := p.Conn.Close()
	p.once.Do(func() { killGroup(p.cmd) })
	return err
}

func (p *proxyConn) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	return n, p.explain(err)
}

func (p *proxyConn) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	return n, p.explain(err)
}

// explain adds what the command said to the end of its streams. It waits for
// the command's own end, which Close brings about if nothing else does.
func (p *proxyConn) explain(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	<-p.ended
	if text := lastLine(p.stderr.String()); text != "" {
		return &Error{
			Cause: CauseJumpFailed, Unreachable: true, Transient: true, Err: err,
			Message: "ProxyCommand ended: " + text,
		}
	}
	return err
}

func (p *proxyConn) RemoteAddr() net.Addr { return proxyAddr{} }
func (p *proxyConn) LocalAddr() net.Addr  { return proxyAddr{} }

type proxyAddr struct{}

func (proxyAddr) Network() string { return "proxycommand" }
func (proxyAddr) String() string  { return "proxycommand:0" }
