package validate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"oreg/inventory"
	"oreg/inventory/secret"
)

// Check checks all credentials at once and returns the results in the order
// of creds. Each result is also given to report as soon as it is there, one at
// a time; report may be nil. The whole takes as long as the slowest registry,
// at most Options.Timeout. When ctx ends, what is not finished becomes
// [StatusError] with [CauseNotTried].
func (c *Checker) Check(ctx context.Context, creds []inventory.Credential, report func(Result)) []Result {
	return c.CheckFrom(ctx, c.options.Origin, creds, report)
}

// CheckFrom is Check from another origin than that of the options.
func (c *Checker) CheckFrom(ctx context.Context, from Origin, creds []inventory.Credential, report func(Result)) []Result {
	from = from.withDefaults()
	masker := maskerFor(creds)
	results := make([]Result, len(creds))
	var (
		wg       sync.WaitGroup
		reportMu sync.Mutex
	)
	for i := range creds {
		wg.Go(func() {
			results[i] = c.one(ctx, from, creds[i], masker)
			results[i].Index = i
			if report != nil {
				reportMu.Lock()
				defer reportMu.Unlock()
				report(results[i])
			}
		})
	}
	wg.Wait()
	return results
}

// maskerFor hides the secrets of all credentials: one registry may echo what
// another was given.
func maskerFor(creds []inventory.Credential) *secret.Masker {
	var all []secret.Text
	for _, cred := range creds {
		all = append(all, cred.Password, secret.Pair(cred.User, cred.Password))
	}
	return secret.NewMasker(all...)
}

func (c *Checker) one(ctx context.Context, from Origin, cred inventory.Credential, masker *secret.Masker) Result {
	started := c.options.Now()
	r := resultOf(cred, from)
	switch {
	case !cred.TestLogin:
		r.Status, r.Detail = StatusSkipped, detailSkipped
		return r
	case strings.Contains(cred.User, ":"):
		r.Status, r.Cause = StatusError, CauseNotTried
		r.Detail = "a user name with a colon cannot be sent: everything after the colon would become the password"
		r.Hint = "correct the user name"
		return r
	}
	s, f := c.newSession(cred, from, masker)
	if f != nil {
		r.Status, r.Cause, r.Detail, r.Hint = StatusError, f.cause, f.detail, f.hint
		return r
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	k := &check{session: s, credential: cred}
	k.run(ctx)
	k.verdict(&r)
	r.took(c.options.Now().Sub(started))
	return r
}

// took notes the time, and says it where it is the cause.
func (r *Result) took(d time.Duration) {
	r.Duration = d
	if r.Cause == CauseTimeout {
		r.Detail += fmt.Sprintf(", given up after %s", d.Round(time.Millisecond))
	}
}

const detailSkipped = "not checked, as test_login is false"

func resultOf(cred inventory.Credential, from Origin) Result {
	return Result{Host: cred.Host, User: cred.User, Source: cred.Source, Image: cred.Image, From: from.Name,
		Login: LoginUntested, Pull: PullUntested}
}

func (c *Checker) newSession(cred inventory.Credential, from Origin, masker *secret.Masker) (*session, *failure) {
	base, f := apiBase(cred.Host)
	if f != nil {
		return nil, f
	}
	return &session{checker: c, origin: from, masker: masker, host: cred.Host, base: base,
		insecure: !cred.TLSVerify, routes: map[string]*route{}}, nil
}
