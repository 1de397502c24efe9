package main

import (
	"context"

	"oreg/tasks"
)

func installCommand() command {
	s := scope{writes: true}
	return command{
		name: "install", summary: "check every credential, then put config.json on every node and the secret in the cluster",
		about: `
Nothing is touched before every credential has been checked. Idempotent: what is
already right is not written again. With --only nodes it runs before there is a
cluster; with --check it writes nothing and shows what it would write. With
--platform 4 the global pull secret stands in the place of the nodes' files, which
the machine-config operator writes; no node is connected to but the first master,
and that only where no --kubeconfig is given. It asks first; in a pipe it stops
with exit 5 unless --yes is given.`,
		examples: []string{
			"oreg install -i hosts --check --diff",
			"oreg install -i hosts",
			"oreg install -i hosts --only nodes --limit new_nodes",
			"oreg install -i hosts --retry-failed",
			"oreg install -i hosts --platform 4 --kubeconfig admin.kubeconfig --check",
		},
		flags: func(_ *app, fs *flagSet) {
			s.addOnly(fs)
			s.addWriting(fs)
			s.platform4.add(fs)
			s.platform4.addWait(fs, "follow the change to the nodes for this long, 30m unless said (--wait=10m)")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			run, closeRun, err := a.clusterRun(ctx, "install", args, s)
			if err != nil {
				return nil, err
			}
			defer closeRun()
			a.preparePullSecret(run, s)
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
of the inventory are not drift, unless oreg once wrote them; a Node of the cluster
that the inventory lacks is. With --live every login that is really in place is
presented to its registry, once however many places hold it. With --platform 4 the
global pull secret is compared in the place of files, and what each machine-config
pool has of it.`,
		examples: []string{"oreg verify -i hosts", "oreg verify -i hosts --live", "oreg verify -i hosts --diff -o json"},
		flags: func(_ *app, fs *flagSet) {
			s.addOnly(fs)
			s.platform4.add(fs)
			fs.BoolVar(&s.live, "live", false, "also try the credentials that are really in place")
		},
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
