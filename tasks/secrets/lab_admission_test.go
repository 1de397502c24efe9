//go:build lab

package secrets

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

// webhook has a real admission webhook refuse, and repeat what it was sent.
func (a realAPI) webhook(t *testing.T) {
	job := a.job(t)
	job.Backup = false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": review.Request.UID, "allowed": false,
				"status": map[string]any{"code": 403, "message": "no logins here: " + job.Entries[1].Password.Reveal()}},
		})
	}))
	t.Cleanup(server.Close)
	// Not through the client under test: a 1.11 API has another version of this.
	admin := kubetest.Client(t, a.lab.Kubeconfig)
	none, fail := admissionv1.SideEffectClassNone, admissionv1.Fail
	made, err := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "no-logins-"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "no-logins.example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": job.Namespace}},
			ClientConfig: admissionv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.WithoutCancel(t.Context()), made.Name, metav1.DeleteOptions{}))
	})
	job.Mask = secret.NewMasker(job.Entries[1].Password)
	var result Result
	require.Eventually(t, func() bool {
		result = Put(t.Context(), a.client, job)
		if result.Err == nil {
			// The server did not know the webhook yet.
			assert.NoError(t, a.client.CoreV1().Secrets(job.Namespace).Delete(t.Context(), job.Name, metav1.DeleteOptions{}))
		}
		return result.Err != nil
	}, 20*time.Second, 200*time.Millisecond)
	assert.Equal(t, kube.CauseRejected, cause(t, result.Err), "%v", result.Err)
	require.ErrorContains(t, result.Err, "no logins here: [secret]")
	assert.NotContains(t, result.Err.Error(), job.Entries[1].Password.Reveal())
}
