package sshexec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// authenticator chooses the methods of one handshake, one key at a time, so
// that we know what was offered, a key that fails to sign does not end the
// others, and the password is presented once.
type authenticator struct {
	c      *Client
	s      *settings
	ctx    context.Context
	budget *budget

	queue      []candidate
	built      bool
	noPassword bool // the host key is not the known one

	record authRecord
	last   string // what was offered last, for the log
	method string // the password method in progress
	first  bool   // the gate is ours
	// presented is set from the moment the password goes out until the server
	// has answered; spent stays, as one presentation per host is all there is.
	presented, spent bool
	foreign          bool // keyboard-interactive asks for something else
}

// authRecord is what a failure tells the user.
type authRecord struct {
	user    string
	offered []string // keys, in order
	skipped []string // keys that could not be used, and why
	refused int      // keys
	methods []string // what the server still allows
	// password says what became of the password, if there was one.
	password string
}

// next is ssh.ClientConfig.AuthCallback.
func (a *authenticator) next(ctx *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.record.methods = ctx.AllowedMethods
	if a.method != "" {
		partial := len(ctx.PartialSuccessMethods)
		taken := partial > 0 && ctx.PartialSuccessMethods[partial-1] == a.method
		a.method = ""
		switch {
		case !a.presented:
			a.leave(unused)
		case taken:
			a.presented = false
			a.leave(accepted)
		default:
			a.presented = false
			a.leave(refused)
			a.record.password = "refused"
			return nil, a.fail()
		}
	}
	a.record.refused = 0
	for _, tried := range ctx.TriedMethods {
		if tried == "publickey" {
			a.record.refused++
		}
	}
	for _, method := range a.order() {
		if !slices.Contains(ctx.AllowedMethods, method) {
			continue
		}
		switch method {
		case "publickey":
			if m := a.nextKey(); m != nil {
				return m, nil
			}
		default:
			if a.s.password.IsZero() || a.spent || a.noPassword || a.foreign && method != "password" {
				continue
			}
			return a.usePassword(method)
		}
	}
	return nil, a.fail()
}

// order is PreferredAuthentications, less what is switched off.
func (a *authenticator) order() []string {
	order := a.s.preferred
	if order == nil {
		order = []string{"publickey", "password", "keyboard-interactive"}
	}
	on := map[string]bool{
		"publickey": a.s.pubkey, "password": a.s.passwordAuth, "keyboard-interactive": a.s.kbdInteractive,
	}
	return slices.DeleteFunc(slices.Clone(order), func(m string) bool { return !on[m] })
}

func (a *authenticator) nextKey() ssh.AuthMethod {
	if !a.built {
		a.queue, a.built = a.c.candidates(a.ctx, a.s, &a.record), true
	}
	for len(a.queue) > 0 {
		candidate := a.queue[0]
		a.queue = a.queue[1:]
		signer, err := candidate.signer(a.ctx, a.budget)
		if err != nil {
			a.record.skipped = append(a.record.skipped, candidate.name+": "+err.Error())
			continue
		}
		a.record.offered = append(a.record.offered, candidate.name)
		a.last = keyText(candidate.name, signer.PublicKey())
		a.c.logOffer(a.ctx, a.s, a.last)
		return ssh.PublicKeys(signer)
	}
	return nil
}

func (a *authenticator) gateKey() gateKey {
	return gateKey{kind: sshPassword, user: a.s.user, password: a.s.password.Reveal()}
}

func (a *authenticator) usePassword(method string) (ssh.AuthMethod, error) {
	resume := a.budget.pause()
	first, err := a.c.gate.enter(a.ctx, a.gateKey())
	resume()
	if err != nil {
		return nil, err
	}
	a.first, a.method, a.last = first, method, method
	a.c.logOffer(a.ctx, a.s, method)
	if method == "password" {
		a.presented, a.spent = true, true
		return ssh.Password(a.s.password.Reveal()), nil
	}
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		// The password answers one hidden question that asks for it; a one-time
		// code, or the same question again, is not ours to answer.
		if len(questions) > 1 || echos[0] || a.spent || !strings.Contains(strings.ToLower(questions[0]), "password") {
			a.foreign = true
			a.record.skipped = append(a.record.skipped, "password: the server asks for something else")
			return nil, errors.New("the server asks something other than the password")
		}
		a.presented, a.spent = true, true
		return []string{a.s.password.Reveal()}, nil
	}), nil
}

// leave gives the gate free, if it is ours.
func (a *authenticator) leave(v verdict) {
	if a.first {
		a.first = false
		a.c.gate.leave(a.gateKey(), a.s.name, v)
	}
}

// finish tells the gate how the handshake ended.
func (a *authenticator) finish(err error) {
	switch {
	case err == nil:
		a.leave(accepted)
	case a.presented:
		// Presented and not seen to be accepted: the account may be one try
		// closer to its lock, so it counts as refused.
		a.record.password = "presented, without an answer"
		a.leave(refused)
	default:
		a.leave(unused)
	}
}

func (a *authenticator) fail() *Error {
	return authError(a.s.addr(), a.record, nil)
}

// authError says what was offered.
func authError(addr string, r authRecord, err error) *Error {
	e := &Error{Cause: CauseAuthFailed, Unreachable: true, Err: err}
	e.Message = fmt.Sprintf("%s refused the login of %s", addr, r.user)
	if r.password != "" {
		e.Message += " (password " + r.password + ")"
	}
	var parts []string
	switch {
	case len(r.offered) > 0:
		parts = append(parts, "keys offered: "+strings.Join(r.offered, ", "))
	case r.password == "":
		parts = append(parts, "no key and no password to offer: set ansible_ssh_private_key_file, load an agent, or -k")
	}
	if len(r.skipped) > 0 {
		parts = append(parts, "not usable: "+strings.Join(r.skipped, ", "))
	}
	if len(r.methods) > 0 {
		parts = append(parts, "the server allows "+strings.Join(r.methods, ", "))
	}
	e.Hint = strings.Join(parts, "; ")
	return e
}
