// Package authfile reads the credentials of an existing file, so that they can
// be checked: a docker config.json, a containers auth.json, an OpenShift pull
// secret, the legacy .dockercfg, and Secret manifests in YAML or JSON as
// Red Hat's registry accounts offer them for download
// ("<account>-secret.yml", "<account>-auth.json").
//
// It is stricter than some readers on the cluster and more patient than
// others, on purpose. A malformed entry is an error, because docker and the
// kubelet then reject the whole file; an entry that holds no password (an
// identity token, a credential helper's) is a warning, because the others can
// be checked all the same. No message holds a value of the file, only its keys.
//
// What surprised us: base64 of "user:password" is read differently by
// everybody. Without padding only the kubelet takes it, a line break inside is
// fine for all, a space after it for none.
package authfile
