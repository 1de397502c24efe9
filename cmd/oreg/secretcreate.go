package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/integrated"
	"oreg/tasks/kube"
	"oreg/tasks/secrets"
	"oreg/tasks/serviceaccount"
	"oreg/validate"
)

// newSecret is what a secret is to be made of.
type newSecret struct {
	name    string
	entries []dockerconfig.Entry
	content *secrets.Content
}

// secretCreate makes a secret in one or many namespaces and links it.
func (a *app) secretCreate(ctx context.Context, args []string, f *secretFlags) (*tasks.Report, error) {
	if len(args) > 1 {
		usage := &usageError{message: fmt.Sprintf("secret create takes one name, but got %d arguments", len(args))}
		if args[0] == "generic" || args[0] == "docker-registry" {
			usage.hint = "unlike kubectl's it has no " + args[0] + ": oreg secret create " + args[1]
		}
		return nil, usage
	}
	if len(args) == 1 {
		name, err := objectName(args[0], []string{"secret", "secrets"})
		if err != nil {
			return nil, &usageError{message: fmt.Sprintf("%q is no name of a secret", args[0]),
				hint: "small letters, digits, '-' and '.': oreg secret create my-pull-secret"}
		}
		args[0] = name
	}
	if err := f.sources(a); err != nil {
		return nil, err
	}
	uses, err := serviceaccount.ParseUses(f.uses)
	if err != nil {
		return nil, &usageError{message: err.Error()}
	}
	made, err := a.newSecret(ctx, args, f)
	if err != nil {
		return nil, err
	}
	report, err := a.newReport("secret create")
	if err != nil {
		return nil, err
	}
	objects, err := a.openObjectJournal(report, "")
	if err != nil {
		return nil, err
	}
	api, err := a.openAPI(ctx, f.apiFlags)
	if err != nil {
		return notReached(report, "", a.namespace, made.name, err)
	}
	defer api.close()
	if f.delegated {
		if report, err = a.addTokenHosts(ctx, report, api.cluster, &made); err != nil {
			return report, err
		}
	}
	var namespaces []string
	if f.selector != "" {
		namespaces, err = secrets.Namespaces(ctx, api, f.selector)
	} else {
		namespaces, err = a.namespaces(api)
	}
	if errors.Is(err, secrets.ErrNoNamespace) {
		return nil, err
	} else if err != nil {
		return notReached(report, "", f.selector, made.name, err)
	}
	if f.waiting() > 0 && !a.check {
		if err := secrets.AwaitNamespaces(ctx, api, namespaces, f.waiting()); err != nil {
			return nil, err
		}
	}
	job := secrets.Job{
		Name: made.name, Entries: made.entries, New: made.content, Run: report.Run, Check: a.check,
		Recreate: f.recreate, Repair: f.repair, BackupReplaced: f.keepBackups > 0, Mask: entriesMask(made.entries),
		Before: objects.BeforeSecret,
	}
	var results []secrets.Result
	if f.integrated {
		results = a.integratedSecrets(ctx, api, objects, namespaces, job, f)
	} else {
		for _, namespace := range namespaces {
			there := job
			there.Namespace = namespace
			for _, w := range secrets.Neighbours(ctx, api, there) {
				a.warn(w)
			}
		}
		results = secrets.PutInto(ctx, api, namespaces, job)
	}
	a.record(objects, secretRows(results)...)
	a.pruneBackups(ctx, api, results, f.keepBackups)
	for _, r := range results {
		for _, w := range r.Warnings {
			a.warn(fmt.Sprintf("secret %s/%s: %s", r.Namespace, r.Name, w))
		}
		row := tasks.NewSecretReport(r)
		hintAtBackup(&row, f.keepBackups)
		report.Secrets = append(report.Secrets, row)
		if r.Err != nil {
			continue // a link to what is not there would be a false promise
		}
		for _, account := range words(f.link...) {
			a.link(ctx, report, objects, api, serviceaccount.Link, serviceaccount.Request{
				Namespace: r.Namespace, Account: account, Secrets: []string{r.Name}, Uses: uses, Check: a.check, Wait: f.waiting(),
			})
		}
	}
	return a.ended(ctx, report, api)
}

// newSecret reads what the flags name; nothing is asked of any server.
func (a *app) newSecret(ctx context.Context, args []string, f *secretFlags) (newSecret, error) {
	var n newSecret
	if len(args) == 1 {
		n.name = args[0]
	}
	switch {
	case f.integrated:
	case f.fromFile != "":
		file, err := a.readSecretFile("--from-file", f.fromFile)
		if err != nil {
			return n, err
		}
		n.name, n.entries, n.content = firstOf(n.name, file.Name), file.Entries, secrets.FileContent(file)
	default:
		key := dockerconfig.Key(f.server)
		if _, err := inventory.ParseRegistryHost(f.server); err != nil && key != dockerconfig.HubKey {
			return n, &usageError{message: "--docker-server " + err.Error()}
		}
		password, err := a.readPassword(ctx)
		if err != nil {
			return n, err
		}
		entry := dockerconfig.Entry{Key: key, User: f.username, Password: password}
		n.entries, n.content = []dockerconfig.Entry{entry}, secrets.LoginContent(entry, f.email)
	}
	if n.name == "" {
		return n, &usageError{message: "secret create needs a name", hint: "for example: oreg secret create pull --from-file config.json"}
	}
	return n, checkEntries(n.entries)
}

