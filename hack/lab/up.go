package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"oreg/hack/lab/kube"
	"oreg/hack/lab/machine"
	"oreg/hack/lab/site"
)

type upOptions struct {
	cfg               site.Config
	json, untilEOF    bool
	detach, detached  bool // asked to leave the terminal; is the process that did
	kubelet           bool
	kubeBinary, cache string
}

func upFlags(sys system) (*pflag.FlagSet, *upOptions) {
	o := &upOptions{}
	flags, _ := newFlags("up", sys)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // a user without a home
	}
	flags.IntVar(&o.cfg.Nodes, "nodes", 3, "number of nodes")
	flags.StringVar(&o.cfg.Node.Kind, "node-kind", site.KindInProcess, "inprocess (any user), sshd or machine (root)")
	flags.StringVar(&o.cfg.Node.Isolation, "isolation", "auto", "of in-process nodes: auto, namespace or none")
	flags.DurationVar(&o.cfg.Node.Latency, "latency", 0, "round-trip time added to in-process nodes")
	flags.StringArrayVar(&o.cfg.Node.SSHDOptions, "sshd-option", nil, "a line of sshd_config; repeatable")
	flags.StringSliceVar(&o.cfg.Node.HostKeyTypes, "host-key-types", []string{"ed25519", "ecdsa"}, "ed25519, ecdsa, rsa")
	flags.BoolVar(&o.cfg.Node.Trace, "trace", false, "run sshd nodes under strace")
	flags.BoolVar(&o.cfg.Node.NetNS, "netns", false, "give each sshd node a network namespace of its own")
	flags.BoolVar(&o.cfg.Kube, "kube", true, "start the Kubernetes API")
	flags.BoolVar(&o.kubelet, "kubelet", false, "make the last node a machine with a real kubelet (root)")
	flags.StringVar(&o.cfg.APIVersion, "api-version", "", "1.11: the API refuses what that version does not have")
	flags.StringVar(&o.kubeBinary, "kube-apiserver", "", "a built kube-apiserver to use instead of building it")
	flags.StringVar(&o.cache, "cache", filepath.Join(cache, "oreg-lab"), "folder for what is made once: kube-apiserver, the tree of the machines")
	flags.StringSliceVar(&o.cfg.Registries, "registries", []string{"basic", "bearer", "plain", "selfsigned"}, "out of "+strings.Join(site.RegistryNames(), ", "))
	flags.StringVar(&o.cfg.RealmHost, "realm-host", "localhost", "host name of the bearer registry's realm")
	flags.BoolVar(&o.json, "json", false, "print the state document, on one line, when all is ready")
	flags.BoolVar(&o.untilEOF, "until-eof", false, "end when standard input ends")
	flags.BoolVar(&o.detach, "detach", false, "return when all is ready; end it with lab down")
	flags.BoolVar(&o.detached, "detached", false, "")
	// Only detach says it; a hidden flag of a name that pflag has is not an error.
	_ = flags.MarkHidden("detached")
	return flags, o
}

func up(ctx context.Context, args []string, sys system) error {
	flags, o := upFlags(sys)
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := flags.GetString("dir")
	if err != nil {
		return err
	}
	if o.cfg.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if o.cfg.Self, err = os.Executable(); err != nil {
		return err
	}
	if strings.ContainsAny(o.cfg.Dir, " \t'\"\\") {
		return fmt.Errorf("%s: the folder's name may hold no blank, quote or backslash, as it goes into ssh arguments", o.cfg.Dir)
	}
	o.cfg.Registries = slices.DeleteFunc(o.cfg.Registries, func(s string) bool { return s == "" })
	if site.Alive(o.cfg.Dir) {
		return fmt.Errorf("a lab runs in %s: `lab down` ends it, or name another folder with --dir", o.cfg.Dir)
	}
	if err := site.Remove(o.cfg.Dir); err != nil {
		return err
	}
	if o.cfg.Kube {
		if o.cfg.KubeBinary, err = kubeBinary(ctx, o, sys); err != nil {
			return err
		}
	}
	if err := makeParts(ctx, o, sys); err != nil {
		return err
	}
	if o.detach {
		return detach(ctx, args, o, sys)
	}
	return serve(ctx, o, sys)
}

