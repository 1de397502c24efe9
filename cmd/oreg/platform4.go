package main

import (
	"context"
	"fmt"
	"time"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
)

// The values of --platform, which are OpenShift's major versions.
const (
	platformThree = "3"
	platformFour  = "4"
)

// followFor is how long a rotation follows the machine-config pools, and --wait
// without a value.
const followFor = 30 * time.Minute

// platform4 is how a run deals with the nodes' files: on OpenShift 3 oreg writes
// them itself, on OpenShift 4 the machine-config operator does, from the global
// pull secret.
type platform4 struct {
	version string
	wait    seconds
}

func (p *platform4) add(fs *flagSet) {
	fs.StringVar(&p.version, "platform", platformThree, "OpenShift's `version`, 3 or 4: on 4 the global pull secret takes the place of the nodes' files")
}

// addWait defines --wait; said is its help.
func (p *platform4) addWait(fs *flagSet, said string) {
	fs.Var(&p.wait, "wait", "with --platform 4: "+said)
	fs.Lookup("wait").NoOptDefVal, fs.Lookup("wait").DefValue = followFor.String(), ""
}

// chosen says that the global pull secret is meant.
func (p platform4) chosen() bool { return p.version == platformFour }

// as takes the platform of a run that is undone.
func (p *platform4) as(version string) {
	if version != "" {
		p.version = version
	}
}

func (p *platform4) waitByDefault() {
	if p.wait == 0 {
		p.wait = seconds(followFor)
	}
}

func (p platform4) validate() error {
	if p.version != "" && p.version != platformThree && p.version != platformFour {
		return &usageError{message: fmt.Sprintf("--platform %q: expected one of 3 or 4", p.version)}
	}
	return nil
}

// checkPlatform refuses, before anything is read, what cannot be meant, and a
// change of the whole cluster's pull secret that nobody is there to agree to.
func (a *app) checkPlatform(s scope) error {
	if err := s.platform4.validate(); err != nil {
		return err
	}
	if !s.platform4.chosen() {
		if s.platform4.wait > 0 {
			return &usageError{message: "--wait follows the machine-config pools of OpenShift 4", hint: "it belongs to --platform 4"}
		}
		return nil
	}
	for _, flag := range []string{"limit", "serial", "canary", "max-fail-percentage", "ready-timeout"} {
		if a.given(flag) {
			return &usageError{message: fmt.Sprintf("--%s is about nodes, which --platform 4 does not touch", flag),
				hint: "the machine-config operator brings the global pull secret to every node"}
		}
	}
	if s.writes && !a.check && !a.yes && !a.asks() {
		return &usageError{message: "--platform 4 changes the pull secret of the whole cluster, and there is no terminal to ask on",
			hint: "look with --check what would change, then say --yes"}
	}
	return nil
}

// needNodes refuses an inventory without nodes where they are to be worked on.
func (a *app) needNodes(cluster *inventory.Cluster, s scope) error {
	switch {
	case s.platform4.chosen() || len(cluster.Nodes) > 0:
		return nil
	case a.limit != "":
		return &configError{message: "--limit: the limit leaves none of the nodes"}
	}
	return &configError{message: "no hosts in the groups nodes, masters, new_nodes and new_masters"}
}

// globalPullSecret is what the run does with the pull secret; nil is nothing.
func (a *app) globalPullSecret(s scope) *tasks.GlobalPullSecret {
	if !s.platform4.chosen() || s.only == "secrets" {
		return nil
	}
	return &tasks.GlobalPullSecret{
		Alone: s.only == "nodes", Wait: time.Duration(s.platform4.wait),
		Say: func(text string) { a.say("note", text) },
	}
}

// preparePullSecret has an installation ask before it changes the pull secret,
// and follow the change if that was said.
func (a *app) preparePullSecret(run *clusterRun, s scope) {
	if run.keeper.PullSecret == nil {
		return
	}
	run.Ask = func(ctx context.Context, wanted []dockerconfig.Entry) error {
		question := run.keeper.Question(ctx, wanted)
		if question == "" {
			return nil
		}
		yes, err := a.confirm(ctx, question)
		if err == nil && !yes {
			err = tasks.ErrDeclined
		}
		return err
	}
	if s.platform4.wait > 0 && !a.check {
		run.Follow = run.keeper.Pools
	}
}
