//go:build lab

package kubetest

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// groups111 are the API groups and versions of OpenShift 3.11 that oreg could
// use; the lab's server has newer ones.
func groups111() []string {
	return []string{
		"/api/v1/", "/apis/authorization.k8s.io/v1/", "/apis/rbac.authorization.k8s.io/v1/",
		"/apis/image.openshift.io/v1/", "/apis/apiextensions.k8s.io/v1beta1/",
	}
}

// Old puts an API of Kubernetes 1.11 before the lab's: it refuses, with 400,
// parameters and patches that came later, and with 404 the later groups. It
// returns an administrator's kubeconfig for it.
//
// (dryRun came in 1.12 as alpha, fieldManager and apply in 1.14, Lease objects
// in 1.12.)
func (l *Lab) Old(t *testing.T) (kubeconfig string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", l.Kubeconfig)
	require.NoError(t, err)
	through, err := rest.TransportFor(config)
	require.NoError(t, err)
	target, err := url.Parse(config.Host)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Transport: through,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// The real credentials are the proxy's.
			r.Out.Header.Del("Authorization")
		},
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := slices.ContainsFunc(groups111(), func(prefix string) bool { return strings.HasPrefix(r.URL.Path, prefix) })
		if !known {
			t.Errorf("a 1.11 API has no %s", r.URL.Path)
			http.NotFound(w, r)
			return
		}
		if reason := tooNew(r); reason != "" {
			t.Errorf("a 1.11 API does not know %s: %s %s", reason, r.Method, r.URL)
			http.Error(w, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest","code":400,"message":%q}`, reason), http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := clientcmdapi.NewConfig()
	c.Clusters["old"] = &clientcmdapi.Cluster{
		Server:                   server.URL,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "any"}
	c.Contexts["old"] = &clientcmdapi.Context{Cluster: "old", AuthInfo: "admin"}
	c.CurrentContext = "old"
	data, err := clientcmd.Write(*c)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "old.kubeconfig")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}

// tooNew names what a 1.11 API does not have.
func tooNew(r *http.Request) string {
	for _, name := range []string{"dryRun", "fieldManager", "fieldValidation", "resourceVersionMatch"} {
		if r.URL.Query().Has(name) {
			return "the parameter " + name
		}
	}
	if strings.Contains(r.Header.Get("Content-Type"), "apply-patch") {
		return "apply patches"
	}
	if strings.Contains(r.URL.Path, "/serviceaccounts/") && strings.HasSuffix(r.URL.Path, "/token") {
		return "TokenRequest"
	}
	return ""
}
