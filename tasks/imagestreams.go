package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/reimport"
)

// Reimport asks for another import of each image stream of the secret's
// namespace whose last one failed on a registry of wanted, and reports every
// tag. A cluster without image streams, or without a failed import, is one row
// that says so. Nothing is asked in check mode; updated then means that it
// would be.
func (c *ClusterSecrets) Reimport(ctx context.Context, wanted []dockerconfig.Entry) []SecretReport {
	row := SecretReport{Kind: KindImageStream, Namespace: c.Job.Namespace}
	client, err := c.open(ctx)
	if err != nil {
		return []SecretReport{NewObjectReport(KindImageStream, c.Job.Namespace, "", "", err)}
	}
	var registries []string
	for _, e := range wanted {
		registries = append(registries, e.Key)
	}
	tags, err := reimport.Failed(ctx, client.Dynamic, c.Job.Namespace, registries, c.Mask)
	switch {
	case errors.Is(err, reimport.ErrNoImageStreams):
		row.Status, row.Notes = StatusSkipped, []string{"nothing to import again: this cluster has no image streams (image.openshift.io)"}
		return []SecretReport{row}
	case err != nil:
		return []SecretReport{NewObjectReport(KindImageStream, c.Job.Namespace, "", "", client.Locate(err))}
	case len(tags) == 0:
		row.Status, row.Notes = StatusUnchanged, []string{"nothing to import again: no last import from our registries failed"}
		return []SecretReport{row}
	}
	var rows []SecretReport
	for _, o := range reimport.Import(ctx, client.Patient, tags, c.Job.Check, c.Mask) {
		rows = append(rows, reimported(o, c.Job.Check, client))
	}
	return rows
}

// reimported is the row of one tag.
func reimported(o reimport.Outcome, check bool, client *kube.Client) SecretReport {
	row := SecretReport{Kind: KindImageStreamTag, Namespace: o.Namespace, Name: o.Stream + ":" + o.Tag.Name, Status: StatusUpdated}
	if o.Tag.Name == "" {
		row.Kind, row.Name = KindImageStream, o.Stream
	}
	var failed *reimport.ImportError
	switch {
	case errors.As(o.Err, &failed):
		row.Status = StatusFailed
		row.Error = &Failure{
			Cause:   string(kube.CauseRejected),
			Message: fmt.Sprintf("the import of %s was tried again and failed: %s", o.From, failed.Message),
			Hint:    fmt.Sprintf("oc describe imagestream %s -n %s", o.Stream, o.Namespace),
		}
	case o.Err != nil:
		row = NewObjectReport(row.Kind, row.Namespace, row.Name, "", client.Locate(o.Err))
	case check:
		row.Notes = []string{fmt.Sprintf("the last import of %s failed: %s", o.From, o.Failure)}
	case o.Imported:
		row.Notes = []string{"imported again from " + o.From}
	default:
		row.Status, row.Notes = StatusSkipped, []string{fmt.Sprintf("the import of %s was asked for, and the API said nothing of its outcome", o.From)}
	}
	return row
}

// followUp adds to the report what comes after the secrets, where that was
// asked for: a change followed to the nodes, image streams imported again. With
// a secret that could not be written neither would come to anything.
func (r *Run) followUp(ctx context.Context, report *Report, wanted []dockerconfig.Entry) {
	if r.SkipSecrets || ctx.Err() != nil || r.Follow == nil && r.Reimport == nil {
		return
	}
	if slices.ContainsFunc(report.Secrets, func(s SecretReport) bool { return s.Status == StatusFailed }) {
		if r.Reimport != nil {
			r.Watch.Warn("no image stream was imported again, because of the secret that failed")
		}
		return
	}
	for _, stage := range []struct {
		title string
		do    func(context.Context, []dockerconfig.Entry) []SecretReport
	}{
		{"following the pull secret to the nodes", r.Follow},
		{"importing image streams again", r.Reimport},
	} {
		if stage.do == nil {
			continue
		}
		r.Watch.Stage(stage.title, 1)
		rows := stage.do(ctx, wanted)
		r.recordSecrets(rows)
		report.Secrets = append(report.Secrets, rows...)
		r.Watch.Step()
	}
	report.Finish()
}
