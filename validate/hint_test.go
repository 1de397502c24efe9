package validate_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"oreg/inventory"
	"oreg/validate"
)

// TestO3_ByHand: each failure comes with a command that shows the same, from
// the machine that saw it and without the secret (S2). skopeo asks for the
// password itself, curl does so for a user without one.
func TestO3_ByHand(t *testing.T) {
	a := newAuthority(t)
	const inspect = " && skopeo inspect --raw docker://reg.test/openshift3/ose-pod:v3.11"
	for name, c := range map[string]struct {
		serve  func(f *fabric)
		change func(c *inventory.Credential)
		from   string
		want   string
	}{
		"good": {serve: basic(basicRegistry), want: "skopeo login --username 'lab|svc' reg.test" + inspect},
		"rejected": {serve: basic(basicRegistry), change: func(c *inventory.Credential) { c.User = "it's $me" },
			want: `skopeo login --username 'it'"'"'s $me' reg.test`},
		"denied":                 {serve: basic(basicWith(status(http.StatusForbidden, "DENIED"))), want: "skopeo login --username 'lab|svc' reg.test" + inspect},
		"unverified":             {serve: basic(basicWith(http.NotFound)), change: insecure, want: "skopeo login --tls-verify=false --username 'lab|svc' reg.test && skopeo inspect --raw --tls-verify=false docker://reg.test/openshift3/ose-pod:v3.11"},
		"no network":             {serve: func(*fabric) {}, want: "curl --verbose https://reg.test/v2/"},
		"no network, unverified": {serve: func(*fabric) {}, change: insecure, want: "curl --verbose --insecure https://reg.test/v2/"},
		"token server":           {serve: bearer(bearerWith(manifests), http.NotFound), want: "curl --verbose --user 'lab|svc' https://auth.test/token"},
		"from a node":            {serve: func(*fabric) {}, from: "node 1", want: "ssh -t 'node 1' 'curl --verbose https://reg.test/v2/'"},
	} {
		t.Run(name, func(t *testing.T) {
			inFabric(t, a, func(t *testing.T, f *fabric) {
				c.serve(f)
				cred := login(regHost, goodPassword)
				if c.change != nil {
					c.change(&cred)
				}
				r := checkOne(t, f.checker(func(o *validate.Options) { o.Origin.Name = c.from }), cred)
				assert.Equal(t, c.want, r.ByHand, r.Detail)
			})
		})
	}
}

// TestO1_LogShowsTheRequests: at -v each request is a line, and what is tried
// again at -vv; the secrets are in neither (assertComplete holds the tables to
// that), and no more is ever needed to see what went wrong.
func TestO1_LogShowsTheRequests(t *testing.T) {
	a := newAuthority(t)
	inFabric(t, a, func(t *testing.T, f *fabric) {
		f.web(regAddr, bearerWith(manifests))
		f.web(authAddr, first(1, forTheToken, status(http.StatusBadGateway, "UNKNOWN"), tokens))
		levels := map[string]int{}
		var order []string
		checkOne(t, f.checker(func(o *validate.Options) {
			o.Log = func(verbosity int, message string) {
				levels[message] = verbosity
				order = append(order, message)
			}
		}), login(regHost, goodPassword))
		const account = "account=lab%7Csvc"
		assert.Contains(t, order, "reg.test: GET https://reg.test/v2/ from controller direct: HTTP 401")
		assert.Contains(t, order, "reg.test: GET https://auth.test/token?"+account+"&service=test from controller direct: HTTP 502")
		assert.Contains(t, order, "reg.test: HEAD https://reg.test/v2/openshift3/ose-pod/manifests/v3.11 from controller direct: HTTP 200")
		again := order[2]
		assert.Contains(t, again, "auth.test: HTTP 502, UNKNOWN: because; next try in ")
		assert.Equal(t, 2, levels[again])
		assert.Equal(t, 1, levels[order[0]])
	})
}
