package tasks

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/validate"
)

// byPassword refuses one password and keeps what it was asked.
type byPassword struct {
	bad   string
	asked []inventory.Credential
}

func (b *byPassword) Check(_ context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	results := make([]validate.Result, len(credentials))
	for i, c := range credentials {
		b.asked = append(b.asked, c)
		results[i] = validate.Result{Index: i, Host: c.Host, Source: c.Source, Status: validate.StatusValid}
		if c.Password.Reveal() == b.bad {
			results[i].Status, results[i].Cause = validate.StatusInvalid, validate.CauseBadCredentials
		}
		report(results[i])
	}
	return results
}

// TestV7_LiveTriesEachLoginOnce, however many places hold it, and tells every
// place whose login is refused.
func TestV7_LiveTriesEachLoginOnce(t *testing.T) {
	login := func(key, password string) dockerconfig.Found {
		return dockerconfig.Found{Key: key, User: "u", Password: secret.New(password)}
	}
	host := func(name string, found ...dockerconfig.Found) HostReport {
		return HostReport{Name: name, Status: StatusOK, Files: []FileReport{{Path: "/p", Status: StatusUnchanged, logins: found}}}
	}
	checker := &byPassword{bad: "old"}
	run := &Run{
		Checker: checker, SkipSecrets: true,
		Cluster: &inventory.Cluster{Credentials: []inventory.Credential{{Host: registryA, User: "u", Password: secret.New("new"), Image: registryA + "/a:b", TestLogin: true, TLSVerify: false}}},
		Watch:   Watcher{Stage: func(string, int) {}, Step: func() {}, Warn: func(string) {}},
	}
	report := NewReport("verify", "", false)
	report.Hosts = []HostReport{
		host("n1", login(registryA, "new"), login("foreign.example.com", "old")),
		host("n2", login("https://"+registryA+"/v1/", "old")),
		host("n3", login(registryA, "new")), host("n4", login(registryA, "old")),
	}
	run.tryInPlace(t.Context(), report)
	require.Len(t, checker.asked, 2, "each distinct login of our registries, once")
	assert.False(t, checker.asked[1].TLSVerify, "as the inventory says for that registry")
	assert.Equal(t, "the login of n2:/p and 1 more places", checker.asked[1].Source)
	var states []string
	for _, h := range report.Hosts {
		states = append(states, h.Status+" "+h.Files[0].Status)
	}
	assert.Equal(t, []string{"ok unchanged", "failed drift", "ok unchanged", "failed drift"}, states)
	assert.Contains(t, report.Hosts[1].Files[0].Notes[0], "bad-credentials")
}

// TestLoginsThatCannotBeTried are said, and never sent.
func TestLoginsThatCannotBeTried(t *testing.T) {
	l := &logins{}
	l.add("n1:/p", dockerconfig.Found{Key: "a.example.com", User: "u", Password: secret.New("p"), Token: true})
	l.add("n1:/p", dockerconfig.Found{Key: "*.example.com", User: "u", Password: secret.New("p")})
	l.add("n1:/p", dockerconfig.Found{Key: "helper.example.com"})
	l.add("n1:/p", dockerconfig.Found{Key: "b.example.com/team", User: "u", Password: secret.New("p")})
	made, index, warnings := l.credentials(nil, "the old login")
	require.Len(t, made, 1)
	assert.Equal(t, []int{3}, index)
	assert.Equal(t, "b.example.com", made[0].Host)
	assert.Equal(t, "team", made[0].Scope)
	assert.Len(t, warnings, 2)
}
