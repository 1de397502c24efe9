package kube

import (
	"errors"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"oreg/hack/lab/ca"
)

// auditPolicy records who asked for what, and never a body: bodies of secrets hold credentials.
const auditPolicy = `{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[
{"level":"None","nonResourceURLs":["/readyz*","/healthz*","/livez*","/openapi*","/api*","/version"]},
{"level":"None","users":["system:apiserver"]},
{"level":"Metadata"}]}
`

func (s *Server) flags() []string {
	host, port, _ := strings.Cut(s.host, ":")
	var front []string
	if s.cfg.Front != nil {
		front = []string{
			"--requestheader-client-ca-file=ca.crt", "--requestheader-allowed-names=" + s.cfg.Front.CommonName,
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		}
	}
	return append(front,
		"--etcd-servers=unix://etcd.sock",
		"--bind-address="+host, "--secure-port="+port,
		// Nobody reaches the cluster by it; without it kube-apiserver looks for a network card.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
		"--tls-cert-file=server.crt", "--tls-private-key-file=server.key", "--client-ca-file=ca.crt",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=sa.pub", "--service-account-signing-key-file=sa.key",
		"--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
		"--service-cluster-ip-range=172.30.0.0/16", // OpenShift's
		"--audit-policy-file=audit-policy.json", "--audit-log-path=audit.jsonl",
		"--allow-privileged=true", "--profiling=false", "--v=1",
	)
}

func (s *Server) writeFiles() error {
	host, _, _ := strings.Cut(s.host, ":")
	server, err := s.cfg.Authority.Server(host, "localhost", "kubernetes.default.svc", "172.30.0.1")
	if err != nil {
		return err
	}
	admin, err := s.cfg.Authority.Client("system:admin", "system:masters")
	if err != nil {
		return err
	}
	limited, err := s.cfg.Authority.Client("limited")
	if err != nil {
		return err
	}
	saKey, saPub, err := ca.Key()
	if err != nil {
		return err
	}
	var errs []error
	for name, content := range map[string][]byte{
		"ca.crt": s.cfg.Authority.PEM(), "server.crt": server.Cert, "server.key": server.Key,
		"sa.key": saKey, "sa.pub": saPub, "audit-policy.json": []byte(auditPolicy),
	} {
		errs = append(errs, os.WriteFile(s.path(name), content, 0o600))
	}
	errs = append(errs,
		s.writeKubeconfig(s.Kubeconfig(), s.PublicURL(), "system:admin", admin),
		s.writeKubeconfig(s.LimitedKubeconfig(), s.PublicURL(), "limited", limited),
		s.writeKubeconfig(s.DirectKubeconfig(), s.URL(), "system:admin", admin))
	if s.client, err = s.adminClient(admin); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// writeKubeconfig holds all it needs in itself, as OpenShift's admin.kubeconfig does.
func (s *Server) writeKubeconfig(path, server, user string, pair ca.Pair) error {
	c := api.NewConfig()
	c.Clusters["lab"] = &api.Cluster{Server: server, CertificateAuthorityData: s.cfg.Authority.PEM()}
	c.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	c.Contexts["lab"] = &api.Context{Cluster: "lab", AuthInfo: user, Namespace: "default"}
	c.CurrentContext = "lab"
	return clientcmd.WriteToFile(*c, path)
}
