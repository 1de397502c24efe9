package main

import (
	"context"
	"fmt"
	"strings"

	"oreg/inventory"
	"oreg/tasks"
)

func removeCommand() command {
	s := scope{writes: true}
	return command{
		name: "remove", args: "HOST...",
		summary: "take a registry's login, and its backups, out of the secrets and of every node",
		about: `
Every spelling of the registry's key goes ("https://HOST/v1/" too); keys of other
registries and of paths below it stay. Backups that could bring the login back go
as well, so that a removal cannot be rolled back. Says where there was none. Take
the credential out of the inventory too, or the next install puts it back. The
kubelet forgets it within 5 minutes.`,
		examples: []string{"oreg remove old-registry.example.com -i hosts --check", "oreg remove old-registry.example.com:5000 -i hosts"},
		flags: func(_ *app, fs *flagSet) {
			s.addOnly(fs)
			fs.BoolVar(&s.repair, "repair", false, "mend a file or secret that its readers reject")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			if len(args) == 0 {
				return nil, &usageError{message: "remove needs the registry's host", hint: "for example: oreg remove registry.example.com -i hosts"}
			}
			registries := make([]string, len(args))
			for i, arg := range args {
				r, err := inventory.ParseRegistryHost(arg)
				if err != nil {
					return nil, &usageError{message: fmt.Sprintf("argument %d %v", i+1, err), hint: "for example: oreg remove registry.example.com:5000 -i hosts"}
				}
				registries[i] = strings.TrimSuffix(r.Host+"/"+r.Scope, "/")
			}
			if err := s.validate(); err != nil {
				return nil, err
			}
			cluster, err := a.loadNodes(ctx)
			if err != nil {
				return nil, err
			}
			run, closeRun, err := a.runOn(ctx, "remove", cluster, s, "")
			if err != nil {
				return nil, err
			}
			defer closeRun()
			removal := &tasks.Removal{Run: run.Run, Registries: registries, Files: run.files, Secrets: run.keeper, Confirm: a.confirm}
			return removal.Remove(ctx)
		},
	}
}
