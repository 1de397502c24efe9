// Package kubenode finds the Node object of a host, and waits until the
// kubelet there says anew that it is ready.
//
// [Match] tells hosts and Node objects together, [WaitReady] is for after a
// restart.
//
// What surprised us: a Node stays Ready for 40 s and more after its kubelet has
// died, because nobody has noticed yet. Only a heartbeat that is newer than the
// restart says that the new kubelet is up. Since Kubernetes 1.17 a healthy
// kubelet writes it every 5 minutes only, but always at its start. Heartbeats
// carry the host's clock in whole seconds, so they are compared with the
// host's own clock.
package kubenode
