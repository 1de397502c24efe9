package oldapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// all stands for every resource that today's server has in a version.
const all = "*"

// known are Kubernetes' own groups, versions and resources that both a server of 1.11 and today's
// have. A group of somebody else (a CRD's) is not in it and always passes.
func known() map[string]map[string]string {
	return map[string]map[string]string{
		"":                          {"v1": all},
		"apiregistration.k8s.io":    {"v1": all},
		"apps":                      {"v1": all},
		"authentication.k8s.io":     {"v1": "tokenreviews"},
		"authorization.k8s.io":      {"v1": all},
		"autoscaling":               {"v1": all},
		"batch":                     {"v1": "jobs"},
		"networking.k8s.io":         {"v1": "networkpolicies"},
		"rbac.authorization.k8s.io": {"v1": all},
		"storage.k8s.io":            {"v1": "storageclasses"},
	}
}

// foreign says whether a group is not Kubernetes' own.
func foreign(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// served says whether a 1.11 server has the version of the group; an empty version asks for any.
func served(group, version string) bool {
	if foreign(group) {
		return true
	}
	versions, ok := known()[group]
	return ok && (version == "" || versions[version] != "")
}

// has says whether it has the resource there.
func has(group, version, resource, sub string) bool {
	if !served(group, version) {
		return false
	}
	if group == "" && (resource == "serviceaccounts" && sub == "token" || resource == "pods" && (sub == "ephemeralcontainers" || sub == "resize")) {
		return false
	}
	names := known()[group][version]
	return foreign(group) || names == all || slices.Contains(strings.Fields(names), resource)
}

// refusal is why a 1.11 server cannot answer, in its words or in plainer ones; code 0 is no refusal.
type refusal struct {
	code   int
	reason string
	text   string
}

// judge looks at a request, whose JSON body is given where it has one.
func judge(r *http.Request, body []byte) refusal {
	if strings.HasPrefix(r.URL.Path, "/openapi/v3") {
		return refusal{http.StatusNotFound, "NotFound", "OpenAPI v3 came in 1.23"}
	}
	if group, version, resource, sub := split(r.URL.Path); version != "" && !has(group, version, resource, sub) {
		return refusal{http.StatusNotFound, "NotFound", "the server could not find the requested resource (not in 1.11)"}
	}
	// A real one would ignore them and do the thing: much worse, and not what a test could see.
	query := r.URL.Query()
	for _, p := range []struct{ name, since string }{
		{"dryRun", "1.12"}, {"fieldManager", "1.14"}, {"force", "1.14"}, {"fieldValidation", "1.23"}, {"resourceVersionMatch", "1.19"}, {"sendInitialEvents", "1.27"},
	} {
		if query.Has(p.name) {
			return refusal{http.StatusBadRequest, "BadRequest", "the parameter " + p.name + " came in " + p.since}
		}
	}
	var options struct {
		Kind   string   `json:"kind"`
		DryRun []string `json:"dryRun"`
	}
	if r.Method == http.MethodDelete && json.Unmarshal(body, &options) == nil && len(options.DryRun) > 0 {
		return refusal{http.StatusBadRequest, "BadRequest", "the field dryRun came in 1.12"}
	}
	if strings.Contains(r.Header.Get("Content-Type"), "apply-patch") {
		return refusal{http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format: apply patches came in 1.14"}
	}
	return refusal{}
}

// split reads /api/VERSION/... and /apis/GROUP/VERSION/... as kube-apiserver does; resource is empty
// for what is no resource, and a version's own list has an empty one too.
func split(path string) (group, version, resource, sub string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 1 && parts[0] == "api":
		version, parts = parts[1], parts[2:]
	case len(parts) > 2 && parts[0] == "apis":
		group, version, parts = parts[1], parts[2], parts[3:]
	case len(parts) == 2 && parts[0] == "apis":
		if !served(parts[1], "") {
			return parts[1], "any", "", "" // refused by its group
		}
		return "", "", "", ""
	default:
		return "", "", "", ""
	}
	if len(parts) > 2 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		parts = parts[2:]
	}
	if len(parts) == 0 {
		// The list of a version's resources: there if the version is.
		if served(group, version) {
			return "", "", "", ""
		}
		return group, version, "", ""
	}
	resource = parts[0]
	if len(parts) > 2 {
		sub = parts[2]
	}
	return group, version, resource, sub
}

// strip takes out what a 1.11 server ignores without harm.
func strip(q url.Values) string {
	q.Del("allowWatchBookmarks")
	return q.Encode()
}

// accept takes out the forms of an answer that came later: Tables of meta v1, aggregated discovery.
func accept(header string) string {
	var keep []string
	for form := range strings.SplitSeq(header, ",") {
		if strings.Contains(form, "apidiscovery.k8s.io") || strings.Contains(form, "as=Table;v=v1;") || strings.Contains(form, "cbor") {
			continue
		}
		keep = append(keep, strings.TrimSpace(form))
	}
	if len(keep) == 0 {
		return "application/json"
	}
	return strings.Join(keep, ",")
}
