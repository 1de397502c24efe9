package secrets

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	clienttesting "k8s.io/client-go/testing"
)

// stopping is a client whose user presses Ctrl-C while a secret of our type is
// being made. Unlike the fake one it does nothing once its context has ended.
type stopping struct {
	*fake.Clientset
	stop context.CancelFunc
}

func (c stopping) CoreV1() coreclient.CoreV1Interface {
	return stoppingCore{c.Clientset.CoreV1(), c.stop}
}

type stoppingCore struct {
	coreclient.CoreV1Interface
	stop context.CancelFunc
}

func (c stoppingCore) Secrets(namespace string) coreclient.SecretInterface {
	return stoppingSecrets{c.CoreV1Interface.Secrets(namespace), c.stop}
}

type stoppingSecrets struct {
	coreclient.SecretInterface
	stop context.CancelFunc
}

func (s stoppingSecrets) Create(ctx context.Context, o *corev1.Secret, opts metav1.CreateOptions) (*corev1.Secret, error) {
	if o.Type == corev1.SecretTypeDockerConfigJson {
		s.stop()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.SecretInterface.Create(ctx, o, opts)
}

// TestC3_RecreatePutsTheOldOneBackWhenStopped: between deleting a secret and
// making it anew nobody can stop the run and leave nothing.
func TestC3_RecreatePutsTheOldOneBackWhenStopped(t *testing.T) {
	old := dockerconfigjson(DefaultName, "")
	old.UID, old.Type, old.Data = "1-2-3", corev1.SecretTypeOpaque, map[string][]byte{"k": []byte("v")}
	ctx, stop := context.WithCancel(t.Context())
	client := stopping{fake.NewClientset(old), stop}
	job := testJob()
	job.Recreate = true
	result := Put(ctx, client, job)
	require.ErrorIs(t, result.Err, context.Canceled)
	assert.Equal(t, StatusFailed, result.Status)
	deleted := 0
	for _, a := range client.Actions() {
		if a, ok := a.(clienttesting.DeleteAction); ok {
			deleted++
			require.NotNil(t, a.GetDeleteOptions().Preconditions)
			assert.Equal(t, &old.UID, a.GetDeleteOptions().Preconditions.UID, "the very one that was read, and not another of its name")
		}
	}
	assert.Equal(t, 1, deleted)
	assert.Equal(t, old.Data, stored(t, client.Clientset, DefaultName).Data)
}

// TestC2_InstallersSecretsAreUpdatedAndNoMore: what --prune, --recreate and
// --repair do to our own secret they do not do to the installer's, but for the
// repair.
func TestC2_InstallersSecretsAreUpdatedAndNoMore(t *testing.T) {
	const (
		two    = "o-a-22222222222222222222222222222222"
		frozen = "o-a-33333333333333333333333333333333"
		broken = "o-a-44444444444444444444444444444444"
	)
	yes := true
	withGone := dockerconfigjson(two, `{"auths":{"gone.example.com":{"auth":"dTpvbGQ="},"registry.example.com":{"auth":"dTpvbGQ="}}}`)
	withGone.Annotations = map[string]string{HostsAnnotation: "gone.example.com,registry.example.com"}
	immutable := dockerconfigjson(frozen, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)
	immutable.Immutable = &yes
	malformed := dockerconfigjson(broken, `{"auths":{"bad.example.com":{"auth":"***"},"good.example.com":{"auth":"dTpw"}}}`)
	client := fake.NewClientset(withGone, immutable, malformed)
	job := testJob()
	job.Prune, job.Recreate = true, true
	results, warnings := Ensure(t.Context(), client, job)
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	assert.Len(t, byName, 3, "not the malformed one")
	assert.Equal(t, StatusUpdated, byName[two].Status)
	assert.Contains(t, auths(t, stored(t, client, two)), "gone.example.com", "remove takes it out, prune does not")
	assert.Equal(t, StatusFailed, byName[frozen].Status)
	assert.Equal(t, immutable.Data, stored(t, client, frozen).Data)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], broken)
	assert.Contains(t, warnings[0], "blocks every image import")
	assert.Equal(t, malformed.Data, stored(t, client, broken).Data)

	job.Repair = true
	_, warnings = Ensure(t.Context(), client, job)
	assert.Empty(t, warnings)
	got := auths(t, stored(t, client, broken))
	assert.Len(t, got, 1)
	assert.Contains(t, got, "good.example.com")
}
