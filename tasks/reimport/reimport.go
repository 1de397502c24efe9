// Package reimport has image streams imported again whose last import failed
// on a registry whose login was just put right.
//
// Nothing in OpenShift does that by itself: a tag whose import failed stays
// failed until somebody asks. What is asked here is what `oc import-image`
// asks, an ImageStreamImport for each stream, with the policies that its tags
// have; the answer says of each tag whether it worked. Image streams are not
// Kubernetes' own, so the dynamic client is used; a cluster without them is
// [ErrNoImageStreams].
package reimport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

const group = "image.openshift.io"

func imageStreams() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: "imagestreams"}
}

func imageStreamImports() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: "imagestreamimports"}
}

// ErrNoImageStreams is in the chain of the error of a cluster without the API
// image.openshift.io.
var ErrNoImageStreams = errors.New("this cluster has no image streams")

// Tag is one tag of an image stream, or, with an empty Name, the whole
// repository that a stream follows.
type Tag struct {
	Namespace, Stream, Name string
	// From is the image's reference.
	From string
	// Failure is what the last import said.
	Failure string

	spec map[string]any
}

func (t Tag) String() string {
	if t.Name == "" {
		return t.Namespace + "/" + t.Stream
	}
	return t.Namespace + "/" + t.Stream + ":" + t.Name
}

// Outcome is what became of a tag.
type Outcome struct {
	Tag
	// Imported says that the API reported success. Without it and without Err
	// the API took the request and said nothing yet.
	Imported bool
	// Err has a *kube.Error in its chain if the request itself failed, and is
	// an [*ImportError] if the import did.
	Err error
}

// ImportError is an import that was tried and failed.
type ImportError struct{ Message string }

func (e *ImportError) Error() string { return e.Message }

// page is how many streams one request asks for.
const page = 200

// Failed lists the tags of a namespace (of all if it is empty) whose last
// import failed and that come from one of the registries; sorted as the API
// lists them.
func Failed(ctx context.Context, client dynamic.Interface, namespace string, registries []string, mask *secret.Masker) ([]Tag, error) {
	var tags []Tag
	opts := metav1.ListOptions{Limit: page}
	for {
		list, err := client.Resource(imageStreams()).Namespace(namespace).List(ctx, opts)
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("%w: it is Kubernetes, or an OpenShift without its image API: %w", ErrNoImageStreams, err)
		}
		if err != nil {
			return nil, kube.Classify(err, kube.Call{Verb: "list", Group: group, Resource: "imagestreams", Namespace: namespace}, mask)
		}
		for i := range list.Items {
			tags = append(tags, failedOf(&list.Items[i], registries, mask)...)
		}
		if opts.Continue = list.GetContinue(); opts.Continue == "" {
			return tags, nil
		}
	}
}

// failedOf reads one stream. Fields of a type other than the API's are taken
// for missing.
func failedOf(o *unstructured.Unstructured, registries []string, mask *secret.Masker) []Tag {
	var tags []Tag
	failures, known := failures(o)
	specTags, _, _ := unstructured.NestedSlice(o.Object, "spec", "tags")
	for _, item := range specTags {
		spec, ok := item.(map[string]any)
		if !ok {
			continue
		}
		name, _ := spec["name"].(string)
		kind, _, _ := unstructured.NestedString(spec, "from", "kind")
		from, _, _ := unstructured.NestedString(spec, "from", "name")
		failure, failed := failures[name]
		if failed && kind == "DockerImage" && comesFrom(from, registries) {
			tags = append(tags, Tag{Namespace: o.GetNamespace(), Stream: o.GetName(), Name: name, From: from, Failure: oneLine(mask.Mask(failure)), spec: spec})
		}
	}
	// A stream that follows a whole repository has no tags of its own until its
	// first import worked.
	repository, _, _ := unstructured.NestedString(o.Object, "spec", "dockerImageRepository")
	if repository != "" && known == 0 && comesFrom(repository, registries) {
		tags = append(tags, Tag{Namespace: o.GetNamespace(), Stream: o.GetName(), From: repository})
	}
	return tags
}

