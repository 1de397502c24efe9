package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/pullsecret"
	"oreg/tasks/secretfile"
)

// loginsVersion is the version of the JSON document of pull-secret get.
const loginsVersion = 1

// pullSecretFlags are the flags of pull-secret alone.
type pullSecretFlags struct {
	apiFlags
	to          string
	raw         bool
	fromFile    string
	allowRemove []string
	settle      seconds
	repair      bool
	recreate    bool
	keepBackups int
}

func pullSecretCommand() command {
	var f pullSecretFlags
	verbs := []string{"get", "append", "set", "remove", "copies"}
	return command{
		name: "pull-secret", args: "get | append | set | remove HOST... | copies", verbs: verbs,
		summary: "the global pull secret of OpenShift 4, or a file in its place",
		about: `
get lists the logins of openshift-config/pull-secret without passwords; --raw gives
its content to a pipe or, with --to, to a file that only you can read. append puts
one login in and never takes one out. set puts a file's content in its place; a
registry that would go must be named with --allow-remove. remove takes registries
out. copies lists other secrets that have another login for one of its registries.
append and set first try what is new or changed and stop with exit 3 if it is
refused. With --to FILE they work on a file, and no cluster is asked. What the
change sets in motion is said before; --wait follows the machine-config pools.
The API is reached by kubectl's rules, or with -i through the first master.`,
		examples: []string{
			"oreg pull-secret get",
			"oreg pull-secret get --raw --to pull-secret.json",
			"oreg pull-secret append --registry quay.io/team --username bot --password-stdin --wait < token",
			"oreg pull-secret append --registry quay.io --username bot --password-stdin --to pull-secret.json < token",
			"oreg pull-secret set --from-file pull-secret.json --check",
			"oreg pull-secret set --from-file pull-secret.json --allow-remove old.example.com",
			"oreg pull-secret remove old.example.com",
		},
		flags: func(_ *app, fs *flagSet) {
			fs.StringVar(&f.to, "to", "", "work on this `file` in place of the cluster; get: write it (0600)")
			fs.BoolVar(&f.raw, "raw", false, "get: the content as it is, passwords and all")
			fs.StringVar(&f.fromFile, "from-file", "", "set: the new content, a pull secret or Secret manifest `file`")
			fs.StringArrayVar(&f.allowRemove, "allow-remove", nil, "set: this `host` may lose its login; repeatable")
			fs.BoolVar(&f.repair, "repair", false, "rewrite a pull secret or file that its readers reject, after a backup")
			fs.BoolVar(&f.recreate, "recreate", false, "replace a secret of another type, or an immutable one, after a backup")
			refusedPassword(fs, "password")
			keepBackupsFlag(fs, &f.keepBackups)
			fs.Var(&f.settle, "settle", "watch this long whether an operator takes the change back")
			fs.Lookup("settle").DefValue = ""
			f.add(fs, "30m", "the machine-config pools")
		},
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			verb, err := verbOf("pull-secret", args, verbs...)
			if err != nil {
				return nil, err
			}
			change, err := f.change(ctx, a, verb, args[1:])
			switch {
			case err != nil:
				return nil, err
			case verb == "get":
				return a.pullSecretGet(ctx, &f)
			case verb == "copies":
				return a.pullSecretCopies(ctx, &f)
			case f.to != "":
				return a.pullSecretFile(ctx, &f, change)
			}
			return a.pullSecretChange(ctx, &f, change)
		},
	}
}

// pullSecretEdit is what append, set and remove are to do.
type pullSecretEdit struct {
	verb string
	// entries are those of append and set.
	entries []dockerconfig.Entry
	// credential is append's, with its test image.
	credential *inventory.Credential
	file       secretfile.File
	// source is how messages call the file.
	source string
	// hosts are to be removed, or may be.
	hosts []string
}

// change reads the command line, and the file or password that it names.
func (f *pullSecretFlags) change(ctx context.Context, a *app, verb string, args []string) (pullSecretEdit, error) {
	e := pullSecretEdit{verb: verb}
	if a.given("password") {
		return e, passwordOnCommandLine("password")
	}
	if err := checkKeepBackups(f.keepBackups); err != nil {
		return e, err
	}
	for _, o := range []struct{ flag, verb string }{
		{"raw", "get"}, {"from-file", "set"}, {"allow-remove", "set"}, {"registry", "append"},
	} {
		if a.given(o.flag) && verb != o.verb {
			return e, &usageError{message: fmt.Sprintf("pull-secret %s has no --%s", verb, o.flag), hint: "it belongs to: oreg pull-secret " + o.verb}
		}
	}
	if a.namespace != "" {
		return e, &usageError{message: "pull-secret has no --namespace: a cluster has one global pull secret", hint: "for other pull secrets see 'oreg secret --help'"}
	}
	if verb != "remove" && len(args) > 0 {
		return e, noArguments("pull-secret "+verb, args)
	}
	if f.to != "" && f.wait+f.settle > 0 {
		return e, &usageError{message: "--wait and --settle are about the cluster, and --to names a file"}
	}
	var err error
	switch verb {
	case "append":
		if a.registry == "" {
			return e, &usageError{message: "pull-secret append needs --registry, --username and --password-stdin"}
		}
		c, err := a.oneCredential(ctx)
		if err != nil {
			return e, err
		}
		e.credential = &c
		e.entries = []dockerconfig.Entry{{Key: strings.TrimSuffix(c.Host+"/"+c.Scope, "/"), User: c.User, Password: c.Password}}
	case "set":
		if f.fromFile == "" {
			return e, &usageError{message: "pull-secret set needs --from-file"}
		}
		if e.file, err = a.readSecretFile("--from-file", f.fromFile); err != nil {
			return e, err
		}
		if e.file.Type == secretfile.TypeDockerCfg {
			return e, &configError{message: f.fromFile + " has the form of a .dockercfg, and the global pull secret is a config.json",
				hint: `put what it holds under a key "auths": {"auths": ...}`}
		}
		e.entries, e.source = e.file.Entries, f.fromFile
		e.hosts, err = registries("--allow-remove", f.allowRemove)
	case "remove":
		if len(args) == 0 {
			return e, &usageError{message: "pull-secret remove needs the registry's host", hint: "for example: oreg pull-secret remove old.example.com"}
		}
		e.hosts, err = registries("argument", args)
	case "get":
		switch {
		case f.to != "" && !f.raw:
			err = &usageError{message: "pull-secret get --to writes passwords to a file", hint: "say so with --raw"}
		case f.raw && f.to == "" && isTerminal(a.stdout):
			err = &usageError{message: "pull-secret get --raw would show passwords on the terminal", hint: "write a file with --to FILE, or pipe it"}
		case f.raw && f.to == "" && a.output != "text":
			err = &usageError{message: "--raw and --output exclude one another"}
		}
	}
	if err == nil {
		err = checkEntries(e.entries)
	}
	return e, err
}