func kubeBinary(ctx context.Context, o *upOptions, sys system) (string, error) {
	if o.kubeBinary != "" {
		return filepath.Abs(o.kubeBinary)
	}
	out := filepath.Join(o.cache, "kube-apiserver-"+kube.Version)
	return out, kube.Build(ctx, kube.APIServer(), sourceDir(), out, sys.stderr, sys.now)
}

// makeParts makes what the options ask for besides the API, here and now, so that a detached lab shows
// it too.
func makeParts(ctx context.Context, o *upOptions, sys system) error {
	o.cfg.MachineBase = func(ctx context.Context) (string, error) {
		return machine.Base(ctx, o.cache, sys.stderr, sys.now)
	}
	if o.kubelet {
		if err := buildKubelet(ctx, o, sys); err != nil {
			return err
		}
	}
	if o.cfg.Node.Kind == site.KindMachine || o.kubelet {
		_, err := o.cfg.MachineBase(ctx)
		return err
	}
	return nil
}

func buildKubelet(ctx context.Context, o *upOptions, sys system) error {
	if !o.cfg.Kube || o.cfg.Nodes == 0 {
		return errors.New("--kubelet needs a node and the Kubernetes API")
	}
	o.cfg.Kubelet = &site.Kubelet{
		Binary: filepath.Join(o.cache, "kubelet-"+kube.Version), Pause: filepath.Join(o.cache, "pause"),
	}
	return errors.Join(
		kube.Build(ctx, kube.Kubelet(), sourceDir(), o.cfg.Kubelet.Binary, sys.stderr, sys.now),
		kube.Build(ctx, kube.Pause(), sourceDir(), o.cfg.Kubelet.Pause, sys.stderr, sys.now))
}

func build(ctx context.Context, args []string, sys system) error {
	flags, o := upFlags(sys)
	if err := flags.Parse(args); err != nil {
		return err
	}
	out, err := kubeBinary(ctx, o, sys)
	if err != nil {
		return err
	}
	if err := makeParts(ctx, o, sys); err != nil {
		return err
	}
	_, err = fmt.Fprintln(sys.stdout, out)
	return err
}

// serve starts the lab, tells of it and stays until its end.
func serve(ctx context.Context, o *upOptions, sys system) error {
	// distribution logs each request by logrus' own logger; the access record says what matters.
	logrus.SetOutput(io.Discard)
	o.cfg.Progress, o.cfg.Now = sys.stderr, sys.now
	begun := sys.now()
	ctx, err := endWithParent(ctx, o.detached)
	if err != nil {
		return err
	}
	lab, err := site.Up(ctx, o.cfg)
	if err != nil {
		// An interrupt while starting is an end like any other.
		return errors.Join(err, site.Remove(o.cfg.Dir))
	}
	served := make(chan error, 1)
	go func() { served <- lab.Serve() }()
	if o.untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, sys.stdin) // its end is all that counts
			lab.Down()
		}()
	}
	err = tell(lab.State(), o, sys, sys.now().Sub(begun))
	if err != nil {
		lab.Down()
	}
	<-lab.Done()
	return errors.Join(err, lab.Close(), <-served, site.Remove(o.cfg.Dir))
}

// endWithParent ends ctx when the parent dies: `go run` does not pass on a SIGTERM, and a test that
// is killed cannot end its lab. A detached lab has no parent that counts.
//
// The kernel sends the signal at the death of the thread that started this process, and again as
// the process goes over to the parent's other threads. So it must be one that may come several
// times and too early, and the parent's number decides.
func endWithParent(ctx context.Context, detached bool) (context.Context, error) {
	if detached {
		return ctx, nil
	}
	parent := os.Getppid()
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		defer cancel()
		for os.Getppid() == parent {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
		}
	}()
	// Of the process, whichever thread asks. The parent may have died before this; the loop above
	// has then seen it or sees it now.
	err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGUSR2), 0, 0, 0)
	signals <- syscall.SIGUSR2
	return ctx, err
}

