package inventory

import "oreg/inventory/secret"

// Credential is one login that the inventory names, with what is known about
// how to prove it.
type Credential struct {
	// Host is the registry key as config.json carries it, without scheme:
	// lower-case host[:port], for Docker Hub "docker.io". It never holds a path.
	Host string
	// Scope is the path below Host that the user wrote ("team" of
	// "registry.example.com/team"), without slashes at its ends; empty as a rule.
	Scope string
	// User and Password are text taken verbatim.
	User     string
	Password secret.Text
	// Source names the place for messages and JSON, for example
	// "hosts:31 openshift_additional_registry_credentials[0]".
	Source string
	// Image is the full reference of the test image,
	// "registry.example.com/openshift3/ose-pod:v3.11".
	Image string
	// ImageNamed says that the user named Image; otherwise it is the default
	// and its absence proves nothing against the login.
	ImageNamed bool
	// TestLogin false: the credential is placed without any request.
	TestLogin bool
	// TLSVerify false: bad certificates, and plain HTTP, are allowed for Host.
	TLSVerify bool
	// Delegated: the token host needs an entry of its own.
	Delegated bool
}

// Proxy is what the checks go through. The addresses are secret because they
// may hold a password.
type Proxy struct {
	HTTP, HTTPS secret.Text
	// NoProxy is a comma-separated list as in the no_proxy variable.
	NoProxy string
}

// Node is one host that gets credential files.
type Node struct {
	// Name is the inventory name.
	Name string
	// Master says that the host is in masters or new_masters.
	Master bool
	// Connection is how Ansible would reach it.
	Connection Connection
	// ConfigPaths are the config.json files of this host, absolute, each once,
	// the kubelet's first.
	ConfigPaths []string
	// ServiceUnit is the systemd unit without suffix, "origin-node".
	ServiceUnit string
	// KubeletName is openshift_kubelet_name_override, or empty.
	KubeletName string
}

// Connection is a host's ansible_* connection variables, already rendered.
// Zero values mean "not set"; defaults are the connecting side's.
type Connection struct {
	// Local is ansible_connection=local.
	Local bool
	// Address is ansible_host, else the inventory name.
	Address string
	Port    int
	User    string
	// PrivateKeyFile is ansible_ssh_private_key_file, "~" not yet expanded.
	PrivateKeyFile string
	Password       secret.Text
	// Become is nil without become.
	Become *Become
	// SSHArgs are ansible_ssh_common_args and then ansible_ssh_extra_args,
	// split as a shell splits words.
	SSHArgs []string
}

// Become is how to get another user's rights on a host. Method is always sudo:
// any other is an error of the inventory.
type Become struct {
	User     string
	Password secret.Text
}

// Cluster is what oreg acts on.
type Cluster struct {
	Credentials []Credential
	// Nodes are all hosts of nodes, masters, new_nodes and new_masters, each
	// once, in inventory order, without those that the limit excludes.
	Nodes []Node
	// FirstMaster is the first host of masters; nil without that group.
	FirstMaster *Node
	// FirstMasterLimited says that the limit excludes FirstMaster.
	FirstMasterLimited bool
	Proxy              Proxy
	// RestartSerial is openshift_restart_nodes_serial ("1", "20%"), or empty.
	RestartSerial string
	// DeploymentType is "origin" or "openshift-enterprise".
	DeploymentType string
	// OregHost is the registry of oreg_url, or empty.
	OregHost string
}
