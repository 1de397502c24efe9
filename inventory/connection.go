package inventory

import (
	"context"
	"path"
	"strings"

	"oreg/inventory/graph"
	"oreg/inventory/ini"
	"oreg/inventory/secret"
	"oreg/inventory/value"
)

// node reads what oreg needs to know of one host.
func (r *reader) node(ctx context.Context, h *graph.Host, d ConnectionDefaults) Node {
	n := Node{Name: h.Name, Connection: r.connection(ctx, h, d)}
	n.ConfigPaths = r.configPaths(ctx, h)
	service := "origin"
	if v := r.get(ctx, h, "openshift_service_type"); v != nil {
		if service, _ = r.text(v); service != "origin" && service != "atomic-openshift" {
			r.fail(v.at(), "", "openshift_service_type is neither origin nor atomic-openshift")
		}
	} else if v := r.first(ctx, h, "openshift_deployment_type", "deployment_type"); v != nil && v.value.Text == Enterprise {
		service = "atomic-openshift"
	}
	n.ServiceUnit = service + "-node"
	if v := r.get(ctx, h, "openshift_kubelet_name_override"); v != nil {
		n.KubeletName, _ = r.text(v)
	}
	return n
}

// configPaths are the kubelet's file and the container runtime's.
func (r *reader) configPaths(ctx context.Context, h *graph.Host) []string {
	data, runtime := "/var/lib/origin", "/root/.docker"
	if v := r.first(ctx, h, "openshift_node_data_dir", "openshift_data_dir"); v != nil {
		data = r.folder(v)
	}
	if v := r.get(ctx, h, "docker_auth_credentials_path"); v != nil {
		runtime = strings.TrimSuffix(r.folder(v), "/config.json")
	}
	paths := []string{path.Join(data, ".docker", "config.json"), path.Join(runtime, "config.json")}
	if paths[0] == paths[1] {
		return paths[:1]
	}
	return paths
}

// folder checks a path on a node.
func (r *reader) folder(v *variable) string {
	s, ok := r.text(v)
	if ok && (!path.IsAbs(s) || hasControl(s)) {
		r.fail(v.at(), "", "%s is no absolute path", v.name)
	}
	return path.Clean("/" + s)
}

// connection reads the ansible_* variables. Of an old and a new name the
// ansible_ssh_ one wins, and ansible_sudo_ over ansible_become_, as in
// Ansible's plugins.
func (r *reader) connection(ctx context.Context, h *graph.Host, d ConnectionDefaults) Connection {
	text := func(fallback string, names ...string) string {
		v := r.first(ctx, h, names...)
		if v == nil {
			return fallback
		}
		s, ok := r.verbatimQuiet(v)
		if !ok {
			r.fail(v.at(), "", "%s is %s, expected text", v.name, v.value.TypeName())
		}
		return s
	}
	hidden := func(fallback secret.Text, names ...string) secret.Text {
		v := r.first(ctx, h, names...)
		if v == nil {
			return fallback
		}
		return r.password(v)
	}
	c := Connection{
		Address:        text(h.Name, "ansible_ssh_host", "ansible_host"),
		Port:           r.port(ctx, h, d.Port),
		User:           text(d.User, "ansible_ssh_user", "ansible_user"),
		PrivateKeyFile: text(d.PrivateKeyFile, "ansible_ssh_private_key_file", "ansible_private_key_file"),
		Password:       hidden(d.Password, "ansible_ssh_password", "ansible_ssh_pass", "ansible_password"),
	}
	if strings.Contains(c.Address, "[") && strings.Contains(c.Address, ":") && strings.HasSuffix(c.Address, "]") &&
		!strings.HasPrefix(c.Address, "[") {
		if v := r.first(ctx, h, "ansible_ssh_host", "ansible_host"); v != nil {
			r.warn(v.at(), "", "%s holds a range; ranges work in host names only", v.name)
		}
	}
	switch kind := text("ssh", "ansible_connection"); kind {
	case "ssh", "smart", "paramiko", "paramiko_ssh", "openssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh":
	case "local", "ansible.builtin.local":
		c.Local = true
	default:
		r.fail(r.first(ctx, h, "ansible_connection").at(), "", "ansible_connection is neither ssh nor local")
	}
	for _, each := range []struct{ name, fallback string }{
		{"ansible_ssh_args", ""},
		{"ansible_ssh_common_args", d.SSHCommonArgs},
		{"ansible_ssh_extra_args", d.SSHExtraArgs},
	} {
		words, err := ini.SplitWords(text(each.fallback, each.name))
		if err != nil {
			at := Position{}
			if v := r.get(ctx, h, each.name); v != nil {
				at = v.at()
			}
			r.fail(at, "", "%s: %s", each.name, err.Error())
		}
		c.SSHArgs = append(c.SSHArgs, words...)
	}
	for _, name := range []string{"ansible_host_key_checking", "ansible_ssh_host_key_checking"} {
		if v := r.get(ctx, h, name); v != nil {
			r.warn(v.at(), "--host-key-checking decides", "%s is ignored", name)
		}
	}
	c.Become = r.become(ctx, h, d, text, hidden)
	return c
}

func (r *reader) become(
	ctx context.Context, h *graph.Host, d ConnectionDefaults,
	text func(string, ...string) string, hidden func(secret.Text, ...string) secret.Text,
) *Become {
	on := d.Become
	if v := r.first(ctx, h, "ansible_become", "ansible_sudo"); v != nil {
		on, _ = r.boolean(v.value, v.name)
	}
	if !on {
		return nil
	}
	method := d.BecomeMethod
	if v := r.get(ctx, h, "ansible_become_method"); v != nil {
		method, _ = r.verbatimQuiet(v)
		if method != "sudo" && method != "ansible.builtin.sudo" {
			r.fail(v.at(), "", "ansible_become_method is not sudo, which is the only one that oreg knows")
		}
	} else if method != "" && method != "sudo" && method != "ansible.builtin.sudo" {
		r.fail(Position{File: "become method"}, "", "not sudo, which is the only one that oreg knows")
	}
	user := d.BecomeUser
	if user == "" {
		user = "root"
	}
	return &Become{
		User:     text(user, "ansible_sudo_user", "ansible_become_user"),
		Password: hidden(d.BecomePassword, "ansible_sudo_pass", "ansible_become_pass", "ansible_become_password"),
	}
}

// verbatimQuiet is text without the warning: for settings that no one mistakes
// for a number.
func (r *reader) verbatimQuiet(v *variable) (string, bool) {
	switch {
	case v.value.IsText():
		return v.value.Text, true
	case v.value.Raw != "" && v.value.IsScalar():
		return v.value.Raw, true
	case v.value.IsScalar() && v.value.Kind != value.Vault:
		return v.value.Text, true
	}
	return "", false
}

func (r *reader) port(ctx context.Context, h *graph.Host, fallback int) int {
	v := r.first(ctx, h, "ansible_ssh_port", "ansible_port")
	if v == nil {
		return fallback
	}
	n, ok := value.ToInt(v.value)
	if !ok || v.value.Kind == value.Bool || !n.IsInt64() || n.Int64() < 1 || n.Int64() > 65535 {
		r.fail(v.at(), "", "%s is no port, expected a number from 1 to 65535", v.name)
		return fallback
	}
	return int(n.Int64())
}
