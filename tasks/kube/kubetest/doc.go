// Package kubetest gives tests a real kube-apiserver, run by the lab as a child
// process, and one that knows only what the API of Kubernetes 1.11 knew. It is
// built with the tag lab alone.
package kubetest
