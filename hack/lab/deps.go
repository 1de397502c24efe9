package main

import (
	"context"
	"errors"

	"oreg/hack/lab/deps"
)

// installDeps is `lab deps`.
func installDeps(ctx context.Context, args []string, sys system) error {
	flags, _ := newFlags("deps", sys)
	check := flags.Bool("check", false, "install nothing; fail when something is missing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !*check {
		return deps.Install(ctx, sys.stderr)
	}
	if missing := deps.Missing(); len(missing) > 0 {
		return errors.New(deps.Advice(missing, true))
	}
	return nil
}
