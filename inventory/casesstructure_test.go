package inventory

func structureCases() []testCase {
	return []testCase{
		{name: "empty", files: iniFile("")},
		{name: "only-comments", files: iniFile("# c\n; c\n  # c\n\n")},
		{name: "ungrouped-and-all", files: iniFile("h1\nh2 x=1\n[all]\nh3\n[all:vars]\nv=1\n[g]\nh2\n[empty]\n[ungrouped]\nh4\n")},
		{name: "groups-declared-late", files: iniFile("[p:vars]\nx=1\n[p:children]\nc\nd\n[c]\nh1\n[d:children]\ne\n[e]\nh2\n[p]\nh3\n[c:vars]\nx=2\n[c:vars]\nx=3\ny=4\n")},
		{name: "section-forms", files: iniFile("[g]#c\nh1\n[g] # c\nh2\n[g:hosts]\nh3\n[g-x.y]\nh4\n[3g]\nh5\n[a#b]\nh6\n[g1,g2]\nh7\n['q']\nh8\n[é]\nh9\n[G]\nh10\n[a:c] v=1\n[a:c].x\n")},
		{name: "children-forms", files: iniFile("[a]\n[b]\n[a#b]\n[c#]\nh\n[p:children]\na # c\nb# c\na#b\nc#\na\n")},
		{name: "ungrouped-as-child", files: iniFile("h1 x=1\n[p:children]\nungrouped\n[p:vars]\ny=1\n[g]\nh2\n")},
		{name: "ungrouped-as-child-and-direct", files: iniFile("h1 x=1\n[p:children]\nungrouped\n[p:vars]\ny=1\n[p]\nh1\n[q:children]\np\n[q:vars]\nz=1\n")},
		{name: "host-named-like-group", files: iniFile("[etcd]\netcd x=1\nh2\n[nodes]\netcd y=2\n")},
		{name: "depth-beats-priority", files: iniFile("[a]\nh\n[b]\nh\n[c:children]\na\n[a:vars]\nx=a\nansible_group_priority=1\n[b:vars]\nx=b\nansible_group_priority=10\n" +
			"y=b\n[d]\nh\n[d:vars]\ny=d\nansible_group_priority='7'\n[e]\nh\n[e:vars]\ny=e\nz=e\n[Z]\nh\n[Z:vars]\nz=Z\n[all:vars]\nansible_group_priority=50\nz=all\n")},
		{name: "priority-forms", files: iniFile("[a]\nh\n[b]\nh\n[c]\nh\n[d]\nh\n[a:vars]\nansible_group_priority=1.9\nx=a\n[b:vars]\nansible_group_priority=True\nx=b\n" +
			"[c:vars]\nansible_group_priority=-2\nx=c\ny=c\n[d:vars]\nansible_group_priority=' 3_0 '\nx=d\n[e]\nh\n[e:vars]\nx=e\n[e]\ne ansible_group_priority=40\n")},
		{name: "longest-path-is-depth", files: iniFile("[a:children]\nb\nc\n[b:children]\nc\n[c]\nh\n[d:children]\ne\n[e]\nh\n[f]\nh\n[c:vars]\nx=c\n[e:vars]\nx=e\n[f:vars]\nx=f\nansible_group_priority=99\n" +
			"[b:vars]\nx=b\ny=b\n[e:vars]\ny=e\n")},
		{name: "I9-ranges", files: iniFile("[g]\nh[1:3]\nh[01:03].x\nh[08:11]\nh[a:c]\nh[y:B]\nh[1:9:4]\n[1:2].foo.bar\ng[1:2]-[a:b]\ni[3:1]\nj[0:3]\nk[:2]\nl[ab:cd]\nm[+1:3]\nn[1:1_0:3]\n" +
			"o[3:1:-1]\np[5:1:-2]\nq[1:03]\nr[c:e:-1]\ns[a:e:2]\nt[9:10]\nu[009:011]\nv[1:2]x[3:4]y[5:6] z=1\n")},
		{name: "ports", files: iniFile("[g]\nh1:22\nh2:22 ansible_port=33\nh3:0\nh4:0022\nh5:99999\nh6\nh6:22\nh7:22\nh7:33\nh_:22\nh-:22\nu@h:22\n[a:c]:22\nh:x\nh[1:2].y:44\n" +
			"[::1]:22\n::1\nfe80::1\n2001:db8::[1:2]\n[h.x]:22\n[h:22]:33\n10.0.0.1:22\n10.0.0.[1:2]:5\n300.0.0.1:22\n---:22\né:22\nh.:22\nh..x:22\n-h:22\nh|x:22\nh:22:33\n" +
			"1:2:3:4:5:6:7:8\n[1::2%eth0]:22\n[fe80::x]:22\n")},
		{name: "line-ends", files: iniFile("[g]\r\nh1 x=1\r\nh2\rh3\vh4\fh5\x1ch6\u0085h7\u2028h8\u2029h9\n\r\n")},
		{name: "blanks-and-unicode", files: iniFile("\u00a0[g]\u3000\n\u00a0h1 x=1\u00a0\n\t h2\u00a0x=1\nh\u00e9\n\u00a0# c\n[g:vars]\n\u00a0k\u00a0=\u00a0v\u00a0w\u00a0\n")},
		{name: "byte-order-mark", files: iniFile("\ufeffh1\n[g]\nh2\n")},
		{name: "bom-before-comment", files: iniFile("\ufeff# comment\n[g]\nh\n")},
		{name: "not-utf-8", files: iniFile("# \xff\n[g]\nh1 x=\xff y='\xff'\nh\xe9\n[g:vars]\nk='\xe9'\nl=\xe9\n")},
		{name: "internal-variables", files: iniFile("[g]\nh1 inventory_hostname=x group_names=1 ansible_facts=2 omit=3\nh2 x=1 playbook_dir=/\n[g:vars]\ngroups=1\ninventory_file=y\n")},
		{name: "localhost", files: iniFile("localhost ansible_connection=local\n[g]\n127.0.0.1\n")},
		{name: "dict-replaced-not-merged", files: map[string]string{
			"hosts":             "[g]\nh x=\"{'a': 1}\"\nh x=\"{'b': 2}\"\n[g:vars]\ny={'a': 1}\n[g:vars]\ny={'b': 2}\n",
			"host_vars/h.yml":   "z: {a: 1}\n",
			"group_vars/all":    "z: {b: 2}\ny: {c: 3}\n",
			"group_vars/g.json": `{"w": {"k": [1, 2.0, 1e3, null, true]}}`,
		}},
		{name: "ini-that-is-yaml", files: iniFile("h:\n")},
		{name: "yaml-mapping-in-hosts", files: iniFile("h a='{\"x\": true}'\n")},
	}
}
