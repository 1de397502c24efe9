package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"oreg/hack/lab/etc"
)

// Unit is the node's service, as OpenShift Origin calls it; UnitAlias is OpenShift Enterprise's name.
const (
	Unit      = "origin-node.service"
	UnitAlias = "atomic-openshift-node.service"
)

// Small is a file system of SmallSize bytes that a test can fill.
const (
	Small     = "/var/small"
	SmallSize = 128 << 10
)

// ours is the folder, on the machine, of what the lab puts there.
const ours = "var/lib/oreg-lab"

// Modes of the node's service, from its next start on.
const (
	ModeOK    = "ok"
	ModeFail  = "fail"  // ends with an error at once
	ModeCrash = "crash" // starts well, and ends with an error after 2 s
	ModeHang  = "hang"  // never says that it started
)

// program is the node's service. It plays the kubelet in that it says when it starts and, as long as
// it runs, each second that it lives; a line of that size is written whole.
const program = `#!/bin/sh
lab=/var/lib/oreg-lab
echo "start $$" >$lab/unit.fifo
read -r mode <$lab/mode
case $mode in
fail) echo "told to fail" >&2; exit 1 ;;
hang) exec sleep infinity ;;
esac
systemd-notify --ready
if [ "$mode" = crash ]; then sleep 2; echo "told to crash" >&2; exit 1; fi
while :; do
	echo beat >$lab/unit.fifo
	sleep 1
done
`

// nodeUnit is like the installer's, but that tests may start it as often as they like: systemd's own
// limit is 5 starts in 10 s.
const nodeUnit = `[Unit]
Description=OpenShift Node (played by oreg's lab)
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=/var/lib/oreg-lab/origin-node
WorkingDirectory=/var/lib/origin
SyslogIdentifier=origin-node
Restart=always
RestartSec=5s
TimeoutStartSec=300
TimeoutStopSec=10

[Install]
WantedBy=multi-user.target
Alias=` + UnitAlias + `
`

const sshdUnit = `[Unit]
Description=OpenSSH server of oreg's lab

[Service]
RuntimeDirectory=sshd
ExecStart=/usr/sbin/sshd -D -e -f ` + etc.SSHDConfig + `
StandardError=append:/var/lib/oreg-lab/sshd.fifo
KillMode=process
Restart=on-failure

[Install]
WantedBy=multi-user.target
`

// furnish copies the base tree but for /usr, which all machines share, and adds what is a machine's own.
func furnish(base, root string, cfg etc.Config) error {
	if err := os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil {
		return err
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return filepath.Base(p) == "usr" })
	// Owners, modes and links count.
	if out, err := exec.Command("cp", append([]string{"-a", "-t", root, "--"}, parts...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s: %w: %s", base, err, out)
	}
	// systemd-nspawn looks for it before it mounts /usr.
	release, err := os.ReadFile(filepath.Join(base, "usr/lib/os-release"))
	if err != nil {
		return err
	}
	units := "etc/systemd/system/"
	errs := []error{
		os.WriteFile(filepath.Join(root, "usr/lib/os-release"), release, 0o644),
		etc.Write(cfg, filepath.Join(root, "etc"), filepath.Join(root, "etc"), root),
	}
	for _, dir := range []string{ours, "var/lib/origin", "etc/origin", units + "multi-user.target.wants"} {
		errs = append(errs, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, fifo := range []string{"unit.fifo", "sshd.fifo"} {
		errs = append(errs, syscall.Mkfifo(filepath.Join(root, ours, fifo), 0o600))
	}
	for name, text := range map[string]string{
		units + Unit: nodeUnit, units + "lab-sshd.service": sshdUnit, ours + "/origin-node": program, ours + "/mode": ModeOK + "\n",
	} {
		path := filepath.Join(root, name)
		errs = append(errs, os.WriteFile(path, []byte(text), 0o644))
	}
	errs = append(errs,
		os.Chmod(filepath.Join(root, ours, "origin-node"), 0o755),
		os.Symlink("/"+units+Unit, filepath.Join(root, units, "multi-user.target.wants", Unit)),
		os.Symlink("/"+units+Unit, filepath.Join(root, units, UnitAlias)),
		os.Symlink("/"+units+"lab-sshd.service", filepath.Join(root, units, "multi-user.target.wants/lab-sshd.service")))
	return errors.Join(errs...)
}
