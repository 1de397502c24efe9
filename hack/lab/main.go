// Command lab runs the real parts that oreg talks to, on one machine: container registries
// (distribution v3), a Kubernetes API (kube-apiserver over embedded etcd) and nodes (SSH servers).
//
// It is a Go module of its own, so that kube-apiserver's dependencies stay out of oreg's. The go
// command does not cross module borders, so from the top of the repository it is
//
//	go -C hack/lab run . up --nodes 6
//
// or, built once, `go -C hack/lab build -o /tmp/lab .` and then `/tmp/lab up`.
//
// # Verbs
//
//	lab up [flags]       start everything; stay until Ctrl-C, SIGTERM, `lab down`, the death of the parent
//	                     process (or end of standard input, with --until-eof), then remove everything
//	lab down [--dir D]   stop a lab and remove its folder; also after its lab process was killed
//	lab state [--dir D]  print the state document
//	lab ctl ...          change or ask a running lab (below); --dir D or $OREG_LAB_DIR says which
//	lab deps [--check]   install (root on Debian) or name the programs that the tests need
//	lab build            make now what up would make the first time, with progress: kube-apiserver; with
//	                     --kubelet and --node-kind machine also those parts
//
// Flags of up: --dir D (default $XDG_RUNTIME_DIR/oreg-lab, else $TMPDIR/oreg-lab-UID), --nodes N (3),
// --node-kind inprocess|sshd|machine (the last two: root), --netns (each sshd node has a network of its
// own: see below), --isolation auto|namespace|none (in-process nodes), --latency D (in-process nodes),
// --sshd-option 'Key Value' (repeatable), --host-key-types ed25519,ecdsa,rsa, --trace (sshd nodes under
// strace: every execve with argv and environment goes to the node's "trace" file), --kube=true|false,
// --api-version 1.11 (a proxy before the API refuses what a server of that version does not have, instead
// of ignoring it: parameters such as dryRun and fieldManager, apply patches, newer groups and resources),
// --kubelet (root: the last node is a machine whose service is a real kubelet), --registries
// basic,bearer,plain,selfsigned,open (default all but open; "" for none), --realm-host localhost,
// --kube-apiserver FILE (built; default: built from the source here), --cache D (for what is made once),
// --json (the state document on standard output, one line, when all is ready), --until-eof, --detach.
//
// # State document
//
// Printed by `up --json` and `state`, kept in DIR/state.json (0600), rewritten at each change:
//
//	{"version":1,"dir":"/run/user/0/oreg-lab","pid":4711,"socket":"DIR/ctl.sock",
//	 "inventory":"DIR/hosts",              // openshift-ansible 3.11 INI, all credentials right
//	 "inventory_wrong":"DIR/hosts.wrong",  // the same; the bearer registry's password is wrong
//	 "known_hosts":"DIR/known_hosts","ca":"DIR/ca.crt",
//	 "certs_dir":"DIR/certs.d",            // for oreg --certs-dir: HOST:PORT/ca.crt each
//	 "ssh":{"user":"root","key":"DIR/ssh/id_ed25519","key_encrypted":"DIR/ssh/id_encrypted",
//	        "key_passphrase":"...","args":"-o UserKnownHostsFile=..."},
//	 "accounts":[{"user":"root","password":"...","sudo":""},        // on every node; all take the key
//	             {"user":"core","password":"...","sudo":"nopasswd"},
//	             {"user":"ops","password":"...","sudo":"password"}],
//	 "registries":[{"name":"basic","host":"127.9.8.201:41234","auth":"basic|bearer|none",
//	        "tls":"lab-ca|self-signed|none","realm":"https://localhost:40123/token",
//	        "accounts":[{"user":"lab|svc","password":"...","access":"push|pull|none"}],
//	        "images":["openshift3/ose-pod:v3.11"],"log":"DIR/registries/basic.jsonl","running":true}],
//	 "nodes":[{"name":"n1","kind":"inprocess|sshd|machine","isolation":"namespace|none|machine",
//	        "groups":["masters","etcd","nodes"],"address":"127.9.8.1","port":40001,
//	        "host_keys":["ssh-ed25519 AAAA..."],
//	        "root":"DIR/nodes/n1/root",     // its private files: root/var/lib/origin, root/root/.docker,
//	                                        // root/etc/origin are what the node sees as /var/lib/origin, ...;
//	                                        // so is root/etc/docker/certs.d, with the lab's CA for each
//	                                        // registry (in-process nodes see certs_dir there)
//	        "data_dir":"/var/lib/origin",   // as oreg must name it: the path in root where isolation is "none"
//	        "docker_dir":"/root/.docker",
//	        "netns":false,                  // has a network of its own
//	        "pid":4712,                     // of sshd or of a machine's systemd; 0 in-process or stopped
//	        "unit":"origin-node.service",   // a machine's service; atomic-openshift-node.service is an alias
//	        "small_dir":"/var/small",       // a machine's file system of 128 KiB, to be filled
//	        "kubelet":false,                // its service is a real kubelet over containerd and runc
//	        "heartbeat":"on|off|stale",     // empty: the Ready condition is what somebody wrote
//	        "log":"DIR/nodes/n1/log.jsonl","trace":"","running":true}],
//	 "kubernetes":{"server":"https://127.9.8.250:6443","kubeconfig":"DIR/kube/admin.kubeconfig",
//	        "kubeconfig_limited":"DIR/kube/limited.kubeconfig", // user "limited", no rights at all
//	        "kubeconfig_direct":"DIR/kube/direct.kubeconfig",   // past the proxy of --api-version
//	        "refused_log":"DIR/kube/refused.jsonl",             // of that proxy; empty without it
//	        "namespace":"openshift","version":"v1.34.4","audit_log":"DIR/kube/audit.jsonl",
//	        "pid":4713,"running":true}}
//
// # ctl
//
//	lab ctl node add NAME [--kind K] [--groups nodes] | remove|stop|start NAME
//	        stop kills every process of the node: connections are cut, new ones refused; its files stay
//	        (machine: a power cut, and a boot)
//	lab ctl node pause|resume NAME                                    (sshd, machine) connections hang, none is refused
//	lab ctl node set NAME [--latency 20ms] [--forwarding=false]      (in-process)
//	lab ctl node log NAME | reset NAME | count NAME [EVENT]           events: connect auth exec forward
//	        count without an event counts connections; NAME may be "all", here and above
//	lab ctl node ps NAME                                              (sshd, machine) argv and environment of its processes
//	lab ctl [--stdin] node exec NAME -- COMMAND                       as root inside the node, beside its SSH server
//	lab ctl node block NAME REGISTRY|api|ADDRESS[:PORT] [--how reject|drop|unreachable]   (own network) its firewall:
//	        connection refused, silence, or no route to host
//	lab ctl node unblock NAME REGISTRY|api|ADDRESS[:PORT]
//	lab ctl node name NAME HOSTNAME [ADDRESS]                         (sshd, machine) its /etc/hosts; without address: forget it
//	lab ctl node starts NAME                                          (machine) each start of its service, seen from
//	        outside: {"time","node","unit","pid"}
//	lab ctl node unit NAME ok|fail|crash|hang                         (machine) how its service behaves from its next
//	        start on: fail ends at once, crash after 2 s, hang never says that it started
//	lab ctl kubelet heartbeat NAME on|off|stale                       the lab plays the kubelet: Ready with a heartbeat
//	        each second (of a machine: while its service runs); Unknown; as it is, without a heartbeat
//	lab ctl kubelet run NAME POD IMAGE [--pull Always]                (--kubelet) a static pod; remove NAME POD
//	lab ctl kubelet status NAME POD                                   what its kubelet says of it: {"found","phase",
//	        "running","restarts","reason","message"}; reason is ErrImagePull or ImagePullBackOff while it cannot pull
//	lab ctl registry add NAME [--auth A] [--tls T] | remove|stop|start NAME
//	lab ctl registry log NAME | reset NAME
//	lab ctl registry count NAME [all|authenticated|failed|anonymous]  (default all)
//	lab ctl registry passwd NAME USER [--access push|pull|none]       password on standard input; adds or changes
//	lab ctl registry deluser NAME USER
//	lab ctl api stop|start|pause|resume                               pause: connections hang, none is refused
//	lab ctl api refused                                               what the proxy of --api-version refused:
//	        {"time","method","uri","user","agent","code","reason"}
//	lab ctl inventory                                                 write inventories and known_hosts anew
//	lab ctl state | down
//
// A program asks the same over the socket: POST http://lab/ctl with {"args":["registry","count",
// "basic","failed"],"stdin":""}, answered by {"output":"1\n","error":""}. A socket's name has at most
// 107 bytes: dial /proc/self/fd/N/ctl.sock with the folder open as N.
//
// A registry's record has one JSON line per request: {"time","server":"registry|token","method",
// "path","query","user","credential":"none|basic|bearer","status":401,"remote"}. "failed" counts
// answers 401 to a Basic login, so a password presented once counts once; "authenticated" counts
// requests that carried a credential and were not refused. A node's record: {"time","event",
// "user","remote","detail"}; of an sshd node the detail of exec is not the command, which sshd does
// not tell.
//
// # Full machines
//
// A node of kind machine is Debian with a real systemd, made once by debootstrap (a minute on an idle
// machine; kept in --cache) and booted by systemd-nspawn, with a network of its own as below. Its
// files are plain files below "root", but for /usr, which is read-only and everybody's, and for what
// it mounts itself. Its service is like the installer's unit (Type=notify, Restart=always after 5 s);
// what it runs plays the kubelet: the lab turns its signs of life into the Node's Ready condition.
//
// # A real kubelet
//
// With --kubelet the last node is a machine, and its service runs Kubernetes' own kubelet, built from the
// same module as kube-apiserver, over this system's containerd and runc inside the machine. HOME is
// /var/lib/origin, as the installer's unit has it; the unit is restarted like any other. It registers its
// Node itself, with a heartbeat each second. Each registry then has an image that really runs,
// lab/run:1.0; static pods (in /etc/origin/node/pods) use the machine's network. There are no control
// groups for pods, and kernel settings that a kubelet insists on are shown to it and not changed.
//
// # Networks of their own
//
// With --netns an sshd node's network, as a machine's always, is a namespace with a loopback interface
// alone. The lab makes its own addresses (registries, realm, API, other nodes) mean the same inside,
// connection by connection, so that a certificate or an inventory is right from everywhere; a part that is stopped
// is refused inside too. Nothing else can be reached from there, and names are those of the node's
// /etc/hosts alone: its resolver asks nobody. The node's sshd answers outside at its usual address,
// but sees all its clients come from 127.0.0.1.
//
// # What is not like the real thing
//
// Nothing needs /etc/hosts: every part has a loopback address of its own, 127.X.Y.Z with X and Y
// drawn at random for each lab, and certificates name these addresses. The bearer registry's realm
// must be on another host name that resolves everywhere without set-up; `localhost` is the only one,
// and oreg wants --allow-realm localhost for it.
//
// No controller-manager runs: nothing creates the service account "default" of a namespace that a
// test makes, and a Node's Ready condition is what somebody writes (the lab, where a heartbeat is on).
// With --isolation none (or auto where the kernel has no user namespaces)
// /etc/origin/master/admin.kubeconfig is not at its place on the first master: use --kubeconfig. Thousands of nodes start and end in seconds on a tmpfs (--dir
// /dev/shm/lab), and in half a minute on a busy disk.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"oreg/hack/lab/private"
	"oreg/hack/lab/site"
)

