package site

import (
	"os"
	"path/filepath"
	"slices"

	"oreg/hack/lab/kube"
)

// namespace is where the installer keeps the secret.
const namespace = "openshift"

func (l *Lab) startKube() error {
	if !l.cfg.Kube {
		return nil
	}
	s, err := kube.Start(l.ctx, kube.Config{
		Binary: l.cfg.KubeBinary, Dir: l.path("kube"), Address: l.subnet.infra(10), Authority: l.ca, Now: l.cfg.Now,
	})
	if err != nil {
		return err
	}
	l.kube = s
	l.progress("the Kubernetes API (%s) is up at %s", kube.Version, s.URL())
	return nil
}

// furnishCluster makes the API and the nodes one cluster.
func (l *Lab) furnishCluster() error {
	if l.kube == nil {
		return nil
	}
	var objects []kube.Node
	for _, n := range l.nodes {
		master := slices.Contains(n.groups, "masters")
		objects = append(objects, kube.Node{Name: n.name, Address: n.Addr().IP.String(), Master: master})
		if master {
			if err := l.giveKubeconfig(n); err != nil {
				return err
			}
		}
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

func kubeState(s *kube.Server) *KubeState {
	return &KubeState{
		Server: s.URL(), Kubeconfig: s.Kubeconfig(), KubeconfigLimited: s.LimitedKubeconfig(), Namespace: namespace,
		Version: kube.Version, AuditLog: s.AuditLog(), PID: s.PID(), Running: s.Running(),
	}
}
