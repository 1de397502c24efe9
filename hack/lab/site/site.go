// Package site puts the parts of the lab together: registries, Kubernetes and nodes with the keys,
// certificates, inventory and state document that belong to them, and the socket by which a
// running lab is changed and asked.
//
// Everything is in one folder and dies with this process: in-process parts with it, others by
// PR_SET_PDEATHSIG. What a SIGKILL leaves is the folder alone.
package site

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"oreg/hack/lab/ca"
	"oreg/hack/lab/kube"
	"oreg/hack/lab/oldapi"
	"oreg/hack/lab/registry"
)

// Config is what `lab up` was asked for.
type Config struct {
	Dir        string // the lab's folder, absolute; must not exist or be empty
	Self       string // this program; nodes re-execute it to enter a namespace
	Nodes      int
	Node       NodeOptions
	Registries []string // names out of RegistryNames
	RealmHost  string
	Kube       bool
	KubeBinary string // kube-apiserver, built
	APIVersion string // what the API looks like to clients: 1.11, or empty
	// MachineBase makes the tree that full machines are copied from, or finds it.
	MachineBase func(context.Context) (string, error)
	Kubelet     *Kubelet  // the last node is a machine with a real kubelet; nil for none
	Progress    io.Writer // one line per step
	Now         func() time.Time
}

// Lab is a running lab.
type Lab struct {
	cfg     Config
	ctx     context.Context // of the lab's life: parts started later by request run in it
	down    context.CancelFunc
	subnet  subnet
	ca      *ca.Authority
	errLog  *log.Logger
	logFile *os.File
	marker  string // in every password, so that a search for leaks finds nothing by chance

	mu         sync.Mutex // one change at a time
	state      State
	registries []*registry.Registry
	nodes      []*node
	kube       *kube.Server
	proxy      *oldapi.Proxy // before the API; nil where it looks as it is
	clientKey  *sshKey
	isolation  string // of in-process nodes, decided at the first
	addresses  int    // how many node addresses were given

	apiUp    chan struct{} // closed when the API is up or will never be
	baseOnce sync.Once     // of the tree of the machines
	base     string
	baseErr  error
}

// Up starts a lab. On failure nothing is left running; the folder stays for Remove.
func Up(ctx context.Context, cfg Config) (_ *Lab, err error) {
	l := &Lab{cfg: cfg, apiUp: make(chan struct{})}
	l.ctx, l.down = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := l.prepare(); err != nil {
		return nil, err
	}
	if err := l.startRegistries(); err != nil {
		return nil, err
	}
	// The API takes seconds that the nodes can use.
	api := make(chan error, 1)
	go func() { api <- l.startKube() }()
	nodeErr := l.startNodes()
	if err := errors.Join(nodeErr, <-api); err != nil {
		return nil, err
	}
	if err := l.furnishCluster(); err != nil {
		return nil, err
	}
	return l, errors.Join(l.startHearts(), l.refresh())
}

