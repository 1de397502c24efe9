package kube

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func TestFromKubeconfigPrecedence(t *testing.T) {
	server := serve(t, answer)
	named := func(cluster string) []byte {
		return kubeconfig(t, server, func(c *clientcmdapi.Config) {
			c.Clusters[cluster], c.Contexts[cluster] = c.Clusters["lab"], c.Contexts["lab"]
			c.Contexts[cluster].Namespace = cluster
			c.CurrentContext = cluster
			delete(c.Contexts, "lab")
		})
	}
	explicit, first, second := write(t, "explicit", named("explicit")), write(t, "first", named("first")), write(t, "second", named("second"))
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".kube"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".kube", "config"), named("home"), 0o600))
	several := strings.Join([]string{first, "/does/not/exist", second, first}, string(os.PathListSeparator))

	for name, tt := range map[string]struct {
		flags     Flags
		env       map[string]string
		namespace string
		context   string
		asked     bool
	}{
		"flag wins":               {Flags{Kubeconfig: explicit}, map[string]string{"KUBECONFIG": first}, "explicit", "explicit", true},
		"KUBECONFIG merged":       {Flags{}, map[string]string{"KUBECONFIG": several}, "first", "first", false},
		"context of second file":  {Flags{Context: "second"}, map[string]string{"KUBECONFIG": several}, "second", "second", true},
		"home":                    {Flags{}, nil, "home", "home", false},
		"namespace flag":          {Flags{Namespace: "mine"}, nil, "mine", "home", false},
		"KUBECONFIG hides home":   {Flags{}, map[string]string{"KUBECONFIG": second}, "second", "second", false},
		"empty KUBECONFIG is not": {Flags{}, map[string]string{"KUBECONFIG": ""}, "home", "home", false},
	} {
		t.Run(name, func(t *testing.T) {
			env := environment(tt.env)
			env.Home = home
			a, err := FromKubeconfig(tt.flags, env)
			require.NoError(t, err)
			assert.Equal(t, tt.namespace, a.Namespace)
			assert.Equal(t, tt.context, a.Context)
			assert.Equal(t, tt.asked, a.Asked)
			assert.Equal(t, server.URL, a.Server)
			require.NoError(t, getSecret(t.Context(), open(t, a)))
		})
	}
}

func TestFromKubeconfigErrors(t *testing.T) {
	server := serve(t, answer)
	good := write(t, "good", kubeconfig(t, server, nil))
	empty := write(t, "empty", nil)
	broken := write(t, "broken", []byte("users:\n- user: {token: tok-4711\n"))
	for name, tt := range map[string]struct {
		flags Flags
		env   map[string]string
		want  []string
		is    error
	}{
		"named file missing": {Flags{Kubeconfig: "/does/not/exist"}, nil, []string{"kubeconfig /does/not/exist does not exist"}, fs.ErrNotExist},
		"a folder":           {Flags{Kubeconfig: t.TempDir()}, nil, []string{"is not a kubeconfig"}, nil},
		"not YAML":           {Flags{Kubeconfig: broken}, nil, []string{broken, "is not a kubeconfig"}, nil},
		"not YAML by env":    {Flags{}, map[string]string{"KUBECONFIG": broken}, []string{broken, "is not a kubeconfig"}, nil},
		"context missing":    {Flags{Kubeconfig: good, Context: "prod"}, nil, []string{good, `no context "prod", only: lab`}, nil},
		"KUBECONFIG missing": {Flags{}, map[string]string{"KUBECONFIG": "/does/not/exist"}, []string{"no cluster: no kubeconfig by $KUBECONFIG (/does/not/exist does not exist), and this is no pod"}, nil},
		"KUBECONFIG empty":   {Flags{}, map[string]string{"KUBECONFIG": empty + ":/does/not/exist"}, []string{"by $KUBECONFIG (" + empty + " is empty, /does/not/exist does not exist)"}, nil},
		"named file empty":   {Flags{Kubeconfig: empty}, nil, []string{"kubeconfig " + empty + " is empty: it names no cluster"}, nil},
		"empty and context":  {Flags{Kubeconfig: empty, Context: "prod"}, nil, []string{"is empty"}, nil},
		"nothing anywhere":   {Flags{}, nil, []string{"no cluster: no kubeconfig ($KUBECONFIG is not set and there is no home folder"}, nil},
		"no current context": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { c.CurrentContext = "" }))},
			nil, []string{"no current context is set; there are: lab"}, nil},
		"current context gone": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { c.CurrentContext = "gone" }))},
			nil, []string{`the current context "gone" is not in it, only: lab`}, nil},
		"cluster gone": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { delete(c.Clusters, "lab") }))},
			nil, []string{`the cluster "lab" of context "lab" is not in it`}, nil},
		"no context at all": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { c.CurrentContext, c.Contexts = "", nil }))},
			nil, []string{"no current context is set; there are: none at all"}, nil},
		"user missing": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { c.Contexts["lab"].AuthInfo = "gone" }))},
			nil, []string{`user "gone" of context "lab"`}, nil},
		"certificate missing": {Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
			c.Clusters["lab"].CertificateAuthorityData, c.Clusters["lab"].CertificateAuthority = nil, "/does/not/exist.crt"
		}))}, nil, []string{"/does/not/exist.crt"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromKubeconfig(tt.flags, environment(tt.env))
			var known *ConfigError
			require.ErrorAs(t, err, &known)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			assert.NotContains(t, err.Error(), "tok-4711")
		})
	}
}

