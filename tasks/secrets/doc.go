// Package secrets is what is done to credential secrets in a cluster: made,
// merged, verified, restored, cleaned of a registry.
//
// [Ensure] is the main one: openshift/imagestreamsecret holds every
// credential of the inventory afterwards, and the secrets that the old
// installer made (o-a- and the md5 sum of a host) hold the new values too.
//
// Every change is read, merged, written with the resource version that was
// read; a conflict means to read and merge again, nothing else is retried.
// What is there and not ours stays. Before a write the replaced secret is kept
// beside it, as an Opaque secret under a key of our own, so that neither the
// kubelet nor image import takes it for a credential.
//
// What oreg knows about a secret stands on the secret itself:
//
//	app.kubernetes.io/managed-by: oreg  (label)
//	oreg/hosts: "docker.io,registry.example.com"  (annotation: the hosts that oreg put there)
//	oreg/run: "20261121T101500Z-3f9c"  (annotation: the run that wrote it last)
//
// The prefix is the bare word "oreg", which is a valid one and claims nobody's
// domain.
//
// What surprised us: a secret's type cannot be changed, nor its data once
// immutable; kubectl apply leaves the whole old secret in an annotation; one
// malformed secret blocks image import for its namespace, and import takes the
// first secret that names the registry, whatever its value.
package secrets