func (l *Lab) prepare() error {
	for _, dir := range []string{"", "ssh", "registries", "nodes", "certs.d"} {
		if err := os.MkdirAll(filepath.Join(l.cfg.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(l.path("lab.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	l.logFile, l.errLog = f, log.New(f, "", log.LstdFlags|log.Lmicroseconds)
	if l.subnet, err = drawSubnet(); err != nil {
		return err
	}
	mark := make([]byte, 4)
	if _, err := rand.Read(mark); err != nil {
		return err
	}
	l.marker = hex.EncodeToString(mark)
	if l.ca, err = ca.New("oreg lab CA", l.cfg.Now); err != nil {
		return err
	}
	if err := os.WriteFile(l.path("ca.crt"), l.ca.PEM(), 0o644); err != nil {
		return err
	}
	l.state = State{
		Version: 1, Dir: l.cfg.Dir, PID: os.Getpid(), Socket: l.path(socketName),
		Inventory: l.path("hosts"), InventoryWrong: l.path("hosts.wrong"), KnownHosts: l.path("known_hosts"),
		CA: l.path("ca.crt"), CertsDir: l.path("certs.d"),
		SSH: SSHState{
			User: "root", Key: l.path("ssh/id_ed25519"), KeyEncrypted: l.path("ssh/id_encrypted"),
			Passphrase: "phrase-" + l.marker, Args: "-o UserKnownHostsFile=" + l.path("known_hosts"),
		},
		Accounts: nodeAccounts(l.marker),
	}
	if l.clientKey, err = newSSHKey("ed25519"); err != nil {
		return err
	}
	return errors.Join(
		l.clientKey.write(l.state.SSH.Key, ""),
		l.clientKey.write(l.state.SSH.KeyEncrypted, l.state.SSH.Passphrase),
		writeState(&l.state)) // so that `lab down` finds a lab that is still starting
}

// path is a name in the lab's folder.
func (l *Lab) path(name string) string { return filepath.Join(l.cfg.Dir, name) }

func (l *Lab) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(l.cfg.Progress, format+"\n", args...) // a closed terminal is no reason to stop
}

// refresh writes what depends on the parts: the state document, inventories and known_hosts.
func (l *Lab) refresh() error {
	s := l.snapshot()
	errs := []error{l.mirrorAll()}
	for path, text := range map[string]string{
		s.Inventory: inventory(s, false), s.InventoryWrong: inventory(s, true), s.KnownHosts: knownHosts(s),
	} {
		errs = append(errs, replaceFile(path, []byte(text)))
	}
	errs = append(errs, writeState(s))
	return errors.Join(errs...)
}

// State is the lab as it is now.
func (l *Lab) State() *State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapshot()
}

func (l *Lab) snapshot() *State {
	s := l.state
	s.Registries, s.Nodes = []RegistryState{}, []NodeState{}
	for _, r := range l.registries {
		s.Registries = append(s.Registries, l.registryState(r))
	}
	for _, n := range l.nodes {
		s.Nodes = append(s.Nodes, n.state())
	}
	if l.kube != nil {
		s.Kubernetes = l.kubeState()
	}
	return &s
}

// Down asks for the end of the lab; Done tells of it.
func (l *Lab) Down() { l.down() }

// Done is closed when somebody asked for the end.
func (l *Lab) Done() <-chan struct{} { return l.ctx.Done() }

// Close stops every part and waits for it. The folder stays.
func (l *Lab) Close() error {
	l.down()
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	var wg sync.WaitGroup
	for _, n := range l.nodes {
		wg.Go(n.stop)
	}
	wg.Wait()
	if l.proxy != nil {
		errs = append(errs, l.proxy.Close())
	}
	if l.kube != nil {
		errs = append(errs, l.kube.Stop())
	}
	for _, r := range l.registries {
		errs = append(errs, r.Close())
	}
	for _, n := range l.nodes {
		errs = append(errs, n.close())
	}
	l.nodes, l.registries, l.kube, l.proxy = nil, nil, nil, nil
	if l.logFile != nil {
		errs = append(errs, l.logFile.Close())
	}
	return errors.Join(errs...)
}

// subnet is a lab's own piece of 127.0.0.0/8, all of which is this machine on Linux.
type subnet struct{ a, b int }

// drawSubnet draws one at random: labs of parallel tests then meet each other only by a very rare
// chance, and harmlessly, as ports are free ones.
func drawSubnet() (subnet, error) {
	a, err := rand.Int(rand.Reader, big.NewInt(110))
	if err != nil {
		return subnet{}, err
	}
	b, err := rand.Int(rand.Reader, big.NewInt(200))
	if err != nil {
		return subnet{}, err
	}
	return subnet{a: 16 + int(a.Int64()), b: int(b.Int64())}, nil
}

// infra is the address of a registry or of the API.
func (s subnet) infra(i int) string { return fmt.Sprintf("127.%d.%d.%d", s.a, s.b, i) }

// node is the address of a node, counted from 0, up to 13,000.
func (s subnet) node(i int) string {
	return fmt.Sprintf("127.%d.%d.%d", s.a, s.b+1+i/250, 1+i%250)
}
