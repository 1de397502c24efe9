package site

import (
	"encoding/json"
	"os"
	"path/filepath"

	"oreg/hack/lab/registry"
)

// State is the document that tells tests and people everything about a lab. Its fields are
// explained in the doc comment of command lab. It holds passwords: its file is 0600.
type State struct {
	Version        int             `json:"version"`
	Dir            string          `json:"dir"`
	PID            int             `json:"pid"`
	Socket         string          `json:"socket"`
	Inventory      string          `json:"inventory"`
	InventoryWrong string          `json:"inventory_wrong"`
	KnownHosts     string          `json:"known_hosts"`
	CA             string          `json:"ca"`
	CertsDir       string          `json:"certs_dir"`
	SSH            SSHState        `json:"ssh"`
	Accounts       []NodeAccount   `json:"accounts"`
	Registries     []RegistryState `json:"registries"`
	Nodes          []NodeState     `json:"nodes"`
	Kubernetes     *KubeState      `json:"kubernetes"`
}

// SSHState is how a client logs in to the nodes.
type SSHState struct {
	User         string `json:"user"`
	Key          string `json:"key"`
	KeyEncrypted string `json:"key_encrypted"`
	Passphrase   string `json:"key_passphrase"`
	Args         string `json:"args"` // for ansible_ssh_common_args
}

// NodeAccount is a user that every node has.
type NodeAccount struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Sudo     string `json:"sudo"` // "", nopasswd or password; sshd nodes only
}

// RegistryState is one registry.
type RegistryState struct {
	Name     string             `json:"name"`
	Host     string             `json:"host"`
	Auth     string             `json:"auth"`
	TLS      string             `json:"tls"`
	Realm    string             `json:"realm"`
	Accounts []registry.Account `json:"accounts"`
	Images   []string           `json:"images"`
	Log      string             `json:"log"`
	Running  bool               `json:"running"`
}

// NodeState is one node.
type NodeState struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Isolation string   `json:"isolation"`
	Groups    []string `json:"groups"`
	Address   string   `json:"address"`
	Port      int      `json:"port"`
	HostKeys  []string `json:"host_keys"`
	Root      string   `json:"root"`
	DataDir   string   `json:"data_dir"`
	DockerDir string   `json:"docker_dir"`
	NetNS     bool     `json:"netns"`
	PID       int      `json:"pid"`
	Log       string   `json:"log"`
	Trace     string   `json:"trace"`
	Unit      string   `json:"unit"`
	SmallDir  string   `json:"small_dir"`
	Heartbeat string   `json:"heartbeat"`
	Kubelet   bool     `json:"kubelet"`
	Running   bool     `json:"running"`
}

// KubeState is the Kubernetes API.
type KubeState struct {
	Server            string `json:"server"`
	Kubeconfig        string `json:"kubeconfig"`
	KubeconfigLimited string `json:"kubeconfig_limited"`
	KubeconfigDirect  string `json:"kubeconfig_direct"`
	Namespace         string `json:"namespace"`
	Version           string `json:"version"`
	AuditLog          string `json:"audit_log"`
	RefusedLog        string `json:"refused_log"`
	PID               int    `json:"pid"`
	Running           bool   `json:"running"`
}

// stateFile is where a lab in dir keeps its state document.
func stateFile(dir string) string { return filepath.Join(dir, "state.json") }

// ReadState reads the state document of the lab in dir.
func ReadState(dir string) (*State, error) {
	raw, err := os.ReadFile(stateFile(dir))
	if err != nil {
		return nil, err
	}
	var s State
	return &s, json.Unmarshal(raw, &s)
}

func writeState(s *State) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(stateFile(s.Dir), append(raw, '\n'))
}

// halfWritten ends the name of a file that is to take the place of another.
const halfWritten = ".new"

// replaceFile replaces a file at once, so that a reader, who may come at any time, sees the old one or the new one.
func replaceFile(path string, content []byte) error {
	tmp := path + halfWritten
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
