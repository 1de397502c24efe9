package validate_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"oreg/inventory"
	"oreg/validate"
)

// BenchmarkOneSilentOfFifty asks 50 registries of which one accepts the
// connection and says nothing. wall/timeout should be 1, others/timeout (when
// the 49 had all been reported) near 0.
func BenchmarkOneSilentOfFifty(b *testing.B) {
	const limit = 2 * time.Second
	a := newAuthority(b)
	stop := make(chan struct{})
	b.Cleanup(func() { close(stop) })
	creds := []inventory.Credential{login(serveTLS(b, a, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})).host, goodPassword)}
	for range 49 {
		creds = append(creds, login(serveTLS(b, a, http.HandlerFunc(basicRegistry)).host, goodPassword))
	}
	var wall, others time.Duration
	for b.Loop() {
		began, done := time.Now(), 0
		checkerFor(a, func(o *validate.Options) { o.Timeout = limit }).Check(b.Context(), creds, func(r validate.Result) {
			if done++; done == 49 {
				others += time.Since(began)
			}
			want := validate.StatusValid
			if r.Index == 0 {
				want = validate.StatusError
			}
			assert.Equal(b, want, r.Status, r.Detail)
		})
		wall += time.Since(began)
	}
	b.ReportMetric(wall.Seconds()/float64(b.N)/limit.Seconds(), "wall/timeout")
	b.ReportMetric(others.Seconds()/float64(b.N)/limit.Seconds(), "others/timeout")
}

// BenchmarkThirtyWithLatency asks 30 registries that take a second for each
// answer, and one alone. The ratio should be 1: they end together.
func BenchmarkThirtyWithLatency(b *testing.B) {
	a := newAuthority(b)
	var creds []inventory.Credential
	for range 30 {
		creds = append(creds, login(serveTLS(b, a, slow(time.Second, basicRegistry)).host, goodPassword))
	}
	run := func(ctx context.Context, creds []inventory.Credential) time.Duration {
		began := time.Now()
		for _, r := range checkerFor(a).Check(ctx, creds, nil) {
			assert.Equal(b, validate.StatusValid, r.Status, r.Detail)
		}
		return time.Since(began)
	}
	var all, one time.Duration
	for b.Loop() {
		one += run(b.Context(), creds[:1])
		all += run(b.Context(), creds)
	}
	b.ReportMetric(all.Seconds()/one.Seconds(), "thirty/one")
}
