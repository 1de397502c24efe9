package tasks_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/sshexec"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kubenode"
	"oreg/validate"
)

// recorder stands in for the three parts of a run and keeps what it was
// asked, in order. The real ones are tested by the stories of cmd/oreg.
type recorder struct {
	mu       sync.Mutex
	calls    []string
	wanted   []dockerconfig.Entry
	results  []validate.Result
	guardErr error
	lockErr  error

	managed    []string
	managedErr error
	stale      []string // as a node was told
	logins     []dockerconfig.Found
	kubeNodes  []kubenode.Node
	host       func(name string) tasks.HostReport
	cancel     context.CancelFunc
}

func (r *recorder) note(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *recorder) Check(_ context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	r.note("check")
	results := make([]validate.Result, len(credentials))
	for i := range credentials {
		results[i] = r.results[i]
		results[i].Index = i
		report(results[i])
	}
	return results
}

func (r *recorder) node(verb string, n inventory.Node, wanted []dockerconfig.Entry) tasks.HostReport {
	r.note(verb + " " + n.Name)
	r.mu.Lock()
	r.wanted = wanted
	r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
	if r.host != nil {
		return r.host(n.Name)
	}
	return tasks.HostReport{Name: n.Name, Status: tasks.StatusChanged}
}

type nodeRecorder struct{ *recorder }

func (r nodeRecorder) Hostname(_ context.Context, n inventory.Node) (string, error) {
	return n.Name + ".own", nil
}

func (r nodeRecorder) Place(_ context.Context, n inventory.Node, plan *tasks.FilePlan) tasks.HostReport {
	r.mu.Lock()
	r.stale = plan.Stale
	r.mu.Unlock()
	return r.node("place", n, plan.Wanted)
}

func (r nodeRecorder) Verify(_ context.Context, n inventory.Node, wanted []dockerconfig.Entry, managed []string) tasks.HostReport {
	r.mu.Lock()
	r.stale = managed
	r.mu.Unlock()
	return r.node("verify", n, wanted)
}

type secretRecorder struct{ *recorder }

func (r secretRecorder) Guard(context.Context) error { r.note("guard"); return r.guardErr }

func (r secretRecorder) Managed(context.Context) ([]string, error) { return r.managed, r.managedErr }

func (r secretRecorder) Logins(context.Context) ([]tasks.SecretLogins, error) {
	return []tasks.SecretLogins{{Namespace: "openshift", Name: "imagestreamsecret", Logins: r.logins}}, nil
}

func (r secretRecorder) KubeNodes(context.Context) ([]kubenode.Node, error) { return r.kubeNodes, nil }

func (r secretRecorder) Lock(ctx context.Context) (context.Context, func(), error) {
	r.note("lock")
	return ctx, func() { r.note("unlock") }, r.lockErr
}

func (r secretRecorder) Place(context.Context, []dockerconfig.Entry) []tasks.SecretReport {
	r.note("place secrets")
	return []tasks.SecretReport{{Namespace: "openshift", Name: "imagestreamsecret", Status: tasks.StatusCreated}}
}

func (r secretRecorder) Verify(context.Context, []dockerconfig.Entry) []tasks.SecretReport {
	r.note("verify secrets")
	return []tasks.SecretReport{{Namespace: "openshift", Name: "imagestreamsecret", Status: tasks.StatusDrift}}
}

func newRun(r *recorder, credentials ...inventory.Credential) *tasks.Run {
	return &tasks.Run{
		Command: "install", ID: "run", Forks: 1,
		Cluster: &inventory.Cluster{Credentials: credentials, Nodes: []inventory.Node{{Name: "n1"}, {Name: "n2"}}},
		Checker: r, Nodes: nodeRecorder{r}, Secrets: secretRecorder{r},
		Watch: tasks.Watcher{Stage: func(string, int) {}, Step: func() {}, Warn: func(string) {}},
	}
}

func credential(host string) inventory.Credential {
	return inventory.Credential{Host: host, User: "u", Password: secret.New("p-" + host)}
}

// TestT3_NothingIsTouchedAfterARefusal: the order is guard, check, nodes,
// secrets, and a refused credential ends it before the nodes.
func TestT3_NothingIsTouchedAfterARefusal(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  validate.Status
		strict  bool
		refused bool
	}{
		{"valid", validate.StatusValid, true, false},
		{"skipped", validate.StatusSkipped, true, false},
		{"inconclusive", validate.StatusInconclusive, false, false},
		{"inconclusive and strict", validate.StatusInconclusive, true, true},
		{"invalid", validate.StatusInvalid, false, true},
		{"error", validate.StatusError, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{results: []validate.Result{{Status: validate.StatusValid}, {Status: c.status}}}
			run := newRun(r, credential("a"), credential("b"))
			run.Strict = c.strict
			report, err := run.Install(t.Context())
			if c.refused {
				var refusal *tasks.CredentialsError
				require.ErrorAs(t, err, &refusal)
				assert.Equal(t, tasks.CredentialsError{Refused: 1, Checked: 2}, *refusal)
				assert.Equal(t, []string{"guard", "check"}, r.calls)
				assert.Len(t, report.Credentials, 2)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"guard", "check", "lock", "place n1", "place n2", "place secrets", "unlock"}, r.calls)
			assert.Equal(t, tasks.Recap{Changed: 2}, report.Recap)
			assert.True(t, report.Changed)
		})
	}
}

