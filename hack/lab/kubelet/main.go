// Command kubelet is Kubernetes' own kubelet: what the lab runs in the place of a node's service. It
// takes the kubelet's flags, all of them.
//
// It is a program of its own for the same reason as kube-apiserver.
package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kubelet/app"
)

func main() { os.Exit(cli.Run(app.NewKubeletCommand(context.Background()))) }
