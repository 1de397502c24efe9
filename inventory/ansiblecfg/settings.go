package ansiblecfg

import (
	"errors"
	"strconv"
	"strings"

	"oreg/inventory/value"
)

// takeAll looks up every setting where base.yml and the documentation of the
// ssh and sudo plugins say.
func (l *loader) takeAll() error {
	c := l.config
	defaults := func(key string) names {
		return names{env: []string{"ANSIBLE_" + strings.ToUpper(key)}, ini: []string{"defaults." + key}}
	}
	become := func(key string) names {
		return names{env: []string{"ANSIBLE_" + strings.ToUpper(key)}, ini: []string{"privilege_escalation." + key}}
	}
	ssh := func(key string) names {
		return names{env: []string{"ANSIBLE_" + strings.ToUpper(key)}, ini: []string{"ssh_connection." + key}}
	}
	becomeUser := become("become_user")
	becomeUser.env = append(becomeUser.env, "ANSIBLE_SUDO_USER")
	becomeUser.ini = append(becomeUser.ini, "sudo_become_plugin.user")
	timeout := defaults("timeout")
	timeout.env = append(timeout.env, "ANSIBLE_SSH_TIMEOUT")
	timeout.ini = append(timeout.ini, "ssh_connection.timeout")
	hostKeys := defaults("host_key_checking")
	hostKeys.env = append(hostKeys.env, "ANSIBLE_SSH_HOST_KEY_CHECKING")
	hostKeys.ini = append(hostKeys.ini, "ssh_connection.host_key_checking")

	err := errors.Join(
		take(l, &c.Inventory, defaults("inventory"), l.asPaths),
		take(l, &c.Forks, defaults("forks"), asPositive),
		take(l, &c.Timeout, timeout, asPositive),
		take(l, &c.RemoteUser, defaults("remote_user"), asText),
		take(l, &c.RemotePort, defaults("remote_port"), asPositive),
		take(l, &c.PrivateKeyFile, defaults("private_key_file"), l.asPath),
		take(l, &c.AskPass, defaults("ask_pass"), l.asBool),
		take(l, &c.AskVaultPass, defaults("ask_vault_pass"), l.asBool),
		take(l, &c.VaultPasswordFile, defaults("vault_password_file"), l.asPath),
		take(l, &c.VaultIdentityList, defaults("vault_identity_list"), asList),
		take(l, &c.VaultIDMatch, defaults("vault_id_match"), l.asBool),
		take(l, &c.Become, become("become"), l.asBool),
		take(l, &c.BecomeUser, becomeUser, asText),
		take(l, &c.BecomeMethod, become("become_method"), asText),
		take(l, &c.BecomeAskPass, become("become_ask_pass"), l.asBool),
		take(l, &c.SSHArgs, ssh("ssh_args"), asText),
		take(l, &c.SSHCommonArgs, ssh("ssh_common_args"), asText),
		take(l, &c.SSHExtraArgs, ssh("ssh_extra_args"), asText),
		take(l, &c.HostKeyChecking, hostKeys, l.asBool),
	)
	for _, r := range readers() {
		if text, ok := l.env(r.env); ok {
			l.warnOfReading(r.env, r, text)
			l.ignore(r.env, "not used by oreg")
		}
	}
	return err
}

type reader struct {
	env    string
	ini    []string
	normal string
}

// readers are the settings that change how Ansible itself reads an inventory
// or renders its values, with the value that oreg goes by. hash_behaviour =
// merge, for example, joins dictionaries of group and host.
func readers() []reader {
	return []reader{
		{"ANSIBLE_ERROR_ON_UNDEFINED_VARS", []string{"defaults.error_on_undefined_vars"}, "true"},
		{"ANSIBLE_HASH_BEHAVIOUR", []string{"defaults.hash_behaviour"}, "replace"},
		{"ANSIBLE_INVENTORY_ENABLED", []string{"inventory.enable_plugins"}, ""},
		{"ANSIBLE_INVENTORY_IGNORE", []string{"defaults.inventory_ignore_extensions", "inventory.ignore_extensions"}, ""},
		{"ANSIBLE_INVENTORY_IGNORE_REGEX", []string{"defaults.inventory_ignore_patterns", "inventory.ignore_patterns"}, ""},
		{"ANSIBLE_JINJA2_NATIVE", []string{"defaults.jinja2_native"}, "false"},
		{"ANSIBLE_PRECEDENCE", []string{"defaults.precedence"}, ""},
		{"ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS", []string{"defaults.force_valid_group_names"}, "never"},
		{"ANSIBLE_VAULT_IDENTITY", []string{"defaults.vault_identity"}, "default"},
	}
}

// warnOfReading warns if a setting of readers has another than the usual value.
func (l *loader) warnOfReading(from string, r reader, text string) {
	text = strings.ToLower(unquote(text))
	if truth, ok := booleans()[text]; ok && (r.normal == "true" || r.normal == "false") {
		text = strconv.FormatBool(truth)
	}
	if text != r.normal {
		l.warn(from, "not followed: oreg reads the inventory as Ansible does without it")
	}
}

var errEmpty = errors.New("empty, so it counts as not set")

// unquote removes one pair of quotes around s (ansible.parsing.quoting).
func unquote(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') && s[n-2] != '\\' {
		return s[1 : n-1]
	}
	return s
}

func asText(p place) (string, error) { return unquote(p.text), nil }

// asPositive is a number of forks, seconds or a port, none of which is 0.
func asPositive(p place) (int, error) {
	if p.text == "" {
		return 0, errEmpty
	}
	n, ok := value.ParseInt(p.text)
	if !ok || !n.IsInt64() || n.Int64() < 1 || n.Int64() > 1<<31-1 {
		return 0, errors.New("expected a whole number above 0")
	}
	return int(n.Int64()), nil
}

// booleans are those of ansible.module_utils.parsing.convert_bool.
func booleans() map[string]bool {
	return map[string]bool{
		"y": true, "yes": true, "on": true, "1": true, "true": true, "t": true, "1.0": true,
		"n": false, "no": false, "off": false, "0": false, "false": false, "f": false, "0.0": false,
	}
}

// asBool takes what is no boolean for false, as Ansible does, but says so.
func (l *loader) asBool(p place) (bool, error) {
	if p.text == "" {
		return false, errEmpty
	}
	b, known := booleans()[strings.ToLower(strings.TrimFunc(p.text, value.IsSpace))]
	if !known {
		l.warn(p.from, "is no boolean, and therefore false")
	}
	return b, nil
}

func (l *loader) asPath(p place) (string, error) {
	if p.text == "" {
		return "", errEmpty
	}
	return l.resolve(p.base, p.text), nil
}

func (l *loader) asPaths(p place) ([]string, error) {
	if p.text == "" {
		return nil, errEmpty
	}
	var paths []string
	for part := range strings.SplitSeq(p.text, ",") {
		paths = append(paths, l.resolve(p.base, strings.TrimFunc(part, value.IsSpace)))
	}
	return paths, nil
}

// resolve is resolve_path, which knows the macro {{CWD}}.
func (l *loader) resolve(base, path string) string {
	return l.opts.pathFrom(base, strings.ReplaceAll(path, "{{CWD}}", l.opts.Dir))
}

func asList(p place) ([]string, error) {
	if p.text == "" {
		return nil, errEmpty
	}
	var items []string
	for part := range strings.SplitSeq(p.text, ",") {
		items = append(items, unquote(strings.TrimFunc(part, value.IsSpace)))
	}
	return items, nil
}
