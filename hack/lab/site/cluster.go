package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oreg/hack/lab/kube"
	"oreg/hack/lab/oldapi"
	"oreg/hack/lab/record"
)

// namespace is where the installer keeps the secret.
const namespace = "openshift"

func (l *Lab) startKube() error {
	defer close(l.apiUp)
	if !l.cfg.Kube {
		return nil
	}
	if err := l.makeProxy(); err != nil {
		return err
	}
	var front *kube.Front
	if l.proxy != nil {
		front = &kube.Front{URL: l.proxy.URL(), CommonName: oldapi.FrontName}
	}
	s, err := kube.Start(l.ctx, kube.Config{
		Binary: l.cfg.KubeBinary, Dir: l.path("kube"), Address: l.subnet.infra(10), Authority: l.ca, Front: front, Now: l.cfg.Now,
	})
	if err != nil {
		return err
	}
	l.kube = s
	if l.proxy != nil {
		if err := l.proxy.Start(s.URL()); err != nil {
			return err
		}
	}
	l.progress("the Kubernetes API (%s) is up at %s", kube.Version, s.URL())
	return nil
}

// makeProxy makes what stands before the API, if it is to look old.
func (l *Lab) makeProxy() error {
	switch l.cfg.APIVersion {
	case "":
		return nil
	case "1.11":
	default:
		return fmt.Errorf("API version %q: expected 1.11, or none for %s", l.cfg.APIVersion, kube.Version)
	}
	if err := os.MkdirAll(l.path("kube"), 0o700); err != nil {
		return err
	}
	refusals, err := record.New[oldapi.Refusal](l.path("kube/refused.jsonl"))
	if err != nil {
		return err
	}
	l.proxy, err = oldapi.New(oldapi.Config{
		Address: l.subnet.infra(11), Authority: l.ca, Log: refusals, ErrorLog: l.errLog, Now: l.cfg.Now,
	})
	return err
}

func (l *Lab) stopAPI() error {
	var err error
	if l.proxy != nil {
		err = l.proxy.Stop()
	}
	return errors.Join(err, l.kube.Stop())
}

func (l *Lab) startAPI() error {
	if err := l.kube.Restart(l.ctx); err != nil || l.proxy == nil {
		return err
	}
	return l.proxy.Start(l.kube.URL())
}

// furnishCluster makes the API and the nodes one cluster.
func (l *Lab) furnishCluster() error {
	if l.kube == nil {
		return nil
	}
	var objects []kube.Node
	for _, n := range l.nodes {
		master := slices.Contains(n.groups, "masters")
		if master {
			if err := l.giveKubeconfig(n); err != nil {
				return err
			}
		}
		if n.kubelet {
			// It registers itself. A Node object without capacity would make it turn pods away for ever.
			if err := l.kube.WaitReady(l.ctx, n.name); err != nil {
				return err
			}
			continue
		}
		objects = append(objects, kube.Node{Name: n.name, Address: n.Addr().IP.String(), Master: master})
	}
	return l.kube.Furnish(l.ctx, []string{namespace, "openshift-config", "default"}, objects)
}

// giveKubeconfig puts the administrator's kubeconfig where the installer left it on a master.
func (l *Lab) giveKubeconfig(n *node) error {
	raw, err := os.ReadFile(l.kube.Kubeconfig())
	if err != nil {
		return err
	}
	dir := filepath.Join(n.root, "etc/origin/master")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "admin.kubeconfig"), raw, 0o600)
}

func (l *Lab) kubeState() *KubeState {
	s := l.kube
	version, refused := kube.Version, ""
	if l.proxy != nil {
		version, refused = oldapi.Version, l.path("kube/refused.jsonl")
	}
	return &KubeState{
		Server: s.PublicURL(), KubeconfigDirect: s.DirectKubeconfig(), RefusedLog: refused, Kubeconfig: s.Kubeconfig(), KubeconfigLimited: s.LimitedKubeconfig(), Namespace: namespace,
		Version: version, AuditLog: s.AuditLog(), PID: s.PID(), Running: s.Running(),
	}
}
