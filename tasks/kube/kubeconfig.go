package kube

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	// The login plugins that kubectl has, exec and OIDC among them.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ServiceAccountDir is where a pod finds its own token, CA and namespace.
const ServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// Flags are the user's choices, as kubectl's flags of the same names.
type Flags struct {
	// Kubeconfig is the one file to use; it must exist.
	Kubeconfig string
	Context    string
	Namespace  string
	// As and AsGroups impersonate.
	As       string
	AsGroups []string
	// StdinUsed says that standard input is spoken for, for example by
	// --password-stdin: an exec plugin must not read it.
	StdinUsed bool
}

// Environment is what kubectl's rules read of the process.
type Environment struct {
	// Getenv is asked for KUBECONFIG, KUBERNETES_SERVICE_HOST,
	// KUBERNETES_SERVICE_PORT and POD_NAMESPACE. Exec plugins inherit the
	// process's environment whole, and proxies come from it too: client-go
	// takes neither from elsewhere.
	Getenv func(string) string
	// Home is the user's home folder.
	Home string
	// ServiceAccount is [ServiceAccountDir], or another folder in tests.
	ServiceAccount string
}

// FromKubeconfig is access by kubectl's rules: the file of --kubeconfig alone,
// else the files of $KUBECONFIG merged, else ~/.kube/config, else the service
// account of the pod that oreg runs in. It differs from kubectl where nothing
// is found: kubectl then tries localhost:8080, this is an error. Errors are
// [*ConfigError].
func FromKubeconfig(flags Flags, env Environment) (*Access, error) {
	rules := loadingRules(flags, env)
	raw, err := rules.Load()
	if err != nil {
		return nil, loadError(rules, err)
	}
	source := foundIn(rules)
	if clientcmdapi.IsConfigEmpty(raw) {
		if a := inCluster(flags, env); a != nil && flags.Kubeconfig == "" && flags.Context == "" {
			return a, nil
		}
		return nil, nothingIn(rules, env)
	}
	if flags.Context != "" && raw.Contexts[flags.Context] == nil {
		return nil, &ConfigError{
			Message: fmt.Sprintf("%s: there is no context %q, only: %s", source, flags.Context, strings.Join(contextNames(raw), ", ")),
			Hint:    "kubectl config get-contexts lists them",
		}
	}
	name := raw.CurrentContext
	if flags.Context != "" {
		name = flags.Context
	}
	if problem := unusableContext(raw, name); problem != "" {
		return nil, &ConfigError{
			Message: source + ": " + problem,
			Hint:    "name another one with --context; kubectl config get-contexts lists them",
		}
	}
	// client-go goes on without any login where the user is missing.
	if c := raw.Contexts[name]; c != nil && c.AuthInfo != "" && raw.AuthInfos[c.AuthInfo] == nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: the user %q of context %q is not in it", source, c.AuthInfo, name)}
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: flags.Context}
	overrides.Context.Namespace = flags.Namespace
	overrides.AuthInfo.Impersonate = flags.As
	overrides.AuthInfo.ImpersonateGroups = flags.AsGroups
	direct := clientcmd.NewNonInteractiveClientConfig(*raw, flags.Context, overrides, rules)
	config, err := direct.ClientConfig()
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", source, err), Hint: "kubectl config view shows what is set", Err: err}
	}
	namespace, _, err := direct.Namespace()
	if err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", source, err), Err: err}
	}
	if err := embedFiles(config); err != nil {
		return nil, &ConfigError{Message: fmt.Sprintf("%s: %v", source, err), Hint: "the kubeconfig names this file", Err: err}
	}
	if config.ExecProvider != nil && flags.StdinUsed {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "standard input holds the password"
	}
	return &Access{
		Config: config, Server: config.Host, Source: source, Context: name,
		Namespace: namespace, Asked: flags.Kubeconfig != "" || flags.Context != "", Warnings: safety(config),
	}, nil
}

func loadingRules(flags Flags, env Environment) *clientcmd.ClientConfigLoadingRules {
	// Without a warner client-go would write missing files of $KUBECONFIG to its log.
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: flags.Kubeconfig, Warner: func(error) {}}
	for _, file := range filepath.SplitList(env.Getenv(clientcmd.RecommendedConfigPathEnvVar)) {
		if file != "" && !slices.Contains(rules.Precedence, file) {
			rules.Precedence = append(rules.Precedence, file)
		}
	}
	if len(rules.Precedence) == 0 && env.Home != "" {
		rules.Precedence = []string{filepath.Join(env.Home, ".kube", "config")}
	}
	return rules
}

