package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/validation"

	"oreg/sshexec"
)

// options are the flags that every command has. They do nothing where there
// is nothing to do.
type options struct {
	inventories []string
	limit       string
	extraVars   []string
	scripts     bool

	forks int
	// timeout is 0 unless it was given, by -T or by Ansible's configuration.
	timeout       seconds
	user          string
	privateKey    string
	askPass       bool
	become        bool
	becomeUser    string
	askBecomePass bool
	hostKeys      string
	sshCommonArgs string

	vaultPasswordFiles []string
	vaultIDs           []string
	askVaultPass       bool

	kubeconfig        string
	context           string
	namespace         string
	secretName        string
	allowOtherCluster bool

	checkTimeout seconds
	certsDirs    []string
	allowRealms  []string
	strict       bool
	from         string

	authfiles     []string
	registry      string
	username      string
	passwordStdin bool
	image         string

	check bool
	diff  bool
	yes   bool

	output  string
	logFile string
	verbose int
	color   string
	help    bool
}

// Where a flag stands in the help.
const (
	sectionInventory  = "Inventory"
	sectionConnection = "Connection"
	sectionCluster    = "Cluster"
	sectionChecks     = "Checks"
	sectionRun        = "Run"
	sectionOutput     = "Output"
	sectionCommand    = "This command"
)

// flagSet is a pflag.FlagSet whose flags are grouped for the help.
type flagSet struct {
	*pflag.FlagSet
	sections map[string]string
}

func newFlagSet(name string) *flagSet {
	fs := &flagSet{FlagSet: pflag.NewFlagSet(name, pflag.ContinueOnError), sections: map[string]string{}}
	fs.SortFlags = false
	fs.Usage = func() {} // errors and --help are ours to print
	return fs
}

// in puts every flag defined since the last call into the section.
func (fs *flagSet) in(section string) {
	fs.VisitAll(func(f *pflag.Flag) {
		if _, done := fs.sections[f.Name]; !done {
			fs.sections[f.Name] = section
		}
	})
}

