//go:build lab

package kubetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/tasks/kube"
)

// Lab is a running kube-apiserver with RBAC.
type Lab struct {
	// Kubeconfig is the administrator's; Limited that of the user "limited",
	// who has no rights.
	Kubeconfig, Limited string
	// AuditLog has a JSON line for each request.
	AuditLog string
	// Dir is the lab's folder.
	Dir string
	// SSH is how to reach the lab's first node, n1, as root.
	SSH Node
}

// Node is a machine of the lab.
type Node struct {
	Name, Address, Key, KnownHosts string
	Port                           int
}

// Start runs a lab with one node and no registries until the test ends. The
// lab's program is named by $OREG_LAB, as `make test` does.
func Start(t *testing.T) *Lab {
	t.Helper()
	program := os.Getenv("OREG_LAB")
	require.NotEmpty(t, program, "OREG_LAB must name the lab's program: run `make test`, or `make lab` and set it to bin/lab")
	dir := filepath.Join(t.TempDir(), "lab")
	cmd := exec.Command(program, "up", "--dir", dir, "--nodes", "1", "--registries", "", "--json", "--until-eof")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close() // the end of its input tells the lab to end
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the lab ended badly: %v\n%s", err, stderr.String())
		}
	})
	line, err := bufio.NewReaderSize(stdout, 1<<20).ReadBytes('\n')
	if err != nil {
		_ = stdin.Close()
		require.NoError(t, err, "the lab did not start: %s", stderr.String())
	}
	var state struct {
		KnownHosts string `json:"known_hosts"`
		SSH        struct {
			Key string `json:"key"`
		} `json:"ssh"`
		Nodes []struct {
			Name    string `json:"name"`
			Address string `json:"address"`
			Port    int    `json:"port"`
		} `json:"nodes"`
		Kubernetes struct {
			Kubeconfig string `json:"kubeconfig"`
			Limited    string `json:"kubeconfig_limited"`
			AuditLog   string `json:"audit_log"`
		} `json:"kubernetes"`
	}
	require.NoError(t, json.Unmarshal(line, &state))
	require.NotEmpty(t, state.Nodes)
	n := state.Nodes[0]
	return &Lab{
		Kubeconfig: state.Kubernetes.Kubeconfig, Limited: state.Kubernetes.Limited,
		AuditLog: state.Kubernetes.AuditLog, Dir: dir,
		SSH: Node{Name: n.Name, Address: n.Address, Port: n.Port, Key: state.SSH.Key, KnownHosts: state.KnownHosts},
	}
}

// Ctl passes a command on to the lab: Ctl(t, "api", "stop").
func (l *Lab) Ctl(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(os.Getenv("OREG_LAB"), append([]string{"ctl", "--dir", l.Dir}, args...)...).CombinedOutput()
	require.NoError(t, err, "lab ctl %s: %s", strings.Join(args, " "), out)
}

// Client opens a client by a kubeconfig.
func Client(t *testing.T, kubeconfig string) *kube.Client {
	t.Helper()
	access, err := kube.FromKubeconfig(kube.Flags{Kubeconfig: kubeconfig}, kube.Environment{Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	client, err := access.Client("test")
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Namespace makes a namespace of the test's own.
func Namespace(t *testing.T, client *kube.Client) string {
	t.Helper()
	made, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	return made.Name
}

// Kubectl runs the real kubectl and returns what it prints. It has no home.
func Kubectl(t *testing.T, kubeconfig string, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("kubectl")
	require.NoError(t, err, "the real kubectl must be installed: `make deps` does it")
	cmd := exec.Command(program, append([]string{"--kubeconfig", kubeconfig}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "kubectl %s: %s", strings.Join(args, " "), stderr.String())
	return out
}

// Request is a line of the audit log.
type Request struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	UserAgent  string `json:"userAgent"`
	Stage      string `json:"stage"`
}

// Requests reads what oreg's own clients asked for, in order.
func (l *Lab) Requests(t *testing.T) []Request {
	t.Helper()
	content, err := os.ReadFile(l.AuditLog)
	require.NoError(t, err)
	var found []Request
	for line := range bytes.Lines(content) {
		var r Request
		require.NoError(t, json.Unmarshal(line, &r), "%s", line)
		if r.Stage == "ResponseComplete" && strings.HasPrefix(r.UserAgent, "oreg/") {
			found = append(found, r)
		}
	}
	return found
}

func (r Request) String() string { return fmt.Sprintf("%s %s", r.Verb, r.RequestURI) }
