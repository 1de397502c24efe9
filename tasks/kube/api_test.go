package kube

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// serve starts a TLS server in the place of an API.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

// kubeconfig is one context "lab" for a server, with the token "tok-4711".
func kubeconfig(t *testing.T, server *httptest.Server, change func(*clientcmdapi.Config)) []byte {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["lab"] = &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: caOf(server)}
	c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "tok-4711"}
	c.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "admin", Namespace: "team"}
	c.CurrentContext = "lab"
	if change != nil {
		change(c)
	}
	data, err := clientcmd.Write(*c)
	require.NoError(t, err)
	return data
}

func caOf(server *httptest.Server) []byte {
	if server.Certificate() == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// write puts a file into a folder of the test's own.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}

// environment is a process with these variables and no home.
func environment(vars map[string]string) Environment {
	return Environment{Getenv: func(name string) string { return vars[name] }}
}

// open makes a client that is closed with the test.
func open(t *testing.T, a *Access) *Client {
	t.Helper()
	client, err := a.Client("test")
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// getSecret makes one call.
func getSecret(ctx context.Context, client *Client) error {
	_, err := client.CoreV1().Secrets("openshift").Get(ctx, "imagestreamsecret", metav1.GetOptions{})
	return Classify(err, Call{Verb: "get", Resource: "secrets", Namespace: "openshift", Name: "imagestreamsecret"}, nil)
}

// answer writes an empty secret.
func answer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"kind":"Secret","apiVersion":"v1","metadata":{"name":"imagestreamsecret","namespace":"openshift"}}`))
}

// answerStatus writes a Status object as an API server does.
func answerStatus(w http.ResponseWriter, code int, status metav1.Status) {
	status.Kind, status.APIVersion, status.Status, status.Code = "Status", "v1", metav1.StatusFailure, int32(code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status)
}

func TestFromMaster(t *testing.T) {
	var authorization string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		answer(w, r)
	})
	// The certificate of httptest is also made out to example.com, a name that
	// only the dialer below can reach.
	data := kubeconfig(t, server, func(c *clientcmdapi.Config) { c.Clusters["lab"].Server = "https://example.com:8443" })
	var dialled []string
	a, err := FromMaster(t.Context(), Master{
		Name: "master1", Kubeconfig: data,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	})
	require.NoError(t, err)
	assert.Equal(t, "/etc/origin/master/admin.kubeconfig of master1", a.Source)
	assert.Equal(t, "team", a.Namespace)
	assert.False(t, a.Asked)
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Equal(t, []string{"example.com:8443"}, dialled)
	assert.Equal(t, "Bearer tok-4711", authorization)

	// Without a proxy function of its own client-go would ask the environment.
	require.NotNil(t, a.Config.Proxy)
	through, err := a.Config.Proxy(httptest.NewRequest(http.MethodGet, "https://example.com:8443/", nil))
	require.NoError(t, err)
	assert.Nil(t, through)
}

func TestFromMasterReadsFilesOfTheMaster(t *testing.T) {
	server := serve(t, answer)
	data := kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"].CertificateAuthorityData = nil
		c.Clusters["lab"].CertificateAuthority = "ca.crt"
		c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{TokenFile: "/secure/token"}
	})
	m := Master{Name: "master1", Kubeconfig: data, Dial: (&net.Dialer{}).DialContext}

	_, err := FromMaster(t.Context(), m)
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, CauseAPIUnreachable, known.Cause)
	require.ErrorContains(t, err, "names the file /etc/origin/master/ca.crt")

	files := map[string][]byte{"/etc/origin/master/ca.crt": caOf(server), "/secure/token": []byte("from-file")}
	m.ReadFile = func(_ context.Context, file string) ([]byte, error) {
		if content, ok := files[file]; ok {
			return content, nil
		}
		return nil, os.ErrNotExist
	}
	a, err := FromMaster(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, "from-file", a.Config.BearerToken)
	assert.Empty(t, a.Config.BearerTokenFile)
	require.NoError(t, getSecret(t.Context(), open(t, a)))

	delete(files, "/secure/token")
	_, err = FromMaster(t.Context(), m)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFromMasterRefuses(t *testing.T) {
	server := serve(t, answer)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"no kubeconfig":   {[]byte("token: [tok-4711\n"), "is not a kubeconfig"},
		"empty":           {nil, `current context "" is not in it`},
		"context missing": {kubeconfig(t, server, func(c *clientcmdapi.Config) { c.CurrentContext = "gone" }), `"gone" is not in it`},
		"cluster missing": {kubeconfig(t, server, func(c *clientcmdapi.Config) { delete(c.Clusters, "lab") }), `cluster "lab"`},
		"user missing":    {kubeconfig(t, server, func(c *clientcmdapi.Config) { delete(c.AuthInfos, "admin") }), `user "admin"`},
		"exec plugin": {kubeconfig(t, server, func(c *clientcmdapi.Config) {
			c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{Command: "login", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode}}
		}), "would have to run on the master"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromMaster(t.Context(), Master{Name: "master1", Kubeconfig: tt.data})
			var known *Error
			require.ErrorAs(t, err, &known)
			assert.Equal(t, CauseAPIUnreachable, known.Cause)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, known.Unwrap()), "tok-4711")
		})
	}
}

// A failure that another server might not have given says which was asked, and
// how it was found.
func TestLocate(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerStatus(w, 403, metav1.Status{Reason: metav1.StatusReasonForbidden, Message: "no"})
	})
	host := server.Listener.Addr().String()
	file := write(t, "k", kubeconfig(t, server, nil))
	named, err := FromKubeconfig(Flags{Kubeconfig: file}, environment(nil))
	require.NoError(t, err)
	master, err := FromMaster(t.Context(), Master{Name: "master1", Kubeconfig: kubeconfig(t, server, nil), Dial: (&net.Dialer{}).DialContext})
	require.NoError(t, err)
	for where, a := range map[string]*Access{
		fmt.Sprintf(`(API server %s, by %s, context "lab")`, host, file):                                       named,
		fmt.Sprintf(`(API server %s, by /etc/origin/master/admin.kubeconfig of master1, context "lab")`, host): master,
	} {
		client := open(t, a)
		err := client.Locate(getSecret(t.Context(), client))
		require.ErrorContains(t, err, where)
		assert.True(t, IsCause(err, CauseForbidden))
		assert.Equal(t, err.Error(), client.Locate(err).Error(), "a second time")
		require.NoError(t, client.Locate(nil))
		for _, cause := range []Cause{CauseConflict, CauseWrongType, CauseRejected, CauseWrongCluster} {
			other := &Error{Cause: cause, Message: "m"}
			assert.Same(t, other, client.Locate(other))
		}
	}
}
