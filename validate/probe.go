package validate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"oreg/inventory"
)

const (
	// probesAtOnce is how many nodes ask one registry at the same time: a
	// fleet that starts together looks like an attack, and gets 429.
	probesAtOnce = 8
	// maxJitter spreads the starts of those that may go.
	maxJitter = 100 * time.Millisecond
)

// Probe asks, without any credential, whether the registry of cred, and its
// token server if it names one, can be reached from the origin: name,
// connection, TLS, and whether a registry answers. Such a result is
// [StatusValid] with login and pull untested, or [StatusError] with the cause.
// At most eight probes of one registry run at once, the others wait outside
// their timeout.
func (c *Checker) Probe(ctx context.Context, cred inventory.Credential, from Origin) Result {
	from = from.withDefaults()
	r := resultOf(cred, from)
	if !cred.TestLogin {
		r.Status, r.Detail = StatusSkipped, detailSkipped
		return r
	}
	s, f := c.newSession(cred, from, maskerFor([]inventory.Credential{cred}))
	if f != nil {
		r.Status, r.Cause, r.Detail, r.Hint = StatusError, f.cause, f.detail, f.hint
		return r
	}
	defer s.close()
	k := &check{session: s, credential: cred}
	leave, err := c.enter(ctx, hostPort(s.base))
	if err != nil {
		k.facts = facts{login: LoginUntested, pull: PullUntested, problem: &failure{cause: CauseNotTried, detail: "interrupted before it was asked"}}
		k.verdict(&r)
		return r
	}
	defer leave()
	started := c.options.Now()
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	k.probe(ctx)
	k.verdict(&r)
	if k.facts.problem == nil {
		r.Status, r.Cause, r.Hint, r.ByHand = StatusValid, "", "", ""
		r.Detail = fmt.Sprintf("%s can be reached from %s; the login was not presented from there", cred.Host, from.Name)
	}
	r.took(c.options.Now().Sub(started))
	return r
}

// enter waits for one of the registry's places, and a moment more.
func (c *Checker) enter(ctx context.Context, registry string) (leave func(), err error) {
	c.mu.Lock()
	gate := c.gates[registry]
	if gate == nil {
		gate = make(chan struct{}, probesAtOnce)
		c.gates[registry] = gate
	}
	c.mu.Unlock()
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	timer := time.NewTimer(rand.N(maxJitter))
	defer timer.Stop()
	select {
	case <-timer.C:
		return func() { <-gate }, nil
	case <-ctx.Done():
		<-gate
		return nil, ctx.Err()
	}
}

func (k *check) probe(ctx context.Context) {
	k.facts = facts{login: LoginUntested, pull: PullUntested}
	asked, open, f := k.ping(ctx)
	switch {
	case f != nil:
		k.facts.problem = f
		return
	case open:
		k.facts.auth = "none"
		return
	}
	k.facts.auth = asked.scheme
	if asked.scheme != "bearer" {
		return
	}
	realm, f := judgeRealm(asked.realm, k.base, k.plain, k.checker.options.AllowRealms, k.words)
	if f != nil {
		k.facts.problem = f
		return
	}
	k.realm = realm
	query := realm.Query()
	if asked.service != "" {
		query.Set("service", asked.service)
	}
	u := *realm
	u.RawQuery = query.Encode()
	// Whatever it answers to a caller without a login, it can be reached.
	_, f = k.ask(ctx, request{method: http.MethodGet, url: &u, limit: maxTokenBody,
		elsewhere: func(target *url.URL) *failure {
			return k.realmFailure("redirects to %s, where no password is sent", k.words(target.Host))
		}})
	if f != nil {
		k.facts.problem = k.atRealm(f)
	}
}
