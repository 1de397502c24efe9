//go:build lab

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// importer plays OpenShift's image import for the lab's API, whose image
// streams are custom resources: an admission webhook that answers an
// ImageStreamImport as the real API does, in its status. It looks for a login
// as the real one does, in the first credential secret of the namespace that
// names the registry; it asks the registry for the image; and it writes into
// the image stream how that went. A story says `importer` once the resources
// are defined.
func importer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: importer")
	}
	access, err := kube.FromKubeconfig(kube.Flags{Kubeconfig: ts.Getenv("KUBECONFIG_LAB")}, kube.Environment{Getenv: func(string) string { return "" }})
	ts.Check(err)
	client, err := access.Client("importer")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		patch, uid, err := admitImport(ctx, client, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // the API complains if it does not get it
			"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": patch},
		})
	}))
	ts.Defer(func() { server.Close(); cancel(); client.Close() })
	effects, fail := admissionv1.SideEffectClassNoneOnDryRun, admissionv1.Fail
	_, err = client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "importer"},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "importer.example.com", SideEffects: &effects, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"image.openshift.io"}, APIVersions: []string{"v1"}, Resources: []string{"imagestreamimports"}},
			}},
		}},
	}, metav1.CreateOptions{})
	ts.Check(err)
	// The API learns of a webhook a moment later.
	imports := client.Dynamic.Resource(imageResource("imagestreamimports")).Namespace("openshift")
	probe := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamImport",
		"metadata": map[string]any{"name": "probe"}, "spec": map[string]any{"images": []any{}}}}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		made, err := imports.Create(ctx, probe, metav1.CreateOptions{})
		ts.Check(err)
		ts.Check(imports.Delete(ctx, "probe", metav1.DeleteOptions{}))
		if _, answered := made.Object["status"]; answered {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the webhook is not asked")
		}
	}
}

func imageResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "image.openshift.io", Version: "v1", Resource: plural}
}

// importRequest is the part of an ImageStreamImport that is acted on.
type importRequest struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Images []struct {
			From struct {
				Name string `json:"name"`
			} `json:"from"`
			To struct {
				Name string `json:"name"`
			} `json:"to"`
		} `json:"images"`
	} `json:"spec"`
}

// admitImport makes the imports of a request, and the patch that answers it.
func admitImport(ctx context.Context, client *kube.Client, r *http.Request) (patch []byte, uid string, err error) {
	var review struct {
		Request struct {
			UID       string        `json:"uid"`
			Namespace string        `json:"namespace"`
			Object    importRequest `json:"object"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		return nil, "", err
	}
	wanted := review.Request.Object
	answers := []any{}
	for _, image := range wanted.Spec.Images {
		status := map[string]any{"status": "Success"}
		failure := pullable(ctx, client, review.Request.Namespace, image.From.Name)
		if failure != nil {
			status = map[string]any{"status": "Failure", "message": failure.Error()}
		}
		if err := noteImport(ctx, client, review.Request.Namespace, wanted.Metadata.Name, image.To.Name, failure); err != nil {
			return nil, "", err
		}
		answers = append(answers, map[string]any{"status": status, "tag": image.To.Name})
	}
	patch, err = json.Marshal([]any{map[string]any{"op": "add", "path": "/status", "value": map[string]any{"images": answers}}})
	return patch, review.Request.UID, err
}

// pullable asks the registry for an image, with the first login of the
// namespace that names it.
func pullable(ctx context.Context, client *kube.Client, namespace, image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	auth := authn.Anonymous
	list, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, s := range list.Items {
		if s.Type != corev1.SecretTypeDockerConfigJson || auth != authn.Anonymous {
			continue
		}
		logins, err := dockerconfig.Entries(s.Data[corev1.DockerConfigJsonKey], dockerconfig.DockerConfigJSON)
		if err != nil {
			return fmt.Errorf("secret %s: %w", s.Name, err)
		}
		for _, l := range logins {
			if dockerconfig.SameRegistry(l.Key, ref.Context().RegistryStr()) {
				auth = &authn.Basic{Username: l.User, Password: l.Password.Reveal()}
			}
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// What is looked at is the login, on the lab's own loopback.
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	defer transport.CloseIdleConnections()
	if _, err = remote.Get(ref, remote.WithContext(ctx), remote.WithAuth(auth), remote.WithTransport(transport)); err != nil {
		return errors.New("Internal error occurred: " + strings.ReplaceAll(err.Error(), "\n", " ")) //nolint:staticcheck // the real one's words
	}
	return nil
}

// noteImport writes into the stream's status how the import of a tag went.
func noteImport(ctx context.Context, client *kube.Client, namespace, stream, tag string, failure error) error {
	streams := client.Dynamic.Resource(imageResource("imagestreams")).Namespace(namespace)
	o, err := streams.Get(ctx, stream, metav1.GetOptions{})
	if err != nil {
		return err
	}
	tags, _, err := unstructured.NestedSlice(o.Object, "status", "tags")
	if err != nil {
		return err
	}
	for i, t := range tags {
		if one, ok := t.(map[string]any); ok && one["tag"] == tag {
			if delete(one, "conditions"); failure != nil {
				one["conditions"] = []any{map[string]any{"type": "ImportSuccess", "status": "False", "message": failure.Error()}}
			}
			tags[i] = one
		}
	}
	if err := unstructured.SetNestedSlice(o.Object, tags, "status", "tags"); err != nil {
		return err
	}
	_, err = streams.Update(ctx, o, metav1.UpdateOptions{})
	return err
}
