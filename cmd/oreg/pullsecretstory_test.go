//go:build lab

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// pullSecretPath is where the API has the global pull secret.
const pullSecretPath = "/api/v1/namespaces/openshift-config/secrets/pull-secret"

// atWrite runs a command whose API is a proxy that holds its first write of the
// global pull secret, which it has read by then, and meanwhile does something:
// `atwrite patch FILE -stdin FILE COMMAND ...` merges a JSON patch into the
// secret, as another writer would, and then lets the write through;
// `atwrite kill -stdin FILE COMMAND ...` kills the command, whose write never
// reaches the API. The command must have come to that write; one that is not
// killed must exit 0.
func atWrite(ts *testscript.TestScript, neg bool, args []string) {
	patch := ""
	switch {
	case len(args) > 2 && args[0] == "patch":
		patch, args = ts.ReadFile(args[1]), args[2:]
	case len(args) > 1 && args[0] == "kill":
		args = args[1:]
	default:
		args = nil
	}
	if neg || len(args) < 4 || args[0] != "-stdin" {
		ts.Fatalf("usage: atwrite patch FILE|kill -stdin FILE COMMAND ARG...")
	}
	cmd := exec.Command(program(ts, args[2]), args[3:]...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), strings.NewReader(ts.ReadFile(args[1])), &out, &out
	var once sync.Once
	came := false
	proxy := writeProxy(ts, func() (forward bool) {
		forward = true
		once.Do(func() {
			came = true
			if patch == "" {
				_ = cmd.Process.Kill() // Wait tells
				forward = false
				return
			}
			mergeInto(ts, patch)
		})
		return forward
	})
	defer proxy.Close()
	cmd.Env = append(scriptEnv(ts), "KUBECONFIG="+proxyKubeconfig(ts, proxy))
	err := cmd.Run()
	ts.Logf("%s\n%s", strings.Join(args[2:], " "), out.String())
	switch {
	case !came:
		ts.Fatalf("%s never wrote the pull secret", args[2])
	case patch != "" && err != nil:
		ts.Fatalf("%s: %v", args[2], err)
	case patch == "" && err == nil:
		ts.Fatalf("%s was not killed", args[2])
	}
}

// writeProxy stands before the API; held is asked before a write of the global
// pull secret goes on.
func writeProxy(ts *testscript.TestScript, held func() (forward bool)) *httptest.Server {
	config, err := clientcmd.BuildConfigFromFlags("", ts.Getenv("KUBECONFIG_DIRECT"))
	ts.Check(err)
	through, err := rest.TransportFor(config)
	ts.Check(err)
	target, err := url.Parse(config.Host)
	ts.Check(err)
	proxy := &httputil.ReverseProxy{Transport: through, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Authorization") // the real credentials are the proxy's
	}}
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == pullSecretPath && !held() {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
}

// proxyKubeconfig writes a kubeconfig for a proxy and returns its name.
func proxyKubeconfig(ts *testscript.TestScript, proxy *httptest.Server) string {
	c := clientcmdapi.NewConfig()
	c.Clusters["proxy"] = &clientcmdapi.Cluster{Server: proxy.URL,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})}
	c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "any"}
	c.Contexts["proxy"] = &clientcmdapi.Context{Cluster: "proxy", AuthInfo: "admin"}
	c.CurrentContext = "proxy"
	file := ts.MkAbs("proxy.kubeconfig")
	ts.Check(clientcmd.WriteToFile(*c, file))
	return file
}

// mergeInto merges a JSON patch into the global pull secret's content.
func mergeInto(ts *testscript.TestScript, patch string) {
	var secret struct{ Data map[string]string }
	ts.Check(json.Unmarshal(kubectl(ts, "-n", "openshift-config", "get", "secret", "pull-secret", "-o", "json"), &secret))
	content, err := base64.StdEncoding.DecodeString(secret.Data[".dockerconfigjson"])
	ts.Check(err)
	var present, more struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	ts.Check(json.Unmarshal(content, &present))
	ts.Check(json.Unmarshal([]byte(patch), &more))
	for host, entry := range more.Auths {
		present.Auths[host] = entry
	}
	next, err := json.Marshal(present)
	ts.Check(err)
	body, err := json.Marshal(map[string]any{"data": map[string][]byte{".dockerconfigjson": next}})
	ts.Check(err)
	kubectl(ts, "-n", "openshift-config", "patch", "secret", "pull-secret", "-p", string(body))
}
