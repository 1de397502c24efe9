package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Kubelet is what a machine needs whose service is a real kubelet, over containerd and runc.
type Kubelet struct {
	Binary     string // built from the lab's source
	Kubeconfig []byte // of the node's user
	CA         []byte // of the API's clients
	PauseImage string // a file as `docker save` writes it, of an image named PauseName
}

// PauseName is the image of each pod's sandbox. Its registry exists nowhere: the image is put into
// containerd by hand.
const PauseName = "registry.lab.invalid/pause:1"

// pods is the folder of static pods, as the installer of 3.11 has it.
const pods = "etc/origin/node/pods"

// tools are bound into the machine from this system, whose Debian release is the same.
const tools = "/opt/oreg-lab"

// kubeletConfig has what is needed to run inside a machine that is itself a container: no control
// groups for pods, no kernel settings.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /` + pods + `
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
address: 127.0.0.1
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: /var/lib/oreg-lab/ca.crt}
authorization: {mode: AlwaysAllow}
featureGates: {KubeletInUserNamespace: true}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: 1Mi, nodefs.available: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
maxOpenFiles: 10000
volumePluginDir: /var/lib/oreg-lab/volume-plugins
nodeStatusUpdateFrequency: 1s
nodeStatusReportFrequency: 1s
`

// containerdConfig: the native snapshotter works on every file system.
const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + PauseName + `"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`

// networkConfig lets the node be Ready. Its plug-in does not exist: pods use the machine's network.
const networkConfig = `{"cniVersion":"0.4.0","name":"lab","plugins":[{"type":"none"}]}
`

// containerdUnit makes the machine's own control groups writable, which systemd-nspawn mounts read-only.
// Kernel settings are everybody's, and none is changed: what a kubelet insists on is shown to it.
const containerdUnit = `[Unit]
Description=containerd of oreg's lab

[Service]
Type=notify
Environment=PATH=` + tools + `:/usr/sbin:/usr/bin
ExecStartPre=/bin/sh /var/lib/oreg-lab/prepare
ExecStart=` + tools + `/containerd
ExecStartPost=` + tools + `/ctr -n k8s.io images import --snapshotter native /var/lib/oreg-lab/pause.tar
Delegate=yes
KillMode=process
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`

const prepare = `set -e
for d in /sys/fs/cgroup/*/; do mount -o remount,rw,bind "$d"; done
[ -d /run/lab-settings ] && exit
mkdir /run/lab-settings
show() { echo "$2" >/run/lab-settings/${1##*/}; mount --bind /run/lab-settings/${1##*/} /proc/sys/$1; }
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
`

// nodeIP is the address that the kubelet tells of; it takes none of 127.0.0.0/8. It is on the loopback
// interface of the machine's own network, and documentation's (RFC 5737).
const nodeIP = "192.0.2.2"

// kubeletDropIn gives the node's service what the installer's unit gave it: HOME is where the kubelet
// seeks .docker/config.json.
const kubeletDropIn = `[Unit]
After=lab-containerd.service
Requires=lab-containerd.service

[Service]
Environment=HOME=/var/lib/origin PATH=` + tools + `:/usr/sbin:/usr/bin:/sbin:/bin
KillMode=process
`

// kubeletProgram is the node's service with a real kubelet in it. It tells of its start, as the played
// one does; the API hears of the rest from the kubelet.
func kubeletProgram(name string) string {
	return `#!/bin/sh
lab=/var/lib/oreg-lab
echo "start $$" >$lab/unit.fifo
read -r mode <$lab/mode
case $mode in
fail) echo "told to fail" >&2; exit 1 ;;
hang) exec sleep infinity ;;
crash) systemd-notify --ready; sleep 2; echo "told to crash" >&2; exit 1 ;;
esac
exec ` + tools + `/kubelet --config=$lab/kubelet.yaml --kubeconfig=$lab/kubelet.kubeconfig \
	--hostname-override=` + name + ` --node-ip=` + nodeIP + ` --root-dir=/var/lib/origin/openshift.local.volumes
`
}

// furnish adds the kubelet's files to a machine.
func (k *Kubelet) furnish(root, name string) error {
	image, err := os.ReadFile(k.PauseImage)
	if err != nil {
		return err
	}
	units := "etc/systemd/system/"
	files := map[string]string{
		ours + "/origin-node": kubeletProgram(name), ours + "/kubelet.yaml": kubeletConfig, ours + "/kubelet.kubeconfig": string(k.Kubeconfig),
		ours + "/prepare": prepare, ours + "/ca.crt": string(k.CA), ours + "/pause.tar": string(image), "etc/containerd/config.toml": containerdConfig,
		"etc/cni/net.d/lab.conflist": networkConfig, units + "lab-containerd.service": containerdUnit, units + Unit + ".d/kubelet.conf": kubeletDropIn,
	}
	errs := []error{os.MkdirAll(filepath.Join(root, pods), 0o755)}
	for file, text := range files {
		path := filepath.Join(root, file)
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600))
	}
	errs = append(errs, os.Chmod(filepath.Join(root, ours, "origin-node"), 0o755),
		os.Symlink("/"+units+"lab-containerd.service", filepath.Join(root, units, "multi-user.target.wants/lab-containerd.service")))
	return errors.Join(errs...)
}

// nspawn are the arguments by which a machine may run containers of its own.
func (k *Kubelet) nspawn() ([]string, error) {
	args := []string{"--capability=all", "--system-call-filter=@keyring bpf", "--bind-ro=/dev/kmsg", "--bind-ro=" + k.Binary + ":" + tools + "/kubelet"}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc"} {
		path, err := lookPath(name, map[bool]string{true: "runc", false: "containerd"}[name == "runc"])
		if err != nil {
			return nil, err
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
		args = append(args, "--bind-ro="+path+":"+tools+"/"+name)
	}
	return args, nil
}

// Registry is how containerd is to reach a registry.
type Registry struct {
	Host string // with port
	CA   bool   // its certificate is from the authority in the machine's certs.d; else none is asked for
	HTTP bool
}

// Trust tells containerd of a registry. Without it containerd speaks plain HTTP to any 127.x.y.z.
func (m *Machine) Trust(r Registry) error {
	if m.cfg.Kubelet == nil {
		return nil
	}
	var b strings.Builder
	url := "https://" + r.Host
	if r.HTTP {
		url = "http://" + r.Host
	}
	fmt.Fprintf(&b, "server = %q\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", url, url)
	switch {
	case r.CA:
		fmt.Fprintf(&b, "  ca = %q\n", "/etc/docker/certs.d/"+r.Host+"/ca.crt")
	case !r.HTTP:
		b.WriteString("  skip_verify = true\n")
	}
	dir := filepath.Join(m.cfg.Root, "etc/containerd/certs.d", r.Host)
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(b.String()), 0o644))
}

// HasKubelet says whether the machine's service is a real kubelet.
func (m *Machine) HasKubelet() bool { return m.cfg.Kubelet != nil }

// RunPod gives the kubelet a static pod of one container. pull is Always, IfNotPresent or Never.
func (m *Machine) RunPod(name, image, pull string) error {
	manifest := fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: default}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: %q, imagePullPolicy: %s}
`, name, image, pull)
	// Written beside and renamed: the kubelet reads the folder at any time.
	dir := filepath.Join(m.cfg.Root, pods)
	tmp := filepath.Join(dir, "."+name)
	if err := os.WriteFile(tmp, []byte(manifest), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, name+".yaml"))
}

// RemovePod takes a static pod away.
func (m *Machine) RemovePod(name string) error {
	return os.Remove(filepath.Join(m.cfg.Root, pods, name+".yaml"))
}
