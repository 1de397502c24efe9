// Package kube reaches a cluster's API: through the first master's SSH
// connection, or by kubectl's own rules; and says in typed errors why a call
// failed.
//
// [FromMaster] and [FromKubeconfig] turn a kubeconfig into an [Access],
// [Access.Client] opens the clients, [Guard] tells whether that is the cluster
// of the inventory, and [Classify] turns whatever a call returned into an
// [Error] with one of the causes of the report.
//
// What surprised us in client-go:
//   - A config with its own dialer still asks the environment for a proxy:
//     through SSH that sent the connection to the controller's proxy as seen
//     from the master. Access through SSH has no proxy.
//   - A config that names certificate files starts a goroutine that reloads
//     them and never ends. Files are read once, here.
//   - An exec plugin inherits standard input, and would eat a password that
//     is piped in; [Flags.StdinUsed] withholds it.
//   - klog writes to standard error whatever the caller's log settings are;
//     [Silence] is for main to call.
//   - A 403 is the answer to missing rights, to a full quota and to an
//     admission webhook that said no. Only an access review tells them apart
//     without reading the text ([Refusal]).
//
// Only calls that the API of Kubernetes 1.11 (OpenShift 3.11) has are made.
package kube
