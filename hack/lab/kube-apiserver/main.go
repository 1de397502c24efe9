// Command kube-apiserver is Kubernetes' own API server over an embedded etcd, in one process: what
// the lab calls the cluster. It takes kube-apiserver's flags, all of them; --etcd-servers must name
// a unix socket in the working directory (unix://etcd.sock), where etcd then listens, and etcd's
// data are in the folder etcd there.
//
// It is a program of its own because it is large: a change of the lab must not link 145 MB anew.
package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(run()) }

func run() int {
	etcd, err := startEtcd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	defer etcd.Close()
	return cli.Run(app.NewAPIServerCommand())
}

func startEtcd() (*embed.Etcd, error) {
	cfg := embed.NewConfig()
	cfg.Dir = "etcd"
	cfg.LogLevel = "error"
	cfg.LogOutputs = []string{"stderr"}
	cfg.UnsafeNoFsync = true // a lab's data need not outlive a power cut
	cfg.ListenClientUrls = []url.URL{{Scheme: "unix", Host: "etcd.sock"}}
	// etcd wants addresses to advertise and a port for peers; with a single member nobody uses them.
	cfg.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.ListenPeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.InitialCluster = cfg.InitialClusterFromName("")
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case <-time.After(30 * time.Second):
		etcd.Close()
		return nil, errors.New("not ready after 30 s")
	}
}
