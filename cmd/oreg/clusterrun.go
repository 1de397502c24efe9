package main

import (
	"context"
	"fmt"
	"slices"

	"oreg/inventory"
	"oreg/sshexec"
	"oreg/tasks"
	"oreg/tasks/clusterlock"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
)

// scope is what the commands that work on nodes and secrets have in common.
type scope struct {
	// writes says that the command may change something, and keeps a journal.
	writes      bool
	only        string
	retryFailed bool
	keepBackups int
	repair      bool
	recreate    bool
	prune       bool
	live        bool
	reimport    bool
	platform4   platform4
	// runID is that of an earlier attempt which the run continues, or empty.
	runID string
}

func (s *scope) addOnly(fs *flagSet) {
	fs.StringVar(&s.only, "only", "", "only the `part`: nodes (with --platform 4 the global pull secret) or secrets")
}

// addWriting defines the flags of commands that put credentials in place.
func (s *scope) addWriting(fs *flagSet) {
	fs.BoolVar(&s.retryFailed, "retry-failed", false, "only the hosts that did not succeed in the last run with this inventory, or the secrets where they alone did not")
	fs.IntVar(&s.keepBackups, "keep-backups", 1, "how many earlier versions of a file or secret stay")
	fs.BoolVar(&s.prune, "prune", false, "take out what oreg once wrote and the inventory no longer names")
	fs.BoolVar(&s.repair, "repair", false, "replace a file or secret that its readers reject, after a backup")
	fs.BoolVar(&s.reimport, "reimport", false, "then import image streams again whose last import from one of the registries failed")
	fs.BoolVar(&s.recreate, "recreate", false, "replace a secret of a type that cannot hold credentials, after a backup")
}

func (s *scope) validate() error {
	if s.keepBackups < 0 {
		return &usageError{message: fmt.Sprintf("--keep-backups %d: expected 0 or more", s.keepBackups)}
	}
	if s.reimport && s.only == "nodes" {
		return &usageError{message: "--reimport comes after the secrets, which --only nodes leaves out"}
	}
	switch s.only {
	case "", "nodes", "secrets":
		return nil
	}
	return &usageError{message: fmt.Sprintf("--only %q: expected one of nodes or secrets", s.only)}
}

// clusterRun is a run and the parts that some commands ask for more.
type clusterRun struct {
	*tasks.Run
	files  *tasks.NodeFiles
	keeper *tasks.ClusterSecrets
}

// clusterRun sets a run up whose commands work on nodes and secrets.
func (a *app) clusterRun(ctx context.Context, name string, args []string, s scope) (*clusterRun, func(), error) {
	if err := noArguments(name, args); err != nil {
		return nil, nil, err
	}
	if err := s.validate(); err != nil {
		return nil, nil, err
	}
	if err := a.checkPlatform(s); err != nil {
		return nil, nil, err
	}
	cluster, err := a.loadCluster(ctx, !s.platform4.chosen())
	if err != nil {
		return nil, nil, err
	}
	return a.runOn(ctx, name, cluster, s, "")
}

// runOn sets a run up over a cluster; of is the run that it undoes.
func (a *app) runOn(ctx context.Context, name string, cluster *inventory.Cluster, s scope, of string) (*clusterRun, func(), error) {
	onlySecrets := false
	if s.retryFailed {
		var err error
		if onlySecrets, err = a.retryFailed(cluster, s.only); err != nil {
			return nil, nil, err
		}
	}
	run, err := a.newRun(ctx, name, cluster)
	if err != nil {
		return nil, nil, err
	}
	run.ID = firstOf(s.runID, run.ID)
	run.Prune, run.Live, run.Limited = s.prune, s.live, a.limit != "" || s.retryFailed
	run.SkipNodes, run.SkipSecrets = s.only == "secrets" || onlySecrets, s.only == "nodes"
	if s.platform4.chosen() {
		run.Platform, run.SkipNodes, run.SkipSecrets = platformFour, true, false
	}
	run.Secret = tasks.SecretReport{Namespace: firstOf(a.namespace, secrets.DefaultNamespace), Name: a.secretName}
	if !run.SkipSecrets && cluster.FirstMasterLimited && a.kubeconfig == "" && a.context == "" {
		run.SecretsLeftOut = fmt.Sprintf("the limit leaves the first master %s out", cluster.FirstMaster.Name)
		a.warn(run.SecretsLeftOut + ": secrets are skipped")
		run.SkipSecrets = true
	}
	ssh := a.sshClient()
	if err := a.setOriginOver(run, ssh); err != nil {
		return nil, nil, err
	}
	keeper, err := a.clusterSecrets(cluster, run, ssh)
	if err != nil {
		return nil, nil, err
	}
	keeper.Job.Repair, keeper.Job.Recreate, keeper.Job.Prune, keeper.KeepBackups = s.repair, s.recreate, s.prune, s.keepBackups
	if s.writes {
		if err := a.openJournal(run, of); err != nil {
			return nil, nil, err
		}
	}
	keeper.Journal, keeper.PullSecret = run.Journal, a.globalPullSecret(s)
	if s.reimport {
		run.Reimport = keeper.Reimport
	}
	files := &tasks.NodeFiles{
		SSH: ssh, RunID: run.ID, Check: a.check, Repair: s.repair, KeepBackups: s.keepBackups,
		Journal: run.Journal, Now: a.now,
	}
	run.Nodes, run.Secrets = files, keeper
	return &clusterRun{run, files, keeper}, func() {
		keeper.Close()
		if err := ssh.Close(); err != nil {
			a.log.Debug("close connections", "error", err)
		}
	}, nil
}

// knownBy are the nodes by which a kubeconfig's cluster is known to be the
// inventory's. A limit may leave only those that have not joined it yet.
func knownBy(cluster *inventory.Cluster) []inventory.Node {
	if cluster.FirstMaster == nil || len(cluster.Nodes) == 0 {
		return cluster.Nodes
	}
	return append(slices.Clone(cluster.Nodes), *cluster.FirstMaster)
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
		Nodes: knownBy(cluster), AllowOtherCluster: a.allowOtherCluster,
		Version: buildVersion(), Mask: mask, Warn: a.warn,
		Holder: clusterlock.Holder{Run: run.ID, Command: run.Command, Host: a.hostname, Process: clusterlock.ThisProcess(a.pid)},
		Now:    a.now,
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
	case run.Platform == platformFour:
		return nil, &configError{message: "the inventory has no group masters, so that the cluster's API cannot be found",
			hint: "name a kubeconfig with --kubeconfig"}
	case !run.SkipSecrets:
		hint := "name a kubeconfig with --kubeconfig"
		if a.hasFlag("only") {
			hint += ", or leave the secrets out with --only nodes"
		}
		return nil, &configError{message: "the inventory has no group masters, so that the cluster's API cannot be found", hint: hint}
	}
	return c, nil
}
