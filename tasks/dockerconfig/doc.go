// Package dockerconfig edits config.json, and the two forms in which a
// Kubernetes secret carries it, as data: our entries are put in, everything
// else stays as it is, byte for byte and in its order.
//
// Start with [Merge]; [Compare] says what a file lacks, [Remove] takes a
// registry out, [Entries] reads the logins, [Diff] tells two versions apart
// without showing a secret. Nothing here does I/O, and no error, note or drift
// ever holds a secret: keys, users and reasons only.
//
// The readers differ, and what one accepts makes another reject the whole
// file. Measured on the kubelet, containers/image (CRI-O, podman, skopeo) and
// the docker CLI:
//
//   - Only `{"auths":{"host[:port]":{"auth":"<padded base64>"}}}` with a bare
//     lower-case host works everywhere; Docker Hub alone is a URL,
//     "https://index.docker.io/v1/".
//   - One entry whose auth is not base64, or has no colon, or no user, costs
//     every registry of the file its login (kubelet, docker). An empty file
//     does the same. Such a file is a [MalformedError], not something to merge
//     into.
//   - The kubelet tries every key that means the registry, so an old password
//     under "https://host/v1/" would be presented for ever: all keys that mean
//     the same registry are replaced by ours.
//   - All of them are Go programs with encoding/json, so "Auths" is read as
//     "auths", two "auths" objects are read as one, and of a key that stands
//     twice in it the last counts. This package reads the same way.
//   - docker reads on after the first JSON value without looking; the kubelet
//     rejects the file. Text after the value is malformed here.
package dockerconfig
