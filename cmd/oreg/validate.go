package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"oreg/inventory"
	"oreg/inventory/secret"
	"oreg/tasks"
	"oreg/validate"
)

func validateCommand() command {
	return command{
		name: "validate", summary: "check every credential; changes nothing",
		about: `
Every credential of the inventory is tried once, all registries at once: does the
registry accept the login, and may it pull the test image? Needs no nodes in the
inventory. A rejected or unprovable credential is exit 3.`,
		examples: []string{
			"oreg validate -i hosts",
			"oreg validate -i hosts -o junit > credentials.xml",
			"oreg validate --registry quay.io --username bot --password-stdin < token",
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			if err := noArguments("validate", args); err != nil {
				return nil, err
			}
			cluster, err := a.loadCluster(ctx, a.from != fromController)
			if err != nil {
				return nil, err
			}
			run, err := a.newRun(ctx, "validate", cluster)
			if err != nil {
				return nil, err
			}
			closeOrigin, err := a.setOrigin(run)
			if err != nil {
				return nil, err
			}
			defer closeOrigin()
			return run.Validate(ctx)
		},
	}
}

func noArguments(name string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{message: fmt.Sprintf("%s takes no arguments, but got %q", name, args[0]),
		hint: fmt.Sprintf("an inventory is named with -i: oreg %s -i %s", name, args[0])}
}

// newRun is what all runs share.
func (a *app) newRun(ctx context.Context, name string, cluster *inventory.Cluster) (*tasks.Run, error) {
	for _, dir := range a.absolutes(a.certsDirs) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, &configError{message: "--certs-dir " + dir + " is no folder", hint: "it holds <host:port>/ca.crt, as /etc/docker/certs.d does"}
		}
	}
	id, err := tasks.NewRunID(a.now(), a.random)
	if err != nil {
		return nil, err
	}
	return &tasks.Run{
		Command: name, ID: id, Check: a.check, Strict: a.strict,
		Cluster: cluster, Checker: a.checker(ctx, cluster), Forks: a.forks,
		Watch: tasks.Watcher{Stage: a.progress.stage, Step: a.progress.step, Warn: a.warn},
	}, nil
}

// checker is the one that serves the whole run: it remembers rejected logins.
func (a *app) checker(ctx context.Context, cluster *inventory.Cluster) *validate.Checker {
	return validate.New(validate.Options{
		Timeout:       time.Duration(a.checkTimeout),
		CertsDirs:     a.absolutes(a.certsDirs),
		HostCertsDirs: []string{validate.DefaultHostCertsDir},
		AllowRealms:   a.allowRealms,
		Proxy:         validate.NewProxy(cluster.Proxy, a.getenv),
		// A node's way out is the inventory's; this machine's is none of it.
		NodeProxy: validate.NewProxy(cluster.Proxy, func(string) string { return "" }),
		UserAgent: "oreg/" + buildVersion(),
		Now:       a.now,
		Log: func(verbosity int, message string) {
			level := slog.LevelInfo
			if verbosity > 1 {
				level = slog.LevelDebug
			}
			a.log.Log(context.WithoutCancel(ctx), level, message)
		},
		Masker: masker(cluster),
	})
}

func (a *app) getenv(name string) string {
	value, _ := a.lookupEnv(name)
	return value
}

// masker knows every secret of the run, for text that comes from servers.
func masker(cluster *inventory.Cluster) *secret.Masker {
	var all []secret.Text
	for _, c := range cluster.Credentials {
		all = append(all, c.Password, secret.Pair(c.User, c.Password))
	}
	for _, n := range cluster.Nodes {
		all = append(all, n.Connection.Password)
		if n.Connection.Become != nil {
			all = append(all, n.Connection.Become.Password)
		}
	}
	return secret.NewMasker(append(all, cluster.Proxy.HTTP, cluster.Proxy.HTTPS)...)
}

func (a *app) absolutes(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = a.absolute(p)
	}
	return out
}