func TestGuardEndsTheRunBeforeAnything(t *testing.T) {
	wrong := errors.New("another cluster")
	r := &recorder{guardErr: wrong}
	_, err := newRun(r, credential("a")).Install(t.Context())
	require.ErrorIs(t, err, wrong)
	assert.Equal(t, []string{"guard"}, r.calls)
}

// TestLockedClusterIsLeftAlone, and --check takes no lock.
func TestLockedClusterIsLeftAlone(t *testing.T) {
	locked := errors.New("another run works on this cluster")
	r := &recorder{lockErr: locked, results: []validate.Result{{Status: validate.StatusValid}}}
	_, err := newRun(r, credential("a")).Install(t.Context())
	require.ErrorIs(t, err, locked)
	assert.Equal(t, []string{"guard", "check", "lock"}, r.calls)

	r = &recorder{lockErr: locked, results: []validate.Result{{Status: validate.StatusValid}}}
	run := newRun(r, credential("a"))
	run.Check = true
	_, err = run.Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"guard", "check", "place n1", "place n2", "place secrets"}, r.calls)
}

// probing adds what a node saw of the registry to the verdict on the login.
type probing struct {
	*recorder
	probe validate.Result
}

func (p probing) Check(ctx context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	return append(p.recorder.Check(ctx, credentials, report), p.probe)
}

// TestN18_ANodeThatCannotBeAskedRefusesNoLogin: it is a host that could not be
// reached, with its own cause; one that was asked and does not get through to
// the registry does.
func TestN18_ANodeThatCannotBeAskedRefusesNoLogin(t *testing.T) {
	for name, c := range map[string]struct {
		cause   validate.Cause
		unasked error
		want    string // status and cause of the host; empty: the login is refused
	}{
		"no route from the node":  {validate.CauseDNS, nil, ""},
		"the node is down":        {validate.CauseNotTried, &sshexec.Error{Cause: sshexec.CauseRefused, Unreachable: true}, "unreachable, refused"},
		"its host key is unknown": {validate.CauseNotTried, &sshexec.Error{Cause: sshexec.CauseHostKeyUnknown, Unreachable: true}, "unreachable, host-key-unknown"},
		"a command failed on it":  {validate.CauseNotTried, &sshexec.Error{Cause: sshexec.CauseCommandFailed}, "failed, command-failed"},
	} {
		r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}}
		run := newRun(r, credential("a"))
		run.Checker = probing{r, validate.Result{Host: "a", From: "n2", Status: validate.StatusError, Cause: c.cause, Detail: "no way", Unasked: c.unasked}}
		report, err := run.Validate(t.Context())
		if c.want == "" {
			var failed *tasks.CredentialsError
			require.ErrorAs(t, err, &failed, name)
			assert.Empty(t, report.Hosts, name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, report.Hosts, 1, name)
		host := report.Hosts[0]
		assert.Equal(t, "n2 "+c.want, host.Name+" "+host.Status+", "+host.Error.Cause, name)
	}
}

func TestOnlyOneHalf(t *testing.T) {
	r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}}
	run := newRun(r, credential("a"))
	run.SkipSecrets = true
	_, err := run.Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"check", "place n1", "place n2"}, r.calls)

	r = &recorder{results: []validate.Result{{Status: validate.StatusValid}}}
	run = newRun(r, credential("a"))
	run.SkipNodes = true
	_, err = run.Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"guard", "check", "lock", "place secrets", "unlock"}, r.calls)
}

// TestInterruptedRunAnswersForEveryHost: after Ctrl-C no new node begins, the
// rest is skipped, secrets are left alone.
func TestInterruptedRunAnswersForEveryHost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}, cancel: cancel}
	report, err := newRun(r, credential("a")).Install(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"guard", "check", "lock", "place n1", "unlock"}, r.calls)
	assert.Equal(t, tasks.Recap{Changed: 1, Skipped: 1}, report.Recap)
	require.NotNil(t, report.Hosts[1].Error)
	assert.Equal(t, "not-tried", report.Hosts[1].Error.Cause)
	require.Len(t, report.Secrets, 1)
	assert.Equal(t, tasks.StatusSkipped, report.Secrets[0].Status)
	assert.Equal(t, []string{"not tried: the run was interrupted before its turn"}, report.Secrets[0].Notes)
}

