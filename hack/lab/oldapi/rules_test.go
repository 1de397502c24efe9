package oldapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestsAreJudgedAsOf111(t *testing.T) {
	for _, c := range []struct {
		method, uri, body, content string
		code                       int
	}{
		{uri: "/version"},
		{uri: "/apis"},
		{uri: "/api/v1"},
		{uri: "/apis/apps/v1"},
		{uri: "/apis/coordination.k8s.io", code: 404},
		{uri: "/apis/coordination.k8s.io/v1", code: 404},
		{uri: "/apis/coordination.k8s.io/v1/namespaces/n/leases/x", code: 404},
		{uri: "/apis/batch/v1/namespaces/n/cronjobs", code: 404},
		{uri: "/apis/batch/v1/namespaces/n/jobs"},
		{uri: "/apis/policy/v1/namespaces/n/poddisruptionbudgets", code: 404},
		{uri: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", code: 404},
		{uri: "/apis/image.openshift.io/v1/namespaces/n/imagestreams"},
		{uri: "/apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings"},
		{uri: "/apis/authentication.k8s.io/v1/selfsubjectreviews", code: 404},
		{uri: "/openapi/v3", code: 404},
		{uri: "/openapi/v2"},
		{uri: "/api/v1/namespaces"},
		{uri: "/api/v1/namespaces/n"},
		{uri: "/api/v1/namespaces/n/status"},
		{uri: "/api/v1/namespaces/n/secrets/s"},
		{uri: "/api/v1/namespaces/n/secrets?watch=true&allowWatchBookmarks=true"},
		{uri: "/api/v1/namespaces/n/secrets?resourceVersionMatch=NotOlderThan", code: 400},
		{method: "POST", uri: "/api/v1/namespaces/n/secrets?dryRun=All", code: 400},
		{method: "POST", uri: "/api/v1/namespaces/n/secrets?fieldManager=x", code: 400},
		{method: "POST", uri: "/api/v1/namespaces/n/secrets?fieldValidation=Strict", code: 400},
		{method: "POST", uri: "/api/v1/namespaces/n/serviceaccounts/s/token", code: 404},
		{method: "PATCH", uri: "/api/v1/namespaces/n/secrets/s", content: "application/apply-patch+yaml", code: 415},
		{method: "PATCH", uri: "/api/v1/namespaces/n/secrets/s", content: "application/merge-patch+json"},
		{method: "DELETE", uri: "/api/v1/namespaces/n/secrets/s", body: `{"kind":"DeleteOptions","dryRun":["All"]}`, code: 400},
		{method: "DELETE", uri: "/api/v1/namespaces/n/secrets/s", body: `{"kind":"DeleteOptions"}`},
	} {
		r := httptest.NewRequest(strings.ToUpper(c.method), c.uri, nil)
		if c.method == "" {
			r.Method = http.MethodGet
		}
		r.Header.Set("Content-Type", c.content)
		require.Equal(t, c.code, judge(r, []byte(c.body)).code, "%s %s", r.Method, c.uri)
	}
}

func TestLaterFormsOfAnswersAreNotAskedFor(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"application/json": "application/json",
		"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json":          "application/json",
		"application/json;as=Table;v=v1;g=meta.k8s.io":                                                   "application/json",
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io": "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
	} {
		require.Equal(t, want, accept(in))
	}
}
