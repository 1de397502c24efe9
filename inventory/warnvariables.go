package inventory

import (
	"strings"

	"oreg/inventory/graph"
)

// removedVariables warns of variables that older installers knew.
func (r *reader) removedVariables(hosts []*graph.Host) {
	for _, each := range [][2]string{
		{"oreg_auth_credentials_replace", "credentials are always brought up to date"},
		{"oreg_auth_credentials_path", "use docker_auth_credentials_path"},
		{"oreg_url_master", "use oreg_url"},
		{"oreg_url_node", "use oreg_url"},
	} {
		for _, h := range hosts {
			if v := r.inv.lookup(h, each[0]); v != nil {
				r.warn(v.Pos, each[1], "%s has no effect any more", each[0])
				break
			}
		}
	}
	r.misspelt(hosts)
}

// misspelt warns of variables that look like one of ours but are not.
func (r *reader) misspelt(hosts []*graph.Host) {
	known := []string{
		"oreg_url", "oreg_auth_user", "oreg_auth_password", "oreg_test_login", "oreg_test_image", "oreg_tls_verify",
		additional,
	}
	bases := map[*base]bool{}
	check := func(vars graph.Vars) {
		for name, v := range vars {
			if !strings.HasPrefix(name, "oreg_") && !strings.HasPrefix(name, "openshift_additional_registry") {
				continue
			}
			if near := suggest(name, known); near != "" && near != name {
				r.warn(v.Pos, "", "unknown variable %s, did you mean %s?", name, near)
			}
		}
	}
	for _, h := range hosts {
		check(h.Vars)
		if b := r.inv.base(h); !bases[b] {
			bases[b] = true
			for _, layer := range b.layers {
				check(layer)
			}
		}
	}
	check(r.inv.extra)
}

// inlineWarning: a password in clear in a file that others may read.
func (r *reader) inlineWarning(at Position, name string) {
	if r.inv.readable[at.File] {
		r.warn(Position{File: at.File}, "chmod 600, or encrypt it with ansible-vault",
			"holds %s in clear and can be read by the group or by others", name)
	}
}