// TestSecretsThatAreLeftOutHaveARow, unless the user left them out.
func TestSecretsThatAreLeftOutHaveARow(t *testing.T) {
	r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}}
	run := newRun(r, credential("a"))
	run.SkipSecrets, run.SecretsLeftOut = true, "the limit leaves the first master out"
	run.Secret = tasks.SecretReport{Namespace: "openshift", Name: "imagestreamsecret"}
	report, err := run.Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []tasks.SecretReport{{Namespace: "openshift", Name: "imagestreamsecret", Status: tasks.StatusSkipped,
		Notes: []string{"the limit leaves the first master out"}}}, report.Secrets)
	assert.False(t, report.AnySecretAmiss())
	run.SecretsLeftOut = ""
	report, err = run.Install(t.Context())
	require.NoError(t, err)
	assert.Empty(t, report.Secrets)
}

func TestVerifyReportsDriftAndChangesNothing(t *testing.T) {
	r := &recorder{host: func(name string) tasks.HostReport {
		status := tasks.StatusOK
		files := []tasks.FileReport{{Path: "/p", Status: tasks.StatusUnchanged}}
		if name == "n2" {
			files[0].Status = tasks.StatusDrift
		}
		return tasks.HostReport{Name: name, Status: status, Files: files}
	}}
	report, err := newRun(r, credential("a")).Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"guard", "verify n1", "verify n2", "verify secrets"}, r.calls)
	assert.False(t, report.Changed)
	assert.True(t, report.AnyHostAmiss())
	assert.True(t, report.AnySecretAmiss())
}

// TestR13_DelegatedAddsTheTokenHost: an entry of its own for the token host,
// unless the inventory names that host itself.
func TestR13_DelegatedAddsTheTokenHost(t *testing.T) {
	delegated := credential("r.example.com")
	delegated.Delegated = true
	results := []validate.Result{{Index: 0, Realm: "auth.example.com"}}
	entries := tasks.Entries([]inventory.Credential{delegated}, results)
	require.Len(t, entries, 2)
	assert.Equal(t, "auth.example.com", entries[1].Key)
	assert.Equal(t, "p-r.example.com", entries[1].Password.Reveal())

	// A login goes to nobody whom the inventory does not name or delegate to.
	entries = tasks.Entries([]inventory.Credential{credential("r.example.com")}, results)
	require.Len(t, entries, 1)
	assert.Equal(t, "r.example.com", entries[0].Key)

	own := credential("auth.example.com")
	entries = tasks.Entries([]inventory.Credential{delegated, own}, results)
	require.Len(t, entries, 2)
	assert.Equal(t, "p-auth.example.com", entries[1].Password.Reveal())
}

func TestEntriesAreOnePerRegistry(t *testing.T) {
	scoped := credential("quay.io")
	scoped.Scope = "team"
	hub := credential("docker.io")
	entries := tasks.Entries([]inventory.Credential{credential("a"), credential("a"), scoped, hub}, nil)
	keys := []string{}
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	assert.Equal(t, []string{"a", "quay.io/team", "https://index.docker.io/v1/"}, keys)
}

func TestT4_PruneTakesOutWhatOregOnceWrote(t *testing.T) {
	r := &recorder{results: []validate.Result{{Status: validate.StatusValid}}, managed: []string{"a", "gone.example.com"}}
	run := newRun(r, credential("a"))
	_, err := run.Install(t.Context())
	require.NoError(t, err)
	assert.Empty(t, r.stale, "only with --prune")

	run.Prune = true
	_, err = run.Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"gone.example.com"}, r.stale)

	// What is not known is not pruned.
	r.managedErr, r.managed = errors.New("no answer"), nil
	var warned []string
	run.Watch.Warn = func(w string) { warned = append(warned, w) }
	_, err = run.Install(t.Context())
	require.NoError(t, err)
	assert.Empty(t, r.stale)
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], "no answer")
}

func TestN18_VerifyFindsNodesThatTheInventoryLacks(t *testing.T) {
	ok := func(name string) tasks.HostReport { return tasks.HostReport{Name: name, Status: tasks.StatusOK} }
	r := &recorder{host: ok, kubeNodes: []kubenode.Node{{Name: "n1"}, {Name: "n2.own"}, {Name: "forgotten"}}}
	run := newRun(r, credential("a"))
	report, err := run.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Hosts, 3, "n2 calls itself n2.own, and is asked for that")
	assert.Equal(t, "forgotten", report.Hosts[2].Name)
	assert.Equal(t, tasks.StatusFailed, report.Hosts[2].Status)
	assert.True(t, report.AnyHostAmiss())

	run.Limited = true
	report, err = run.Verify(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Hosts, 2, "a limit leaves nodes out on purpose")
}