// addCommon defines the flags that every command has, with names that fingers
// know from ansible-playbook, kubectl and docker login.
func (o *options) addCommon(fs *flagSet) {
	fs.StringArrayVarP(&o.inventories, "inventory", "i", nil, "inventory `file` or folder; repeatable (default from ansible.cfg or ANSIBLE_INVENTORY)")
	fs.StringVarP(&o.limit, "limit", "l", "", "Ansible `pattern` of hosts to work on, or @file")
	fs.StringArrayVarP(&o.extraVars, "extra-vars", "e", nil, "`k=v`, JSON or @file; repeatable, beats the inventory")
	fs.BoolVar(&o.scripts, "allow-inventory-scripts", false, "run an inventory file that is executable, as Ansible does unasked")
	fs.StringArrayVar(&o.vaultPasswordFiles, "vault-password-file", nil, "`file` with a vault password, or a program that prints it; repeatable")
	fs.StringArrayVar(&o.vaultIDs, "vault-id", nil, "vault `label@source`; source is a file, a program or \"prompt\"; repeatable")
	fs.BoolVar(&o.askVaultPass, "ask-vault-pass", false, "ask for the vault password")
	fs.in(sectionInventory)

	fs.IntVarP(&o.forks, "forks", "f", 64, "hosts worked on at once")
	fs.VarP(&o.timeout, "timeout", "T", fmt.Sprintf("time for connecting to a host, handshake included (default ConnectTimeout of the ssh configuration, else %s)", sshexec.DefaultTimeout))
	fs.StringVarP(&o.user, "user", "u", "", "log in as this `user`")
	fs.StringVar(&o.privateKey, "private-key", "", "private key `file`")
	fs.BoolVarP(&o.askPass, "ask-pass", "k", false, "ask for the SSH password")
	fs.BoolVarP(&o.become, "become", "b", false, "use sudo on the hosts")
	fs.StringVar(&o.becomeUser, "become-user", "", "`user` to become (default root)")
	fs.BoolVarP(&o.askBecomePass, "ask-become-pass", "K", false, "ask for sudo's password")
	fs.StringVar(&o.hostKeys, "host-key-checking", "strict", "strict, accept-new or off")
	fs.StringVar(&o.sshCommonArgs, "ssh-common-args", "", "`arguments` for every SSH connection, as ansible_ssh_common_args")
	fs.in(sectionConnection)

	fs.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file` in place of the first master's")
	fs.StringVar(&o.context, "context", "", "`context` of the kubeconfig")
	fs.StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of the secret (default openshift; for secret the context's, and several with commas)")
	fs.StringVar(&o.secretName, "secret-name", "imagestreamsecret", "`name` of the secret")
	fs.BoolVar(&o.allowOtherCluster, "allow-other-cluster", false, "go on where the kubeconfig's cluster has none of the inventory's nodes")
	fs.in(sectionCluster)

	o.checkTimeout = seconds(60 * time.Second)
	fs.Var(&o.checkTimeout, "check-timeout", "time for the whole check of one credential")
	fs.StringArrayVar(&o.certsDirs, "certs-dir", nil, "`folder` with <host:port>/ca.crt as /etc/docker/certs.d; repeatable")
	fs.StringArrayVar(&o.allowRealms, "allow-realm", nil, "accept a token server on this private `host`; repeatable")
	fs.BoolVar(&o.strict, "strict", false, "an inconclusive credential counts as failed")
	fs.StringVar(&o.from, "from", fromController, "whose network to check from: controller, first-master or nodes")
	fs.StringArrayVar(&o.authfiles, "authfile", nil, "credentials from a config.json, auth.json, pull secret or Secret manifest `file`; repeatable")
	fs.StringVar(&o.registry, "registry", "", "check one `registry` (or registry/path) without an inventory")
	fs.StringVar(&o.username, "username", "", "`user` for --registry")
	fs.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password for --registry from standard input")
	fs.StringVar(&o.image, "image", "", "test `image` for --registry")
	fs.in(sectionChecks)

	fs.BoolVarP(&o.check, "check", "C", false, "every read and validation, no write anywhere (also --dry-run)")
	fs.BoolVar(&o.check, "dry-run", false, "same as --check")
	fs.BoolVarP(&o.diff, "diff", "D", false, "show what differs, without secrets")
	fs.BoolVar(&o.yes, "yes", false, "answer every question with yes")
	fs.in(sectionRun)

	fs.StringVarP(&o.output, "output", "o", "text", "text, json or junit")
	fs.StringVar(&o.logFile, "log-file", "", "write a detailed log to this `file` (0600)")
	fs.CountVarP(&o.verbose, "verbose", "v", "more detail; up to -vvv")
	fs.StringVar(&o.color, "color", "auto", "auto, always or never")
	fs.BoolVarP(&o.help, "help", "h", false, "this text")
	fs.in(sectionOutput)
}

// validate refuses values outside of their set before any file is opened.
func (o *options) validate() error {
	for _, set := range []struct {
		flag, value string
		allowed     []string
	}{
		{"--output", o.output, []string{"text", "json", "junit"}},
		{"--color", o.color, []string{"auto", "always", "never"}},
		{"--host-key-checking", o.hostKeys, []string{"strict", "accept-new", "off"}},
		{"--from", o.from, []string{fromController, fromFirstMaster, fromNodes}},
	} {
		if !contains(set.allowed, set.value) {
			return &usageError{
				message: fmt.Sprintf("%s %q: expected one of %s", set.flag, set.value, list(set.allowed)),
			}
		}
	}
	if problems := validation.NameIsDNSSubdomain(o.secretName, false); len(problems) > 0 {
		return &usageError{message: fmt.Sprintf("--secret-name %q: expected lower-case letters, digits, - and .", o.secretName)}
	}
	if o.forks < 1 {
		return &usageError{message: fmt.Sprintf("--forks %d: expected at least 1", o.forks)}
	}
	return nil
}

// validateNamespace refuses what can be no namespace, which the API would only
// say after the nodes were done.
func (o *options) validateNamespace(many bool) error {
	names := []string{o.namespace}
	if many {
		names = words(o.namespace)
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		if problems := validation.ValidateNamespaceName(name, false); len(problems) > 0 {
			return &usageError{message: fmt.Sprintf("--namespace %q: expected one name of lower-case letters, digits and -", name)}
		}
	}
	return nil
}

// validateLogin wants the flags of one login together.
func (o *options) validateLogin() error {
	switch {
	case o.registry == "" && (o.username != "" || o.passwordStdin || o.image != ""):
		return &usageError{message: "--username, --password-stdin and --image belong to --registry", hint: "add --registry HOST"}
	case o.registry != "" && o.username == "":
		return &usageError{message: "--registry needs --username"}
	case o.registry != "" && !o.passwordStdin:
		return &usageError{message: "--registry needs the password on standard input",
			hint: "add --password-stdin and pipe the password in; a password flag would show in the process list"}
	}
	return nil
}

// seconds is a duration flag: "30s", "2m" or a bare number of seconds, as
// Ansible's -T takes it.
type seconds time.Duration

// Set parses the flag's value.
func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if !(n > 0 && n <= 1e6) { // also refuses NaN
			return fmt.Errorf("expected more than 0 and at most 1000000 seconds")
		}
		*s = seconds(n * float64(time.Second))
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("expected a duration such as 30s or 2m, or a number of seconds")
	}
	if d <= 0 {
		return fmt.Errorf("expected more than 0 seconds")
	}
	*s = seconds(d)
	return nil
}

// String is empty for a flag without a default of its own.
func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Type is what the help shows for the value.
func (*seconds) Type() string { return "duration" }
