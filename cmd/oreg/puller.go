package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"oreg/tasks"
	"oreg/tasks/puller"
)

func pullerCommand() command {
	var f apiFlags
	var to, in string
	verbs := []string{"grant", "revoke"}
	return command{
		name: "puller", args: "grant|revoke --to PROJECT[:SERVICEACCOUNT] --in PROJECT", verbs: verbs,
		summary: "let a project's service accounts pull another project's images",
		about: `
Binds the role system:image-puller in the project that has the images, as 'oc
policy add-role-to-user' and 'add-role-to-group' would, so that both tools see one
binding; then asks the API whether the account may pull now. A pod that only finds
the image on its node by chance proves nothing. The API is reached by kubectl's
rules, or with -i through the first master.`,
		examples: []string{
			"oreg puller grant --to project-a:default --in project-b",
			"oreg puller grant --to project-a --in project-b --wait   # every account of project-a",
			"oreg puller revoke --to project-a --in project-b --check",
		},
		flags: func(_ *app, fs *flagSet) {
			fs.StringVar(&to, "to", "", "who may pull: `PROJECT[:SERVICEACCOUNT]`")
			fs.StringVar(&in, "in", "", "the `project` that has the images")
			f.add(fs, "2m", "a project or service account that is being made")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			verb, err := verbOf("puller", args, verbs...)
			if err != nil {
				return nil, err
			}
			hint := "for example: oreg puller " + verb + " --to project-a:default --in project-b"
			if len(args) > 1 {
				return nil, &usageError{message: fmt.Sprintf("puller %s takes no arguments, but got %q", verb, args[1]), hint: hint}
			}
			if to == "" || in == "" {
				return nil, &usageError{message: "puller " + verb + " needs --to and --in", hint: hint}
			}
			if a.namespace != "" {
				return nil, &usageError{message: "puller has no --namespace: --in names the project that has the images", hint: hint}
			}
			if len(validation.IsDNS1123Label(in)) > 0 {
				return nil, &usageError{message: fmt.Sprintf("--in %q is no name of a project", in), hint: hint}
			}
			g := puller.Grant{From: in, Check: a.check, Wait: f.waiting()}
			if g.Project, g.Account, err = puller.ParseTo(to); err != nil {
				return nil, &usageError{message: "--to " + err.Error()}
			}
			return a.puller(ctx, verb, g, f)
		},
	}
}

func (a *app) puller(ctx context.Context, verb string, g puller.Grant, f apiFlags) (*tasks.Report, error) {
	report, err := a.newReport("puller " + verb)
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, "")
	if err != nil {
		return nil, err
	}
	g.Before = func(binding string) error { return objects.Before(tasks.KindRoleBinding, g.From, binding) }
	api, err := a.openAPI(ctx, f)
	if err != nil {
		return notReached(report, tasks.KindRoleBinding, g.From, puller.Role, err)
	}
	defer api.close()
	work, changed := puller.Add, tasks.StatusCreated
	if verb == "revoke" {
		work, changed = puller.Revoke, tasks.StatusRemoved
	}
	result := work(ctx, api, g)
	for _, w := range result.Warnings {
		a.warn(w)
	}
	status := tasks.StatusUnchanged
	if result.Changed {
		status = changed
	}
	row := tasks.NewObjectReport(tasks.KindRoleBinding, g.From, firstOf(result.Binding, puller.Role), status, result.Err)
	switch {
	case result.Proved && verb == "grant":
		row.Notes = append(row.Notes, fmt.Sprintf("proved: the API lets %s pull from %s", g, g.From))
	case result.Proved:
		row.Notes = append(row.Notes, fmt.Sprintf("proved: the API does not let %s pull from %s", g, g.From))
	}
	a.record(objects, row)
	report.Secrets = append(report.Secrets, row)
	return a.ended(ctx, report, api)
}

// verbOf is the first argument of a command that has several verbs.
func verbOf(name string, args []string, verbs ...string) (string, error) {
	hint := fmt.Sprintf("see 'oreg %s --help'", name)
	if len(args) == 0 {
		return "", &usageError{message: fmt.Sprintf("%s needs one of %s", name, list(verbs)), hint: hint}
	}
	if contains(verbs, args[0]) {
		return args[0], nil
	}
	if near := nearest(args[0], verbs); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return "", &usageError{message: fmt.Sprintf("%s %q: expected one of %s", name, args[0], list(verbs)), hint: hint}
}
