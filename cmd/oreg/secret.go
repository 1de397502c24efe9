package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"oreg/tasks"
	"oreg/tasks/secretfile"
	"oreg/tasks/serviceaccount"
)

// secretFlags are the flags of secret alone.
type secretFlags struct {
	apiFlags
	fromFile       string
	server         string
	username       string
	email          string
	delegated      bool
	integrated     bool
	serviceAccount string
	selector       string
	link           []string
	uses           []string
	repair         bool
	recreate       bool
	keepBackups    int
}

func secretCommand() command {
	var f secretFlags
	verbs := []string{"create", "link", "unlink"}
	return command{
		name: "secret", args: "create [NAME] | link|unlink SERVICEACCOUNT NAME", verbs: verbs,
		ownLogin: true, manyNamespaces: true,
		summary: "make pull secrets in any namespace, and link them to service accounts",
		about: `
create makes the secret as 'kubectl create secret' would, of a file (config.json,
.dockercfg, or the manifest that the registry's service-account page offers; the
form is recognised) or of one login; a secret that exists keeps its other logins.
Only the form is checked, as the registry need not be reachable from here.
--delegated adds an entry for the token host that the registry names. --integrated
makes the login for OpenShift's own registry with a service account's token.

link links for pull (the kubelet) and mount (builds) unless --for says otherwise.
A second run changes nothing. Without -n the namespace is the kubeconfig context's,
as for kubectl; with -i the API is reached through the first master.`,
		examples: []string{
			"oreg secret create pull --from-file config.json -n a,b,c --link default,builder",
			"oreg secret create --from-file 1234567-account-secret.yml -n openshift",
			"oreg secret create pull --docker-server quay.io --docker-username bot --password-stdin < token",
			"oreg secret create pull --integrated --service-account builder -n project-a",
			"oreg secret link default pull --for pull",
			"oreg secret link builder pull --wait",
			"oreg secret unlink default pull",
		},
		flags: func(_ *app, fs *flagSet) { f.define(fs) },
		run: func(ctx context.Context, a *app, args []string) (*tasks.Report, error) {
			verb, err := verbOf("secret", args, verbs...)
			if err != nil {
				return nil, err
			}
			if verb == "create" {
				return a.secretCreate(ctx, args[1:], &f)
			}
			return a.secretLink(ctx, verb, args[1:], &f)
		},
	}
}

func (f *secretFlags) define(fs *flagSet) {
	fs.StringVar(&f.fromFile, "from-file", "", "create: a config.json, .dockercfg or Secret manifest `file`")
	fs.StringVar(&f.server, "docker-server", "", "create: the `registry` of one login")
	fs.StringVar(&f.username, "docker-username", "", "create: its `user`; the password comes with --password-stdin")
	refusedPassword(fs, "docker-password")
	fs.StringVar(&f.email, "docker-email", "", "create: its `address`; nothing needs one")
	fs.BoolVar(&f.delegated, "delegated", false, "create: an entry for the registry's token host too")
	fs.BoolVar(&f.integrated, "integrated", false, "create: a login for OpenShift's own registry")
	fs.StringVar(&f.serviceAccount, "service-account", "default", "create: the `account` whose token --integrated takes")
	fs.StringVar(&f.selector, "selector", "", "create: the namespaces with these `labels`, in place of -n")
	fs.StringArrayVar(&f.link, "link", nil, "create: link it to these service `accounts`, comma-separated")
	fs.StringArrayVar(&f.uses, "for", nil, "what the link is for, `uses`: pull, mount or pull,mount (default both)")
	fs.BoolVar(&f.repair, "repair", false, "create: rewrite a present secret that its readers reject, after a backup")
	fs.BoolVar(&f.recreate, "recreate", false, "create: replace a present secret of another type, after a backup")
	keepBackupsFlag(fs, &f.keepBackups)
	f.add(fs, "2m", "service accounts that a new project does not have yet; create: for the project too")
}

// secretLink is link and unlink.
func (a *app) secretLink(ctx context.Context, verb string, args []string, f *secretFlags) (*tasks.Report, error) {
	if len(args) < 2 {
		return nil, &usageError{message: "secret " + verb + " needs a service account and a secret's name",
			hint: "for example: oreg secret " + verb + " default pull"}
	}
	for i, arg := range args {
		kinds := []string{"secret", "secrets"}
		if i == 0 {
			kinds = []string{"serviceaccount", "serviceaccounts", "sa"}
		}
		name, err := objectName(arg, kinds)
		if err != nil {
			return nil, err
		}
		args[i] = name
	}
	uses, err := serviceaccount.ParseUses(f.uses)
	if err != nil {
		return nil, &usageError{message: err.Error()}
	}
	if err := f.onlyFor(a, "secret "+verb, "for"); err != nil {
		return nil, err
	}
	report, err := a.newReport("secret " + verb)
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, "")
	if err != nil {
		return nil, err
	}
	api, err := a.openAPI(ctx, f.apiFlags)
	if err != nil {
		return notReached(report, tasks.KindServiceAccount, a.namespace, args[0], err)
	}
	defer api.close()
	namespaces, err := a.namespaces(api)
	if err != nil {
		return nil, err
	}
	var work linking = serviceaccount.Link
	if verb == "unlink" {
		work = serviceaccount.Unlink
	}
	for _, namespace := range namespaces {
		a.link(ctx, report, objects, api, work, serviceaccount.Request{
			Namespace: namespace, Account: args[0], Secrets: args[1:], Uses: uses, Check: a.check, Wait: f.waiting(),
		})
	}
	return a.ended(ctx, report, api)
}

