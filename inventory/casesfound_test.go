package inventory

// foundCases are random inventories over which oreg and Ansible disagreed, cut
// down to what they disagreed about.
func foundCases() []testCase {
	return []testCase{
		{name: "found-vault-key-beside-others", files: map[string]string{"hosts": "h\n", "host_vars/h.json": `{"c": {"é": Infinity, "__ansible_vault": -0, "c": "x"}}`}},
		{name: "found-vault-key-infinity", files: map[string]string{"hosts": "h\n", "host_vars/h.json": `{"a": {"__ansible_vault": -Infinity}, "b": {"__ansible_vault": NaN}, "c": {"__ansible_vault": 1E3}}`}},
		{name: "found-lonely-tag", files: map[string]string{"hosts": "h\n", "host_vars/h": "c:\n  - !\n  - ! 'yes'\n  - ! \"5\"\n  - ! x\n  - !\n"}},
		{name: "found-keys-that-cannot-be-sorted", files: map[string]string{"hosts": "h\n", "host_vars/h": "~: 1\n"}},
		{name: "found-broken-format-string", files: variables("[{{ 'a' }}, {{ b }} , f'\\x']", "[{[1]: 2}, f'{x']")},
		{name: "found-base64-behind-padding", files: iniFile("g2:\n  children: {g1: {}}\n  vars:\n    d: !!binary aGk=#c\n")},
		{name: "found-names-equal-in-python", files: map[string]string{
			"hosts": "[a]\nh1\nh2\n", "group_vars/a": "true: a\n", "host_vars/h1": "1: b\n", "host_vars/h2": "1.0: c\n2: d\n", "group_vars/all": "2.0: e\n",
		}},
	}
}