// loadError names the files; a parser's own words may repeat a line of one,
// with a token, so they are left out.
func loadError(rules *clientcmd.ClientConfigLoadingRules, err error) *ConfigError {
	if rules.ExplicitPath != "" && errors.Is(err, fs.ErrNotExist) {
		return &ConfigError{Message: fmt.Sprintf("kubeconfig %s does not exist", rules.ExplicitPath), Hint: "--kubeconfig names it", Err: err}
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return &ConfigError{Message: fmt.Sprintf("kubeconfig %s cannot be read: %v", pathError.Path, pathError.Err), Err: err}
	}
	where := rules.ExplicitPath
	if where == "" {
		where = "one of " + foundIn(rules)
	}
	return &ConfigError{Message: fmt.Sprintf("%s is not a kubeconfig or names files that do not exist", where), Hint: "kubectl config view reads the same files and says more"}
}

// nothingIn says, file by file, why there is no cluster.
func nothingIn(rules *clientcmd.ClientConfigLoadingRules, env Environment) *ConfigError {
	const hint = "name a kubeconfig with --kubeconfig, or an inventory with -i to go through its first master"
	if rules.ExplicitPath != "" {
		return &ConfigError{Message: fmt.Sprintf("kubeconfig %s is empty: it names no cluster", rules.ExplicitPath), Hint: hint}
	}
	found := make([]string, 0, len(rules.Precedence))
	for _, file := range rules.Precedence {
		what := "does not exist"
		if _, err := os.Stat(file); err == nil {
			what = "is empty"
		}
		found = append(found, file+" "+what)
	}
	by := "no kubeconfig"
	if env.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "" {
		by = "no kubeconfig by $KUBECONFIG"
	}
	if len(found) == 0 {
		found = []string{"$KUBECONFIG is not set and there is no home folder"}
	}
	return &ConfigError{Message: fmt.Sprintf("no cluster: %s (%s), and this is no pod", by, strings.Join(found, ", ")), Hint: hint}
}

// unusableContext says what is wrong with a context of a configuration that
// has something in it; empty if nothing is. client-go takes one without a
// current context for no configuration at all and blames a variable that
// nobody has set.
func unusableContext(raw *clientcmdapi.Config, name string) string {
	chosen := raw.Contexts[name]
	switch {
	case name == "":
		return "no current context is set; there are: " + strings.Join(contextNames(raw), ", ")
	case chosen == nil:
		return fmt.Sprintf("the current context %q is not in it, only: %s", name, strings.Join(contextNames(raw), ", "))
	case raw.Clusters[chosen.Cluster] == nil:
		return fmt.Sprintf("the cluster %q of context %q is not in it", chosen.Cluster, name)
	}
	return ""
}

// foundIn names the files that a configuration came from.
func foundIn(rules *clientcmd.ClientConfigLoadingRules) string {
	if rules.ExplicitPath != "" {
		return rules.ExplicitPath
	}
	var found []string
	for _, file := range rules.Precedence {
		if _, err := os.Stat(file); err == nil {
			found = append(found, file)
		}
	}
	return strings.Join(found, ", ")
}

func contextNames(raw *clientcmdapi.Config) []string {
	names := slices.Sorted(maps.Keys(raw.Contexts))
	if len(names) == 0 {
		return []string{"none at all"}
	}
	return names
}

// embedFiles reads the certificates that a configuration names, so that
// client-go does not watch the files from a goroutine that never ends.
func embedFiles(config *rest.Config) error {
	if err := rest.LoadTLSFiles(config); err != nil {
		return err
	}
	config.CAFile, config.CertFile, config.KeyFile = "", "", ""
	return nil
}

// inCluster is access from inside a pod, nil outside of one. client-go has the
// same, but reads the environment of the process itself.
func inCluster(flags Flags, env Environment) *Access {
	host, port := env.Getenv("KUBERNETES_SERVICE_HOST"), env.Getenv("KUBERNETES_SERVICE_PORT")
	tokenFile := filepath.Join(env.ServiceAccount, "token")
	token, err := os.ReadFile(tokenFile)
	if host == "" || port == "" || env.ServiceAccount == "" || err != nil {
		return nil
	}
	config := &rest.Config{
		Host:            "https://" + net.JoinHostPort(host, port),
		BearerToken:     string(token),
		BearerTokenFile: tokenFile,
		Impersonate:     rest.ImpersonationConfig{UserName: flags.As, Groups: flags.AsGroups},
	}
	if ca, err := os.ReadFile(filepath.Join(env.ServiceAccount, "ca.crt")); err == nil {
		config.CAData = ca
	}
	namespace := flags.Namespace
	if namespace == "" {
		namespace = env.Getenv("POD_NAMESPACE")
	}
	if namespace == "" {
		if content, err := os.ReadFile(filepath.Join(env.ServiceAccount, "namespace")); err == nil {
			namespace = strings.TrimSpace(string(content))
		}
	}
	return &Access{Config: config, Server: config.Host, Source: "the service account of this pod", Namespace: orDefault(namespace)}
}
