package pullsecret

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// NodeFile is where the machine-config operator writes the pull secret on a
// node of OpenShift 4.
const NodeFile = "/var/lib/kubelet/config.json"

func machineConfigs() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "machineconfiguration.openshift.io", Version: "v1", Resource: "machineconfigs"}
}

// OnNodes reads the logins that the machines of a pool have, or are about to
// have, by the machine configuration that it stands at: the pull secret is a
// file of it. That is the proof of a rotation, as a pool whose operator has not
// noticed a change yet says that all its machines are up to date.
//
// The error wraps [ErrNotTold] where the configuration does not say; any other
// one is a *kube.Error.
func OnNodes(ctx context.Context, client dynamic.Interface, p Pool) ([]dockerconfig.Found, error) {
	if p.Running == "" {
		return nil, fmt.Errorf("%w: pool %s names no machine configuration", ErrNotTold, p.Name)
	}
	o, err := client.Resource(machineConfigs()).Get(ctx, p.Running, metav1.GetOptions{})
	call := kube.Call{Verb: "get", Group: machineConfigs().Group, Resource: "machineconfigs", Name: p.Running}
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil, fmt.Errorf("%w: %w", ErrNotTold, kube.Classify(err, call, nil))
	case err != nil:
		return nil, kube.Classify(err, call, nil)
	}
	content, err := fileOf(o, NodeFile)
	if err != nil {
		return nil, fmt.Errorf("%w: machine configuration %s: %w", ErrNotTold, p.Running, err)
	}
	found, err := dockerconfig.Entries(content, dockerconfig.DockerConfigJSON)
	if err != nil {
		return nil, fmt.Errorf("%w: %s of machine configuration %s: %w", ErrNotTold, NodeFile, p.Running, err)
	}
	return found, nil
}

// ErrNotTold is in the chain of an error that means: nothing is known of what
// the nodes have.
var ErrNotTold = errors.New("what the nodes have is not known")

// fileOf finds a file of a MachineConfig, which is an Ignition configuration.
func fileOf(o *unstructured.Unstructured, path string) ([]byte, error) {
	files, _, _ := unstructured.NestedSlice(o.Object, "spec", "config", "storage", "files")
	for _, item := range files {
		file, ok := item.(map[string]any)
		if !ok || file["path"] != path {
			continue
		}
		if packed, _, _ := unstructured.NestedString(file, "contents", "compression"); packed != "" {
			return nil, fmt.Errorf("%s is packed with %s", path, packed)
		}
		source, _, _ := unstructured.NestedString(file, "contents", "source")
		return dataURL(source)
	}
	return nil, fmt.Errorf("it has no %s", path)
}

// dataURL reads the content of a URL as of RFC 2397. Errors do not repeat it.
func dataURL(text string) ([]byte, error) {
	kind, data, found := strings.Cut(strings.TrimPrefix(text, "data:"), ",")
	if !found || !strings.HasPrefix(text, "data:") {
		return nil, errors.New("the file's source is not a data URL")
	}
	plain, err := url.PathUnescape(data)
	if err != nil {
		return nil, errors.New("the file's source is escaped in a way that cannot be read")
	}
	if !strings.HasSuffix(kind, ";base64") {
		return []byte(plain), nil
	}
	content, err := base64.StdEncoding.DecodeString(plain)
	if err != nil {
		return nil, errors.New("the file's source is not base64")
	}
	return content, nil
}
