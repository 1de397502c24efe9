// Package pullsecret knows the global pull secret of OpenShift 4: where a
// cluster keeps it, what may go wrong with it, what a change of it sets in
// motion, and where copies of it are. The change itself is package secrets',
// by the [secrets.Job] that [Place.Job] makes.
//
// What surprised us: on a hosted control plane the documented secret has no
// effect, and additional logins go into another one, in kube-system, that does
// not exist at first; an empty pull secret degrades the machine-config
// operator for good; managed clusters put entries back that somebody took out;
// and before 4.7.4 every change drained and rebooted every node.
package pullsecret

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// Place is where a cluster keeps its pull secret.
type Place struct {
	Namespace, Name string
	// Hosted: the control plane runs in another cluster, and this secret holds
	// additional logins only.
	Hosted bool
	// Version is the cluster's, "4.12.3"; empty where it could not be read.
	Version string
	// Warnings say what could not be found out.
	Warnings []string
}

// Namespaces are those that a pull secret may be in.
func Namespaces() []string { return []string{"openshift-config", "kube-system"} }

// The resources that tell about a cluster.
func infrastructures() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "config.openshift.io", Version: "v1", Resource: "infrastructures"}
}

func clusterVersions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "config.openshift.io", Version: "v1", Resource: "clusterversions"}
}

// Find asks the cluster where its pull secret is. A cluster without
// config.openshift.io is no OpenShift 4; it may still have the namespace, so
// that is a warning.
func Find(ctx context.Context, client dynamic.Interface) (Place, error) {
	p := Place{Namespace: "openshift-config", Name: "pull-secret"}
	infrastructure, err := p.read(ctx, client, infrastructures(), "cluster", "a hosted control plane would not be noticed")
	if err != nil {
		return p, err
	}
	if topology, _, _ := unstructured.NestedString(infrastructure, "status", "controlPlaneTopology"); topology == "External" {
		p.Namespace, p.Name, p.Hosted = "kube-system", "additional-pull-secret", true
	}
	version, err := p.read(ctx, client, clusterVersions(), "version", "what a change sets in motion depends on the version")
	if err != nil {
		return p, err
	}
	p.Version, _, _ = unstructured.NestedString(version, "status", "desired", "version")
	return p, nil
}

// read gets one object of the cluster's own configuration; nil, with a warning,
// where the cluster has none or the user may not look. without says what is not
// known then.
func (p *Place) read(ctx context.Context, client dynamic.Interface, resource schema.GroupVersionResource, name, without string) (map[string]any, error) {
	o, err := client.Resource(resource).Get(ctx, name, metav1.GetOptions{})
	call := kube.Call{Verb: "get", Group: resource.Group, Resource: resource.Resource, Name: name}
	switch {
	case err == nil:
		return o.Object, nil
	// A missing resource is answered like a missing object, by the type of the
	// error and not by its details.
	case apierrors.IsNotFound(err):
		p.Warnings = append(p.Warnings, fmt.Sprintf("this cluster has no %s %q: is it OpenShift 4?", resource.GroupResource(), name))
		return nil, nil
	case apierrors.IsForbidden(err):
		p.Warnings = append(p.Warnings, fmt.Sprintf("you have no right to %s: %s", call, without))
		return nil, nil
	}
	return nil, kube.Classify(err, call, nil)
}

// Job turns a job into one for this place.
func (p Place) Job(job secrets.Job) secrets.Job {
	job.Namespace, job.Name = p.Namespace, p.Name
	// Of a hosted cluster's additional logins there are none at first.
	job.Shared = !p.Hosted
	return job
}

// Effects are sentences about what a change of the pull secret sets in motion
// on this cluster.
func (p Place) Effects() []string {
	switch {
	case p.Hosted:
		return []string{"the control plane of this cluster runs elsewhere, where openshift-config/pull-secret would have no effect: the logins go into kube-system/additional-pull-secret, from where they are synced to every node; for one registry the cluster's original login wins"}
	case p.Version == "":
		return []string{"the version of the cluster is not known: before OpenShift 4.7.4 a change of the pull secret drains and reboots every node, one after the other; since then it does not"}
	case older(p.Version, 4, 7, 4):
		return []string{fmt.Sprintf("on OpenShift %s a change of the pull secret drains and reboots every node, one after the other (since 4.7.4 it does not)", p.Version)}
	}
	return []string{fmt.Sprintf("on OpenShift %s the machine-config operator writes the pull secret to every node; no node is drained or rebooted", p.Version)}
}

// older compares the numbers of a version; what stands after a dash counts as
// earlier than nothing.
func older(version string, than ...int) bool {
	numbers, pre, isPre := strings.Cut(version, "-")
	parts := strings.Split(numbers, ".")
	for i, want := range than {
		have := 0
		if i < len(parts) {
			n, err := strconv.Atoi(parts[i])
			if err != nil {
				return false
			}
			have = n
		}
		if have != want {
			return have < want
		}
	}
	return isPre && pre != ""
}

// protected are the entries that the platform itself lives on, with what is
// lost without them.
func protected() map[string]string {
	return map[string]string{
		"cloud.openshift.com": "telemetry and the link to OpenShift Cluster Manager; with another account's token the cluster shows up there as that account's, and its ownership must be transferred",
		"arosvc.azurecr.io":   "the images of Azure Red Hat OpenShift's own operators; the service puts it back, or its nodes can no longer be replaced",
	}
}

// Protected says of those of the hosts that the platform lives on what a change
// of them means: one sentence each.
func Protected(hosts []string) []string {
	var found []string
	for _, host := range hosts {
		for name, meaning := range protected() {
			if dockerconfig.SameRegistry(host, name) {
				found = append(found, name+": "+meaning)
			}
		}
	}
	return found
}
