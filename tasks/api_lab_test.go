//go:build lab

package tasks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks"
	"oreg/tasks/kube/kubetest"
)

// TestAPIOutlivesItsSSHConnection: a rotation takes hours; when the master cuts
// its connections, the next request goes over a new one.
func TestAPIOutlivesItsSSHConnection(t *testing.T) {
	lab := kubetest.Start(t)
	ssh := sshexec.New(sshexec.Options{Home: t.TempDir(), LocalUser: "root", Env: func(string) (string, bool) { return "", false }, Now: time.Now})
	defer func() { _ = ssh.Close() }() // nothing is written over it
	master := inventory.Node{Name: lab.SSH.Name, Connection: inventory.Connection{
		Address: lab.SSH.Address, Port: lab.SSH.Port, User: "root", PrivateKeyFile: lab.SSH.Key,
		SSHArgs: []string{"-o", "UserKnownHostsFile=" + lab.SSH.KnownHosts},
	}}
	access, closeAccess, err := tasks.MasterAPI{SSH: ssh, Master: master}.Open(t.Context())
	require.NoError(t, err)
	defer closeAccess()
	client, err := access.Client("test")
	require.NoError(t, err)
	defer client.Close()
	get := func() error {
		_, err := client.CoreV1().Namespaces().Get(t.Context(), "openshift", metav1.GetOptions{})
		return err
	}
	require.NoError(t, get())
	lab.Ctl(t, "node", "stop", "n1")
	require.Error(t, get())
	lab.Ctl(t, "node", "start", "n1")
	require.NoError(t, get())
}
