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
cluster; with --check it writes nothing and shows what it would write.`,
		examples: []string{
			"oreg install -i hosts --check --diff",
			"oreg install -i hosts",
			"oreg install -i hosts --only nodes --limit new_nodes",
			"oreg install -i hosts --retry-failed",
		},
		flags: func(_ *app, fs *flagSet) {
			s.addOnly(fs)
			s.addWriting(fs)
		},
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
of the inventory are not drift, unless oreg once wrote them; a Node of the cluster
that the inventory lacks is. With --live every login that is really in place is
presented to its registry, once however many places hold it.`,
		examples: []string{"oreg verify -i hosts", "oreg verify -i hosts --live", "oreg verify -i hosts --diff -o json"},
		flags: func(_ *app, fs *flagSet) {
			s.addOnly(fs)
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
