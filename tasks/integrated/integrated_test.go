package integrated

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

const host = "docker-registry.default.svc:5000"

func account() *corev1.ServiceAccount {
	o := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "robot"}}
	o.UID = "uid-1"
	return o
}

func tokenSecret(name, of, uid, token string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, Annotations: map[string]string{
			corev1.ServiceAccountNameKey: of, corev1.ServiceAccountUIDKey: uid}},
		Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)},
	}
}

func request() Request { return Request{Host: host, Namespace: "ci", Account: "robot"} }

func TestLoginWithTheTokenThatIsThere(t *testing.T) {
	client := fake.NewClientset(account(),
		tokenSecret("a", "other", "uid-9", "wrong"), tokenSecret("b", "robot", "uid-0", "of an earlier account"),
		tokenSecret("c", "robot", "uid-1", ""), tokenSecret("d", "robot", "uid-1", "right"))
	entry, made, err := Login(t.Context(), client, request())
	require.NoError(t, err)
	assert.False(t, made)
	assert.Equal(t, dockerconfig.Entry{Key: host, User: User, Password: secret.New("right")}, entry)
	for _, a := range client.Actions() {
		assert.Contains(t, []string{"get", "list"}, a.GetVerb())
	}
}

func TestLoginMakesATokenWhereThereIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(account())
		r := request()
		r.Check = true
		entry, made, err := Login(t.Context(), client, r)
		require.NoError(t, err)
		assert.True(t, made)
		assert.True(t, entry.Password.IsZero())

		// The controller manager, played here.
		client.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			o := a.(clienttesting.CreateAction).GetObject().(*corev1.Secret).DeepCopy()
			time.AfterFunc(3*time.Second, func() {
				o.Annotations[corev1.ServiceAccountUIDKey] = "uid-1"
				o.Data = map[string][]byte{corev1.ServiceAccountTokenKey: []byte("fresh")}
				if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("secrets"), o, "ci"); err != nil {
					t.Error(err)
				}
			})
			return false, nil, nil
		})
		r.Check = false
		entry, made, err = Login(t.Context(), client, r)
		require.NoError(t, err)
		assert.True(t, made)
		assert.True(t, entry.Password.Equal(secret.New("fresh")))
		entry, made, err = Login(t.Context(), client, r)
		require.NoError(t, err)
		assert.False(t, made, "the second run finds it")
		assert.True(t, entry.Password.Equal(secret.New("fresh")))
	})
}

func TestLoginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := Login(t.Context(), fake.NewClientset(), request())
		require.ErrorContains(t, err, `service account "robot" does not exist in namespace "ci"`)
		_, _, err = Login(t.Context(), fake.NewClientset(account()), request())
		require.ErrorContains(t, err, `no token into secret "robot-oreg-token"`)
	})
}

func TestReview(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "subjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		o := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		assert.Equal(t, "system:serviceaccount:ci:robot", o.Spec.User)
		assert.Equal(t, "layers", o.Spec.ResourceAttributes.Subresource)
		o.Status.Allowed = o.Spec.ResourceAttributes.Verb == "get"
		return true, o, nil
	})
	rights, err := Review(t.Context(), client, request(), "images")
	require.NoError(t, err)
	assert.Equal(t, Rights{Pull: true}, rights)
	client.PrependReactor("create", "subjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(authorizationv1.Resource("subjectaccessreviews"), "", errors.New("no"))
	})
	_, err = Review(t.Context(), client, request(), "images")
	assert.True(t, kube.IsCause(err, kube.CauseForbidden))
}

func TestHost(t *testing.T) {
	made := func(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
		return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			{Group: "config.openshift.io", Version: "v1", Resource: "images"}:      "ImageList",
			{Group: "image.openshift.io", Version: "v1", Resource: "imagestreams"}: "ImageStreamList",
		}, objects...)
	}
	four := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "config.openshift.io/v1", "kind": "Image",
		"metadata": map[string]any{"name": "cluster"}, "status": map[string]any{"internalRegistryHostname": "image-registry.openshift-image-registry.svc:5000"}}}
	three := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "image.openshift.io/v1", "kind": "ImageStream",
		"metadata": map[string]any{"name": "ruby", "namespace": "openshift"}, "status": map[string]any{"dockerImageRepository": host + "/openshift/ruby"}}}
	got, err := Host(t.Context(), made(four, three))
	require.NoError(t, err)
	assert.Equal(t, "image-registry.openshift-image-registry.svc:5000", got)
	got, err = Host(t.Context(), made(three))
	require.NoError(t, err)
	assert.Equal(t, host, got)
	_, err = Host(t.Context(), made())
	require.ErrorIs(t, err, ErrNoRegistry)
}