func main() {
	// A node's command on its way into its namespace: nothing else may happen before it.
	if len(os.Args) > 1 && os.Args[1] == private.EnterVerb {
		fmt.Fprintln(os.Stderr, "oreg lab:", private.Enter(os.Args[2:]))
		os.Exit(255)
	}
	os.Exit(run(os.Args[1:], system{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}))
}

// system is what the program gets from outside.
type system struct {
	stdin          *os.File
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

const usage = `usage: lab VERB [flags]
  up      start a lab and stay; lab up --help tells the flags
  down    end a lab and remove its folder
  state   print a lab's state document
  ctl     change or ask a running lab: lab ctl node|registry|api ...
  deps    install or name the programs that the tests need
  build   build kube-apiserver now
`

// run is the program; its result is the exit status.
func run(args []string, sys system) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	verbs := map[string]func(context.Context, []string, system) error{
		"up": up, "down": down, "state": state, "ctl": ctl, "deps": installDeps, "build": build,
	}
	if len(args) == 0 || verbs[args[0]] == nil {
		_, _ = fmt.Fprint(sys.stderr, usage) // nobody to tell otherwise
		return 5
	}
	err := verbs[args[0]](ctx, args[1:], sys)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintf(sys.stderr, "lab: %v\n", err) // nobody to tell otherwise
		return 1
	}
	return 0
}

