package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/tasks"
)

// sample is a report with something of everything.
func sample() *tasks.Report {
	r := tasks.NewReport("install", "20261121T101500Z-3f9c", false)
	r.Credentials = append(r.Credentials,
		tasks.CredentialReport{Host: "r.example.com", User: "a<b>&|c", Source: "hosts:31 oreg_auth_user", Image: "r.example.com/x:1", From: "controller",
			Status: "valid", Login: "proven", Pull: "proven", Auth: "bearer", Realm: "auth.example.com", Digest: "sha256:00", DurationMS: 12},
		tasks.CredentialReport{Host: "s.example.com", User: "u", Source: "hosts:32", Image: "s.example.com/x:1", From: "controller",
			Status: "inconclusive", Login: "unproven", Pull: "proven", Cause: "anonymous", Detail: "readable without any login", Hint: "name another image"},
	)
	r.Secrets = append(r.Secrets,
		tasks.SecretReport{Namespace: "openshift", Name: "imagestreamsecret", Status: tasks.StatusCreated},
		tasks.SecretReport{Namespace: "openshift", Name: "other", Status: tasks.StatusFailed,
			Error: &tasks.Failure{Cause: "forbidden", Message: "no right", Hint: "ask"}},
	)
	r.Hosts = append(r.Hosts,
		tasks.HostReport{Name: "n1", Status: tasks.StatusChanged, DurationMS: 31,
			Files: []tasks.FileReport{{Path: "/root/.docker/config.json", Status: tasks.StatusCreated, SHA256: "00"}}},
		tasks.HostReport{Name: "n2", Status: tasks.StatusUnreachable, Files: []tasks.FileReport{},
			Error: &tasks.Failure{Cause: "host-key-mismatch", Message: "another key", Hint: "look"}},
	)
	r.Warnings = append(r.Warnings, "a warning")
	r.Finish()
	return r
}

// TestO4_JSONDocument: names, order and form of the fields are a contract; an
// empty list is [] and what there is none of is null or "".
func TestO4_JSONDocument(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, renderJSON(&out, sample()))
	got := strings.NewReplacer("\n", "", "  ", "").Replace(out.String())
	want := strings.ReplaceAll(`{"version": 1,"command": "install","run": "20261121T101500Z-3f9c","check": false,"changed": true,
"credentials": [{"host": "r.example.com","user": "a<b>&|c","source": "hosts:31 oreg_auth_user","image": "r.example.com/x:1","from": "controller",
"status": "valid","login": "proven","pull": "proven","cause": "","detail": "","hint": "","auth": "bearer","realm": "auth.example.com",
"digest": "sha256:00","duration_ms": 12},
{"host": "s.example.com","user": "u","source": "hosts:32","image": "s.example.com/x:1","from": "controller",
"status": "inconclusive","login": "unproven","pull": "proven","cause": "anonymous","detail": "readable without any login","hint": "name another image",
"auth": "","realm": "","digest": "","duration_ms": 0}],
"secrets": [{"namespace": "openshift","name": "imagestreamsecret","status": "created","error": null},
{"namespace": "openshift","name": "other","status": "failed","error": {"cause": "forbidden","message": "no right","hint": "ask"}}],
"hosts": [{"name": "n1","status": "changed","files": [{"path": "/root/.docker/config.json","status": "created","sha256": "00"}],
"error": null,"duration_ms": 31},
{"name": "n2","status": "unreachable","files": [],"error": {"cause": "host-key-mismatch","message": "another key","hint": "look"},"duration_ms": 0}],
"recap": {"ok": 0,"changed": 1,"failed": 0,"unreachable": 1,"skipped": 0},"warnings": ["a warning"]}`, "\n", "")
	assert.Equal(t, want, got) // not JSONEq: the order is for people

	out.Reset()
	require.NoError(t, renderJSON(&out, tasks.NewReport("validate", "", true)))
	got = strings.NewReplacer("\n", "", "  ", "").Replace(out.String())
	assert.Contains(t, got, `"check": true,"changed": false,"credentials": [],"secrets": [],"hosts": [],"recap"`)
	assert.Contains(t, got, `"warnings": []}`)
}

// TestO4_JUnit: a case for each credential and origin, host and secret; strict
// makes a failure of what is inconclusive.
func TestO4_JUnit(t *testing.T) {
	for _, strict := range []bool{false, true} {
		var out bytes.Buffer
		require.NoError(t, renderJUnit(&out, sample(), strict))
		xml := out.String()
		assert.True(t, strings.HasPrefix(xml, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<testsuites name="oreg install">`), xml)
		assert.Contains(t, xml, `<testcase classname="credentials.r.example.com" name="a&lt;b&gt;&amp;|c from controller" time="0.012">`)
		assert.Contains(t, xml, `<testsuite name="hosts" tests="2" failures="0" errors="1" skipped="0">`)
		assert.Contains(t, xml, `<error type="host-key-mismatch" message="another key">look</error>`)
		assert.Contains(t, xml, `<testsuite name="secrets" tests="2" failures="0" errors="1" skipped="0">`)
		failures := map[bool]string{false: "0", true: "1"}[strict]
		assert.Contains(t, xml, `<testsuite name="credentials" tests="2" failures="`+failures+`" errors="0" skipped="0">`)
	}
}

// TestTextEndsInARecapLikeAnsibles.
func TestTextEndsInARecapLikeAnsibles(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, (&app{}).renderText(&out, sample()))
	assert.True(t, strings.HasSuffix(out.String(), "\nRECAP  ok=0 changed=1 unreachable=1 failed=0 skipped=0\n"), out.String())
	out.Reset()
	checked := sample()
	checked.Check = true
	require.NoError(t, (&app{}).renderText(&out, checked))
	assert.Contains(t, out.String(), "skipped=0  (check: nothing was written)\n")
}
