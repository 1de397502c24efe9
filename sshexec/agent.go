package sshexec

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentConn is one connection to an agent, shared by all hosts: x/crypto
// pipelines their requests.
type agentConn struct {
	once  sync.Once
	conn  net.Conn
	agent agent.ExtendedAgent
	keys  []*agent.Key
	err   error
}

// agentFor returns the agent that serves a host, or nil.
func (c *Client) agentFor(ctx context.Context, s *settings) *agentConn {
	socket := s.identityAgent
	switch socket {
	case "none", "NONE", "None":
		return nil
	case "", "SSH_AUTH_SOCK":
		socket = c.o.AgentSocket
	}
	if socket == "" {
		return nil
	}
	c.mu.Lock()
	a := c.agents[socket]
	if a == nil {
		a = &agentConn{}
		c.agents[socket] = a
	}
	c.mu.Unlock()
	a.once.Do(func() { a.open(ctx, socket) })
	if a.err != nil {
		c.warn(fmt.Sprintf("no SSH agent: %v", a.err))
		return nil
	}
	return a
}

func (a *agentConn) open(ctx context.Context, socket string) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		a.err = err
		return
	}
	client := agent.NewClient(conn)
	// A silent agent must not hold a host for ever.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if a.keys, a.err = client.List(); a.err != nil {
		_ = conn.Close() // it is of no use; List's error says why
		return
	}
	a.conn, a.agent = conn, client
}

func (a *agentConn) close() {
	a.once.Do(func() {}) // wait for an open in progress
	if a.conn != nil {
		_ = a.conn.Close() // nothing is in flight that could be lost
	}
}

// agentCandidates are the agent's keys in its own order.
func (c *Client) agentCandidates(ctx context.Context, s *settings) []candidate {
	a := c.agentFor(ctx, s)
	if a == nil {
		return nil
	}
	var out []candidate
	for _, key := range a.keys {
		public, err := ssh.ParsePublicKey(key.Blob)
		if err != nil {
			continue // a type that x/crypto does not know cannot be offered
		}
		signer := &agentSigner{agent: a.agent, public: public}
		out = append(out, candidate{
			name:   fmt.Sprintf("%s %s (agent)", key.Comment, ssh.FingerprintSHA256(public)),
			public: public,
			signer: func(ctx context.Context, b *budget) (ssh.Signer, error) {
				bound := *signer
				bound.ctx, bound.budget = ctx, b
				return &bound, nil
			},
		})
	}
	return out
}

// agentSigner signs through the agent, with SHA-2 for RSA keys. An agent may
// ask its user for confirmation: that time does not count, but the end of the
// context does.
type agentSigner struct {
	agent  agent.ExtendedAgent
	public ssh.PublicKey
	ctx    context.Context
	budget *budget
}

func (s *agentSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *agentSigner) Algorithms() []string {
	switch t := s.public.Type(); t {
	case ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01:
		return rsaAlgorithms()
	default:
		if cert, ok := s.public.(*ssh.Certificate); ok {
			return []string{cert.Key.Type()}
		}
		return []string{t}
	}
}

// rsaAlgorithms are in x/crypto's order: SHA-2 first, and SHA-256 before
// SHA-512, because a server that accepts one of them only (sshd up to 9 at
// least advertises both whatever it accepts) mostly accepts that one.
func rsaAlgorithms() []string {
	return []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}
}

func (s *agentSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	type result struct {
		signature *ssh.Signature
		err       error
	}
	done := make(chan result, 1)
	go func() {
		signature, err := s.agent.SignWithFlags(s.public, data, flags)
		done <- result{signature, err}
	}()
	select {
	case r := <-done:
		return r.signature, r.err
	case <-s.ctx.Done():
		// The request stays with the agent until it answers or the Client closes.
		return nil, context.Cause(s.ctx)
	}
}
