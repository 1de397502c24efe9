package inventory

func fileCases() []testCase {
	return []testCase{
		{name: "precedence", files: map[string]string{
			"hosts": "[OSEv3:children]\nnodes\n[all:vars]\na=1\nb=1\nc=1\nd=1\ne=1\nf=1\n[OSEv3:vars]\nb=2\nc=2\nd=2\ne=2\nf=2\n[nodes:vars]\nc=3\n" +
				"d=3\ne=3\nf=3\n[nodes]\nh e=6 f=6\n",
			"group_vars/all.yml":   "b: 4\nc: 4\nd: 4\ne: 4\nf: 4\n",
			"group_vars/OSEv3.yml": "d: 5\ne: 5\nf: 5\n",
			"host_vars/h.yml":      "f: 7\n",
		}},
		{name: "precedence-current-folder", dir: "cwd", sources: []string{"../inv/hosts"}, files: map[string]string{
			"inv/hosts":              "[g]\nh x=host\n",
			"inv/group_vars/all.yml": "a: inv-all\nb: inv-all\nc: inv-all\nd: inv-all\n",
			"inv/group_vars/g.yml":   "c: inv-g\nd: inv-g\n",
			"cwd/group_vars/all.yml": "b: cwd-all\nc: cwd-all\nd: cwd-all\n",
			"cwd/group_vars/g.yml":   "d: cwd-g\n",
			"inv/host_vars/h.yml":    "e: inv-h\nf: inv-h\nx: inv-h\n",
			"cwd/host_vars/h.yml":    "f: cwd-h\n",
		}},
		{name: "several-inventories", dir: "cwd", sources: []string{"../a/hosts", "../b/hosts", "../a/more"}, files: map[string]string{
			"a/hosts":               "[parent:children]\nchild\n[child]\nh x=a\n[child:vars]\ny=a\n",
			"b/hosts":               "[child]\nh x=b\nh2\n[parent]\nh3\n[child:vars]\ny=b\n",
			"a/more":                "h4\n[other]\nh\n",
			"a/group_vars/child":    "z: a-child\nw: a-child\n",
			"b/group_vars/parent":   "z: b-parent\n",
			"b/group_vars/all.yaml": "w: b-all\nv: b-all\n",
			"a/group_vars/all.yaml": "v: a-all\n",
			"b/host_vars/h":         "u: b\n",
			"a/host_vars/h":         "u: a\n",
		}},
		{name: "inventory-folder", sources: []string{"inv"}, files: map[string]string{
			"inv/10-static": "[g]\nh1 x=1\n", "inv/20-more.yml": "g:\n  hosts:\n    h2: {x: 2}\n    h1: {x: 3}\n", "inv/.hidden": "[bad", "inv/x.ini": "[bad",
			"inv/x.cfg": "[bad", "inv/x.bak": "[bad", "inv/x~": "[bad", "inv/x.orig": "[bad", "inv/x.retry": "[bad", "inv/x.md": "[bad", "inv/x.txt": "[bad",
			"inv/sub/hosts": "[g2]\nh3\n", "inv/group_vars/g.yml": "y: 1\n", "inv/sub/group_vars/g2.yml": "y: never\n", "inv/host_vars/h3": "z: 1\n",
			"inv/hosts.example.com": "h4\n",
		}},
		{name: "variable-folders", files: map[string]string{
			"hosts":           "[g]\nh\nh.example.com\n[::1]:22\n[b-c]\nh\n",
			"group_vars/g/b":  "o: b\na: 1\n",
			"group_vars/g/a":  "o: a\nb: 1\n",
			"group_vars/g/10": "o: ten\n", "group_vars/g/9": "o: nine\n", "group_vars/g/B.yml": "o: B\n", "group_vars/g/sub/z.yaml": "o: z\np: 1\n",
			"group_vars/g/.x": "[bad", "group_vars/g/x~": "[bad", "group_vars/g/x.txt": "[bad", "group_vars/g/s.d/y": "[bad", "group_vars/g/c.json": `{"j": 1e3}`,
			"group_vars/g.yml": "hidden: true\n", "group_vars/b-c.yaml": "dash: 1\n", "group_vars/b-c.json": "{}", "host_vars/h.example.com": "x: 1\n", "host_vars/::1.yml": "y: 1\n",
			"host_vars/h.yml": "x: yml\n", "host_vars/h.yaml": "x: yaml\n", "group_vars/unused.yml": "[broken",
		}},
		{name: "empty-variable-files", files: map[string]string{
			"hosts": "[g]\nh\n[f]\nh\n", "group_vars/g": "", "group_vars/f": "false\n", "host_vars/h": "---\n", "group_vars/all": "# c\n",
		}},
		{name: "group-vars-is-a-file", files: map[string]string{"hosts": "h x=1\n", "group_vars": "x\n"}},
		{name: "priority-in-group-vars-is-a-variable", files: map[string]string{
			"hosts": "[a]\nh\n[b]\nh\n", "group_vars/a": "ansible_group_priority: 10\nx: a\n", "group_vars/b": "x: b\n",
		}},
		{name: "json-variables", files: map[string]string{
			"hosts": "h\n", "group_vars/all.json": `{"a": 1e3, "b": -0, "c": 12345678901234567890, "d": "\u00e9\ud83d\ude00\n", "e": [1.0, 1.5, true, null],
"f": {"__ansible_vault": "x"}, "g": {"__ansible_unsafe": "y"}, "h": {"z": 1, "a": 2, "z": 3}, "i": "a/b\/c", "j": {}, "k": [], "l": {"1": "x"}}`,
		}},
		{name: "json-infinities", files: map[string]string{"hosts": "h\n", "group_vars/all": `{"a": NaN, "b": Infinity, "c": [-Infinity, 1E400]}`}},
		{name: "yaml-inventory", files: iniFile("---\nall:\n  vars: {v: yes}\n  hosts:\n    h1:\n    h2: {x: 0644, y: '0644'}\n    h[1:2].x:22: ~\n  children:\n    g:\n" +
			"      hosts: h3\n      vars:\n        ansible_group_priority: 5\n        z: [1, {a: b}]\n    e: {}\n    k:\n      children: {g: , m: {hosts: {\"[::1]:22\": {a: 1}}}}\n" +
			"    n:\n      other: 1\n      hosts: {h1: {w: 1}}\nungrouped:\n  hosts: {h9: }\nsecond:\n  hosts: {h1: {x: second}}\nskipped: text\n")},
		{name: "yaml-inventory-ending", sources: []string{"inv.yml"}, files: map[string]string{"inv.yml": "g:\n  hosts:\n    h: {a: 1}\n"}},
		{name: "json-inventory", sources: []string{"inv.json"}, files: map[string]string{"inv.json": `{"g": {"hosts": {"h": {"a": 1.0}}, "vars": {"x": null}}}`}},
		{name: "host-list", sources: []string{"h1,h2:22, h3 ,[::1]:33,h[1:2],"}, files: map[string]string{}},
		{name: "host-list-and-file", sources: []string{"hosts", "h1,h9,"}, files: iniFile("[g]\nh1\n")},
		{name: "extra-vars", extra: []string{"a=1 b='x y'", `{"c": [1, 2.5], "d": null}`, "{e: yes, f: 0644}", "@more.yml", "a=2", `g="q\"x" h=\x41 i={{ j k }}`, "", "x y=1"},
			files: map[string]string{"hosts": "[g]\nh a=host\n", "host_vars/h.yml": "e: host\n", "more.yml": "c: file\nl: [1]\n"}},
		{name: "extra-vars-forms", extra: []string{"a=b=c", "='x'", `a1=x\=y`, "b=  x", "c=\n d=2", `e\=f`, `g="x y"z`, "h=1  i=2", `j=\u00e9 k='' l= m=""`, "n='a b' o", "p=a\\\nq"},
			files: iniFile("h\n")},
		{name: "script", files: map[string]string{
			"hosts": "#!/bin/sh\necho '{\"g\": {\"hosts\": [\"h1\", \"h2\"], \"vars\": {\"x\": 1, \"y\": 2.0}, \"children\": [\"c\"]}, \"c\": [\"h3\"], \"h4\": {\"z\": true}, " +
				"\"_meta\": {\"hostvars\": {\"h1\": {\"x\": \"own\"}, \"other\": {\"q\": 1}, \"h4\": {\"w\": null}}}}'\n",
			"group_vars/g": "y: file\n",
		}},
		{name: "script-host-by-host", files: iniFile("#!/bin/sh\nif [ \"$1\" = --list ]; then echo '{\"g\": [\"h1\", \"h2\"], \"p\": {\"children\": {\"g\": 1}}}'\n" +
			"else echo \"{\\\"name\\\": \\\"$2\\\", \\\"n\\\": 1e3}\"; fi\n")},
	}
}