// failures are the messages of the tags whose last import failed; known counts
// the tags that the status names.
func failures(o *unstructured.Unstructured) (failed map[string]string, known int) {
	failed = map[string]string{}
	statusTags, _, _ := unstructured.NestedSlice(o.Object, "status", "tags")
	for _, item := range statusTags {
		status, ok := item.(map[string]any)
		if !ok {
			continue
		}
		known++
		name, _ := status["tag"].(string)
		conditions, _, _ := unstructured.NestedSlice(status, "conditions")
		for _, c := range conditions {
			condition, ok := c.(map[string]any)
			if ok && condition["type"] == "ImportSuccess" && condition["status"] == "False" {
				failed[name], _ = condition["message"].(string)
			}
		}
	}
	return failed, known
}

// comesFrom says whether an image comes from one of the registries, some of
// which may have a path.
func comesFrom(reference string, registries []string) bool {
	host, path, found := strings.Cut(reference, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", reference
	}
	return slices.ContainsFunc(registries, func(r string) bool {
		return dockerconfig.SameRegistry(host, r) || strings.HasPrefix(host+"/"+path, dockerconfig.Key(r)+"/")
	})
}

// Import asks for one import of each stream that has a tag in the list and
// answers for every tag, in order. With check nothing is asked.
func Import(ctx context.Context, client dynamic.Interface, tags []Tag, check bool, mask *secret.Masker) []Outcome {
	outcomes := make([]Outcome, len(tags))
	streams := map[string][]int{}
	var order []string
	for i, t := range tags {
		outcomes[i].Tag = t
		of := t.Namespace + "/" + t.Stream
		if streams[of] == nil {
			order = append(order, of)
		}
		streams[of] = append(streams[of], i)
	}
	if check {
		return outcomes
	}
	for _, of := range order {
		var mine []*Outcome
		for _, i := range streams[of] {
			mine = append(mine, &outcomes[i])
		}
		if err := importStream(ctx, client, mine, mask); err != nil {
			for _, o := range mine {
				o.Err = err
			}
		}
	}
	return outcomes
}

// importStream asks for the tags of one stream.
func importStream(ctx context.Context, client dynamic.Interface, tags []*Outcome, mask *secret.Masker) error {
	namespace, stream := tags[0].Namespace, tags[0].Stream
	images := []any{}
	spec := map[string]any{"import": true}
	for _, t := range tags {
		if t.Name == "" {
			spec["repository"] = map[string]any{"from": map[string]any{"kind": "DockerImage", "name": t.From}}
			continue
		}
		image := map[string]any{
			"from": map[string]any{"kind": "DockerImage", "name": t.From},
			"to":   map[string]any{"name": t.Name},
		}
		for _, policy := range []string{"importPolicy", "referencePolicy"} {
			if p, ok := t.spec[policy]; ok {
				image[policy] = p
			}
		}
		images = append(images, image)
	}
	if len(images) > 0 {
		spec["images"] = images
	}
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1", "kind": "ImageStreamImport",
		"metadata": map[string]any{"name": stream, "namespace": namespace},
		"spec":     spec,
	}}
	answer, err := client.Resource(imageStreamImports()).Namespace(namespace).Create(ctx, request, metav1.CreateOptions{})
	if err != nil {
		return kube.Classify(err, kube.Call{Verb: "create", Group: group, Resource: "imagestreamimports", Namespace: namespace, Name: stream}, mask)
	}
	results, _, _ := unstructured.NestedSlice(answer.Object, "status", "images")
	repository, _, _ := unstructured.NestedMap(answer.Object, "status", "repository")
	next := 0
	for _, t := range tags {
		result := repository
		if t.Name != "" {
			result = nil
			// The answers stand in the order of the request.
			if next < len(results) {
				result, _ = results[next].(map[string]any)
			}
			next++
		}
		t.Imported, t.Err = read(result, mask)
	}
	return nil
}

// read takes the verdict out of one answer.
func read(result map[string]any, mask *secret.Masker) (imported bool, err error) {
	status, _, _ := unstructured.NestedString(result, "status", "status")
	message, _, _ := unstructured.NestedString(result, "status", "message")
	switch status {
	case metav1.StatusSuccess:
		return true, nil
	case metav1.StatusFailure:
		return false, &ImportError{Message: oneLine(mask.Mask(message))}
	}
	return false, nil
}

// oneLine makes foreign text fit for a message.
func oneLine(s string) string {
	const limit = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
