//go:build lab

package serviceaccount

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	for name, kubeconfig := range map[string]string{"today": lab.Kubeconfig, "as 1.11": lab.Old(t)} {
		t.Run(name, func(t *testing.T) {
			client := kubetest.Client(t, kubeconfig)
			namespace := kubetest.Namespace(t, client)
			const links = 10
			for i := range links {
				_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pull%d", i)}, Type: corev1.SecretTypeDockerConfigJson,
					Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)},
				}, metav1.CreateOptions{})
				require.NoError(t, err)
			}
			account := func() *corev1.ServiceAccount {
				sa, err := client.CoreV1().ServiceAccounts(namespace).Get(t.Context(), "builder", metav1.GetOptions{})
				require.NoError(t, err)
				return sa
			}
			request := func(i int) Request {
				return Request{Namespace: namespace, Account: "builder", Secrets: []string{fmt.Sprintf("pull%d", i)}, Uses: BothUses()}
			}
			require.ErrorContains(t, Link(t.Context(), client, request(0)).Err, `service account "builder" does not exist`)

			// All at once, and before the account exists.
			var wg sync.WaitGroup
			results := make([]Result, links)
			for i := range links {
				wg.Go(func() {
					r := request(i)
					r.Wait = 20 * time.Second
					results[i] = Link(t.Context(), client, r)
				})
			}
			kubetest.Kubectl(t, lab.Kubeconfig, "-n", namespace, "create", "serviceaccount", "builder")
			wg.Wait()
			for _, r := range results {
				require.NoError(t, r.Err)
				assert.True(t, r.Changed)
			}
			sa := account()
			assert.Len(t, sa.ImagePullSecrets, links)
			assert.Len(t, sa.Secrets, links)
			for i := range links {
				assert.False(t, Link(t.Context(), client, request(i)).Changed)
			}
			assert.Equal(t, sa.ResourceVersion, account().ResourceVersion)
			for i := range links {
				r := Unlink(t.Context(), client, request(i))
				require.NoError(t, r.Err)
			}
			assert.Empty(t, account().ImagePullSecrets)
			assert.Empty(t, account().Secrets)

			limited := Link(t.Context(), kubetest.Client(t, lab.Limited), request(0))
			assert.True(t, kube.IsCause(limited.Err, kube.CauseForbidden))
			require.ErrorContains(t, limited.Err, "get secrets")
		})
	}
}
