package oldapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

// age makes an answer that tells what the server is and has that of a 1.11 server.
func age(resp *http.Response) error {
	path := strings.Trim(resp.Request.URL.Path, "/")
	parts := strings.Split(path, "/")
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	switch {
	case path == "version":
		return rewrite(resp, func(v *version.Info) {
			v.Major, v.Minor, v.GitVersion = "1", "11+", Version
			v.EmulationMajor, v.EmulationMinor, v.MinCompatibilityMajor, v.MinCompatibilityMinor = "", "", "", ""
		})
	case path == "apis":
		return rewrite(resp, func(l *metav1.APIGroupList) {
			l.Groups = slices.DeleteFunc(l.Groups, func(g metav1.APIGroup) bool { return !served(g.Name, "") })
			for i := range l.Groups {
				ageGroup(&l.Groups[i])
			}
		})
	case len(parts) == 2 && parts[0] == "apis":
		return rewrite(resp, ageGroup)
	case len(parts) == 2 && parts[0] == "api":
		return rewrite(resp, func(l *metav1.APIResourceList) { ageResources(l, "", parts[1]) })
	case len(parts) == 3 && parts[0] == "apis":
		return rewrite(resp, func(l *metav1.APIResourceList) { ageResources(l, parts[1], parts[2]) })
	}
	return nil
}

func ageGroup(g *metav1.APIGroup) {
	g.Versions = slices.DeleteFunc(g.Versions, func(v metav1.GroupVersionForDiscovery) bool { return !served(g.Name, v.Version) })
	if len(g.Versions) > 0 && !served(g.Name, g.PreferredVersion.Version) {
		g.PreferredVersion = g.Versions[0]
	}
}

func ageResources(l *metav1.APIResourceList, group, version string) {
	l.APIResources = slices.DeleteFunc(l.APIResources, func(r metav1.APIResource) bool {
		name, sub, _ := strings.Cut(r.Name, "/")
		return !has(group, version, name, sub)
	})
}

// rewrite changes a JSON answer.
func rewrite[T any](resp *http.Response, change func(*T)) error {
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	var doc T
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	change(&doc)
	if raw, err = json.Marshal(doc); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	resp.ContentLength = int64(len(raw))
	resp.Header.Set("Content-Length", strconv.Itoa(len(raw)))
	resp.Header.Del("Etag")
	return nil
}