// registries reads hosts, also with a path.
func registries(what string, args []string) ([]string, error) {
	var hosts []string
	for i, arg := range args {
		r, err := inventory.ParseRegistryHost(arg)
		if err != nil {
			return nil, &usageError{message: fmt.Sprintf("%s %d %v", what, i+1, err)}
		}
		hosts = append(hosts, strings.TrimSuffix(r.Host+"/"+r.Scope, "/"))
	}
	return hosts, nil
}

// pullSecretAPI opens the API and finds the pull secret.
func (a *app) pullSecretAPI(ctx context.Context, f *pullSecretFlags) (*clusterAPI, pullsecret.Place, error) {
	api, err := a.openAPI(ctx, f.apiFlags)
	if err != nil {
		return nil, pullsecret.Place{Namespace: "openshift-config", Name: "pull-secret"}, err
	}
	place, err := pullsecret.Find(ctx, api.Dynamic)
	for _, w := range place.Warnings {
		a.warn(w)
	}
	if err != nil {
		api.close()
		return nil, place, err
	}
	return api, place, nil
}

func (a *app) pullSecretGet(ctx context.Context, f *pullSecretFlags) (*tasks.Report, error) {
	report, err := a.newReport("pull-secret get")
	if err != nil {
		return nil, err
	}
	api, place, err := a.pullSecretAPI(ctx, f)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	defer api.close()
	content, err := place.Read(ctx, api)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	switch {
	case f.raw && f.to == "":
		_, err := a.stdout.Write(content)
		return nil, err
	case f.raw:
		row, err := a.replaceFile(f.to, fileWrite{change: func([]byte) (fileChange, error) { return fileChange{content: content}, nil }})
		if err != nil {
			return nil, err
		}
		report.Secrets = append(report.Secrets, row)
		return a.ended(ctx, report, api)
	}
	found, err := dockerconfig.Entries(content, dockerconfig.DockerConfigJSON)
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", place.Namespace, place.Name, err)
	}
	return nil, a.renderLogins(place, found)
}

// renderLogins lists logins without their passwords.
func (a *app) renderLogins(place pullsecret.Place, found []dockerconfig.Found) error {
	type login struct {
		Registry string `json:"registry"`
		User     string `json:"user"`
		Password string `json:"password"`
	}
	logins := make([]login, 0, len(found))
	for _, l := range found {
		shown := login{Registry: dockerconfig.Shown(l.Key), User: l.User, Password: "****"}
		if l.User == "" && l.Password.IsZero() {
			shown.Password = ""
		}
		logins = append(logins, shown)
	}
	switch a.output {
	case "junit":
		return &usageError{message: "pull-secret get has no junit form", hint: "use -o text or -o json"}
	case "json":
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"version": loginsVersion, "command": "pull-secret get",
			"namespace": place.Namespace, "name": place.Name, "logins": logins})
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REGISTRY\tUSER\tPASSWORD")
	for _, l := range logins {
		fmt.Fprintf(table, "%s\t%s\t%s\n", l.Registry, dash(l.User), dash(l.Password))
	}
	return table.Flush()
}

func (a *app) pullSecretCopies(ctx context.Context, f *pullSecretFlags) (*tasks.Report, error) {
	report, err := a.newReport("pull-secret copies")
	if err != nil {
		return nil, err
	}
	api, place, err := a.pullSecretAPI(ctx, f)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	defer api.close()
	content, err := place.Read(ctx, api)
	if err != nil { // a cluster without a pull secret has no copies of it: it is the wrong one
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	present, err := dockerconfig.Entries(content, dockerconfig.DockerConfigJSON)
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", place.Namespace, place.Name, err)
	}
	copies, err := pullsecret.Copies(ctx, api, place, present)
	if err != nil {
		return notReached(report, "", place.Namespace, place.Name, err)
	}
	for _, c := range copies {
		report.Secrets = append(report.Secrets, tasks.SecretReport{Namespace: c.Namespace, Name: c.Name, Status: tasks.StatusDrift,
			Notes: []string{"another login than the pull secret's for " + strings.Join(c.Hosts, ", ")}})
	}
	if len(copies) == 0 {
		a.say("note", "no other secret has another login for one of the pull secret's registries")
	}
	return a.ended(ctx, report, api)
}