// objectName reads the name of an object; a kind before it, as oc and kubectl
// take one (serviceaccount/default), must be one of these.
func objectName(arg string, kinds []string) (string, error) {
	kind, name, given := strings.Cut(arg, "/")
	if !given {
		kind, name = kinds[0], arg
	}
	if !contains(kinds, kind) || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", &usageError{message: fmt.Sprintf("%q is no name of a %s", arg, kinds[0]), hint: "for example: oreg secret link default pull"}
	}
	return name, nil
}

// linking is [serviceaccount.Link] or [serviceaccount.Unlink].
type linking func(context.Context, serviceaccount.Client, serviceaccount.Request) serviceaccount.Result

// link does one account's links, and adds what became of it to journal and
// report.
func (a *app) link(ctx context.Context, report *tasks.Report, objects tasks.ObjectJournal, api *clusterAPI, work linking, request serviceaccount.Request) {
	request.Before = func() error {
		return objects.Before(tasks.KindServiceAccount, request.Namespace, request.Account)
	}
	r := work(ctx, api, request)
	for _, w := range r.Warnings {
		a.warn(w)
	}
	status := tasks.StatusUnchanged
	if r.Changed {
		status = tasks.StatusUpdated
	}
	row := tasks.NewObjectReport(tasks.KindServiceAccount, r.Namespace, r.Account, status, r.Err)
	row.Notes = r.Diff
	a.record(objects, row)
	report.Secrets = append(report.Secrets, row)
}

// createOnly are the flags that belong to create.
func createOnly() []string {
	return []string{"from-file", "docker-server", "docker-username", "docker-email", "password-stdin", "delegated",
		"integrated", "service-account", "selector", "link", "repair", "recreate", "keep-backups"}
}

// onlyFor refuses flags that would do nothing, but for some.
func (f *secretFlags) onlyFor(a *app, what string, but ...string) error {
	for _, flag := range createOnly() {
		if a.given(flag) && !contains(but, flag) {
			return &usageError{message: fmt.Sprintf("%s has no --%s", what, flag), hint: "it belongs to: oreg secret create"}
		}
	}
	return nil
}

// sources refuses a command line that names no source of logins, or several.
func (f *secretFlags) sources(a *app) error {
	named := 0
	for _, yes := range []bool{f.fromFile != "", f.username != "" || a.passwordStdin, f.integrated} {
		if yes {
			named++
		}
	}
	login := f.username != "" || a.passwordStdin
	switch {
	case a.given("docker-password"):
		return passwordOnCommandLine("docker-password")
	case a.registry != "" || a.username != "":
		return &usageError{message: "secret create names a registry with --docker-server and a user with --docker-username, as kubectl does"}
	case named == 0 && f.server != "":
		return &usageError{message: "--docker-server needs --docker-username and --password-stdin"}
	case named == 0:
		return &usageError{message: "secret create needs --from-file, --docker-server or --integrated",
			hint: "for example: oreg secret create pull --from-file config.json"}
	case named > 1:
		return &usageError{message: "--from-file, --docker-username and --integrated exclude one another"}
	case login && f.server == "":
		return &usageError{message: "--docker-username needs --docker-server", hint: "Docker Hub is --docker-server https://index.docker.io/v1/"}
	case login && f.username == "":
		return &usageError{message: "--docker-server needs --docker-username"}
	case login && !a.passwordStdin:
		return &usageError{message: "--docker-server needs the password on standard input",
			hint: "add --password-stdin and pipe the password in; a password flag would show in the process list"}
	case f.fromFile != "" && f.server != "":
		return &usageError{message: "--from-file and --docker-server exclude one another"}
	case f.email != "" && (!login || f.delegated):
		return &usageError{message: "--docker-email belongs to one login, without --delegated"}
	case f.delegated && f.integrated:
		return &usageError{message: "--delegated and --integrated exclude one another"}
	case a.given("service-account") && !f.integrated:
		return &usageError{message: "--service-account belongs to --integrated; to link a service account say --link"}
	case f.selector != "" && a.namespace != "":
		return &usageError{message: "--selector and --namespace exclude one another"}
	case len(f.uses) > 0 && len(f.link) == 0:
		return &usageError{message: "--for belongs to --link"}
	}
	return checkKeepBackups(f.keepBackups)
}

// readSecretFile reads a file that a secret is to be made of. Standard input
// is "-".
func (a *app) readSecretFile(flag, path string) (secretfile.File, error) {
	input := a.stdin
	name := "standard input"
	if path != "-" {
		name = path
		f, err := os.Open(a.absolute(path))
		if err != nil {
			return secretfile.File{}, fmt.Errorf("%s: %w", flag, err)
		}
		defer func() { _ = f.Close() }() // only read
		input = f
	}
	content, err := io.ReadAll(io.LimitReader(input, maxPassword+1))
	if err != nil {
		return secretfile.File{}, fmt.Errorf("%s: %w", flag, err)
	}
	if len(content) > maxPassword {
		return secretfile.File{}, fmt.Errorf("%s: %s is larger than 1 MiB, which no secret can hold", flag, name)
	}
	return secretfile.Read(name, slices.Clip(content))
}
