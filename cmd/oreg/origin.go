package main

import (
	"oreg/sshexec"
	"oreg/tasks"
)

// Whose network --from checks from.
const (
	fromController  = "controller"
	fromFirstMaster = "first-master"
	fromNodes       = "nodes"
)

// setOrigin makes a run check from where --from says, over connections of its
// own.
func (a *app) setOrigin(run *tasks.Run) (closeOrigin func(), err error) {
	ssh := a.sshClient()
	closeOrigin = func() { _ = ssh.Close() } // only read over it
	if err := a.setOriginOver(run, ssh); err != nil {
		closeOrigin()
		return nil, err
	}
	return closeOrigin, nil
}

func (a *app) setOriginOver(run *tasks.Run, ssh *sshexec.Client) error {
	prober, ok := run.Checker.(tasks.Prober)
	switch {
	case a.from == fromController || !ok:
	case a.from == fromNodes:
		run.Checker = tasks.NodesChecker{SSH: ssh, Prober: prober, Nodes: run.Cluster.Nodes, Forks: a.forks}
	case run.Cluster.FirstMaster == nil:
		return &configError{message: "--from first-master: the inventory has no group masters"}
	default:
		run.Checker = tasks.MasterChecker{SSH: ssh, Prober: prober, Master: *run.Cluster.FirstMaster}
	}
	return nil
}