func TestFromKubeconfigInCluster(t *testing.T) {
	var seen *http.Request
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		answer(w, r)
	})
	dir := t.TempDir()
	for name, content := range map[string][]byte{"token": []byte("pod-token"), "ca.crt": caOf(server), "namespace": []byte("pod-ns\n")} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	env := environment(map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port})
	env.ServiceAccount = dir

	a, err := FromKubeconfig(Flags{}, env)
	require.NoError(t, err)
	assert.Equal(t, "pod-ns", a.Namespace)
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Equal(t, "Bearer pod-token", seen.Header.Get("Authorization"))

	env.ServiceAccount = t.TempDir()
	_, err = FromKubeconfig(Flags{}, env)
	require.ErrorContains(t, err, "no cluster")
}

func TestImpersonation(t *testing.T) {
	var seen http.Header
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		answer(w, r)
	})
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, nil)), As: "system:admin", AsGroups: []string{"g1", "g2"}}, environment(nil))
	require.NoError(t, err)
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Equal(t, "system:admin", seen.Get("Impersonate-User"))
	assert.Equal(t, []string{"g1", "g2"}, seen.Values("Impersonate-Group"))
	assert.Equal(t, "oreg/test", seen.Get("User-Agent"))
}

func TestExecPlugin(t *testing.T) {
	var seen string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		answer(w, r)
	})
	plugin := write(t, "plugin", []byte("#!/bin/sh\n"+
		`echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'`+"\n"))
	require.NoError(t, os.Chmod(plugin, 0o700))
	file := func(mode clientcmdapi.ExecInteractiveMode, command string) string {
		return write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
			c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
				Command: command, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: mode,
			}}
		}))
	}
	a, err := FromKubeconfig(Flags{Kubeconfig: file(clientcmdapi.NeverExecInteractiveMode, plugin), StdinUsed: true}, environment(nil))
	require.NoError(t, err)
	assert.True(t, a.Config.ExecProvider.StdinUnavailable)
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Equal(t, "Bearer from-plugin", seen)

	a, err = FromKubeconfig(Flags{Kubeconfig: file(clientcmdapi.NeverExecInteractiveMode, "/does/not/exist/login")}, environment(nil))
	require.NoError(t, err)
	err = getSecret(t.Context(), open(t, a))
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, CauseAPIUnreachable, known.Cause)
	require.ErrorContains(t, err, "/does/not/exist/login")
}

func TestProxyOfKubeconfig(t *testing.T) {
	server := serve(t, answer)
	var connects []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		connects = append(connects, r.Host)
		tunnel(w, server.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"].Server = "https://example.com:8443"
		c.Clusters["lab"].ProxyURL = proxy.URL
	}))}, environment(nil))
	require.NoError(t, err)
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Equal(t, []string{"example.com:8443"}, connects)
}

// tunnel answers a CONNECT and copies both ways.
func tunnel(w http.ResponseWriter, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	near, rw, err := hijacker.Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func(r *bufio.Reader) {
		_, _ = io.Copy(far, r)
		_ = far.Close()
	}(rw.Reader)
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

func TestUnsafeWaysWarn(t *testing.T) {
	server := serve(t, answer)
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"].CertificateAuthorityData, c.Clusters["lab"].InsecureSkipTLSVerify = nil, true
	}))}, environment(nil))
	require.NoError(t, err)
	require.Len(t, a.Warnings, 1)
	assert.Contains(t, a.Warnings[0], "TLS verification is off")

	a, err = FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"] = &clientcmdapi.Cluster{Server: "http://api.example.com:8080"}
	}))}, environment(nil))
	require.NoError(t, err)
	require.Len(t, a.Warnings, 1)
	assert.Contains(t, a.Warnings[0], "without TLS")

	a, err = FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"] = &clientcmdapi.Cluster{Server: "http://127.0.0.1:8001"}
	}))}, environment(nil))
	require.NoError(t, err)
	assert.Empty(t, a.Warnings)
}

func TestServerWarningsAreCollected(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Warning", `299 - "this API is old"`)
		w.Header().Add("Warning", `299 - "this API is old"`)
		answer(w, r)
	})
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, nil))}, environment(nil))
	require.NoError(t, err)
	client := open(t, a)
	require.NoError(t, getSecret(t.Context(), client))
	require.NoError(t, getSecret(t.Context(), client))
	assert.Equal(t, []string{"this API is old"}, client.Warnings())
}

func TestClientCertificateFilesAreReadOnce(t *testing.T) {
	server := serve(t, answer)
	ca := write(t, "ca.crt", caOf(server))
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) {
		c.Clusters["lab"].CertificateAuthorityData, c.Clusters["lab"].CertificateAuthority = nil, ca
	}))}, environment(nil))
	require.NoError(t, err)
	require.NoError(t, os.Remove(ca))
	require.NoError(t, getSecret(t.Context(), open(t, a)))
	assert.Empty(t, a.Config.CAFile)
}

// An error must not carry what the kubeconfig holds, however it is printed.
func TestS1_ConfigErrorShowsNoToken(t *testing.T) {
	token := "canary-token-0815"
	for _, content := range []string{
		"apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: [" + token + "]}\n",
		"apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {client-certificate-data: " + token + "!}\n",
		token,
	} {
		_, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", []byte(content))}, environment(nil))
		require.ErrorContains(t, err, "is not a kubeconfig")
		for e := err; e != nil; e = errors.Unwrap(e) {
			assert.NotContains(t, e.Error(), token)
			assert.NotContains(t, e.Error(), base64.StdEncoding.EncodeToString([]byte(token)))
		}
	}
}