func tell(s *site.State, o *upOptions, sys system, took time.Duration) error {
	if o.json {
		return json.NewEncoder(sys.stdout).Encode(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe lab is up (%s), in %s\n\n", took.Round(100*time.Millisecond), s.Dir)
	fmt.Fprintf(&b, "  inventory   %s   (hosts.wrong: one password is wrong)\n", s.Inventory)
	if s.Kubernetes != nil {
		fmt.Fprintf(&b, "  kubeconfig  %s\n", s.Kubernetes.Kubeconfig)
	}
	for _, r := range s.Registries {
		fmt.Fprintf(&b, "  registry    %-24s %s, TLS %s\n", r.Host, r.Auth, r.TLS)
	}
	fmt.Fprintf(&b, "\nWhat to try next:\n\n")
	certs := "--certs-dir " + s.CertsDir + realmFlag(s)
	fmt.Fprintf(&b, "  oreg validate -i %s %s\n", s.Inventory, certs)
	for _, command := range []string{"install", "verify"} {
		if len(s.Nodes) > 0 {
			fmt.Fprintf(&b, "  oreg %s -i %s %s%s\n", command, s.Inventory, certs, kubeFlag(s))
		}
	}
	if len(s.Nodes) > 0 {
		n := s.Nodes[0]
		fmt.Fprintf(&b, "  ssh -i %s -o UserKnownHostsFile=%s -p %d root@%s cat %s/.docker/config.json\n", s.SSH.Key, s.KnownHosts, n.Port, n.Address, n.DataDir)
	}
	if s.Kubernetes != nil {
		fmt.Fprintf(&b, "  kubectl --kubeconfig %s -n openshift get secret imagestreamsecret\n", s.Kubernetes.Kubeconfig)
	}
	lab := "go -C hack/lab run ."
	fmt.Fprintf(&b, "  %s ctl --dir %s registry log basic\n\n", lab, s.Dir)
	b.WriteString("Ctrl-C ends it and removes everything.\n")
	_, err := io.WriteString(sys.stdout, b.String())
	return err
}

// realmFlag allows the bearer registry's token server, whose name stands for a loopback address.
func realmFlag(s *site.State) string {
	for _, r := range s.Registries {
		if u, err := url.Parse(r.Realm); err == nil && r.Realm != "" {
			return " --allow-realm " + u.Hostname()
		}
	}
	return ""
}

// kubeFlag is needed where no node can show /etc/origin/master/admin.kubeconfig at its own place.
func kubeFlag(s *site.State) string {
	if s.Kubernetes != nil && s.Nodes[0].Isolation == "none" {
		return " --kubeconfig " + s.Kubernetes.Kubeconfig
	}
	return ""
}

// detach runs the same command in a session of its own and waits until it told of the lab.
func detach(ctx context.Context, args []string, o *upOptions, sys system) error {
	args = append(slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--detach") }),
		"--detached", "--kube-apiserver="+o.cfg.KubeBinary, "--dir="+o.cfg.Dir)
	// Not in the lab's folder, which the other process makes anew; without a name it leaves nothing.
	log, err := os.CreateTemp("", "oreg-lab-up-")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	if err := os.Remove(log.Name()); err != nil {
		return err
	}
	cmd := exec.Command(o.cfg.Self, append([]string{"up"}, args...)...)
	cmd.Dir = "/" // it must not keep a folder busy
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // it may have ended
	defer stop()
	// It says all it has to say on standard output at once, when it is ready.
	text := bufio.NewReader(out)
	if _, err := text.Peek(1); err != nil {
		_ = cmd.Wait() // its own words say more
		said, rerr := io.ReadAll(io.NewSectionReader(log, 0, 1<<20))
		return errors.Join(fmt.Errorf("the lab did not come up:\n%s", said), rerr)
	}
	for {
		line, err := text.ReadString('\n')
		if strings.HasPrefix(line, "Ctrl-C ends it") {
			line = fmt.Sprintf("End it with: go -C hack/lab run . down --dir %s\n", o.cfg.Dir)
		}
		if _, werr := io.WriteString(sys.stdout, line); werr != nil || err != nil {
			return werr
		}
		if o.json || strings.HasPrefix(line, "End it with") {
			return cmd.Process.Release()
		}
	}
}