// newFlags is a flag set with --dir.
func newFlags(name string, sys system) (flags *pflag.FlagSet, dir *string) {
	flags = pflag.NewFlagSet("lab "+name, pflag.ContinueOnError)
	flags.SetOutput(sys.stderr)
	return flags, flags.String("dir", defaultDir(sys), "the lab's folder")
}

func defaultDir(sys system) string {
	if d := sys.getenv("OREG_LAB_DIR"); d != "" {
		return d
	}
	if d := sys.getenv("XDG_RUNTIME_DIR"); d != "" {
		return d + "/oreg-lab"
	}
	return fmt.Sprintf("%s/oreg-lab-%d", strings.TrimRight(os.TempDir(), "/"), os.Getuid())
}

func down(ctx context.Context, args []string, sys system) error {
	flags, dir := newFlags("down", sys)
	if err := flags.Parse(args); err != nil {
		return err
	}
	return site.Down(ctx, *dir)
}

func state(_ context.Context, args []string, sys system) error {
	flags, dir := newFlags("state", sys)
	if err := flags.Parse(args); err != nil {
		return err
	}
	raw, err := os.ReadFile(*dir + "/state.json")
	if err != nil {
		return fmt.Errorf("no lab in %s: %w", *dir, err)
	}
	_, err = sys.stdout.Write(raw)
	return err
}

func ctl(ctx context.Context, args []string, sys system) error {
	flags, dir := newFlags("ctl", sys)
	stdin := flags.Bool("stdin", false, "give standard input to the command of node exec")
	// The command's own flags are for the lab.
	flags.SetInterspersed(false)
	if err := flags.Parse(args); err != nil {
		return err
	}
	req := site.Request{Args: flags.Args()}
	if *stdin || len(req.Args) > 1 && req.Args[0] == "registry" && req.Args[1] == "passwd" {
		raw, err := io.ReadAll(sys.stdin)
		if err != nil {
			return err
		}
		req.Stdin = string(raw)
	}
	out, err := site.Ask(ctx, *dir, req)
	_, werr := io.WriteString(sys.stdout, out)
	return errors.Join(err, werr)
}

// sourceDir is where this program was compiled from: kube-apiserver is built from there.
func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "/main.go")
}
