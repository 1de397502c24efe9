package site

import (
	"fmt"
	"slices"
	"strings"

	"oreg/hack/lab/registry"
)

// UnreachableRegistry is the host of the inventory's entry whose registry does not exist;
// test_login is false for it. The name is reserved by RFC 2606 and resolves nowhere.
const UnreachableRegistry = "registry.example.invalid:5000"

// inventory renders an inventory as openshift-ansible 3.11's examples are written. With wrong, the
// password of the bearer registry is wrong.
func inventory(s *State, wrong bool) string {
	var b strings.Builder
	b.WriteString("# An oreg lab's cluster. Written by `lab up`; gone with it.\n")
	b.WriteString("[OSEv3:children]\nmasters\nnodes\netcd\n\n[OSEv3:vars]\n")
	set := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, value) }
	set("ansible_user", s.SSH.User)
	set("ansible_ssh_private_key_file", s.SSH.Key)
	set("ansible_ssh_common_args", literal(s.SSH.Args))
	set("openshift_deployment_type", "openshift-enterprise")
	set("openshift_release", "v3.11")
	set("openshift_image_tag", "v3.11")
	credentials(s, wrong, set)
	for _, group := range []string{"masters", "etcd", "nodes"} {
		fmt.Fprintf(&b, "\n[%s]\n", group)
		for _, n := range s.Nodes {
			if !slices.Contains(n.Groups, group) {
				continue
			}
			if group != "nodes" {
				b.WriteString(n.Name + "\n")
				continue
			}
			role := "node-config-compute"
			if slices.Contains(n.Groups, "masters") {
				role = "node-config-master"
			}
			fmt.Fprintf(&b, "%s ansible_host=%s ansible_port=%d openshift_node_group_name=%s", n.Name, n.Address, n.Port, literal(role))
			if n.Isolation == isolationNone {
				fmt.Fprintf(&b, " openshift_node_data_dir=%s docker_auth_credentials_path=%s", literal(n.DataDir), literal(n.DockerDir))
			}
			b.WriteByte('\n')
		}
	}
	// Groups that later installers and oreg also know; a node is there only when a test put it there.
	for _, n := range s.Nodes {
		for _, g := range n.Groups {
			if !slices.Contains([]string{"masters", "etcd", "nodes"}, g) {
				fmt.Fprintf(&b, "\n[%s]\n%s ansible_host=%s ansible_port=%d\n", g, n.Name, n.Address, n.Port)
			}
		}
	}
	return b.String()
}

// credentials names the first registry by oreg_url, the others as additional ones, and one that
// does not exist.
func credentials(s *State, wrong bool, set func(name, value string)) {
	var additional []string
	for i, r := range s.Registries {
		var a registry.Account
		if at := slices.IndexFunc(r.Accounts, func(a registry.Account) bool { return a.Access == registry.AccessPull }); at >= 0 {
			a = r.Accounts[at]
		}
		if r.Auth == registry.AuthNone {
			// Something must be written: an entry without a password is an error.
			a = registry.Account{User: "anonymous", Password: "unused"}
		}
		if wrong && r.Name == "bearer" {
			a.Password = "wrong " + a.Password
		}
		if i == 0 {
			set("oreg_url", r.Host+"/openshift3/ose-${component}:${version}")
			set("oreg_auth_user", literal(a.User))
			set("oreg_auth_password", literal(a.Password))
			if r.TLS != registry.TLSLabCA {
				set("oreg_tls_verify", "False")
			}
			continue
		}
		fields := []string{field("host", r.Host), field("user", a.User), field("password", a.Password)}
		if r.Name == "bearer" {
			fields = append(fields, field("test_image", customImage))
		}
		if r.TLS != registry.TLSLabCA {
			fields = append(fields, "'tls_verify': False")
		}
		additional = append(additional, "{"+strings.Join(fields, ", ")+"}")
	}
	if len(s.Registries) == 0 {
		return
	}
	additional = append(additional, "{"+strings.Join([]string{
		field("host", UnreachableRegistry), field("user", "nobody"), field("password", unreachablePassword(s)), "'test_login': False",
	}, ", ")+"}")
	set("openshift_additional_registry_credentials", "["+strings.Join(additional, ", ")+"]")
}

// unreachablePassword is the password of the entry that is never tried, as a marker for leak tests.
func unreachablePassword(s *State) string { return "never#tried " + s.SSH.Passphrase }

func field(name, value string) string { return literal(name) + ": " + literal(value) }

// literal quotes a string as Python does; Ansible reads INI values as Python literals.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// knownHosts has a line for each key of each node, as OpenSSH writes it for a port that is not 22.
func knownHosts(s *State) string {
	var b strings.Builder
	for _, n := range s.Nodes {
		for _, k := range n.HostKeys {
			fmt.Fprintf(&b, "[%s]:%d %s\n", n.Address, n.Port, k)
		}
	}
	return b.String()
}
