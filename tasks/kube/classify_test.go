package kube

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"oreg/inventory/secret"
)

// Every failure of a real client against a real server has its cause.
func TestClassifyAnswers(t *testing.T) {
	status := func(code int, reason metav1.StatusReason, message string, details *metav1.StatusDetails) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answerStatus(w, code, metav1.Status{Reason: reason, Message: message, Details: details})
		}
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		cause   Cause
		want    []string
	}{
		"401": {status(401, metav1.StatusReasonUnauthorized, "Unauthorized", nil), CauseUnauthorized, []string{"does not accept"}},
		"403": {status(403, metav1.StatusReasonForbidden, `User "limited" cannot get`, nil), CauseForbidden,
			[]string{"get", "secrets", `namespace "openshift"`, `User "limited"`}},
		"403 without a body": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, CauseForbidden, []string{"get secrets"}},
		"404 of a namespace": {status(404, metav1.StatusReasonNotFound, `namespaces "openshift" not found`, &metav1.StatusDetails{Kind: "namespaces", Name: "openshift"}),
			CauseNamespaceMissing, []string{`namespace "openshift" does not exist`}},
		"404 of no API":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", 404) }, CauseAPIUnreachable, []string{"get secrets"}},
		"409":              {status(409, metav1.StatusReasonConflict, "the object has been modified", nil), CauseConflict, []string{"changed by somebody else"}},
		"409 exists":       {status(409, metav1.StatusReasonAlreadyExists, "already exists", nil), CauseConflict, nil},
		"413":              {status(413, metav1.StatusReasonRequestEntityTooLarge, "too large", nil), CauseRejected, []string{"too large"}},
		"422":              {status(422, metav1.StatusReasonInvalid, "type: field is immutable", nil), CauseRejected, []string{"field is immutable"}},
		"400 of a webhook": {status(400, metav1.StatusReasonBadRequest, `admission webhook "w" denied`, nil), CauseRejected, []string{`"w" denied`}},
		"418 of a webhook": {status(418, "", `admission webhook "w" denied`, nil), CauseRejected, []string{`"w" denied`}},
		"500":              {status(500, metav1.StatusReasonInternalError, "etcd is away", nil), CauseAPIUnreachable, []string{"answered 500", "etcd is away"}},
		"503 of a balancer": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>no backend</html>", http.StatusServiceUnavailable)
		}, CauseAPIUnreachable, []string{"503"}},
		"a login page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>please log in</html>"))
		}, CauseAPIUnreachable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, tt.handler)
			a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, nil))}, environment(nil))
			require.NoError(t, err)
			err = getSecret(t.Context(), open(t, a))
			var known *Error
			require.ErrorAs(t, err, &known)
			assert.Equal(t, tt.cause, known.Cause, "%v", err)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestClassifyTransport(t *testing.T) {
	server := serve(t, answer)
	plain := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(plain.Close)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	for name, tt := range map[string]struct {
		change func(*clientcmdapi.Cluster)
		want   string
	}{
		"refused":       {func(c *clientcmdapi.Cluster) { c.Server = "https://" + gone.Addr().String() }, "connection refused"},
		"other CA":      {func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = nil }, "signed by an authority that the kubeconfig does not name"},
		"other name":    {func(c *clientcmdapi.Cluster) { c.TLSServerName = "api.other.test" }, `not made out to "api.other.test"`},
		"no TLS there":  {func(c *clientcmdapi.Cluster) { c.Server = "https://" + plain.Listener.Addr().String() }, "does not speak TLS"},
		"name unknown":  {func(c *clientcmdapi.Cluster) { c.Server = "https://oreg-does-not-exist.invalid:8443" }, "cannot be resolved"},
		"TLS but plain": {func(c *clientcmdapi.Cluster) { c.Server = "http://" + server.Listener.Addr().String() }, "get secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, func(c *clientcmdapi.Config) { tt.change(c.Clusters["lab"]) }))}, environment(nil))
			require.NoError(t, err)
			err = getSecret(t.Context(), open(t, a))
			var known *Error
			require.ErrorAs(t, err, &known)
			assert.NotEqual(t, CauseForbidden, known.Cause)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestClassifySilentServerAndCancel(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	a, err := FromKubeconfig(Flags{Kubeconfig: write(t, "k", kubeconfig(t, server, nil))}, environment(nil))
	require.NoError(t, err)
	client := open(t, a)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = getSecret(ctx, client)
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, CauseAPIUnreachable, known.Cause)
	require.ErrorContains(t, err, "no answer in time")

	stopped, stop := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, stop)
	err = getSecret(stopped, client)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotErrorAs(t, err, &known)
}

func TestClassifyTunnel(t *testing.T) {
	server := serve(t, answer)
	a, err := FromMaster(t.Context(), Master{
		Name: "master1", Kubeconfig: kubeconfig(t, server, nil),
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("forwarding is switched off")
		},
	})
	require.NoError(t, err)
	err = getSecret(t.Context(), open(t, a))
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, CauseAPIUnreachable, known.Cause)
	require.ErrorContains(t, err, "through master1: forwarding is switched off")
}

func TestS1_ServerWordsAreMasked(t *testing.T) {
	mask := secret.NewMasker(secret.New("geheim-4711"))
	err := Classify(apierrors.NewBadRequest("webhook: bad value geheim-4711"), Call{Verb: "update", Resource: "secrets"}, mask)
	require.ErrorContains(t, err, "webhook: bad value")
	assert.NotContains(t, err.Error(), "geheim-4711")
}

func TestClassifyKeepsWhatIsKnown(t *testing.T) {
	require.NoError(t, Classify(nil, Call{}, nil))
	known := &Error{Cause: CauseWrongType, Message: "m"}
	assert.Same(t, known, Classify(known, Call{}, nil))
}

func TestCallNamesVerbResourceNamespace(t *testing.T) {
	assert.Equal(t, `create serviceaccounts/token "builder" in namespace "ci"`,
		Call{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Name: "builder", Namespace: "ci"}.String())
	assert.Equal(t, `list imagestreams.image.openshift.io in namespace "openshift"`,
		Call{Verb: "list", Group: "image.openshift.io", Resource: "imagestreams", Namespace: "openshift"}.String())
}

func TestRefusal(t *testing.T) {
	call := Call{Verb: "create", Resource: "secrets", Namespace: "openshift", Name: "imagestreamsecret"}
	forbidden := Classify(apierrors.NewForbidden(corev1.Resource("secrets"), "imagestreamsecret", errors.New("exceeded quota: q")), call, nil)
	for name, tt := range map[string]struct {
		allowed bool
		fails   error
		cause   Cause
	}{
		"no right":          {false, nil, CauseForbidden},
		"quota":             {true, nil, CauseRejected},
		"review impossible": {true, apierrors.NewInternalError(errors.New("away")), CauseForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			var asked *authorizationv1.ResourceAttributes
			client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
				o := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
				asked = o.Spec.ResourceAttributes
				o.Status.Allowed = tt.allowed
				return true, o, tt.fails
			})
			var known *Error
			require.ErrorAs(t, Refusal(t.Context(), client, forbidden, call), &known)
			assert.Equal(t, tt.cause, known.Cause)
			assert.Equal(t, &authorizationv1.ResourceAttributes{Namespace: "openshift", Verb: "create", Resource: "secrets", Name: "imagestreamsecret"}, asked)
			require.ErrorContains(t, known, "exceeded quota: q")
		})
	}
	client := fake.NewClientset()
	other := &Error{Cause: CauseConflict}
	assert.Same(t, other, Refusal(t.Context(), client, other, call))
	assert.Empty(t, client.Actions())
}
