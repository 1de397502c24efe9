package main

import (
	"context"

	"oreg/inventory"
	"oreg/tasks"
)

func inventoryCommand() command {
	var list, showSecrets bool
	var host string
	return command{
		name: "inventory", args: "--list | --host NAME",
		summary: "print the inventory as ansible-inventory does, secrets masked",
		about: `
The same JSON as 'ansible-inventory --list' and '--host'. Every variable whose
name or use makes it a secret, and every vaulted one, is shown as a word.`,
		examples: []string{"oreg inventory -i hosts --list", "oreg inventory -i hosts --host master1"},
		flags: func(_ *app, fs *flagSet) {
			fs.BoolVar(&list, "list", false, "all groups and hosts")
			fs.StringVar(&host, "host", "", "the variables of the host `name`")
			fs.BoolVar(&showSecrets, "show-secrets", false, "print secrets as they are")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			if err := noArguments("inventory", args); err != nil {
				return nil, err
			}
			if list == (host != "") {
				return nil, &usageError{message: "expected exactly one of --list and --host NAME"}
			}
			cfg, err := a.loadAnsibleConfig()
			if err != nil {
				return nil, err
			}
			inv, err := a.loadInventory(ctx, cfg)
			if err != nil {
				return nil, err
			}
			for _, w := range inv.Warnings() {
				a.warn(w.String())
			}
			options := inventory.ListOptions{ShowSecrets: showSecrets}
			if list {
				return nil, inv.List(a.stdout, options)
			}
			return nil, inv.Host(a.stdout, host, options)
		},
	}
}
