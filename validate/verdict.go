package validate

import "fmt"

// verdict turns the facts into the status, by the table of the design.
func (k *check) verdict(r *Result) {
	f := k.facts
	r.Login, r.Pull, r.Auth, r.Digest = f.login, f.pull, f.auth, f.digest
	r.Route, r.Address, r.TLS, r.HTTPStatus = k.route, k.address, k.tls, k.status
	if k.realm != nil && hostPort(k.realm) != hostPort(k.base) {
		r.Realm = k.words(k.realm.Host)
	}
	r.Warnings = append(r.Warnings, k.warnings()...)
	switch {
	case f.problem != nil:
		r.Status, r.Cause, r.Detail, r.Hint = StatusError, f.problem.cause, f.problem.detail, f.problem.hint
	case f.login == LoginRejected:
		r.Status, r.Cause = StatusInvalid, CauseBadCredentials
		r.Detail = fmt.Sprintf("%s rejects the login of %s: %s", k.authority(), r.User, f.loginDetail)
	case f.pull == PullProven && f.login == LoginProven:
		r.Status = StatusValid
		r.Detail = fmt.Sprintf("%s may pull %s", r.User, r.Image)
	case f.pull == PullProven:
		r.Status, r.Cause = StatusInconclusive, CauseAnonymous
		r.Detail = fmt.Sprintf("%s and %s are readable without any login", k.host, r.Image)
	case f.pull == PullUntested:
		k.withoutImage(r)
	default:
		k.withoutPull(r)
	}
	if r.Hint == "" && r.Cause != "" {
		r.Hint = hintFor(r.Cause, k.session, k.host)
	}
	r.ByHand = byHand(k, r.Cause)
}

// withoutImage is for a credential that has no test image.
func (k *check) withoutImage(r *Result) {
	if k.facts.login == LoginProven {
		r.Status = StatusValid
		r.Detail = fmt.Sprintf("%s accepts the login of %s; no image was asked for", k.authority(), r.User)
		return
	}
	r.Status, r.Cause = StatusInconclusive, CauseAnonymous
	r.Detail = fmt.Sprintf("%s answers without any login, and no image was asked for", k.host)
}

// withoutPull is for an image that is missing or denied: it is the user's word
// that it should be there, or a guess of ours that proves nothing.
func (k *check) withoutPull(r *Result) {
	f := k.facts
	r.Cause = CauseNoAccess
	r.Detail = fmt.Sprintf("%s may not read %s: %s", r.User, r.Image, f.pullDetail)
	if f.pull == PullMissing {
		r.Cause = CauseImageMissing
		r.Detail = fmt.Sprintf("%s has no image %s: %s", k.host, r.Image, f.pullDetail)
	}
	switch {
	case k.credential.ImageNamed:
		r.Status = StatusInvalid
	case f.login == LoginProven:
		r.Status = StatusValid
		r.Warnings = append(r.Warnings, fmt.Sprintf("login proven, pull not proven (%s): %s", r.Cause, r.Detail))
	default:
		r.Status = StatusInconclusive
	}
}

// authority is who decides about the login.
func (k *check) authority() string {
	if k.realm != nil && hostPort(k.realm) != hostPort(k.base) {
		return k.words(k.realm.Host) + " (for " + k.host + ")"
	}
	return k.host
}

func (k *check) warnings() []string {
	var w []string
	if k.insecure {
		w = append(w, fmt.Sprintf("the TLS certificate of %s is not verified (tls_verify is false)", k.host))
	}
	if k.plain {
		w = append(w, fmt.Sprintf("%s speaks plain HTTP: whatever is sent to it, the password too, can be read on the way (tls_verify is false)", k.host))
	}
	if k.facts.late {
		// Seen with skopeo, whose library they share.
		w = append(w, fmt.Sprintf("%s asks for a login at the image but not at /v2/: CRI-O, podman and skopeo send none to such a registry and cannot pull", k.host))
	}
	if k.facts.schema1 {
		w = append(w, fmt.Sprintf("%s is an image of the old schema 1, which newer container runtimes do not pull", k.credential.Image))
	}
	return w
}
