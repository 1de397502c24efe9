package main

import (
	"context"
	"fmt"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// scope is the flag --only, which install and verify share.
type scope struct{ only string }

func (s *scope) add(fs *flagSet) {
	fs.StringVar(&s.only, "only", "", "only the `part`: nodes or secrets")
}

func (s *scope) validate() error {
	switch s.only {
	case "", "nodes", "secrets":
		return nil
	}
	return &usageError{message: fmt.Sprintf("--only %q: expected one of nodes or secrets", s.only)}
}

func installCommand() command {
	var s scope
	return command{
		name: "install", summary: "check every credential, then put config.json on every node and the secret in the cluster",
		about: `
Nothing is touched before every credential has been checked. Idempotent: what is
already right is not written again. With --only nodes it runs before there is a
cluster; with --check it writes nothing and shows what it would write.`,
		examples: []string{
			"oreg install -i hosts --check --diff",
			"oreg install -i hosts",
			"oreg install -i hosts --only nodes --limit new_nodes",
		},
		flags: func(_ *app, fs *flagSet) { s.add(fs) },
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			run, closeRun, err := a.clusterRun(ctx, "install", args, s)
			if err != nil {
				return nil, err
			}
			defer closeRun()
			return run.Install(ctx)
		},
	}
}

func verifyCommand() command {
	var s scope
	return command{
		name: "verify", summary: "compare what is in place with what the inventory says; exit 2 on drift",
		about: `
Reads the secret and every node's files and changes nothing. Entries that are not
of the inventory are not drift.`,
		examples: []string{"oreg verify -i hosts", "oreg verify -i hosts --diff -o json"},
		flags:    func(_ *app, fs *flagSet) { s.add(fs) },
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			run, closeRun, err := a.clusterRun(ctx, "verify", args, s)
			if err != nil {
				return nil, err
			}
			defer closeRun()
			return run.Verify(ctx)
		},
	}
}

// clusterRun sets a run up whose commands work on nodes and secrets.
func (a *app) clusterRun(ctx context.Context, name string, args []string, s scope) (*tasks.Run, func(), error) {
	if err := noArguments(name, args); err != nil {
		return nil, nil, err
	}
	if err := s.validate(); err != nil {
		return nil, nil, err
	}
	cluster, err := a.loadCluster(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	run, err := a.newRun(ctx, name, cluster)
	if err != nil {
		return nil, nil, err
	}
	run.SkipNodes, run.SkipSecrets = s.only == "secrets", s.only == "nodes"
	if !run.SkipSecrets && cluster.FirstMasterLimited && a.kubeconfig == "" && a.context == "" {
		a.warn(fmt.Sprintf("the limit leaves the first master %s out: secrets are skipped", cluster.FirstMaster.Name))
		run.SkipSecrets = true
	}
	ssh := a.sshClient()
	run.Nodes = &tasks.NodeFiles{SSH: ssh, RunID: run.ID, Check: a.check, KeepBackups: 1, Now: a.now}
	if err := a.setOriginOver(run, ssh); err != nil {
		return nil, nil, err
	}
	keeper, err := a.clusterSecrets(cluster, run, ssh)
	if err != nil {
		return nil, nil, err
	}
	run.Secrets = keeper
	return run, func() {
		keeper.Close()
		if err := ssh.Close(); err != nil {
			a.log.Debug("close connections", "error", err)
		}
	}, nil
}

// clusterSecrets says which cluster is worked on and how it is reached: by
// the kubeconfig that was asked for, else by the first master's.
func (a *app) clusterSecrets(cluster *inventory.Cluster, run *tasks.Run, ssh *sshexec.Client) (*tasks.ClusterSecrets, error) {
	mask := masker(cluster)
	c := &tasks.ClusterSecrets{
		Job: secrets.Job{
			Namespace: firstOf(a.namespace, secrets.DefaultNamespace), Name: a.secretName,
			Run: run.ID, Check: a.check, Backup: true, Mask: mask,
		},
		Nodes: cluster.Nodes, AllowOtherCluster: a.allowOtherCluster,
		Version: buildVersion(), Mask: mask, Warn: a.warn,
	}
	switch {
	case a.kubeconfig != "" || a.context != "":
		flags := kube.Flags{Context: a.context}
		if a.kubeconfig != "" {
			flags.Kubeconfig = a.absolute(a.kubeconfig)
		}
		c.API = tasks.KubeconfigAPI{Flags: flags, Environment: kube.Environment{
			Getenv: a.getenv, Home: a.home, ServiceAccount: kube.ServiceAccountDir,
		}}
	case cluster.FirstMaster != nil:
		c.API = tasks.MasterAPI{SSH: ssh, Master: *cluster.FirstMaster}
	case !run.SkipSecrets:
		return nil, &usageError{message: "the inventory has no group masters, so that the cluster's API cannot be found",
			hint: "name a kubeconfig with --kubeconfig, or leave the secrets out with --only nodes"}
	}
	return c, nil
}