// addTokenHosts asks each registry, without presenting a login, who decides
// its logins, and adds an entry for that host.
func (a *app) addTokenHosts(ctx context.Context, report *tasks.Report, cluster *inventory.Cluster, made *newSecret) (*tasks.Report, error) {
	credentials, err := a.credentialsOf(made.entries, "the new secret")
	if err != nil {
		return nil, err
	}
	asked := *cluster
	asked.Credentials = credentials
	run, err := a.newRun(ctx, report.Command, &asked)
	if err != nil {
		return nil, err
	}
	run.ID = report.Run
	run.Checker = realmFinder{a.checker(ctx, &asked)}
	found, err := run.Validate(ctx)
	if err != nil {
		return found, err
	}
	entries := made.entries
	for i, c := range found.Credentials {
		if c.Realm == "" {
			a.warn(fmt.Sprintf("%s decides its logins itself: --delegated adds nothing", c.Host))
			continue
		}
		known := slices.ContainsFunc(entries, func(e dockerconfig.Entry) bool { return dockerconfig.SameRegistry(e.Key, c.Realm) })
		if !known {
			a.say("note", fmt.Sprintf("%s leaves its logins to %s, which gets an entry too", c.Host, c.Realm))
			e := made.entries[i]
			entries = append(slices.Clone(entries), dockerconfig.Entry{Key: c.Realm, User: e.User, Password: e.Password})
			made.content = nil // no longer what kubectl would make
		}
	}
	made.entries = entries
	return found, nil
}

// realmFinder asks registries without any login.
type realmFinder struct{ *validate.Checker }

// Check is a [tasks.Checker]'s.
func (r realmFinder) Check(ctx context.Context, credentials []inventory.Credential, report func(validate.Result)) []validate.Result {
	results := make([]validate.Result, len(credentials))
	for i, c := range credentials {
		results[i] = r.Probe(ctx, c, validate.Origin{Name: validate.Controller})
		results[i].Index = i
		report(results[i])
	}
	return results
}

// integratedSecrets makes, in each namespace, a login of that namespace's
// service account.
func (a *app) integratedSecrets(ctx context.Context, api *clusterAPI, objects tasks.ObjectJournal, namespaces []string, job secrets.Job, f *secretFlags) []secrets.Result {
	var results []secrets.Result
	host, err := f.server, error(nil)
	if host == "" {
		host, err = integrated.Host(ctx, api.Dynamic)
	}
	if errors.Is(err, integrated.ErrNoRegistry) {
		err = &kube.Error{Cause: kube.CauseRejected, Message: err.Error(), Err: err}
	}
	for _, namespace := range namespaces {
		job.Namespace = namespace
		if err != nil {
			results = append(results, secrets.Result{Namespace: namespace, Name: job.Name, Status: secrets.StatusFailed, Err: err})
			continue
		}
		request := integrated.Request{
			Host: host, Namespace: namespace, Account: f.serviceAccount, Check: a.check, Wait: f.waiting(),
			Before: func(namespace, name string) error { return objects.Before("", namespace, name) },
		}
		result, made := integratedSecret(ctx, api, job, request)
		results = append(results, result)
		if made && !a.check {
			a.record(objects, tasks.SecretReport{Namespace: namespace, Name: request.Account + integrated.TokenSuffix, Status: tasks.StatusCreated})
		}
	}
	return results
}

// integratedSecret does one namespace; made says that the account got a token.
func integratedSecret(ctx context.Context, api *clusterAPI, job secrets.Job, r integrated.Request) (result secrets.Result, made bool) {
	failed := secrets.Result{Namespace: r.Namespace, Name: job.Name, Status: secrets.StatusFailed}
	entry, made, err := integrated.Login(ctx, api, r)
	if err != nil {
		failed.Err = err
		return failed, false // whether a token was made is not known
	}
	if made && r.Check {
		// Without the token nothing can be compared.
		result = secrets.Result{Namespace: r.Namespace, Name: job.Name, Status: secrets.StatusCreated}
	} else {
		job.Entries = []dockerconfig.Entry{entry}
		job.New, job.Mask = secrets.LoginContent(entry, ""), entriesMask(job.Entries)
		if result = secrets.Put(ctx, api, job); result.Err != nil {
			return result, made
		}
	}
	if made {
		result.Notes = append(result.Notes, fmt.Sprintf("secret %s%s holds a token made for it", r.Account, integrated.TokenSuffix))
	}
	rights, err := integrated.Review(ctx, api, r, r.Namespace)
	var refused *kube.Error
	switch {
	case errors.As(err, &refused) && refused.Cause == kube.CauseForbidden:
		result.Warnings = append(result.Warnings, "its rights were not reviewed: "+err.Error())
	case err != nil:
		failed.Err = err
		return failed, made
	case !rights.Pull:
		result.Warnings = append(result.Warnings, fmt.Sprintf("service account %s may not pull from %s", r.Account, r.Namespace))
	default:
		result.Notes = append(result.Notes, fmt.Sprintf("service account %s may pull from %s; push: %t", r.Account, r.Namespace, rights.Push))
	}
	return result, made
}
