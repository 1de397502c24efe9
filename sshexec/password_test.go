package sshexec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"oreg/sshexec"
)

// questions lets nobody in, whatever the answers to what ask asks.
func questions(s *server, ask func(ssh.KeyboardInteractiveChallenge)) {
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = nil
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			ask(challenge)
			return nil, errors.New("no code")
		}
	})
}

// passwordOnly takes one password, by the named method.
func passwordOnly(s *server, method, right string) {
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = nil
		check := func(given string) (*ssh.Permissions, error) {
			s.passwords.Add(1)
			if given == right {
				return nil, nil
			}
			return nil, errors.New("wrong")
		}
		if strings.Contains(method, "password") {
			c.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return check(string(p)) }
		}
		if strings.Contains(method, "keyboard-interactive") {
			c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				answers, err := ask("", "", []string{"(core@node) Password: "}, []bool{false})
				if err != nil {
					return nil, err
				}
				return check(answers[0])
			}
		}
	})
}

func TestPasswords(t *testing.T) {
	for _, method := range []string{"password", "keyboard-interactive", "password,keyboard-interactive"} {
		t.Run(method, func(t *testing.T) {
			s, h := startServer(t), newUser(t)
			passwordOnly(s, method, "right horse")
			h.write("known_hosts", s.known())
			target := s.target()
			target.Password = password("wrong horse")
			_, err := h.client().Connect(t.Context(), target)
			e := failure(t, err, sshexec.CauseAuthFailed)
			assert.Contains(t, e.Message, "refused the login of core (password refused)")
			assert.NotContains(t, e.Message+e.Hint, "horse")
			assert.EqualValues(t, 1, s.passwords.Load(), "a wrong password is presented once")

			target.Password = password("right horse")
			connect(t, h.client(), target)
			assert.EqualValues(t, 2, s.passwords.Load())
		})
	}
}

// TestOneTimeCodeIsNotAnsweredWithThePassword: whatever else is asked for,
// hidden or not, the password is no answer to it.
func TestOneTimeCodeIsNotAnsweredWithThePassword(t *testing.T) {
	for name, round := range map[string]struct {
		questions []string
		echos     []bool
	}{
		"shown":               {[]string{"Verification code: "}, []bool{true}},
		"hidden":              {[]string{"Verification code: "}, []bool{false}},
		"shown password":      {[]string{"Password: "}, []bool{true}},
		"beside the password": {[]string{"Password: ", "Verification code: "}, []bool{false, false}},
		"before the password": {[]string{"Verification code: ", "Password: "}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := startServer(t), newUser(t)
			asked := 0
			questions(s, func(ask ssh.KeyboardInteractiveChallenge) {
				asked++
				if answers, err := ask("", "", round.questions, round.echos); err == nil {
					t.Errorf("the answer was %q", answers)
				}
			})
			h.write("known_hosts", s.known())
			target := s.target()
			target.Password = password("right horse")
			c := h.client()
			for range 2 { // the password stays untried, for the next host too
				_, err := c.Connect(t.Context(), target)
				e := failure(t, err, sshexec.CauseAuthFailed)
				assert.NotContains(t, e.Message, "password")
				assert.Contains(t, e.Hint, "password: the server asks for something else")
			}
			s.stop()
			assert.Equal(t, 2, asked)
		})
	}
}

// TestPasswordIsTheAnswerToOneQuestion: a code that is asked for after it, or
// the same question again, is not answered.
func TestPasswordIsTheAnswerToOneQuestion(t *testing.T) {
	for _, second := range []string{"Verification code: ", "Password: "} {
		t.Run(second, func(t *testing.T) {
			s, h := startServer(t), newUser(t)
			asked := 0
			questions(s, func(ask ssh.KeyboardInteractiveChallenge) {
				asked++
				answers, err := ask("", "", []string{"Password: "}, []bool{false})
				if err != nil || answers[0] != "right horse" {
					t.Errorf("the first answer was %q, %v", answers, err)
				}
				if answers, err := ask("", "", []string{second}, []bool{false}); err == nil {
					t.Errorf("the second answer was %q", answers)
				}
			})
			h.write("known_hosts", s.known())
			target := s.target()
			target.Password = password("right horse")
			c := h.client()
			_, err := c.Connect(t.Context(), target)
			failure(t, err, sshexec.CauseAuthFailed)
			_, err = c.Connect(t.Context(), target)
			failure(t, err, sshexec.CauseNotTried)
			s.stop()
			assert.Equal(t, 1, asked)
		})
	}
}

// TestGate_PasswordWithoutAnAnswerIsNotPresentedAgain: a server that hangs up
// on a password may have counted it.
func TestGate_PasswordWithoutAnAnswerIsNotPresentedAgain(t *testing.T) {
	s, h := startServer(t), newUser(t)
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = nil
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			s.passwords.Add(1)
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, conn := range s.conns {
				_ = conn.Close() // what it does to the client is the test
			}
			return nil, nil
		}
	})
	h.write("known_hosts", s.known())
	target := s.target()
	target.Password = password("right horse")
	c := h.client()
	_, err := c.Connect(t.Context(), target)
	var e *sshexec.Error
	require.ErrorAs(t, err, &e)
	assert.NotEqual(t, sshexec.CauseNotTried, e.Cause)
	_, err = c.Connect(t.Context(), target)
	failure(t, err, sshexec.CauseNotTried)
	assert.EqualValues(t, 1, s.passwords.Load())
}

func TestKeyThenPassword(t *testing.T) {
	s, h := startServer(t), newUser(t)
	h.withKey()
	s.logIns(func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
					if string(p) == "second" {
						return nil, nil
					}
					return nil, errors.New("wrong")
				},
			}}
		}
	})
	h.write("known_hosts", s.known())
	target := s.target()
	target.Password = password("second")
	connect(t, h.client(), target)
}

// TestGate: eight hosts share one wrong password, and one of them presents it.
func TestGate_WrongPasswordIsPresentedOnOneHostAlone(t *testing.T) {
	h := newUser(t)
	servers := make([]*server, 8)
	var known strings.Builder
	for i := range servers {
		servers[i] = startServer(t)
		passwordOnly(servers[i], "password", "right horse")
		known.WriteString(servers[i].known())
	}
	h.write("known_hosts", known.String())
	c := h.client()
	all := func(given string) (counts map[sshexec.Cause]int, presented int32) {
		errs := make(chan error, len(servers))
		for _, s := range servers {
			target := s.target()
			target.Password = password(given)
			go func() {
				conn, err := c.Connect(t.Context(), target)
				if err == nil {
					err = conn.Close()
				}
				errs <- err
			}()
		}
		counts = map[sshexec.Cause]int{}
		for range servers {
			err := <-errs
			var e *sshexec.Error
			if errors.As(err, &e) {
				counts[e.Cause]++
				if e.Cause == sshexec.CauseNotTried {
					require.ErrorIs(t, err, sshexec.ErrNotTried)
					assert.Contains(t, e.Message, "SSH password of core was refused by node")
				}
			} else {
				require.NoError(t, err)
				counts[""]++
			}
		}
		for _, s := range servers {
			presented += s.passwords.Swap(0)
		}
		return counts, presented
	}
	counts, presented := all("wrong horse")
	assert.Equal(t, map[sshexec.Cause]int{sshexec.CauseAuthFailed: 1, sshexec.CauseNotTried: 7}, counts)
	assert.EqualValues(t, 1, presented)
	counts, presented = all("right horse")
	assert.Equal(t, map[sshexec.Cause]int{"": 8}, counts)
	assert.EqualValues(t, 8, presented)
}
