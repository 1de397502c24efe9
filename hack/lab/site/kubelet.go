package site

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"oreg/hack/lab/machine"
	"oreg/hack/lab/registry"
)

// Kubelet is the programs of a node with a real kubelet, built.
type Kubelet struct {
	Binary string
	Pause  string // static
}

// runnableImage is in every registry of a lab with a kubelet: an image that really runs.
const runnableImage = "lab/run:1.0"

func (l *Lab) pushRunnable(r *registry.Registry) error {
	if l.cfg.Kubelet == nil {
		return nil
	}
	img, err := registry.Runnable(l.cfg.Kubelet.Pause)
	if err != nil {
		return err
	}
	return r.PushImage(l.ctx, runnableImage, img)
}

// kubeletOf is what makes a machine's service a real kubelet; nil for a played one.
func (l *Lab) kubeletOf(n *node) (*machine.Kubelet, error) {
	if !n.kubelet {
		return nil, nil
	}
	<-l.apiUp // a kubelet without an API has nobody to report to
	if l.kube == nil {
		return nil, errors.New("a kubelet needs the Kubernetes API")
	}
	config, err := l.kube.NodeKubeconfig(l.ctx, n.name)
	if err != nil {
		return nil, err
	}
	img, err := registry.Runnable(l.cfg.Kubelet.Pause)
	if err != nil {
		return nil, err
	}
	path := l.path("nodes/" + n.name + "/pause.tar")
	if err := registry.Save(path, machine.PauseName, img); err != nil {
		return nil, err
	}
	// Its API must be reachable from the first moment; the rest of the lab is mirrored at the end.
	if err := n.net.mirror.Set(l.infrastructure()); err != nil {
		return nil, err
	}
	return &machine.Kubelet{Binary: l.cfg.Kubelet.Binary, Kubeconfig: config, CA: l.ca.PEM(), PauseImage: path}, nil
}

// tellContainerd tells a node's containerd, if it has one, how to reach a registry.
func tellContainerd(n *node, r *registry.Registry) error {
	m, ok := n.server.(*machine.Machine)
	if !ok {
		return nil
	}
	return m.Trust(machine.Registry{Host: r.Host(), CA: r.Config().TLS == registry.TLSLabCA, HTTP: r.Config().TLS == registry.TLSNone})
}

const kubeletUsage = "kubelet heartbeat NAME on|off|stale, run NAME POD IMAGE, remove NAME POD, or status NAME POD"

func (l *Lab) controlKubelet(out io.Writer, args []string) (changed bool, err error) {
	verb, name, rest, err := take(args, kubeletUsage)
	if err != nil {
		return false, err
	}
	chosen, err := l.choose(name)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, n := range chosen {
		if verb == "heartbeat" && len(rest) == 1 {
			errs = append(errs, l.setHeart(n, rest[0]))
		} else {
			errs = append(errs, l.controlPod(out, n, verb, rest))
		}
	}
	return verb == "heartbeat", errors.Join(errs...)
}

func (l *Lab) controlPod(out io.Writer, n *node, verb string, args []string) error {
	flags := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	pull := flags.String("pull", "IfNotPresent", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	m, ok := n.server.(*machine.Machine)
	if !ok || !m.HasKubelet() {
		return fmt.Errorf("node %s has no real kubelet: start the lab with --kubelet", n.name)
	}
	args = flags.Args()
	if len(args) == 0 || !validName(args[0]) {
		return errors.New("expected " + kubeletUsage)
	}
	switch {
	case verb == "run" && len(args) == 2:
		return m.RunPod(args[0], args[1], *pull)
	case verb == "remove" && len(args) == 1:
		return m.RemovePod(args[0])
	case verb == "status" && len(args) == 1:
		// The API's copy of a static pod has the node's name in its own.
		pod, err := l.kube.Pod(l.ctx, args[0]+"-"+n.name)
		if err != nil {
			return err
		}
		return printAll(out, []any{pod})
	}
	return errors.New("expected " + kubeletUsage)
}
