package kube

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// MasterKubeconfig is the administrator's kubeconfig on a master of OpenShift
// 3, which the installer used too.
const MasterKubeconfig = "/etc/origin/master/admin.kubeconfig"

// Master is a first master to go through.
type Master struct {
	// Name is the inventory name, for messages.
	Name string
	// Kubeconfig is the content of [MasterKubeconfig].
	Kubeconfig []byte
	// Dial opens connections from the master's network.
	Dial DialFunc
	// ReadFile reads a file of the master, for a kubeconfig that names
	// certificates in place of holding them. It may be nil.
	ReadFile func(ctx context.Context, file string) ([]byte, error)
}

// FromMaster is access as the installer had it: the master's own kubeconfig,
// used through the SSH connection to the master. Names are resolved there, the
// controller's proxies play no part, and nothing is written to disk. Errors
// are api-unreachable: the master was reached, its kubeconfig is no use.
func FromMaster(ctx context.Context, m Master) (*Access, error) {
	source := fmt.Sprintf("%s of %s", MasterKubeconfig, m.Name)
	fail := func(hint, format string, args ...any) (*Access, error) {
		wrapped := fmt.Errorf(format, args...)
		return nil, &Error{Cause: CauseAPIUnreachable, Message: source + ": " + wrapped.Error(), Hint: hint, Err: wrapped}
	}
	raw, err := clientcmd.Load(m.Kubeconfig)
	if err != nil {
		// The parser's own words may repeat the line that it stumbled over.
		return fail("look at the file, or name another one with --kubeconfig", "is not a kubeconfig")
	}
	user, cluster, namespace, err := current(raw)
	if err != nil {
		return fail("look at the file, or name another one with --kubeconfig", "%w", err)
	}
	if user.Exec != nil || user.AuthProvider != nil {
		return fail("copy the kubeconfig here and name it with --kubeconfig", "gets its credentials from a program, which would have to run on the master")
	}
	for _, f := range []struct {
		file *string
		data *[]byte
	}{
		{&cluster.CertificateAuthority, &cluster.CertificateAuthorityData},
		{&user.ClientCertificate, &user.ClientCertificateData},
		{&user.ClientKey, &user.ClientKeyData},
	} {
		if err := m.embed(ctx, f.file, f.data); err != nil {
			return fail("", "%w", err)
		}
	}
	var token []byte
	if user.Token == "" {
		if err := m.embed(ctx, &user.TokenFile, &token); err != nil {
			return fail("", "%w", err)
		}
		user.Token = string(token)
	}
	user.TokenFile = ""
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, raw.CurrentContext, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return fail("", "%w", err)
	}
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := m.Dial(ctx, network, address)
		if err != nil {
			return nil, &tunnelError{master: m.Name, address: address, err: err}
		}
		return conn, nil
	}
	if config.Proxy == nil {
		config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	return &Access{
		Config: config, Server: config.Host, Source: source,
		Context: raw.CurrentContext, Namespace: namespace, Warnings: safety(config),
	}, nil
}

// tunnelError is a connection that could not be opened from the master.
type tunnelError struct {
	master, address string
	err             error
}

func (e *tunnelError) Error() string {
	return fmt.Sprintf("no connection to %s through %s: %v", e.address, e.master, e.err)
}

func (e *tunnelError) Unwrap() error { return e.err }

// embed reads the file that a kubeconfig names, relative to its own folder,
// unless the data is there already.
func (m Master) embed(ctx context.Context, file *string, data *[]byte) error {
	name := *file
	*file = ""
	if name == "" || len(*data) > 0 {
		return nil
	}
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(MasterKubeconfig), name)
	}
	if m.ReadFile == nil {
		return fmt.Errorf("names the file %s in place of holding its content", name)
	}
	content, err := m.ReadFile(ctx, name)
	if err != nil {
		return fmt.Errorf("names the file %s, which cannot be read: %w", name, err)
	}
	*data = content
	return nil
}

// current returns the parts of the current context.
func current(raw *clientcmdapi.Config) (*clientcmdapi.AuthInfo, *clientcmdapi.Cluster, string, error) {
	chosen, ok := raw.Contexts[raw.CurrentContext]
	if !ok {
		return nil, nil, "", fmt.Errorf("the current context %q is not in it", raw.CurrentContext)
	}
	cluster, ok := raw.Clusters[chosen.Cluster]
	if !ok {
		return nil, nil, "", fmt.Errorf("the cluster %q of context %q is not in it", chosen.Cluster, raw.CurrentContext)
	}
	user, ok := raw.AuthInfos[chosen.AuthInfo]
	if !ok {
		return nil, nil, "", fmt.Errorf("the user %q of context %q is not in it", chosen.AuthInfo, raw.CurrentContext)
	}
	return user, cluster, orDefault(chosen.Namespace), nil
}

func orDefault(namespace string) string {
	if namespace == "" {
		return "default"
	}
	return namespace
}
