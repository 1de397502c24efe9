package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

// apiFlags are those of the commands that work on the cluster's API alone.
type apiFlags struct {
	as       string
	asGroups []string
	wait     seconds
}

// add defines the flags. wait is how long --wait alone waits.
func (f *apiFlags) add(fs *flagSet, wait, what string) {
	fs.Var(&f.wait, "wait", "wait for "+what+", "+wait+" or as long as is said (--wait=10m)")
	fs.Lookup("wait").NoOptDefVal, fs.Lookup("wait").DefValue = wait, ""
	fs.StringVar(&f.as, "as", "", "act as this `user`, as kubectl's --as")
	fs.StringArrayVar(&f.asGroups, "as-group", nil, "`group` to act as; repeatable")
}

// clusterAPI is an open API and the namespace that is meant without -n.
type clusterAPI struct {
	*kube.Client
	namespace string
	// cluster is what an inventory says; without one it is empty.
	cluster *inventory.Cluster
	close   func()
}

// openAPI reaches the API by kubectl's rules, or with -i through the first
// master, unless a kubeconfig was named.
func (a *app) openAPI(ctx context.Context, f apiFlags) (*clusterAPI, error) {
	opened := &clusterAPI{cluster: &inventory.Cluster{}, close: func() {}}
	flags := kube.Flags{Context: a.context, As: f.as, AsGroups: f.asGroups, StdinUsed: a.passwordStdin}
	if a.kubeconfig != "" {
		flags.Kubeconfig = a.absolute(a.kubeconfig)
	}
	var api tasks.API = tasks.KubeconfigAPI{Flags: flags, Environment: kube.Environment{
		Getenv: a.getenv, Home: a.home, ServiceAccount: kube.ServiceAccountDir,
	}}
	if len(a.inventories) > 0 {
		cluster, err := a.readCluster(ctx, false)
		if err != nil {
			return nil, err
		}
		opened.cluster = cluster
		if a.kubeconfig == "" && a.context == "" {
			if cluster.FirstMaster == nil {
				return nil, &usageError{message: "the inventory has no group masters, so that the cluster's API cannot be found",
					hint: "name a kubeconfig with --kubeconfig, or leave -i out to go by kubectl's rules"}
			}
			ssh := a.sshClient()
			opened.close = func() { _ = ssh.Close() } // what was done over it is decided by then
			api = tasks.MasterAPI{SSH: ssh, Master: *cluster.FirstMaster}
		}
	}
	access, closeAccess, err := api.Open(ctx)
	if err != nil {
		opened.close()
		return nil, err
	}
	closeSSH := opened.close
	opened.close = func() { closeAccess(); closeSSH() }
	for _, w := range access.Warnings {
		a.warn(w)
	}
	if f.as != "" || len(f.asGroups) > 0 {
		access.Config.Impersonate.UserName, access.Config.Impersonate.Groups = f.as, f.asGroups
	}
	opened.namespace = firstOf(access.Namespace, "default")
	if opened.Client, err = access.Client(buildVersion()); err != nil {
		opened.close()
		return nil, err
	}
	a.where = opened.Where()
	closeAll := opened.close
	opened.close = func() { opened.Client.Close(); closeAll() }
	if access.Asked && len(opened.cluster.Nodes) > 0 && !a.allowOtherCluster {
		if err := kube.Guard(ctx, opened.CoreV1().Nodes(), knownBy(opened.cluster), access.Source); err != nil {
			opened.close()
			return nil, err
		}
	}
	return opened, nil
}

// namespaces are those of -n a,b,c; without -n the one that kubectl would
// take.
func (a *app) namespaces(api *clusterAPI) ([]string, error) {
	if a.namespace == "" {
		return []string{api.namespace}, nil
	}
	names := words(a.namespace)
	if len(names) == 0 {
		return nil, &usageError{message: "--namespace names none"}
	}
	return names, nil
}

// words are the parts of comma-separated values, each once.
func words(values ...string) []string {
	var out []string
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			if word = strings.TrimSpace(word); word != "" && !contains(out, word) {
				out = append(out, word)
			}
		}
	}
	return out
}

// newReport is one for a command that works on the cluster's API.
func (a *app) newReport(command string) (*tasks.Report, error) {
	id, err := tasks.NewRunID(a.now(), a.random)
	if err != nil {
		return nil, err
	}
	return tasks.NewReport(command, id, a.check), nil
}

// notReached ends a command whose API could not be opened: that is a failed
// object, unless the cluster is the wrong one or the kubeconfig is no use.
func notReached(report *tasks.Report, kind, namespace, name string, err error) (*tasks.Report, error) {
	var failure *kube.Error
	if !errors.As(err, &failure) || failure.Cause == kube.CauseWrongCluster {
		return nil, err
	}
	report.Secrets = append(report.Secrets, tasks.NewObjectReport(kind, namespace, name, tasks.StatusFailed, err))
	report.Finish()
	return report, nil
}

// ended finishes a report.
func (a *app) ended(ctx context.Context, report *tasks.Report, api *clusterAPI) (*tasks.Report, error) {
	if api != nil {
		for _, w := range api.Warnings() {
			a.warn(w)
		}
	}
	report.Finish()
	return report, ctx.Err()
}

// entriesMask covers logins in what servers say.
func entriesMask(entries []dockerconfig.Entry) *secret.Masker {
	var all []secret.Text
	for _, e := range entries {
		all = append(all, e.Password, secret.Pair(e.User, e.Password))
	}
	return secret.NewMasker(all...)
}

// checkEntries refuses, before anything is opened, a login that no reader of a
// secret would understand.
func checkEntries(entries []dockerconfig.Entry) error {
	if _, err := dockerconfig.Merge(nil, entries, dockerconfig.Options{Form: dockerconfig.DockerConfigJSON}); err != nil {
		return &usageError{message: err.Error()}
	}
	return nil
}

// credentialsOf makes entries checkable. Of the pull secret's usual entries
// one is no registry's: nothing could be asked there.
func (a *app) credentialsOf(entries []dockerconfig.Entry, source string) ([]inventory.Credential, error) {
	credentials := make([]inventory.Credential, 0, len(entries))
	for _, e := range entries {
		registry, err := inventory.ParseRegistryHost(e.Key)
		if err != nil {
			return nil, &usageError{message: fmt.Sprintf("%s: the key %q %v", source, e.Key, err)}
		}
		c := inventory.Credential{
			Host: registry.Host, Scope: registry.Scope, User: e.User, Password: e.Password,
			Source: source, TestLogin: !dockerconfig.SameRegistry(e.Key, "cloud.openshift.com"), TLSVerify: true,
		}
		c.Image, c.ImageNamed = registry.TestImage(a.image)
		credentials = append(credentials, c)
	}
	return credentials, nil
}

// changedEntries are the entries that present has not got in the same way.
func changedEntries(entries []dockerconfig.Entry, present []dockerconfig.Found) []dockerconfig.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e dockerconfig.Entry) bool {
		return slices.ContainsFunc(present, func(f dockerconfig.Found) bool {
			return dockerconfig.SameRegistry(f.Key, e.Key) && f.User == e.User && f.Password.Equal(e.Password) && !f.Token
		})
	})
}

// waiting is how long --wait waits, 0 without it.
func (f *apiFlags) waiting() time.Duration { return time.Duration(f.wait) }
